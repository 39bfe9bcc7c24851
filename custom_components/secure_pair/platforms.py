"""Which of Home Assistant's platforms an entry has: those of what its device has, no others."""

from collections.abc import Collection
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback

from .mirror import Mirror
from .protocol.model import kind_name

OF_THE_SESSION: Final = frozenset({Platform.BUTTON, Platform.EVENT, Platform.SENSOR})
"""They have entities about the session, whatever the device is."""


class Platforms:
    """One entry's platforms; each kind of entity is a platform of the same name."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], mirror: Mirror) -> None:
        """Have none yet; `mirror` knows what the device has."""
        self._hass = hass
        self._entry = entry
        self._mirror = mirror
        self._possible: Collection[Platform] = ()
        self._set_up: set[Platform] = set()

    async def set_up(self, possible: Collection[Platform]) -> None:
        """Set up those of these that are needed now; `follow` sees to those that come later."""
        self._possible = possible
        await self._set_up_missing()

    @callback
    def follow(self) -> None:
        """Set up what a new description needs beyond what is there."""
        if self._entry.state is ConfigEntryState.LOADED and self._missing():
            self._entry.async_create_task(self._hass, self._set_up_missing())

    async def unload(self) -> bool:
        """Take them away; tell whether they have gone."""
        return await self._hass.config_entries.async_unload_platforms(self._entry, self._set_up)

    async def _set_up_missing(self) -> None:
        # The device may describe itself anew meanwhile.
        while missing := self._missing():
            self._set_up |= missing
            await self._hass.config_entries.async_forward_entry_setups(self._entry, missing)

    def _missing(self) -> set[Platform]:
        kinds = {Platform(kind_name(entity)) for entity in self._mirror.entities.values()}
        return (kinds | OF_THE_SESSION).intersection(self._possible) - self._set_up
