"""Diagnostic sensors about the session and the connection."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import override

from homeassistant.components.sensor import SensorEntity, SensorEntityDescription
from homeassistant.components.sensor.const import SensorDeviceClass, SensorStateClass
from homeassistant.const import EntityCategory, UnitOfTime
from homeassistant.util import dt as dt_util

from .coordinator import DeviceCoordinator
from .session_entity import SessionEntity


@dataclass(frozen=True, kw_only=True)
class SessionSensorDescription(SensorEntityDescription):
    """One thing that is known of a session."""

    value: Callable[[DeviceCoordinator], datetime | float | None]
    changes_while_idle: bool = False


def _negotiated(coordinator: DeviceCoordinator) -> datetime | None:
    session = coordinator.keeper.session
    return None if session is None else dt_util.utc_from_timestamp(session.negotiated_at)


def _age(coordinator: DeviceCoordinator) -> float | None:
    negotiated = _negotiated(coordinator)
    return None if negotiated is None else (dt_util.utcnow() - negotiated).total_seconds() / 86400


def _expires(coordinator: DeviceCoordinator) -> datetime | None:
    """Return the earliest moment: the lifetime counts only while the device has power."""
    link, since = coordinator.keeper.link, coordinator.connected_since
    if link is None or since is None or link.welcome.remaining is None:
        return None
    try:
        return since + timedelta(seconds=link.welcome.remaining)
    except OverflowError:
        # A device may say what is beyond all dates.
        return None


def _round_trip(coordinator: DeviceCoordinator) -> float | None:
    link = coordinator.keeper.link
    if link is None or link.round_trip is None:
        return None
    return link.round_trip * 1000


SESSION_SENSORS = (
    SessionSensorDescription(
        key="last_negotiation",
        device_class=SensorDeviceClass.TIMESTAMP,
        value=_negotiated,
    ),
    SessionSensorDescription(
        key="session_key_expires",
        device_class=SensorDeviceClass.TIMESTAMP,
        value=_expires,
    ),
    SessionSensorDescription(
        key="session_key_age",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.DAYS,
        suggested_display_precision=0,
        entity_registry_enabled_default=False,
        value=_age,
        changes_while_idle=True,
    ),
    SessionSensorDescription(
        key="connected_since",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_registry_enabled_default=False,
        value=lambda coordinator: coordinator.connected_since,
    ),
    SessionSensorDescription(
        key="round_trip",
        device_class=SensorDeviceClass.DURATION,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfTime.MILLISECONDS,
        suggested_display_precision=1,
        entity_registry_enabled_default=False,
        value=_round_trip,
        changes_while_idle=True,
    ),
)


class SessionSensor(SessionEntity, SensorEntity):
    """A diagnostic sensor; what ends with the connection is unknown without one."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC
    entity_description: SessionSensorDescription

    def __init__(
        self, coordinator: DeviceCoordinator, description: SessionSensorDescription
    ) -> None:
        """Show one thing."""
        super().__init__(coordinator, description.key)
        self.entity_description = description

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        if self.entity_description.changes_while_idle:
            self.async_on_remove(self.coordinator.listen_pongs(self.async_write_ha_state))

    @property
    @override
    def native_value(self) -> datetime | float | None:
        return self.entity_description.value(self.coordinator)
