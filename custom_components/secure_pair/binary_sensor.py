"""Binary sensors."""

from typing import override

from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.base import Category
from .protocol.model.values import BinarySensor, BinarySensorState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's binary sensors."""
    add_entities_of(entry.runtime_data, BinarySensor, SecurePairBinarySensor, async_add_entities)


class SecurePairBinarySensor(SecurePairEntity[BinarySensor, BinarySensorState], BinarySensorEntity):
    """Something that is so or is not."""

    @override
    def describe(self, described: BinarySensor) -> None:
        if described.category is Category.CONFIG:
            raise ValueError("a binary sensor configures nothing")
        self._attr_device_class = (
            BinarySensorDeviceClass(described.device_class) if described.device_class else None
        )

    @override
    def show(self, state: BinarySensorState) -> None:
        self._attr_is_on = state.on
