"""Fans."""

from typing import Any, override

from homeassistant.components.fan import FanEntity
from homeassistant.components.fan.const import FanEntityFeature
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.climate import Fan, FanAction, FanDirection, FanState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's fans."""
    add_entities_of(entry.runtime_data, Fan, SecurePairFan, async_add_entities)


class SecurePairFan(SecurePairEntity[Fan, FanState], FanEntity):
    """A fan."""

    @override
    def describe(self, described: Fan) -> None:
        self._attr_speed_count = described.speeds or 100
        self._attr_preset_modes = list(described.presets or ())
        features = FanEntityFeature.TURN_ON | FanEntityFeature.TURN_OFF
        for feature, offered in (
            (FanEntityFeature.SET_SPEED, described.speeds),
            (FanEntityFeature.OSCILLATE, described.oscillation),
            (FanEntityFeature.DIRECTION, described.direction),
            (FanEntityFeature.PRESET_MODE, described.presets),
        ):
            if offered:
                features |= feature
        self._attr_supported_features = features

    @override
    def show(self, state: FanState) -> None:
        self._attr_is_on = state.on
        self._attr_percentage = state.percentage
        self._attr_oscillating = state.oscillating
        self._attr_current_direction = state.direction
        self._attr_preset_mode = state.preset

    @property
    @override
    def is_on(self) -> bool | None:
        # Home Assistant would guess it from speed and preset.
        return self._attr_is_on

    @override
    async def async_turn_on(
        self, percentage: int | None = None, preset_mode: str | None = None, **kwargs: Any
    ) -> None:
        if percentage == 0:
            await self.async_turn_off()
            return
        await self.carry_out(FanAction(do="turn_on", percentage=percentage, preset=preset_mode))

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self.carry_out(FanAction(do="turn_off"))

    @override
    async def async_set_percentage(self, percentage: int) -> None:
        if percentage == 0:
            await self.async_turn_off()
            return
        await self.carry_out(FanAction(do="set_percentage", percentage=percentage))

    @override
    async def async_set_preset_mode(self, preset_mode: str) -> None:
        await self.carry_out(FanAction(do="set_preset", preset=preset_mode))

    @override
    async def async_oscillate(self, oscillating: bool) -> None:
        await self.carry_out(FanAction(do="set_oscillation", oscillating=oscillating))

    @override
    async def async_set_direction(self, direction: str) -> None:
        try:
            wished = FanDirection(direction)
        except ValueError as error:
            # Home Assistant lets any word through.
            raise self.coordinator.error("command_failed", reason=str(error)) from error
        await self.carry_out(FanAction(do="set_direction", direction=wished))
