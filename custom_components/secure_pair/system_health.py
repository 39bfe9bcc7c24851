"""System health: how many devices are paired and connected, and which key services answer."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .key_service import key_service_at
from .key_store import get_key_store
from .protocol.errors import SecurePairError


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register what there is to see."""
    register.async_register_info(system_health_info)


async def system_health_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return the figures of the page."""
    entries = hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    connected = [
        entry
        for entry in entries
        if entry.state is ConfigEntryState.LOADED and entry.runtime_data.connected
    ]
    return {
        "devices": len(entries),
        "connected": len(connected),
        "key_services_reachable": _reachable(hass),
    }


async def _reachable(hass: HomeAssistant) -> str:
    """Ask each key service itself: one with a certificate of its own is reachable too."""
    try:
        known = await get_key_store(hass).key_services()
    except SecurePairError as error:
        return error.failure.value
    answers = 0
    for url, token in known.items():
        service = key_service_at(hass, url, token)
        try:
            await service.terminal()
        except SecurePairError:
            continue
        answers += 1
    return f"{answers} / {len(known)}"
