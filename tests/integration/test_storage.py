"""The key file: what can happen to it, to its disk, and to the clock."""

import asyncio
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.file import write_utf8_file_atomic

from custom_components.secure_pair import key_store
from custom_components.secure_pair.key_store import get_key_store
from custom_components.secure_pair.protocol.errors import SecurePairError
from secure_pair_protocol.messages import TerminalConfirmation
from secure_pair_protocol.secret import Secret

from .attacker import cutting
from .house import House

DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "truncated": lambda file: file.write_bytes(file.read_bytes()[:-7]),
    "not_json": lambda file: file.write_bytes(b"\xff\xfe\x00"),
    "of_a_newer_version": lambda file: file.write_text(
        json.dumps({**json.loads(file.read_text()), "version": key_store.VERSION + 1})
    ),
    "of_another_form": lambda file: file.write_text('{"version": 1, "devices": []}'),
    "unreadable": lambda file: file.rename(file.with_name("away")).with_name(file.name).mkdir(),
}


def content(file: Path) -> bytes:
    return b"a folder" if file.is_dir() else file.read_bytes()


async def test_a_file_that_cannot_be_read(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It stays as it is, the entry says so, and works again when the file is back."""
    backup = tmp_path / "backup"
    for name, damage in DAMAGES.items():
        await house.unload()
        house.forget_in_memory()
        shutil.copy(house.file, backup)
        damage(house.file)
        damaged = content(house.file)

        await house.load()
        assert house.status() is ConfigEntryState.SETUP_ERROR, name
        assert house.entry.error_reason_translation_key == "storage_unreadable"
        assert house.entry.reason is not None
        assert "restore it from a backup" in house.entry.reason
        # Nor does anything else overwrite it.
        store = get_key_store(house.hass)
        with pytest.raises(SecurePairError, match=r"\Astorage_unreadable:"):
            await store.bury_device(house.device.data.device_id, "127.0.0.1", 1)
        assert content(house.file) == damaged, name

        if house.file.is_dir():
            house.file.rmdir()
        shutil.copy(backup, house.file)
        await house.reload()
        assert house.status() is ConfigEntryState.LOADED, name
    assert not house.reauths
    await house.works()


async def test_what_is_not_there_cannot_be_changed(house: House) -> None:
    """Nor is anything written where a change changes nothing."""
    store, before = get_key_store(house.hass), house.file.read_bytes()
    with pytest.raises(SecurePairError, match=r"\Asession_not_stored"):
        await store.change_device("another", lambda device: device)
    device_id = house.device.data.device_id
    device = await store.device(device_id)
    assert device is not None
    assert await store.change_device(device_id, lambda device: device) is device
    await store.bury_device("another", "127.0.0.1", 1)
    # It was buried anew meanwhile: this one is not the one that is there.
    await store.change_tombstone(key_store.Tombstone(device, "127.0.0.1", 1), None)
    assert house.file.read_bytes() == before
    assert await store.tombstones() == {}


async def test_a_file_that_is_missing(house: House, tmp_path: Path) -> None:
    """There may never have been one: the user is asked to pair again, and may restore it."""
    first = house.session_id
    await house.unload()
    house.forget_in_memory()
    house.file.rename(tmp_path / "backup")
    await house.load()
    assert house.status() is ConfigEntryState.SETUP_RETRY
    assert house.entry.error_reason_translation_key == "session_not_stored"
    assert len(house.reauths) == 1
    assert not house.file.exists()

    (tmp_path / "backup").rename(house.file)
    await house.reload()
    assert house.status() is ConfigEntryState.LOADED
    assert house.session_id == first
    await house.works()


async def test_the_file_is_private_and_whole(house: House) -> None:
    assert house.file.stat().st_mode & 0o777 == 0o600
    before = house.file.read_text()
    with house.file.open() as reader:
        await house.renew()
        # Another file under the same name: no reader ever sees half of it.
        assert reader.read() == before != house.file.read_text()
    assert house.file.stat().st_mode & 0o777 == 0o600
    assert json.loads(house.file.read_text())["version"] == key_store.VERSION
    assert [path.name for path in house.file.parent.glob("*secure_pair*")] == ["secure_pair"]


async def test_a_disk_that_cannot_be_written(house: House) -> None:
    """During a renewal: the old session still works, here and at the device."""
    first, before = house.session_id, house.file.read_bytes()
    storage = house.file.parent
    storage.rename(storage.with_name("away"))
    storage.symlink_to("/proc")
    with pytest.raises(HomeAssistantError) as caught:
        await house.renew()
    assert caught.value.translation_key == "storage_failed"
    assert not house.attacker.seen(TerminalConfirmation)[1:]
    assert house.held == [first] == [house.session_id]
    await house.works()

    storage.unlink()
    storage.with_name("away").rename(storage)
    assert house.file.read_bytes() == before
    await house.reconnected(house.attacker.cut)
    assert house.session_id == first
    await house.renew()
    assert house.held == [house.session_id] != [first]
    await house.works()


async def test_a_disk_that_cannot_be_written_between_the_two_writes(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The device has the new session, which stays provisional here until the disk is back."""
    first = house.session_id
    left = iter([True])

    def write(path: str, data: bytes, **options: bool) -> None:
        if not next(left, False):
            raise OSError(28, "No space left on device")
        write_utf8_file_atomic(path, data, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(key_store, "write_utf8_file_atomic", write)
        with pytest.raises(HomeAssistantError) as caught:
            await house.renew()
        assert caught.value.translation_key == "storage_failed"
        (new,) = house.held
        # It comes back by the new session, disk or no disk.
        await house.until(lambda: house.keeper.link is not None and house.session_id == new)
        assert house.stored == [(new, True), (first, False)]
        assert "storage_failed" in caplog.text
        await house.works()

    await house.reconnected(house.attacker.cut)
    assert house.stored == [(new, False)]


async def test_a_cancelled_change_is_durable_all_the_same(house: House) -> None:
    """What is in memory follows the file, also where the caller has gone."""
    store = get_key_store(house.hass)
    device = await store.device(house.device.data.device_id)
    assert device is not None
    changing = asyncio.create_task(
        store.change_device(device.device_id, lambda device: replace(device, installation=b"8" * 8))
    )
    await asyncio.sleep(0)
    changing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await changing
    await house.hass.async_block_till_done()
    again = await store.device(device.device_id)
    assert again is not None
    assert again.installation == b"8" * 8
    house.forget_in_memory()
    read = await get_key_store(house.hass).device(device.device_id)
    assert read is not None
    assert read.installation == b"8" * 8


async def test_an_older_file_is_restored(house: House, tmp_path: Path) -> None:
    """The device has gone on since: a new session is made, and no entity is dead."""
    first = house.session_id
    shutil.copy(house.file, tmp_path / "backup")
    await house.renew()
    second = house.session_id
    await house.unload()
    house.forget_in_memory()
    shutil.copy(tmp_path / "backup", house.file)
    assert house.stored == [(first, False)]

    await house.load()
    assert house.status() is ConfigEntryState.LOADED
    assert house.session_id not in {first, second}
    assert house.held == [house.session_id]
    assert house.stored == [(house.session_id, False)]
    assert not house.repairs
    assert not house.reauths
    await house.works()


async def test_a_file_from_before_a_confirmation_is_restored(house: House, tmp_path: Path) -> None:
    """A backup that was taken in the middle of a renewal has both sessions."""
    first = house.session_id
    house.attacker.tamper = cutting(TerminalConfirmation)
    with pytest.raises(HomeAssistantError):
        await house.renew()
    shutil.copy(house.file, tmp_path / "backup")
    house.attacker.behave()
    await house.reconnected(house.attacker.cut)
    await house.unload()
    house.forget_in_memory()
    shutil.copy(tmp_path / "backup", house.file)
    assert len(house.stored) == 2
    await house.load()
    assert house.session_id == first
    assert house.stored == [(first, False)]
    await house.works()


async def test_a_copy_of_home_assistant_was_started(house: House) -> None:
    """Once is mended by itself; twice: see test_identity_in_use_twice."""
    first = house.session_id
    device = await get_key_store(house.hass).device(house.device.data.device_id)
    assert device is not None
    copy = house.terminal(device.terminal_id)
    copy.session_id, copy.session_key = first, Secret(device.sessions[0].session_key.reveal())
    # With the very same session both live side by side.
    wire = await copy.resume(house.server.port)
    await house.works()
    await wire.close()
    # The copy renews its key.
    wire = await copy.negotiate(house.server.port)
    await house.until(lambda: house.keeper.link is not None and house.session_id != first)
    assert not house.repairs
    await house.works()
    await wire.close()


async def test_a_clock_that_jumps(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    really = time.time
    for years in (10, -30, 0):
        monkeypatch.setattr(time, "time", lambda: really() + years * 365 * 86400)  # noqa: B023
        before = house.session_id
        await house.works()
        await house.reconnected(house.attacker.cut)
        assert house.session_id == before
        await house.renew()
        assert house.held == [house.session_id] != [before]
        await house.reload()
        assert house.status() is ConfigEntryState.LOADED
        await house.works()
    monkeypatch.undo()
    assert not house.repairs
    assert not house.reauths
