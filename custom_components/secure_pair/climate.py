"""Thermostats and air conditioners."""

from typing import Any, override

from homeassistant.components.climate import ClimateEntity
from homeassistant.components.climate.const import (
    ATTR_HVAC_MODE,
    ATTR_TARGET_TEMP_HIGH,
    ATTR_TARGET_TEMP_LOW,
    ClimateEntityFeature,
    HVACAction,
    HVACMode,
)
from homeassistant.const import ATTR_TEMPERATURE, PRECISION_TENTHS
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.climate import Climate, ClimateAction, ClimateMode, ClimateState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's thermostats and air conditioners."""
    add_entities_of(entry.runtime_data, Climate, SecurePairClimate, async_add_entities)


class SecurePairClimate(SecurePairEntity[Climate, ClimateState], ClimateEntity):
    """A thermostat or an air conditioner."""

    _attr_min_humidity = 0
    _attr_max_humidity = 100

    _shown: ClimateState

    @override
    def describe(self, described: Climate) -> None:
        self._attr_hvac_modes = [HVACMode(mode) for mode in described.modes]
        self._attr_min_temp = described.minimum
        self._attr_max_temp = described.maximum
        self._attr_target_temperature_step = described.step
        self._attr_fan_modes = list(described.fan_modes or ())
        self._attr_swing_modes = list(described.swing_modes or ())
        self._attr_preset_modes = list(described.presets or ())
        features = ClimateEntityFeature(0)
        for feature, offered in (
            (ClimateEntityFeature.TARGET_TEMPERATURE, described.target),
            (ClimateEntityFeature.TARGET_TEMPERATURE_RANGE, described.target_range),
            (ClimateEntityFeature.TARGET_HUMIDITY, described.humidity),
            (ClimateEntityFeature.FAN_MODE, described.fan_modes),
            (ClimateEntityFeature.SWING_MODE, described.swing_modes),
            (ClimateEntityFeature.PRESET_MODE, described.presets),
            (ClimateEntityFeature.TURN_OFF, ClimateMode.OFF in described.modes),
            (ClimateEntityFeature.TURN_ON, set(described.modes) > {ClimateMode.OFF}),
        ):
            if offered:
                features |= feature
        self._attr_supported_features = features

    @override
    def show(self, state: ClimateState) -> None:
        self._shown = state
        self._attr_hvac_mode = HVACMode(state.mode) if state.mode else None
        self._attr_hvac_action = HVACAction(state.activity) if state.activity else None
        self._attr_current_humidity = state.current_humidity
        self._attr_target_humidity = state.target_humidity
        self._attr_fan_mode = state.fan_mode
        self._attr_swing_mode = state.swing_mode
        self._attr_preset_mode = state.preset

    @property
    @override
    def precision(self) -> float:
        # Where it goes in halves, Home Assistant must not round them away.
        step = self.described.step
        return super().precision if step is None or step.is_integer() else PRECISION_TENTHS

    # Home Assistant 2026.11 and later ask by the names with native_, earlier ones without.

    @property
    def native_temperature_unit(self) -> str:
        """Return the unit of all of this entity's temperatures."""
        return self.described.unit.value

    @property
    def native_current_temperature(self) -> float | None:
        """Return how warm it is."""
        return self._shown.current_temperature

    @property
    def native_target_temperature(self) -> float | None:
        """Return how warm it shall be."""
        return self._shown.target_temperature

    @property
    def native_target_temperature_low(self) -> float | None:
        """Return how warm it shall be at least."""
        return self._shown.target_low

    @property
    def native_target_temperature_high(self) -> float | None:
        """Return how warm it shall be at most."""
        return self._shown.target_high

    temperature_unit = native_temperature_unit
    current_temperature = native_current_temperature
    target_temperature = native_target_temperature
    target_temperature_low = native_target_temperature_low
    target_temperature_high = native_target_temperature_high

    @override
    async def async_set_temperature(self, **kwargs: Any) -> None:
        mode = kwargs.get(ATTR_HVAC_MODE)
        await self.carry_out(
            ClimateAction(
                do="set_temperature",
                mode=ClimateMode(mode) if mode else None,
                temperature=kwargs.get(ATTR_TEMPERATURE),
                low=kwargs.get(ATTR_TARGET_TEMP_LOW),
                high=kwargs.get(ATTR_TARGET_TEMP_HIGH),
            )
        )

    @override
    async def async_set_hvac_mode(self, hvac_mode: HVACMode) -> None:
        await self.carry_out(ClimateAction(do="set_mode", mode=ClimateMode(hvac_mode)))

    @override
    async def async_set_humidity(self, humidity: int) -> None:
        await self.carry_out(ClimateAction(do="set_humidity", humidity=humidity))

    @override
    async def async_set_fan_mode(self, fan_mode: str) -> None:
        await self.carry_out(ClimateAction(do="set_fan_mode", option=fan_mode))

    @override
    async def async_set_swing_mode(self, swing_mode: str) -> None:
        await self.carry_out(ClimateAction(do="set_swing_mode", option=swing_mode))

    @override
    async def async_set_preset_mode(self, preset_mode: str) -> None:
        await self.carry_out(ClimateAction(do="set_preset", option=preset_mode))

    @override
    async def async_turn_on(self) -> None:
        await self.carry_out(ClimateAction(do="turn_on"))

    @override
    async def async_turn_off(self) -> None:
        await self.carry_out(ClimateAction(do="turn_off"))
