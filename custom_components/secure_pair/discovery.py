"""Where devices say that they are: not believed before a session was resumed there."""

from dataclasses import dataclass
from typing import Final, override

from homeassistant.components import zeroconf
from homeassistant.components.zeroconf.const import DOMAIN as ZEROCONF
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey
from zeroconf import (  # type: ignore[attr-defined]  # DNSPointer is not in __all__
    DNSPointer,
    RecordUpdate,
    RecordUpdateListener,
    Zeroconf,
)
from zeroconf import Error as ZeroconfError
from zeroconf.asyncio import AsyncServiceInfo

from .const import DOMAIN
from .reconnect import HURRY_SECONDS

SERVICE_TYPE: Final = "_secure-pair._tcp.local."


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
def announced(hass: HomeAssistant, device_id: str, address: Address) -> ConfigEntry | None:
    """Remember an announcement, and have the device's entry try it if it is not connected.

    Anybody on the network can announce anything: so nothing is written yet, and a lock
    that is connected is left alone. An entry that waits to be set up is reloaded by Home
    Assistant, where the announcement is new. Returns the entry; None: it is not ours.
    """
    entry = hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, device_id)
    if entry is None:
        return None
    hass.data.setdefault(_ANNOUNCED, {})[device_id] = address
    if entry.state is ConfigEntryState.LOADED:
        entry.runtime_data.keeper.try_now()
    return entry


async def listen_to_repetitions(hass: HomeAssistant) -> None:
    """Hear the announcements that say nothing new, for as long as Home Assistant runs."""
    if ZEROCONF in hass.config.components:
        instance = await zeroconf.async_get_instance(hass)
        instance.async_add_listener(_Repetitions(hass), None)


class _Repetitions(RecordUpdateListener):
    """What Home Assistant's discovery leaves out: records that are known already.

    A device that had no power for some seconds announces the very records that it had before.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        super().__init__()
        self._hass = hass
        self._reloaded: dict[str, float] = {}
        """When an entry was reloaded, by its id, on the loop's clock in seconds."""

    @override
    @callback
    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        for record in records:
            pointer = record.new
            if (
                record.old is not None
                and isinstance(pointer, DNSPointer)
                and pointer.name == SERVICE_TYPE
                and not pointer.is_expired(now)
            ):
                self._repeated(zc, pointer.alias)

    def _repeated(self, zc: Zeroconf, name: str) -> None:
        try:
            info = AsyncServiceInfo(SERVICE_TYPE, name)
        except ZeroconfError:
            # Anybody may announce any name; raised here, it would cost the others their packet.
            return
        if not info.load_from_cache(zc) or info.port is None:
            return
        device_id, hosts = info.decoded_properties.get("id"), info.parsed_addresses()
        if device_id is not None and hosts:
            entry = announced(self._hass, device_id, Address(hosts[0], info.port))
            if entry is not None and entry.state is ConfigEntryState.SETUP_RETRY:
                self._reload(entry.entry_id)

    def _reload(self, entry_id: str) -> None:
        """Have an entry that waits set up now, as a discovery flow does; now and then."""
        now = self._hass.loop.time()
        if now - self._reloaded.get(entry_id, -HURRY_SECONDS) >= HURRY_SECONDS:
            self._reloaded[entry_id] = now
            self._hass.config_entries.async_schedule_reload(entry_id)
