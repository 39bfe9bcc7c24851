"""Lights of the zoo: each sort of colour."""

from collections.abc import Iterator
from typing import override

from secure_pair_protocol.model.switching import ColorMode, Light, LightAction, LightState

from ...entity import AnyEntity, Ending
from ..pace import Pace
from ..parts import NOT_SUPPORTED, Part

EFFECTS = ("off", "colorloop", "candle")

_COLORS = ("color_temp", "hs", "xy", "rgb", "rgbw", "rgbww")
"""The fields that are named like the colour mode that they belong to."""

_FIRST = {
    "color_temp": 3000,
    "hs": (30.0, 80.0),
    "xy": (0.45, 0.41),
    "rgb": (255, 160, 60),
    "rgbw": (255, 160, 60, 0),
    "rgbww": (255, 160, 60, 0, 0),
}
"""The colours that lights begin with."""


class VirtualLight(Part[Light, LightState, LightAction]):
    """A virtual light."""

    def __init__(self, entity: Light, pace: Pace) -> None:
        """Begin switched off, in the first of its colours."""
        mode = entity.color_modes[0]
        state = LightState(
            key=entity.key,
            on=False,
            brightness=None if mode is ColorMode.ONOFF else 255,
            color_mode=mode,
            effect=EFFECTS[0] if entity.effects else None,
        )
        super().__init__(entity, state)
        if mode in _FIRST:
            self.change(**{mode: _FIRST[mode]})
        self.flashes = 0
        """How often it has flashed."""
        self._pace = pace

    @override
    async def carry_out(self, action: LightAction, by: str) -> Ending:
        entity = self.entity
        if (action.transition is not None and not entity.transition) or (
            action.flash is not None and not entity.flash
        ):
            return NOT_SUPPORTED
        if action.transition:
            await self._pace.take(action.transition)
        if action.flash is not None:
            self.flashes += 1
        if action.do == "turn_off":
            return self.change(on=False)
        changes: dict[str, object] = {"on": True}
        if (colors := self._colors(action)) is None:
            return NOT_SUPPORTED
        changes |= colors
        if action.brightness is not None:
            if self.state.brightness is None:
                return NOT_SUPPORTED
            # As Home Assistant has it: no brightness is off.
            changes |= {"brightness": action.brightness, "on": action.brightness > 0}
        if action.effect is not None:
            changes["effect"] = action.effect
        return self.change(**changes)

    def _colors(self, action: LightAction) -> dict[str, object] | None:
        """Return what changes of the colour; None where it has no such colour."""
        modes = self.entity.color_modes
        if action.white is not None:
            if ColorMode.WHITE not in modes:
                return None
            return {
                **dict.fromkeys(_COLORS),
                "color_mode": ColorMode.WHITE,
                "brightness": action.white,
            }
        for field in _COLORS:
            if (color := getattr(action, field)) is not None:
                mode = ColorMode(field)
                if mode not in modes:
                    return None
                return {**dict.fromkeys(_COLORS), "color_mode": mode, field: color}
        return {}


def lights(pace: Pace) -> Iterator[AnyEntity]:
    """Yield a light of each colour mode, and those that have several."""
    several = {
        "white_spectrum": (ColorMode.COLOR_TEMP, ColorMode.HS, ColorMode.WHITE),
        "all_colors": (
            ColorMode.COLOR_TEMP,
            ColorMode.HS,
            ColorMode.XY,
            ColorMode.RGB,
            ColorMode.RGBW,
            ColorMode.RGBWW,
        ),
    }
    single = {
        mode.value: (mode,)
        for mode in ColorMode
        # White is nothing but a mode beside others.
        if mode is not ColorMode.WHITE
    }
    for name, modes in (single | several).items():
        whole = len(modes) > 1
        yield VirtualLight(
            Light(
                key=f"light_{name}",
                name=f"Light: {name.replace('_', ' ')}",
                color_modes=modes,
                minimum_kelvin=2200 if whole else 2000,
                maximum_kelvin=5000 if whole else 6500,
                effects=EFFECTS if whole else None,
                transition=whole,
                flash=whole,
            ),
            pace,
        )
