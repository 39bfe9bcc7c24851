"""What lies on the disk, who may read it, and when the service refuses to open it."""

import asyncio
import base64
import logging
import os
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection

from cloud_stub import master_key, store
from cloud_stub.accounts import add_account, add_terminal
from cloud_stub.devices import add_device
from cloud_stub.errors import OperatorError
from cloud_stub.master_key import VARIABLE
from cloud_stub.registration import Registration, parse_registration
from cloud_stub.store import open_store
from secure_pair_protocol import base64url
from secure_pair_protocol.secret import Secret

from .conftest import MadeDevice, Negotiation, StartCloud


def files(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(data.iterdir())}


def modes_of(data: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in [data, *data.iterdir()]}


def forms(secret: bytes) -> list[bytes]:
    """How a secret may look where it should not be."""
    return [
        secret,
        secret.hex().encode(),
        base64url.encode(secret).encode(),
        base64.b64encode(secret),
        repr(secret).encode(),
    ]


async def test_no_secret_is_in_the_database_nor_in_a_log(
    start_cloud: StartCloud, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # The statements too.
    caplog.set_level(logging.DEBUG, "sqlalchemy.engine")
    async with start_cloud(data) as cloud:
        terminal = await cloud.terminal("anna")
        lock = await cloud.device("2867fa12a3d8")
        await cloud.claim(terminal, lock, os.urandom(32))
        await cloud.claim(terminal, lock)
        negotiating = Negotiation(lock, terminal.terminal_id)
        answer = await cloud.authorize(terminal, negotiating.body())
        negotiating.finish(answer)
        await cloud.call("POST", "/v1/claims", terminal.token, data=lock.claim_proof)
        # With what is not yet in the main file.
        kept = b"".join(
            content for name, content in files(data).items() if name != store.MASTER_KEY
        )
    master = base64url.decode((data / store.MASTER_KEY).read_text().strip())
    log = caplog.text.encode()

    # They are what is looked for: the public parts are there.
    assert lock.device_id.encode() in kept
    assert b"anna" in kept
    assert b"FROM devices" in log
    ticket = base64url.decode(answer.json["ticket_key"])
    token = terminal.token.reveal()
    for secret in (
        *forms(lock.initial_key),
        *forms(lock.claim_proof),
        *forms(master),
        *forms(ticket),
        token,
        token.removeprefix(b"spt_"),
        base64url.decode(token.removeprefix(b"spt_").decode()),
    ):
        assert secret not in kept
        assert secret not in log


async def test_nothing_that_holds_a_secret_shows_it(data: Path) -> None:
    lock = MadeDevice("2867fa12a3d8")
    registration = Registration.model_validate(lock.row())
    async with open_store(data) as opened:
        await add_account(opened, "anna")
        terminal = await add_terminal(opened, "anna")
        shown = f"{registration!r} {registration} {terminal!r} {opened!r} {opened.vault!r}"

    for secret in (lock.initial_key, terminal.token.reveal(), opened.vault.master_key.reveal()):
        assert all(form.decode("latin-1") not in shown for form in forms(secret))


async def test_a_wrong_registration_is_refused_without_its_values() -> None:
    row = MadeDevice("2867fa12a3d8").row()
    key = str(row["initial_key"])
    for text in (
        f'{{"device_id": "x", "initial_key": "{key}"',
        f'{{"device_id": "x", "initial_key": "{key}=", "claim_hash": "{key}A", "model": "{key}"}}',
        f'{{"device_id": "{key * 2}", "initial_key": ["{key}"], "claim_hash": null, "model": 1}}',
    ):
        with pytest.raises(OperatorError) as refusal:
            parse_registration(text)

        assert key not in str(refusal.value)
        assert refusal.value.__context__ is None


async def test_the_state_is_for_its_owner_alone(data: Path) -> None:
    before = os.umask(0)
    try:
        async with open_store(data) as opened:
            await add_account(opened, "anna")
            modes = modes_of(data)
    finally:
        os.umask(before)

    assert modes.pop(data.name) == 0o700
    assert {"cloud.sqlite", "cloud.sqlite-wal", "master.key"} <= set(modes)
    assert set(modes.values()) == {0o600}


async def test_commits_are_durable(data: Path) -> None:
    def pragmas_of(connection: Connection) -> list[object]:
        return [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        ]

    async with open_store(data) as opened:
        pragmas = await opened.database.write(pragmas_of)

    # 2 is FULL.
    assert pragmas == ["wal", 2, 5000, 1]


async def refused(data: Path) -> str:
    with pytest.raises(OperatorError) as refusal:
        async with open_store(data):
            pass
    return str(refusal.value)


async def test_a_master_key_that_others_can_reach_is_refused(data: Path) -> None:
    async with open_store(data):
        pass
    before = files(data)

    for mode in (0o640, 0o604, 0o620, 0o610, 0o644):
        (data / "master.key").chmod(mode)
        assert f"mode {mode:o}" in await refused(data)
    assert files(data) == before


async def test_another_master_key_is_noticed_and_nothing_changes(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(data) as opened:
        await add_device(opened, Registration.model_validate(MadeDevice("lock").row()))
    key_file = data / "master.key"
    right = key_file.read_text()
    wrong = base64url.encode(os.urandom(32))
    before = files(data)

    monkeypatch.setenv(VARIABLE, wrong)
    from_environment = await refused(data)
    monkeypatch.delenv(VARIABLE)
    assert files(data) == before
    key_file.write_text(wrong)
    from_file = await refused(data)
    key_file.unlink()
    missing = await refused(data)

    assert from_environment == from_file
    assert "master key is not the one" in from_file
    assert "master.key is not there" in missing
    assert files(data) == {"cloud.sqlite": before["cloud.sqlite"]}
    assert wrong not in from_file
    monkeypatch.setenv(VARIABLE, right.strip())
    async with open_store(data):
        pass


@pytest.mark.parametrize("text", ["", "short", "A" * 44, "A" * 42 + "B", "ä" * 43])
async def test_a_master_key_that_is_none_is_refused_before_anything_is_made(
    data: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(VARIABLE, text)

    assert "does not hold a key" in await refused(data)
    assert data.name not in modes_of(data.parent)


async def test_the_environments_master_key_is_written_nowhere(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, base64url.encode(os.urandom(32)))

    async with open_store(data):
        pass

    assert list(files(data)) == ["cloud.sqlite"]


async def test_a_sealed_key_opens_for_its_own_device_only(data: Path) -> None:
    async with open_store(data) as opened:
        sealed = [opened.vault.seal("lock", Secret(bytes(32))) for _ in range(2)]

        assert sealed[0] != sealed[1]
        assert opened.vault.open("lock", sealed[0]).reveal() == bytes(32)
        for device_id, box in [
            ("lock2", sealed[0]),
            ("lock", sealed[0][:-1] + bytes([sealed[0][-1] ^ 1])),
            ("lock", b""),
        ]:
            with pytest.raises(ValueError, match=r"^$"):
                opened.vault.open(device_id, box)


async def test_a_file_that_is_not_this_services_database_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path
    path = data / "cloud.sqlite"
    path.write_bytes(b"no database at all, but long enough to be looked at" * 20)
    before = files(data)

    assert "file is not a database" in await refused(data)
    assert files(data) == before

    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE cats (name)")
    other.close()
    assert "not a database of this version" in await refused(data)
    assert list(files(data)) == ["cloud.sqlite"]


async def test_a_new_database_waits_for_another_process_that_has_it(data: Path) -> None:
    async with open_store(data):
        pass
    # As it is for a moment while somebody else makes it: not yet with a write-ahead log.
    (data / "cloud.sqlite").unlink()
    other = sqlite3.connect(data / "cloud.sqlite", isolation_level=None)
    for statement in ("CREATE TABLE t (x)", "DROP TABLE t", "BEGIN IMMEDIATE"):
        other.execute(statement)
    asyncio.get_running_loop().call_later(0.1, other.close)

    async with open_store(data) as opened:
        assert await add_account(opened, "anna") == 1


async def test_a_state_directory_that_another_process_makes_meanwhile_is_used(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def make() -> None:
        async with open_store(data) as opened:
            await add_account(opened, "anna")

    load = master_key.load

    def outrun(path: Path) -> Secret | None:
        """Look for the key, and let the other process make all before the next line."""
        found = load(path)
        monkeypatch.setattr(master_key, "load", load)
        faster = threading.Thread(target=asyncio.run, args=(make(),))
        faster.start()
        faster.join()
        return found

    monkeypatch.setattr(master_key, "load", outrun)

    async with open_store(data) as opened:
        assert len((await add_terminal(opened, "anna")).terminal_id) == 16
