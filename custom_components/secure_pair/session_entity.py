"""Entities about the pairing itself: the session, the connection, what happened to them."""

from typing import override

from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity

from .const import DOMAIN
from .coordinator import DeviceCoordinator


class SessionEntity(Entity):
    """An entity that the integration gives to every device."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, coordinator: DeviceCoordinator, key: str) -> None:
        """Take its key: no entity that a device describes can have one with a `#`."""
        self.coordinator = coordinator
        self._attr_translation_key = key
        self._attr_unique_id = _unique_id(coordinator, key)
        self.device_entry = coordinator.devices.entry

    @override
    async def async_added_to_hass(self) -> None:
        self.async_on_remove(self.coordinator.listen_session(self.async_write_ha_state))

    @callback
    def async_entity_id_changed(self, old_entity_id: str) -> None:
        """Say that nothing here depends on it: Home Assistant 2026.11 and later ask for that."""


def _unique_id(coordinator: DeviceCoordinator, key: str) -> str:
    return f"{coordinator.registry_id}#{key}"


@callback
def is_disabled(coordinator: DeviceCoordinator, domain: str, key: str) -> bool:
    """Tell whether an entity is registered, and disabled: then it need not be made.

    Home Assistant would drop it as soon as it is; and it sets the entry up anew when the user
    enables one.
    """
    registry = er.async_get(coordinator.hass)
    entity_id = registry.async_get_entity_id(domain, DOMAIN, _unique_id(coordinator, key))
    entry = None if entity_id is None else registry.async_get(entity_id)
    return entry is not None and entry.disabled
