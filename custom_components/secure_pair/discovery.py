"""Where devices say that they are: not believed before a session was resumed there."""

from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN


@dataclass(frozen=True, slots=True)
class Address:
    """Where a device is."""

    host: str
    port: int


_ANNOUNCED: HassKey[dict[str, Address]] = HassKey(f"{DOMAIN}.announced")


@callback
def announced_address(hass: HomeAssistant, device_id: str) -> Address | None:
    """Return where a device was announced last."""
    return hass.data.get(_ANNOUNCED, {}).get(device_id)


@callback
def announced(hass: HomeAssistant, device_id: str, address: Address) -> None:
    """Remember an announcement, and have the device's entry try it if it is not connected.

    Anybody on the network can announce anything: so nothing is written yet, and a lock
    that is connected is left alone. An entry that waits to be set up is reloaded by Home
    Assistant.
    """
    entry = hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, device_id)
    if entry is None:
        return
    hass.data.setdefault(_ANNOUNCED, {})[device_id] = address
    if entry.state is ConfigEntryState.LOADED:
        entry.runtime_data.keeper.try_now()
