"""What is turned on and off, or pressed: switches, lights, sirens, buttons."""

from enum import StrEnum
from typing import Annotated, Literal, override

from msgspec import Meta

from ..envelope import Text
from .base import (
    Action,
    Entity,
    Options,
    State,
    check_option,
    check_options,
    check_range,
    check_within,
)

type Byte = Annotated[int, Meta(ge=0, le=255)]
type Kelvin = Annotated[int, Meta(ge=1000, le=20000)]
type Seconds = Annotated[float, Meta(ge=0, le=86400)]
type HueSaturation = tuple[
    Annotated[float, Meta(ge=0, le=360)], Annotated[float, Meta(ge=0, le=100)]
]
type Share = Annotated[float, Meta(ge=0, le=1)]


class Switch(Entity, frozen=True, kw_only=True, tag="switch"):
    """A switch."""


class SwitchState(State, frozen=True, kw_only=True):
    """The state of a switch."""

    on: bool | None = None


class SwitchAction(Action, frozen=True, kw_only=True):
    """Turn it on or off."""

    do: Literal["turn_on", "turn_off"]


class ColorMode(StrEnum):
    """What can be set of a light; its colour is in the field of the same name."""

    ONOFF = "onoff"
    BRIGHTNESS = "brightness"
    COLOR_TEMP = "color_temp"
    HS = "hs"
    XY = "xy"
    RGB = "rgb"
    RGBW = "rgbw"
    RGBWW = "rgbww"
    WHITE = "white"


class Light(Entity, frozen=True, kw_only=True, tag="light"):
    """A light."""

    color_modes: Annotated[tuple[ColorMode, ...], Meta(min_length=1)]
    minimum_kelvin: Kelvin = 2000
    maximum_kelvin: Kelvin = 6500
    effects: Options | None = None
    transition: bool = False
    flash: bool = False

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_range(self.minimum_kelvin, self.maximum_kelvin)
        check_options(self.color_modes, self.effects or ())
        plain = {ColorMode.ONOFF, ColorMode.BRIGHTNESS} & set(self.color_modes)
        if plain and len(self.color_modes) > 1:
            msg = f"{min(plain)} goes with no other colour mode"
            raise ValueError(msg)

    @override
    def check(self, state: State) -> None:
        if isinstance(state, LightState):
            check_option(state.color_mode, self.color_modes)
            check_option(state.effect, self.effects)
            check_within(state.color_temp, self.minimum_kelvin, self.maximum_kelvin)


class LightState(State, frozen=True, kw_only=True):
    """The state of a light."""

    on: bool | None = None
    brightness: Byte | None = None
    color_mode: ColorMode | None = None
    """Which of the colours below it shows."""
    color_temp: Kelvin | None = None
    hs: HueSaturation | None = None
    xy: tuple[Share, Share] | None = None
    rgb: tuple[Byte, Byte, Byte] | None = None
    rgbw: tuple[Byte, Byte, Byte, Byte] | None = None
    rgbww: tuple[Byte, Byte, Byte, Byte, Byte] | None = None
    effect: Text | None = None


class LightAction(Action, frozen=True, kw_only=True):
    """Turn it on, with what else is wished, or off."""

    do: Literal["turn_on", "turn_off"]
    brightness: Byte | None = None
    white: Byte | None = None
    """The brightness in the colour mode `white`."""
    color_temp: Kelvin | None = None
    hs: HueSaturation | None = None
    xy: tuple[Share, Share] | None = None
    rgb: tuple[Byte, Byte, Byte] | None = None
    rgbw: tuple[Byte, Byte, Byte, Byte] | None = None
    rgbww: tuple[Byte, Byte, Byte, Byte, Byte] | None = None
    effect: Text | None = None
    transition: Seconds | None = None
    flash: Literal["short", "long"] | None = None


class Siren(Entity, frozen=True, kw_only=True, tag="siren"):
    """A siren."""

    tones: Options | None = None
    duration: bool = False
    volume: bool = False

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_options(self.tones or ())


class SirenState(State, frozen=True, kw_only=True):
    """The state of a siren."""

    on: bool | None = None


class SirenAction(Action, frozen=True, kw_only=True):
    """Turn it on or off."""

    do: Literal["turn_on", "turn_off"]
    tone: Text | None = None
    duration: Seconds | None = None
    volume: Share | None = None


class Button(Entity, frozen=True, kw_only=True, tag="button"):
    """A button; it has no state, and each press is a command of its own."""


class ButtonAction(Action, frozen=True, kw_only=True):
    """Press it."""

    do: Literal["press"]
