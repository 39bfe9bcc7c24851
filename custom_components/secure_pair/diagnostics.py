"""Diagnostics: what is known not to be secret is named, and nothing else is in it."""

from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import DeviceEntry

from .const import CONF_DEVICE_ID, CONF_REGISTRY_ID
from .coordinator import DeviceCoordinator, SecurePairConfigEntry
from .key_store import get_key_store
from .protocol.errors import SecurePairError


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: SecurePairConfigEntry
) -> dict[str, Any]:
    """Return the state of one device's connection, sessions and entities."""
    return await _diagnostics(hass, entry)


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: SecurePairConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Return the same, with the entities of this one device only."""
    diagnostics = await _diagnostics(hass, entry)
    registry = er.async_get(hass)
    prefix = f"{entry.data.get(CONF_REGISTRY_ID, entry.data[CONF_DEVICE_ID])}_"
    keys = {
        entity.unique_id.removeprefix(prefix)
        for entity in er.async_entries_for_device(
            registry, device.id, include_disabled_entities=True
        )
    }
    entities = diagnostics["entities"].items()
    return {**diagnostics, "entities": {key: value for key, value in entities if key in keys}}


async def _diagnostics(hass: HomeAssistant, entry: SecurePairConfigEntry) -> dict[str, Any]:
    diagnostics: dict[str, Any] = {
        "state": entry.state.value,
        "reason": entry.error_reason_translation_key,
        "connected": False,
        "last_failure": None,
        "device": None,
        "entities": {},
        "sessions": [],
    }
    # They are wanted most of all where an entry could not be set up.
    if entry.state is ConfigEntryState.LOADED:
        diagnostics.update(_live(entry.runtime_data))
    try:
        device = await get_key_store(hass).device(entry.data[CONF_DEVICE_ID])
    except SecurePairError as error:
        return {**diagnostics, "sessions": error.failure.value}
    if device is not None:
        diagnostics["sessions"] = [
            {
                "provisional": session.provisional,
                "lifetime": session.lifetime,
                "negotiated_at": session.negotiated_at,
                "transcript": session.transcript.hex(),
            }
            for session in device.sessions
        ]
    return diagnostics


def _live(coordinator: DeviceCoordinator) -> dict[str, Any]:
    info = coordinator.mirror.info
    return {
        "connected": coordinator.connected,
        "last_failure": coordinator.keeper.failure,
        "device": None
        if info is None
        else {
            "model": info.model,
            "manufacturer": info.manufacturer,
            "firmware": info.firmware,
            "hardware": info.hardware,
        },
        "entities": {
            key: {
                "kind": type(entity).__name__,
                "has_state": key in coordinator.mirror.states,
                "unclear": key in coordinator.unclear,
            }
            for key, entity in coordinator.mirror.entities.items()
        },
    }
