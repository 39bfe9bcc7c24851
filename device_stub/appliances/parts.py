"""The simple parts of an appliance: what it measures, and what it is set with."""

import re
from collections.abc import Callable
from typing import Any, override

import msgspec

from secure_pair_protocol.model import Action, Entity, State
from secure_pair_protocol.model.reporting import EventSource
from secure_pair_protocol.model.switching import (
    Button,
    ButtonAction,
    Switch,
    SwitchAction,
    SwitchState,
)
from secure_pair_protocol.model.values import (
    BinarySensor,
    BinarySensorState,
    Number,
    NumberAction,
    NumberState,
    Select,
    SelectAction,
    SelectState,
    Sensor,
    SensorState,
    TextInput,
    TextInputAction,
    TextInputState,
    Value,
)

from ..entity import Done, Ending, Failed, VirtualEntity

type Apply[T] = Callable[[T], Ending]
"""Has the appliance take over a new value, or say why not."""

INCOMPLETE = Failed("invalid_action", "The action does not say to what.")
NOT_SUPPORTED = Failed("not_supported", "This device cannot do that.")


def accept(_: object) -> Ending:
    """Take any value over."""
    return Done()


class Part[E: Entity, S: State, A: Action](VirtualEntity[E, S, A]):
    """An entity whose state follows what happens to it."""

    _shown: S | None = None
    """What terminals have seen last, while nothing is sent."""

    def change(self, **fields: Any) -> Ending:
        """Show these fields changed; what contradicts the description is refused."""
        state = msgspec.structs.replace(self.state, **fields)
        if state != self.state:
            try:
                self.entity.check(state)
            except ValueError as error:
                return Failed("out_of_range", str(error))
            if self._shown is None:
                self.push(state)
            else:
                self.state = state
        return Done()

    def hold(self) -> None:
        """Send nothing for a moment: many simulated seconds are about to pass at once."""
        self._shown = self.state

    def release(self) -> None:
        """Send what the state has become."""
        shown, self._shown = self._shown, None
        if shown != self.state:
            self.push(self.state)

    def step(self) -> None:
        """Go on for one simulated second."""


class Reading(Part[Sensor, SensorState, Action]):
    """Something that is measured."""

    def __init__(self, entity: Sensor, value: Value | None = None) -> None:
        """Begin with this value."""
        super().__init__(entity, SensorState(key=entity.key, value=value))

    def read(self, value: Value | None) -> None:
        """Show what is measured now."""
        self.change(value=value)


class Contact(Part[BinarySensor, BinarySensorState, Action]):
    """Something that is so or is not."""

    def __init__(self, entity: BinarySensor, *, on: bool = False) -> None:
        """Begin like this."""
        super().__init__(entity, BinarySensorState(key=entity.key, on=on))

    @property
    def on(self) -> bool:
        """Whether it is so."""
        return self.state.on is True

    def sense(self, *, on: bool) -> None:
        """Show how it is now."""
        self.change(on=on)


class Notice(VirtualEntity[EventSource, None, Action]):
    """Something that happens now and then."""

    def __init__(self, entity: EventSource) -> None:
        super().__init__(entity, None)

    def step(self) -> None:
        """Go on for one simulated second."""


class PushButton(VirtualEntity[Button, None, ButtonAction]):
    """A button; each press is one."""

    def __init__(self, entity: Button, press: Callable[[], Ending]) -> None:
        super().__init__(entity, None)
        self._press = press

    @override
    async def carry_out(self, action: ButtonAction, by: str) -> Ending:
        return self._press()


class OnOff(Part[Switch, SwitchState, SwitchAction]):
    """A switch."""

    def __init__(self, entity: Switch, apply: Apply[bool] = accept, *, on: bool = False) -> None:
        super().__init__(entity, SwitchState(key=entity.key, on=on))
        self._apply = apply

    @property
    def on(self) -> bool:
        """Whether it is on."""
        return self.state.on is True

    @override
    async def carry_out(self, action: SwitchAction, by: str) -> Ending:
        on = action.do == "turn_on"
        ending = self._apply(on)
        return self.change(on=on) if ending == Done() else ending


class Dial(Part[Number, NumberState, NumberAction]):
    """A number that can be set."""

    def __init__(self, entity: Number, value: float, apply: Apply[float] = accept) -> None:
        super().__init__(entity, NumberState(key=entity.key, value=value))
        self._apply = apply

    @property
    def value(self) -> float:
        """What it is set to."""
        return self.state.value or 0.0

    @override
    async def carry_out(self, action: NumberAction, by: str) -> Ending:
        # The range first: the appliance shall hear of nothing that is none.
        if not self.entity.minimum <= action.value <= self.entity.maximum:
            return Failed("out_of_range", f"{action.value:g} is out of range.")
        ending = self._apply(action.value)
        return self.change(value=action.value) if ending == Done() else ending


class Choice(Part[Select, SelectState, SelectAction]):
    """One of several options."""

    def __init__(self, entity: Select, apply: Apply[str] = accept, *, option: str) -> None:
        super().__init__(entity, SelectState(key=entity.key, option=option))
        self._apply = apply

    @override
    async def carry_out(self, action: SelectAction, by: str) -> Ending:
        if action.option not in self.entity.options:
            return Failed("out_of_range", f"{action.option!r} is none of the options.")
        ending = self._apply(action.option)
        return self.change(option=action.option) if ending == Done() else ending


class Line(Part[TextInput, TextInputState, TextInputAction]):
    """A text that can be written."""

    def __init__(self, entity: TextInput, value: str = "") -> None:
        super().__init__(entity, TextInputState(key=entity.key, value=value))

    @override
    async def carry_out(self, action: TextInputAction, by: str) -> Ending:
        entity, value = self.entity, action.value
        if not entity.minimum <= len(value) <= entity.maximum:
            return Failed("out_of_range", f"{len(value)} characters are too few or too many.")
        if entity.pattern is not None and not re.fullmatch(entity.pattern, value):
            return Failed("out_of_range", "The text does not have the right form.")
        return self.change(value=value)
