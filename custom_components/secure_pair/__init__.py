"""Secure Pair: devices that were paired by three parties, and are encrypted ever since."""

import asyncio

from homeassistant.const import CONF_HOST, CONF_PORT, EVENT_HOMEASSISTANT_STOP, Platform
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType

from .const import CONF_DEVICE_ID, DOMAIN, LOGGER
from .coordinator import DeviceCoordinator, SecurePairConfigEntry
from .discovery import listen_to_repetitions
from .farewell import schedule_farewells
from .key_store import get_key_store
from .protocol.errors import Failure, SecurePairError
from .protocol.model import KINDS
from .services import register_services
from .troubles import forget_repairs

# Each kind of entity that a device can have is a platform of the same name.
PLATFORMS = [Platform(kind) for kind in KINDS]


CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions, and listen to the devices."""
    register_services(hass)
    await listen_to_repetitions(hass)

    async def say_goodbye(_: Event) -> None:
        entries: list[SecurePairConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
        await asyncio.gather(*(entry.runtime_data.stop() for entry in entries))

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, say_goodbye)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: SecurePairConfigEntry) -> bool:
    """Connect to a paired device, by resumption: the key service is not needed."""
    # First, for it has nothing to do with whether this device can be reached.
    schedule_farewells(hass)
    coordinator = DeviceCoordinator(hass, entry, get_key_store(hass))
    try:
        await coordinator.start()
    except SecurePairError as error:
        await coordinator.stop()
        kind = (
            ConfigEntryError if error.failure is Failure.STORAGE_UNREADABLE else ConfigEntryNotReady
        )
        raise kind(
            translation_domain=DOMAIN,
            translation_key=error.failure.value,
            translation_placeholders={"device": entry.title},
        ) from error
    entry.runtime_data = coordinator
    entry.async_on_unload(coordinator.stop)
    await coordinator.platforms.set_up(PLATFORMS)
    coordinator.troubles.tell_untold()
    return True


async def async_unload_entry(hass: HomeAssistant, entry: SecurePairConfigEntry) -> bool:
    """Take the entities away, then the connection."""
    return await entry.runtime_data.platforms.unload()


async def async_remove_entry(hass: HomeAssistant, entry: SecurePairConfigEntry) -> None:
    """Forget the device's keys, and have it told to forget this terminal: it may be away."""
    forget_repairs(hass, entry.entry_id)
    try:
        await get_key_store(hass).bury_device(
            entry.data[CONF_DEVICE_ID], entry.data[CONF_HOST], entry.data[CONF_PORT]
        )
    except SecurePairError as error:
        LOGGER.warning("The keys of %s could not be removed: %s", entry.title, error)
        return
    schedule_farewells(hass)
