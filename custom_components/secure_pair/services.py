"""Actions: renew a session key, list and revoke terminals."""

from typing import Final

import voluptuous as vol
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.service import async_register_admin_service

from .const import DOMAIN
from .coordinator import DeviceCoordinator, SecurePairConfigEntry
from .key_store import get_key_store
from .protocol.envelope import Terminals

RENEW: Final = "renew_session_key"
LIST: Final = "list_terminals"
REVOKE: Final = "revoke_terminal"
ATTR_TERMINAL_ID: Final = "terminal_id"

_DEVICE: Final = {vol.Required(ATTR_DEVICE_ID): cv.string}


@callback
def register_services(hass: HomeAssistant) -> None:
    """Register the actions of the integration."""

    async def renew(call: ServiceCall) -> None:
        await _coordinator(hass, call).renew()

    async def list_terminals(call: ServiceCall) -> ServiceResponse:
        coordinator = _coordinator(hass, call)
        return await _response(coordinator, await coordinator.terminals())

    async def revoke(call: ServiceCall) -> ServiceResponse:
        coordinator = _coordinator(hass, call)
        terminal_id = bytes.fromhex(call.data[ATTR_TERMINAL_ID])
        return await _response(coordinator, await coordinator.revoke(terminal_id))

    hass.services.async_register(DOMAIN, RENEW, renew, vol.Schema(_DEVICE))
    hass.services.async_register(
        DOMAIN,
        LIST,
        list_terminals,
        vol.Schema(_DEVICE),
        supports_response=SupportsResponse.ONLY,
    )
    async_register_admin_service(
        hass,
        DOMAIN,
        REVOKE,
        revoke,
        vol.Schema({**_DEVICE, vol.Required(ATTR_TERMINAL_ID): cv.matches_regex("^[0-9a-f]{32}$")}),
        supports_response=SupportsResponse.OPTIONAL,
    )


def _coordinator(hass: HomeAssistant, call: ServiceCall) -> DeviceCoordinator:
    """Return whose device it is; raises ServiceValidationError."""
    device = dr.async_get(hass).async_get(call.data[ATTR_DEVICE_ID])
    entry: SecurePairConfigEntry | None = None
    if device is not None and device.config_entry_id is not None:
        entry = hass.config_entries.async_get_entry(device.config_entry_id)
    if entry is None or entry.domain != DOMAIN:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="no_secure_pair_device"
        )
    if entry.state is not ConfigEntryState.LOADED:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="not_connected",
            translation_placeholders={"device": entry.title},
        )
    coordinator: DeviceCoordinator = entry.runtime_data
    return coordinator


async def _response(coordinator: DeviceCoordinator, answer: Terminals) -> ServiceResponse:
    own = await get_key_store(coordinator.hass).device(coordinator.device_id)
    return {
        "terminals": [
            {
                ATTR_TERMINAL_ID: terminal.terminal_id.hex(),
                "this_one": own is not None and terminal.terminal_id == own.terminal_id,
                "connected": terminal.connected,
                "remaining": terminal.remaining,
            }
            for terminal in answer.terminals
        ]
    }
