"""What a user sends in when something is wrong: diagnostics, and the page of system health."""

import logging
from pathlib import Path
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_IGNORE, ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import get_system_health_info
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.secure_pair import key_store
from custom_components.secure_pair.const import DOMAIN

from .conftest import VirtualLock
from .flows import Answers, pair
from .house import House
from .key_services import KeyService


async def test_diagnostics_of_a_connected_device(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: ConfigEntry
) -> None:
    whole: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert (whole["state"], whole["reason"], whole["connected"]) == ("loaded", None, True)
    assert whole["device"]["model"] == "Virtual door lock"
    # Whatever else there is to know is not in it.
    assert set(whole) == {
        "state",
        "reason",
        "connected",
        "last_failure",
        "device",
        "entities",
        "sessions",
    }
    assert set(whole["device"]) == {"model", "manufacturer", "firmware", "hardware"}
    (session,) = whole["sessions"]
    assert set(session) == {"provisional", "lifetime", "negotiated_at", "transcript"}
    (lock,) = whole["entities"].values()
    assert lock == {"kind": "Lock", "has_state": True, "unclear": False}

    (device,) = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert await get_diagnostics_for_device(hass, hass_client, entry, device) == whole


async def test_transcript_is_the_one_that_the_device_tells(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    caplog: pytest.LogCaptureFixture,
    house: House,
) -> None:
    """Equal at both ends, for each negotiation another one."""
    caplog.set_level(logging.INFO, "device_stub")
    compared = set[str]()
    for _ in range(2):
        caplog.clear()
        await house.renew()
        found: Any = await get_diagnostics_for_config_entry(hass, hass_client, house.entry)
        (session,) = found["sessions"]
        told = [
            record.getMessage()
            for record in caplog.records
            if record.name.startswith("device_stub")
        ]
        assert house.keeper.session is not None
        terminal_id = house.keeper.session.terminal_id.hex()
        assert told == [f"paired: terminal {terminal_id}, transcript {session['transcript']}"]
        compared.add(session["transcript"])
    assert len(compared) == 2


async def test_diagnostics_of_a_device_that_is_away(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: ConfigEntry,
    virtual_lock: VirtualLock,
) -> None:
    """Of an entry that is not set up, they are wanted most."""
    await hass.config_entries.async_unload(entry.entry_id)
    await virtual_lock.server.stop()
    await hass.config_entries.async_setup(entry.entry_id)
    found: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert (found["state"], found["reason"]) == ("setup_retry", "cannot_connect")
    assert found["connected"] is False
    assert len(found["sessions"]) == 1

    (device,) = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    found = await get_diagnostics_for_device(hass, hass_client, entry, device)
    assert found["reason"] == "cannot_connect"


@pytest.mark.parametrize(("content", "sessions"), [(b"{", "storage_unreadable"), (None, [])])
async def test_diagnostics_without_the_key_file(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: ConfigEntry,
    content: bytes | None,
    sessions: object,
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    del hass.data[key_store._KEY_STORE]
    file = Path(hass.config.path(".storage", DOMAIN))
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is not ConfigEntryState.LOADED
    found: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert found["sessions"] == sessions


async def test_system_health(
    hass: HomeAssistant,
    answers: Answers,
    key_service: KeyService,
    virtual_lock: VirtualLock,
) -> None:
    """Devices and key services are counted; one that is ignored is no device."""
    assert await async_setup_component(hass, "system_health", {})

    async def health() -> dict[str, Any]:
        await hass.async_block_till_done()
        found = await get_system_health_info(hass, DOMAIN)
        return {**found, "key_services_reachable": await found["key_services_reachable"]}

    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_IGNORE},
        data={"unique_id": "001122334455", "title": "The neighbour's"},
    )
    entry = await pair(hass, answers)
    assert await health() == {"devices": 1, "connected": 1, "key_services_reachable": "1 / 1"}

    # It answers, whatever it thinks of the token.
    await key_service.revoke()
    assert (await health())["key_services_reachable"] == "1 / 1"
    await key_service.stop()
    await hass.config_entries.async_unload(entry.entry_id)
    assert await health() == {"devices": 1, "connected": 0, "key_services_reachable": "0 / 1"}

    del hass.data[key_store._KEY_STORE]
    Path(hass.config.path(".storage", DOMAIN)).write_bytes(b"{")
    assert (await health())["key_services_reachable"] == "storage_unreadable"
