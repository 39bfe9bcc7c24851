"""Lights."""

from typing import Any, override

from homeassistant.components.light import LightEntity
from homeassistant.components.light.const import (
    ATTR_BRIGHTNESS,
    ATTR_COLOR_TEMP_KELVIN,
    ATTR_EFFECT,
    ATTR_FLASH,
    ATTR_HS_COLOR,
    ATTR_RGB_COLOR,
    ATTR_RGBW_COLOR,
    ATTR_RGBWW_COLOR,
    ATTR_TRANSITION,
    ATTR_WHITE,
    ATTR_XY_COLOR,
    ColorMode,
    LightEntityFeature,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.switching import ColorMode as LightColorMode
from .protocol.model.switching import Light, LightAction, LightState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's lights."""
    add_entities_of(entry.runtime_data, Light, SecurePairLight, async_add_entities)


_COLORS = frozenset(
    {
        LightColorMode.HS,
        LightColorMode.XY,
        LightColorMode.RGB,
        LightColorMode.RGBW,
        LightColorMode.RGBWW,
    }
)


class SecurePairLight(SecurePairEntity[Light, LightState], LightEntity):
    """A light."""

    @override
    def describe(self, described: Light) -> None:
        if LightColorMode.WHITE in described.color_modes and _COLORS.isdisjoint(
            described.color_modes
        ):
            raise ValueError("white goes with a colour only")
        self._attr_supported_color_modes = {ColorMode(mode) for mode in described.color_modes}
        self._attr_min_color_temp_kelvin = described.minimum_kelvin
        self._attr_max_color_temp_kelvin = described.maximum_kelvin
        self._attr_effect_list = list(described.effects or ())
        features = LightEntityFeature(0)
        for feature, offered in (
            (LightEntityFeature.EFFECT, described.effects),
            (LightEntityFeature.TRANSITION, described.transition),
            (LightEntityFeature.FLASH, described.flash),
        ):
            if offered:
                features |= feature
        self._attr_supported_features = features

    @override
    def show(self, state: LightState) -> None:
        self._attr_is_on = state.on
        self._attr_brightness = state.brightness
        self._attr_color_mode = self._color_mode(state)
        self._attr_color_temp_kelvin = state.color_temp
        self._attr_hs_color = state.hs
        self._attr_xy_color = state.xy
        self._attr_rgb_color = state.rgb
        self._attr_rgbw_color = state.rgbw
        self._attr_rgbww_color = state.rgbww
        self._attr_effect = state.effect

    def _color_mode(self, state: LightState) -> ColorMode:
        if state.color_mode is not None:
            return ColorMode(state.color_mode)
        modes = self.described.color_modes
        return ColorMode(modes[0]) if len(modes) == 1 else ColorMode.UNKNOWN

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self.carry_out(
            LightAction(
                do="turn_on",
                brightness=kwargs.get(ATTR_BRIGHTNESS),
                white=kwargs.get(ATTR_WHITE),
                color_temp=kwargs.get(ATTR_COLOR_TEMP_KELVIN),
                hs=kwargs.get(ATTR_HS_COLOR),
                xy=kwargs.get(ATTR_XY_COLOR),
                rgb=kwargs.get(ATTR_RGB_COLOR),
                rgbw=kwargs.get(ATTR_RGBW_COLOR),
                rgbww=kwargs.get(ATTR_RGBWW_COLOR),
                effect=kwargs.get(ATTR_EFFECT),
                transition=kwargs.get(ATTR_TRANSITION),
                flash=kwargs.get(ATTR_FLASH),
            )
        )

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self.carry_out(
            LightAction(
                do="turn_off",
                transition=kwargs.get(ATTR_TRANSITION),
                flash=kwargs.get(ATTR_FLASH),
            )
        )
