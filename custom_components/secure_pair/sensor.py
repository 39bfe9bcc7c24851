"""Sensors."""

from datetime import date, datetime
from typing import override

from homeassistant.components.sensor import SensorEntity
from homeassistant.components.sensor.const import (
    DEVICE_CLASS_STATE_CLASSES,
    DEVICE_CLASS_UNITS,
    SensorDeviceClass,
    SensorStateClass,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.values import Sensor, SensorState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's sensors."""
    add_entities_of(entry.runtime_data, Sensor, SecurePairSensor, async_add_entities)


class SecurePairSensor(SecurePairEntity[Sensor, SensorState], SensorEntity):
    """A sensor."""

    @override
    def describe(self, described: Sensor) -> None:
        device_class = SensorDeviceClass(described.device_class) if described.device_class else None
        if described.options is not None:
            device_class = device_class or SensorDeviceClass.ENUM
        units = DEVICE_CLASS_UNITS.get(device_class) if device_class else None
        if units is not None and described.unit not in units:
            msg = f"{described.unit!r} is no unit of {device_class}"
            raise ValueError(msg)
        self._attr_device_class = device_class
        self._attr_native_unit_of_measurement = described.unit
        self._attr_suggested_display_precision = described.precision
        self._attr_options = list(described.options) if described.options else None
        self._attr_state_class = None
        if described.state_class is not None:
            state_class = SensorStateClass(described.state_class.value)
            allowed = DEVICE_CLASS_STATE_CLASSES.get(device_class) if device_class else None
            if allowed is not None and state_class not in allowed:
                msg = f"{state_class} is no state class of {device_class}"
                raise ValueError(msg)
            self._attr_state_class = state_class

    @override
    def show(self, state: SensorState) -> None:
        self._attr_native_value = self._native(state.value)

    def _native(self, value: float | str | None) -> float | str | date | datetime | None:
        match self.device_class:
            case SensorDeviceClass.TIMESTAMP:
                return dt_util.parse_datetime(value) if isinstance(value, str) else None
            case SensorDeviceClass.DATE:
                return dt_util.parse_date(value) if isinstance(value, str) else None
        return value
