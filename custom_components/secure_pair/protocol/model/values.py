"""What is measured, chosen or written: sensors, numbers, selects, texts."""

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
    check_pattern,
    check_range,
    check_within,
)

type Value = int | float | Text
"""A number; a word of the options; an ISO 8601 date or time with its offset."""


class BinarySensor(Entity, frozen=True, kw_only=True, tag="binary_sensor"):
    """Something that is so or is not."""


class BinarySensorState(State, frozen=True, kw_only=True):
    """The state of a binary sensor; what `on` means follows from the device class."""

    on: bool | None = None


class StateClass(StrEnum):
    """How a sensor's values go together over time."""

    MEASUREMENT = "measurement"
    MEASUREMENT_ANGLE = "measurement_angle"
    TOTAL = "total"
    TOTAL_INCREASING = "total_increasing"


class Sensor(Entity, frozen=True, kw_only=True, tag="sensor"):
    """Something that is measured."""

    unit: Text | None = None
    state_class: StateClass | None = None
    precision: Annotated[int, Meta(ge=0, le=10)] | None = None
    """Digits behind the point that are worth showing."""
    options: Options | None = None
    """All the words that it may say, where it says words."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_options(self.options or ())
        if self.options and (self.unit or self.state_class or self.precision is not None):
            msg = "words have neither unit nor state class nor precision"
            raise ValueError(msg)

    @override
    def check(self, state: State) -> None:
        if isinstance(state, SensorState):
            if self.options is not None:
                check_option(state.value, self.options)
            elif self.unit is not None and isinstance(state.value, str):
                msg = "a word where a number is due"
                raise ValueError(msg)


class SensorState(State, frozen=True, kw_only=True):
    """The state of a sensor."""

    value: Value | None = None


class NumberMode(StrEnum):
    """How a number is shown."""

    AUTO = "auto"
    BOX = "box"
    SLIDER = "slider"


class Number(Entity, frozen=True, kw_only=True, tag="number"):
    """A number that can be set."""

    minimum: float
    maximum: float
    step: float | None = None
    unit: Text | None = None
    mode: NumberMode = NumberMode.AUTO

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_range(self.minimum, self.maximum, self.step)

    @override
    def check(self, state: State) -> None:
        if isinstance(state, NumberState):
            check_within(state.value, self.minimum, self.maximum)


class NumberState(State, frozen=True, kw_only=True):
    """The state of a number."""

    value: float | None = None


class NumberAction(Action, frozen=True, kw_only=True):
    """Set it."""

    do: Literal["set"]
    value: float


class Select(Entity, frozen=True, kw_only=True, tag="select"):
    """One of several options."""

    options: Options

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_options(self.options)

    @override
    def check(self, state: State) -> None:
        if isinstance(state, SelectState):
            check_option(state.option, self.options)


class SelectState(State, frozen=True, kw_only=True):
    """The state of a select."""

    option: Text | None = None


class SelectAction(Action, frozen=True, kw_only=True):
    """Choose one."""

    do: Literal["select"]
    option: Text


class TextInput(Entity, frozen=True, kw_only=True, tag="text"):
    """A text that can be written."""

    minimum: Annotated[int, Meta(ge=0, le=255)] = 0
    maximum: Annotated[int, Meta(ge=0, le=255)] = 100
    pattern: Text | None = None
    """A simple regular expression that the whole text has to match."""
    password: bool = False

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_range(self.minimum, self.maximum)
        check_pattern(self.pattern)

    @override
    def check(self, state: State) -> None:
        if isinstance(state, TextInputState):
            check_within(len(state.value or ""), 0, self.maximum)


class TextInputState(State, frozen=True, kw_only=True):
    """The state of a text."""

    value: Text | None = None


class TextInputAction(Action, frozen=True, kw_only=True):
    """Write it."""

    do: Literal["set"]
    value: Text
