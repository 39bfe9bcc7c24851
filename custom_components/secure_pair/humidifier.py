"""Humidifiers and dehumidifiers."""

from typing import Any, override

from homeassistant.components.humidifier import HumidifierEntity
from homeassistant.components.humidifier.const import (
    HumidifierAction as HassHumidifierAction,
)
from homeassistant.components.humidifier.const import (
    HumidifierDeviceClass,
    HumidifierEntityFeature,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.climate import Humidifier, HumidifierAction, HumidifierState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's humidifiers and dehumidifiers."""
    add_entities_of(entry.runtime_data, Humidifier, SecurePairHumidifier, async_add_entities)


class SecurePairHumidifier(SecurePairEntity[Humidifier, HumidifierState], HumidifierEntity):
    """A humidifier or a dehumidifier."""

    @override
    def describe(self, described: Humidifier) -> None:
        self._attr_device_class = (
            HumidifierDeviceClass(described.device_class) if described.device_class else None
        )
        self._attr_min_humidity = described.minimum
        self._attr_max_humidity = described.maximum
        self._attr_target_humidity_step = described.step
        self._attr_available_modes = list(described.modes or ())
        self._attr_supported_features = (
            HumidifierEntityFeature.MODES if described.modes else HumidifierEntityFeature(0)
        )

    @override
    def show(self, state: HumidifierState) -> None:
        self._attr_is_on = state.on
        # Where it is not known whether it is on, Home Assistant would say "off" here.
        self._attr_action = (
            HassHumidifierAction(state.activity)
            if state.activity and state.on is not None
            else None
        )
        self._attr_current_humidity = state.current
        self._attr_target_humidity = state.target
        self._attr_mode = state.mode

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self.carry_out(HumidifierAction(do="turn_on"))

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self.carry_out(HumidifierAction(do="turn_off"))

    @override
    async def async_set_humidity(self, humidity: int) -> None:
        await self.carry_out(HumidifierAction(do="set_humidity", humidity=humidity))

    @override
    async def async_set_mode(self, mode: str) -> None:
        await self.carry_out(HumidifierAction(do="set_mode", mode=mode))
