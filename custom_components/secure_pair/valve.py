"""Valves."""

from typing import override

from homeassistant.components.valve.const import ValveDeviceClass, ValveEntityFeature
from homeassistant.components.valve.entity import ValveEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.access import Movement, Valve, ValveAction, ValveState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's valves."""
    add_entities_of(entry.runtime_data, Valve, SecurePairValve, async_add_entities)


class SecurePairValve(SecurePairEntity[Valve, ValveState], ValveEntity):
    """A valve for water or gas."""

    _attr_reports_position = False

    @override
    def describe(self, described: Valve) -> None:
        self._attr_device_class = (
            ValveDeviceClass(described.device_class) if described.device_class else None
        )
        features = ValveEntityFeature.OPEN | ValveEntityFeature.CLOSE
        if described.stop:
            features |= ValveEntityFeature.STOP
        if described.position:
            features |= ValveEntityFeature.SET_POSITION
        self._attr_supported_features = features

    @override
    def show(self, state: ValveState) -> None:
        self._attr_reports_position = state.position is not None
        self._attr_current_valve_position = state.position
        self._attr_is_closed = state.closed if state.position is None else state.position == 0
        self._attr_is_opening = state.moving is Movement.OPENING
        self._attr_is_closing = state.moving is Movement.CLOSING

    @override
    async def async_open_valve(self) -> None:
        await self.carry_out(ValveAction(do="open"))

    @override
    async def async_close_valve(self) -> None:
        await self.carry_out(ValveAction(do="close"))

    @override
    async def async_stop_valve(self) -> None:
        await self.carry_out(ValveAction(do="stop"))

    @override
    async def async_set_valve_position(self, position: int) -> None:
        await self.carry_out(ValveAction(do="set_position", position=position))
