"""System health: how many devices are paired and connected, and which key services answer."""

import asyncio
from typing import Any, Final

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .key_service import KeyService, key_service_at
from .key_store import get_key_store
from .protocol.errors import Failure, SecurePairError

_ANSWERS: Final = frozenset(
    {Failure.TOKEN_REFUSED, Failure.SLOW_DOWN, Failure.KEY_SERVICE_UNAVAILABLE}
)
"""What only a key service says that can be reached."""


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
    answers = await asyncio.gather(
        *(_answers(key_service_at(hass, url, token)) for url, token in known.items())
    )
    return f"{sum(answers)} / {len(known)}"


async def _answers(service: KeyService) -> bool:
    try:
        await service.terminal()
    except SecurePairError as error:
        return error.failure in _ANSWERS
    return True
