"""A maker's production: many devices in one go, in and out, sealed on the way."""

import asyncio
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cloud_stub import devices, production, transfer
from cloud_stub.cli import app
from cloud_stub.registration import Registration, registration_of
from cloud_stub.store import Store, open_store
from secure_pair_protocol import base64url
from secure_pair_protocol.secret import Secret

from .conftest import MadeDevice, StartCloud

KEY = Secret(os.urandom(32))


def made(count: int) -> list[Registration]:
    return [
        registration_of(
            device_id=f"{number:012x}",
            initial_key=base64url.encode(os.urandom(32)),
            claim_hash=base64url.encode(os.urandom(32)) if number % 2 else None,
            model='a "quoted", model' if number % 3 else "",
        )
        for number in range(count)
    ]


def sealed(rows: Iterable[Registration]) -> list[bytes]:
    return [line.encode() for line in transfer.write_rows(rows, KEY)]


async def imported(
    store: Store, lines: list[bytes], *, whole: bool = False
) -> tuple[production.Outcome, list[int]]:
    wrong: list[int] = []
    outcome = await production.import_devices(
        store,
        transfer.read_rows(lines, KEY),
        lambda line, _reason: wrong.append(line),
        whole=whole,
    )
    return outcome, wrong


async def all_of(store: Store) -> list[dict[str, object]]:
    return [row.model_dump(mode="json") async for page in devices.pages(store) for row in page]


@pytest.mark.parametrize("whole", [False, True])
async def test_what_is_exported_can_be_imported_elsewhere(
    data: Path, tmp_path: Path, database_url: str | None, whole: bool
) -> None:
    rows = made(600)
    async with open_store(data, database_url=database_url) as one:
        outcome, wrong = await imported(one, sealed(rows), whole=whole)
        kept = await all_of(one)
        async with open_store(tmp_path / "other") as two:
            await imported(two, sealed([row async for page in devices.pages(one) for row in page]))
            moved = await all_of(two)

    assert (outcome.added, outcome.unchanged, outcome.refused, wrong) == (600, 0, 0, [])
    assert kept == moved == [row.model_dump(mode="json") for row in rows]


async def test_100_000_devices_in_one_go_and_in_little_memory(data: Path) -> None:
    held = 0
    template = made(1)[0]

    def production_line() -> Iterator[Registration]:
        nonlocal held
        for number in range(100_000):
            held = number
            yield template.model_copy(update={"device_id": f"{number:012x}"})

    started = time.perf_counter()
    async with open_store(data) as store:
        read_ahead = []
        rows = transfer.read_rows(
            (line.encode() for line in transfer.write_rows(production_line(), KEY)), KEY
        )

        def watched() -> Iterator[transfer.Parsed]:
            for line, row in rows:
                read_ahead.append(held - line)
                yield line, row

        outcome = await production.import_devices(store, watched(), lambda *_: None)
        count = await devices.count(store)

    assert (outcome.added, count) == (100_000, 100_000)
    # A line is read when it is needed and not before.
    assert max(read_ahead) <= 2
    assert time.perf_counter() - started < 50


WRONG = [
    b"\xff\xfe\n",
    b"a,b\n",
    b"x" * 5000 + b"\n",
    b'"unfinished,,,\n',
    b"lock,not base64url!,,model\n",
    b"lock," + base64url.encode(os.urandom(60)).encode() + b",,model\n",
    b"\n",
]


@pytest.mark.parametrize("whole", [False, True])
async def test_a_wrong_row_is_reported_with_its_line(
    data: Path, database_url: str | None, whole: bool
) -> None:
    rows = made(1300)
    lines = sealed(rows)
    for place, wrong in enumerate(WRONG):
        lines.insert(200 * (place + 1), wrong)
    swapped = lines[1].split(b",")
    other = lines[2].split(b",")
    # Another's claim hash, another's key: the seal holds the row together.
    lines.append(b",".join([b"new1", *swapped[1:]]))
    lines.append(b",".join([b"000000000000", swapped[1], other[2], *swapped[3:]]))

    async with open_store(data, database_url=database_url) as store:
        outcome, wrong_lines = await imported(store, lines, whole=whole)
        count = await devices.count(store)

    expected = [200 * (place + 1) + 1 for place in range(6)]
    assert wrong_lines == [*expected, len(lines) - 1, len(lines)]
    assert outcome.refused == 8
    assert (outcome.added, count) == ((0, 0) if whole else (1300, 1300))


