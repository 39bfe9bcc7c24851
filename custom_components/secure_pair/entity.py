"""What all of a device's entities have in common."""

from collections.abc import Callable
from typing import cast, override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN
from .coordinator import DeviceCoordinator
from .protocol import model


class SecurePairEntity[E: model.Entity, S: model.State](Entity):
    """One entity of a device; it is written only when its own state comes."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, coordinator: DeviceCoordinator, described: E) -> None:
        """Take the device's description of the entity."""
        self.coordinator = coordinator
        self.described = described
        self._attr_unique_id = f"{coordinator.device_id}_{described.key}"
        self._attr_name = described.name
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, coordinator.device_id)})

    @property
    @override
    def available(self) -> bool:
        return self.coordinator.connected

    @property
    def reported(self) -> S | None:
        """The device's newest state, or None while there is none to rely on."""
        key = self.described.key
        if key in self.coordinator.unclear:
            return None
        return cast("S | None", self.coordinator.states.get(key))

    @override
    async def async_added_to_hass(self) -> None:
        self.async_on_remove(self.coordinator.listen(self.described.key, self.async_write_ha_state))

    async def carry_out(self, action: model.Action) -> None:
        """Have the device do it; raises a translated HomeAssistantError."""
        await self.coordinator.carry_out(self.described, action)


@callback
def add_entities_of[E: model.Entity](
    coordinator: DeviceCoordinator,
    kind: type[E],
    make: Callable[[DeviceCoordinator, E], Entity],
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Make an entity of each that the device describes, now and later."""

    def add(described: model.Entity) -> None:
        if isinstance(described, kind):
            async_add_entities([make(coordinator, described)])

    coordinator.add_platform(add)
