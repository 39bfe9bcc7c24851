"""Another master key: nothing is lost on the way, wherever it is interrupted."""

import os
from pathlib import Path

import pytest

from cloud_stub import master_key, rotation
from cloud_stub.devices import add_device, pages
from cloud_stub.errors import OperatorError
from cloud_stub.master_key import NEXT_VARIABLE, VARIABLE
from cloud_stub.registration import Registration
from cloud_stub.store import Store, open_store
from secure_pair_protocol import base64url

from .conftest import MadeDevice, StartCloud
from .test_production import imported, made, sealed

COUNT = 600
"""More than one batch."""


class StoppedError(Exception):
    """The rotation is killed here."""


async def keys_of(store: Store) -> set[bytes]:
    return {row.initial_key.reveal() async for page in pages(store) for row in page}


async def test_a_new_master_key_seals_everything_and_the_old_one_opens_nothing(
    data: Path, database_url: str | None
) -> None:
    rows = made(COUNT)
    async with open_store(data, database_url=database_url) as store:
        await imported(store, sealed(rows))
    old = (data / "master.key").read_text()

    async with open_store(data, database_url=database_url) as store:
        assert await rotation.rotate(store, lambda *_: None) == COUNT
    async with open_store(data, database_url=database_url) as store:
        assert await keys_of(store) == {row.initial_key.reveal() for row in rows}
        assert not store.vault.others

    assert (data / "master.key").read_text() != old
    assert (data / "master.key.previous").read_text() == old
    assert sorted(path.name for path in data.glob("master.key*")) == [
        "master.key",
        "master.key.previous",
    ]
    assert {path.stat().st_mode & 0o777 for path in data.glob("master.key*")} == {0o600}
    (data / "master.key").write_text(old)
    with pytest.raises(OperatorError, match="not the one"):
        async with open_store(data, database_url=database_url):
            pass


@pytest.mark.parametrize("place", ["first batch", "second batch", "finish", "promote"])
async def test_interrupted_at_any_place_it_works_and_is_taken_up_again(
    data: Path, database_url: str | None, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = made(COUNT)
    expected = {row.initial_key.reveal() for row in rows}

    def stop(*_: object) -> None:
        raise StoppedError

    def progress(done: int, _total: int) -> None:
        if place == "first batch" or (place == "second batch" and done > 500):
            raise StoppedError

    async with open_store(data, database_url=database_url) as store:
        await imported(store, sealed(rows))
        with monkeypatch.context() as patch:
            if place == "finish":
                patch.setattr(rotation, "_finish", stop)
            elif place == "promote":
                patch.setattr(master_key, "promote", stop)
            with pytest.raises(StoppedError):
                await rotation.rotate(store, progress)

    # In between, the service starts and works.
    async with open_store(data, database_url=database_url) as store:
        assert await keys_of(store) == expected
        await rotation.rotate(store, lambda *_: None)
    async with open_store(data, database_url=database_url) as store:
        assert await keys_of(store) == expected
        assert not store.vault.others
    assert not (data / "master.key.next").exists()


async def test_a_service_that_runs_goes_on_without_a_restart(
    start_cloud: StartCloud, data: Path, database_url: str | None
) -> None:
    async with start_cloud(data, database_url=database_url) as cloud:
        anna = await cloud.terminal("anna")
        lock = await cloud.device("lock")
        await cloud.claim(anna, lock)
        await cloud.pair(anna, lock)
        for _ in range(2):
            async with open_store(data, database_url=database_url) as store:
                await rotation.rotate(store, lambda *_: None)

            await cloud.pair(anna, lock)
        # It would seal under a key that is none any more.
        with pytest.raises(OperatorError, match="being replaced"):
            await cloud.device("kettle")


async def test_with_keys_from_the_environment(
    data: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (base64url.encode(os.urandom(32)) for _ in range(2))
    monkeypatch.setenv(VARIABLE, first)
    lock = MadeDevice("lock")
    async with open_store(data, database_url=database_url) as store:
        await add_device(store, Registration.model_validate(lock.row()))
        with pytest.raises(OperatorError, match=NEXT_VARIABLE):
            await rotation.rotate(store, lambda *_: None)

    monkeypatch.setenv(NEXT_VARIABLE, second)
    async with open_store(data, database_url=database_url) as store:
        assert await rotation.rotate(store, lambda *_: None) == 1
    monkeypatch.setenv(VARIABLE, second)
    monkeypatch.delenv(NEXT_VARIABLE)

    async with open_store(data, database_url=database_url) as store:
        assert await keys_of(store) == {lock.initial_key}
    assert not list(data.glob("master.key*"))