async def test_an_import_can_be_repeated_and_changes_nothing_that_is_there(
    data: Path, database_url: str | None
) -> None:
    rows = made(700)
    async with open_store(data, database_url=database_url) as store:
        await imported(store, sealed(rows[:600]))
        again, wrong = await imported(store, sealed(rows))
        changed = [rows[0].model_copy(update={"model": "another"}), rows[1], rows[1]]
        before = await all_of(store)
        last, taken = await imported(store, sealed(changed))

        assert await all_of(store) == before
    assert (again.added, again.unchanged, again.refused, wrong) == (100, 600, 0, [])
    assert (last.added, last.unchanged, last.refused, taken) == (0, 2, 1, [2])


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


async def command(*arguments: str) -> Result:
    """Run a command aside: it has a loop of its own."""
    return await asyncio.to_thread(run, *arguments)


async def test_by_the_commands_from_one_service_to_another(
    data: Path, tmp_path: Path, start_cloud: StartCloud
) -> None:
    locks = [MadeDevice(f"lock{number}") for number in range(20)]
    rows = tmp_path / "rows"
    rows.write_text("".join(json.dumps(lock.row()) + "\n" for lock in locks))
    key, csv, out = (str(tmp_path / name) for name in ("key", "csv", "out"))
    one, two = ("--data", str(tmp_path / "one")), ("--data", str(data))

    assert (await command("device", "seal", str(rows), csv, "--transfer-key", key)).exit_code == 0
    assert (await command("device", "import", csv, *one)).exit_code == 1
    into = await command("device", "import", csv, "--transfer-key", key, *one)
    exported = await command("device", "export", out, "--transfer-key", key, *one)
    again = await command("device", "export", out, "--transfer-key", key, *one)
    moved = await command("device", "import", out, "--transfer-key", key, "--all-or-nothing", *two)

    assert (into.exit_code, into.stdout) == (0, "20 added, 0 refused\n")
    assert (exported.exit_code, again.exit_code) == (0, 1)
    assert (moved.exit_code, moved.stdout) == (0, "20 added, 0 refused\n")
    for path in (key, csv, out):
        assert Path(path).stat().st_mode & 0o777 == 0o600
    text = Path(out).read_text() + Path(csv).read_text()
    assert not any(str(lock.row()["initial_key"]) in text for lock in locks)
    # At the new place they work as they did.
    async with start_cloud(data) as cloud:
        terminal = await cloud.terminal("anna")
        assert (await cloud.claim(terminal, locks[7])).status == 200
        await cloud.pair(terminal, locks[7])


def test_all_or_nothing_writes_nothing(tmp_path: Path) -> None:
    at = ("--data", str(tmp_path / "state"))
    rows = tmp_path / "rows"
    rows.write_text(json.dumps(MadeDevice("lock").row()) + "\nwrong\n")

    whole = run("device", "import", str(rows), "--all-or-nothing", *at)
    after = run("device", "import", str(rows), *at)

    assert whole.exit_code == after.exit_code == 1
    assert "nothing was written" in whole.stdout
    assert "line 2" in whole.stderr
    assert "1 added, 1 refused" in after.stdout


def test_another_transfer_key_opens_nothing(tmp_path: Path) -> None:
    rows = tmp_path / "rows"
    rows.write_text(json.dumps(MadeDevice("lock").row()))
    key, csv = str(tmp_path / "key"), str(tmp_path / "csv")
    run("device", "seal", str(rows), csv, "--transfer-key", key)
    Path(key).write_text(base64url.encode(os.urandom(32)))

    refused = run("device", "import", csv, "--transfer-key", key, "--data", str(tmp_path / "state"))
    Path(key).chmod(0o644)
    careless = run(
        "device", "import", csv, "--transfer-key", key, "--data", str(tmp_path / "state")
    )

    assert "line 2: the seal does not fit" in refused.stderr
    assert "open to others" in careless.stderr
