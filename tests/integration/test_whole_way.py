"""From the config flow to a locked door, and on through restarts and removal."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.secure_pair.farewell import deliver_farewells
from custom_components.secure_pair.key_store import get_key_store
from secure_pair_protocol.model.access import LockPosition

from .conftest import DEVICE_ID, KeyService, Until, VirtualLock
from .flows import Answers

ENTITY_ID = "lock.front_door"


def key_file(hass: HomeAssistant) -> Path:
    return Path(hass.config.path(".storage", "secure_pair"))


def stored(hass: HomeAssistant) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(key_file(hass).read_text())
    return content


def state_of(hass: HomeAssistant) -> str:
    state = hass.states.get(ENTITY_ID)
    assert state is not None
    return state.state


def attributes_of(hass: HomeAssistant) -> Mapping[str, Any]:
    state = hass.states.get(ENTITY_ID)
    assert state is not None
    return state.attributes


def position(virtual_lock: VirtualLock) -> LockPosition | None:
    return virtual_lock.lock.position


async def call(hass: HomeAssistant, service: str) -> None:
    await hass.services.async_call("lock", service, {"entity_id": ENTITY_ID}, blocking=True)


async def test_pair_unlock_lock(
    hass: HomeAssistant, entry: ConfigEntry, virtual_lock: VirtualLock
) -> None:
    assert entry.state is ConfigEntryState.LOADED
    assert entry.title == "Front door"
    security = hass.states.get("event.front_door_security")
    assert security is not None
    assert security.attributes["event_type"] == "paired"
    assert entry.unique_id == DEVICE_ID
    assert state_of(hass) == "locked"

    await call(hass, "unlock")
    assert position(virtual_lock) is LockPosition.UNLOCKED
    assert state_of(hass) == "unlocked"

    await call(hass, "lock")
    assert position(virtual_lock) is LockPosition.LOCKED
    assert state_of(hass) == "locked"


async def test_restart_without_the_key_service(
    hass: HomeAssistant,
    entry: ConfigEntry,
    key_service: KeyService,
    virtual_lock: VirtualLock,
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    assert state_of(hass) == "unavailable"
    await key_service.stop()

    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    await call(hass, "unlock")
    assert state_of(hass) == "unlocked"


async def test_device_restarts(
    hass: HomeAssistant,
    entry: ConfigEntry,
    virtual_lock: VirtualLock,
    until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await virtual_lock.server.restart()
    virtual_lock.lock.turn_by_hand(LockPosition.UNLOCKED)
    await until(lambda: state_of(hass) == "unlocked")
    await call(hass, "lock")
    assert position(virtual_lock) is LockPosition.LOCKED
    assert caplog.text.count("is not connected any more") == 1
    assert caplog.text.count("is connected again") == 1


async def test_turned_by_hand(
    hass: HomeAssistant, entry: ConfigEntry, virtual_lock: VirtualLock, until: Until
) -> None:
    virtual_lock.lock.turn_by_hand(LockPosition.UNLOCKED, by="key")
    await until(lambda: state_of(hass) == "unlocked")
    assert attributes_of(hass)["changed_by"] == "key"


async def test_jammed(hass: HomeAssistant, entry: ConfigEntry, virtual_lock: VirtualLock) -> None:
    virtual_lock.lock.jam = True
    with pytest.raises(HomeAssistantError, match="The bolt is stuck") as caught:
        await call(hass, "unlock")
    assert caught.value.translation_key == "command_failed"
    assert state_of(hass) == "jammed"


async def test_removed(
    hass: HomeAssistant,
    entry: ConfigEntry,
    virtual_lock: VirtualLock,
) -> None:
    store = get_key_store(hass)
    assert virtual_lock.device.register.held
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert not virtual_lock.device.register.held
    assert await store.device(DEVICE_ID) is None
    assert not await store.tombstones()
    assert not await store.key_services()
    kept = stored(hass)
    assert kept["devices"] == kept["tombstones"] == kept["key_services"] == {}


async def test_removed_while_the_device_is_away(
    hass: HomeAssistant,
    entry: ConfigEntry,
    virtual_lock: VirtualLock,
    answers: Answers,
    until: Until,
) -> None:
    await virtual_lock.server.stop()
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert list(stored(hass)["tombstones"]) == [DEVICE_ID]
    assert virtual_lock.device.register.held

    await virtual_lock.server.start("127.0.0.1", answers.port)
    await deliver_farewells(hass)
    assert not virtual_lock.device.register.held
    assert stored(hass)["tombstones"] == {}


async def test_no_secret_outside_the_key_store(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: ConfigEntry,
    answers: Answers,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await call(hass, "unlock")
    diagnostics: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert diagnostics["connected"] is True
    assert len(diagnostics["sessions"]) == 1

    assert key_file(hass).stat().st_mode & 0o777 == 0o600
    device = stored(hass)["devices"][DEVICE_ID]
    secrets = {
        answers.token,
        answers.setup_code,
        device["pairing_secret"],
        *(session["session_key"] for session in device["sessions"]),
    }
    assert len(secrets) == 4
    everything = "".join(
        (
            caplog.text,
            json.dumps(diagnostics),
            repr(entry.as_dict()),
            repr(hass.states.async_all()),
        )
    )
    for secret in secrets:
        assert secret not in everything
        assert secret.replace("-", "") not in everything
