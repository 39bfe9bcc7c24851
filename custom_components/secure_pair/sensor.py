"""Sensors."""

from datetime import date, datetime
from typing import override

from homeassistant.components.sensor import SensorEntity
from homeassistant.components.sensor.const import (
    AMBIGUOUS_UNITS,
    DEVICE_CLASS_STATE_CLASSES,
    DEVICE_CLASS_UNITS,
    NON_NUMERIC_DEVICE_CLASSES,
    STATE_CLASS_UNITS,
    SensorDeviceClass,
    SensorStateClass,
)
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.base import Category
from .protocol.model.values import Sensor, SensorState
from .session_entity import is_disabled
from .session_sensors import SESSION_SENSORS, SessionSensor

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's sensors, and those about its session."""
    coordinator = entry.runtime_data
    async_add_entities(
        SessionSensor(coordinator, description)
        for description in SESSION_SENSORS
        if not is_disabled(coordinator, Platform.SENSOR, description.key)
    )
    add_entities_of(coordinator, Sensor, SecurePairSensor, async_add_entities)


class SecurePairSensor(SecurePairEntity[Sensor, SensorState], SensorEntity):
    """A sensor."""

    @override
    def describe(self, described: Sensor) -> None:
        device_class = SensorDeviceClass(described.device_class) if described.device_class else None
        if described.options is not None and device_class is None:
            device_class = SensorDeviceClass.ENUM
        unit = AMBIGUOUS_UNITS.get(described.unit, described.unit)
        state_class = SensorStateClass(described.state_class) if described.state_class else None
        _check(described, device_class, unit, state_class)
        self._attr_device_class = device_class
        self._attr_native_unit_of_measurement = unit
        self._attr_state_class = state_class
        self._attr_suggested_display_precision = described.precision
        self._attr_options = list(described.options) if described.options else None
        self._numeric = device_class not in NON_NUMERIC_DEVICE_CLASSES and any(
            said is not None for said in (device_class, unit, state_class, described.precision)
        )

    @override
    def show(self, state: SensorState) -> None:
        self._attr_native_value = None if state.value is None else self._native(state.value)

    def _native(self, value: float | str) -> float | str | date | datetime:
        match self.device_class:
            case SensorDeviceClass.TIMESTAMP | SensorDeviceClass.UPTIME:
                moment = dt_util.parse_datetime(str(value))
                if moment is None or moment.tzinfo is None:
                    raise ValueError("it is no time with its offset")
                return moment
            case SensorDeviceClass.DATE:
                day = dt_util.parse_date(str(value))
                if day is None:
                    raise ValueError("it is no date")
                return day
        if self._numeric and isinstance(value, str):
            raise ValueError("it is no number")
        return value


def _check(
    described: Sensor,
    device_class: SensorDeviceClass | None,
    unit: str | None,
    state_class: SensorStateClass | None,
) -> None:
    """Refuse what Home Assistant would; raises ValueError."""
    if described.category is Category.CONFIG:
        raise ValueError("a sensor configures nothing")
    if described.options is not None and device_class is not SensorDeviceClass.ENUM:
        raise ValueError(f"a {device_class} has no options")
    if device_class in NON_NUMERIC_DEVICE_CLASSES and not (
        unit is None and described.precision is None
    ):
        raise ValueError(f"a {device_class} has neither unit nor precision")
    if device_class is not None:
        units = DEVICE_CLASS_UNITS.get(device_class)
        if units is not None and unit not in units:
            raise ValueError(f"{unit!r} is no unit of {device_class}")
    if state_class is not None:
        units = STATE_CLASS_UNITS.get(state_class)
        if units is not None and unit not in units:
            raise ValueError(f"{unit!r} is no unit of {state_class}")
        classes = DEVICE_CLASS_STATE_CLASSES.get(device_class) if device_class else None
        if classes is not None and state_class not in classes:
            raise ValueError(f"{state_class} is no state class of {device_class}")
