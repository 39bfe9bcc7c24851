"""A backup, the loss of the file, and what a restore makes of the epochs."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from cloud_stub.backup import backup, restore
from cloud_stub.errors import OperatorError
from cloud_stub.ownership import owner_epoch, raise_all_epochs
from cloud_stub.store import open_store
from secure_pair_protocol.errors import Failure, SecurePairError

from .conftest import Negotiation, StartCloud, started


async def test_a_lost_file_comes_back_from_a_backup_with_every_epoch_raised(
    start_cloud: StartCloud, data: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    async with start_cloud(data) as cloud:
        anna = await cloud.terminal("anna")
        lock, kettle = await cloud.device("lock"), await cloud.device("kettle")
        await cloud.claim(anna, lock)
        old = Negotiation(lock, anna.terminal_id)
        granted = await cloud.authorize(anna, old.body())
        # While it is at work.
        copying = asyncio.create_task(backup(cloud.store, copy))
        answers = await asyncio.gather(
            *(cloud.authorize(anna, Negotiation(lock, anna.terminal_id).body()) for _ in range(5))
        )
        await copying
        assert {answer.status for answer in answers} == {200}
        # After the backup: the grants of these are newer than all that it knows.
        for _ in range(3):
            await cloud.call("POST", "/v1/log-out-everyone", await cloud.key("anna"))
        newest = (await cloud.pair(anna, lock)).grant.epoch
    for path in data.glob("cloud.sqlite*"):
        path.unlink()

    later = newest + 10
    devices, former = await restore(copy, data)
    assert (devices, former) == (2, None)

    async with start_cloud(data, clock=lambda: float(later)) as cloud:
        raised = [await owner_epoch(cloud.store, name) or 0 for name in ("lock", "kettle")]
        session = await cloud.pair(anna, lock)
        with pytest.raises(SecurePairError) as refusal:
            old.finish(granted, epoch=session.grant.epoch)
        assert (await cloud.claim(anna, kettle)).status == 200
    assert refusal.value.failure is Failure.EPOCH_REFUSED
    assert min(raised) >= 1_700_000_000
    assert copy.stat().st_mode & 0o777 == 0o600


async def test_a_backup_is_put_in_the_place_of_a_database_only_when_nobody_uses_that(
    data: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    async with started(data) as cloud:
        await cloud.terminal("anna")
        await backup(cloud.store, copy)
        await cloud.terminal("ben")
        with pytest.raises(OperatorError, match="in use"):
            await restore(copy, data)
        assert (await cloud.terminal("carl")).terminal_id
        with pytest.raises(OperatorError, match="exists already"):
            await backup(cloud.store, copy)

    _, former = await restore(copy, data)

    def names(path: Path) -> list[str]:
        connection = sqlite3.connect(path)
        try:
            return [name for (name,) in connection.execute("SELECT name FROM accounts")]
        finally:
            connection.close()

    assert former is not None
    assert names(data / "cloud.sqlite") == ["anna"]
    assert names(former) == ["anna", "ben", "carl"]


async def refused(copy: Path, data: Path) -> str:
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    with pytest.raises(OperatorError) as refusal:
        await restore(copy, data)
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before
    return str(refusal.value)


async def test_what_is_no_backup_of_this_service_is_refused_and_changes_nothing(
    data: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    async with open_store(tmp_path / "other") as store:
        await backup(store, copy)
    async with open_store(data):
        pass

    assert "master key" in await refused(copy, data)
    copy.write_bytes(copy.read_bytes()[:5000] + b"\0" * 200)
    assert await refused(copy, data)
    copy.write_bytes(b"nothing of the kind")
    assert "not a database" in await refused(copy, data)
    copy.unlink()
    assert "no database" in await refused(copy, data)


async def test_a_database_of_postgresql_has_its_own_tools(
    data: Path, tmp_path: Path, new_database: str
) -> None:
    async with started(data, database_url=new_database) as cloud:
        anna = await cloud.terminal("anna")
        lock = await cloud.device("lock")
        await cloud.claim(anna, lock)
        before = (await cloud.pair(anna, lock)).grant.epoch
        with pytest.raises(OperatorError, match="pg_dump"):
            await backup(cloud.store, tmp_path / "copy")
        assert await raise_all_epochs(cloud.store) == 1
        after = (await cloud.pair(anna, lock)).grant.epoch

    assert after > before
