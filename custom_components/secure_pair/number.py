"""Numbers that can be set."""

from typing import override

from homeassistant.components.number import NumberEntity
from homeassistant.components.number.const import (
    AMBIGUOUS_UNITS,
    DEVICE_CLASS_UNITS,
    NumberDeviceClass,
    NumberMode,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.values import Number, NumberAction, NumberState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's numbers."""
    add_entities_of(entry.runtime_data, Number, SecurePairNumber, async_add_entities)


class SecurePairNumber(SecurePairEntity[Number, NumberState], NumberEntity):
    """A number that can be set."""

    @override
    def describe(self, described: Number) -> None:
        device_class = NumberDeviceClass(described.device_class) if described.device_class else None
        unit = AMBIGUOUS_UNITS.get(described.unit, described.unit)
        units = DEVICE_CLASS_UNITS.get(device_class) if device_class else None
        if units is not None and unit not in units:
            raise ValueError(f"{unit!r} is no unit of {device_class}")
        self._attr_device_class = device_class
        self._attr_native_unit_of_measurement = unit
        self._attr_native_min_value = described.minimum
        self._attr_native_max_value = described.maximum
        self._attr_mode = NumberMode(described.mode)

    @override
    def show(self, state: NumberState) -> None:
        self._attr_native_value = state.value

    @property
    @override
    def native_step(self) -> float | None:
        return self.described.step

    @override
    async def async_set_native_value(self, value: float) -> None:
        await self.carry_out(NumberAction(do="set", value=value))
