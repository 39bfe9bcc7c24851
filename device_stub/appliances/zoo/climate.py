"""A climate device: the room follows its targets."""

from typing import override

from secure_pair_protocol.model.climate import (
    Climate,
    ClimateAction,
    ClimateActivity,
    ClimateMode,
    ClimateState,
)

from ...entity import Ending, Failed
from ..parts import INCOMPLETE, NOT_SUPPORTED, Part

DEGREES_PER_SECOND = 0.01

_ACTIVITIES = {
    ClimateMode.OFF: ClimateActivity.OFF,
    ClimateMode.DRY: ClimateActivity.DRYING,
    ClimateMode.FAN_ONLY: ClimateActivity.FAN,
}
"""What it does in those modes that have no target temperature."""

_OPTIONS = {
    "set_fan_mode": "fan_mode",
    "set_swing_mode": "swing_mode",
    "set_preset": "preset",
}


class VirtualClimate(Part[Climate, ClimateState, ClimateAction]):
    """A virtual climate device."""

    def __init__(self, entity: Climate) -> None:
        """Begin switched off, in the middle of each range."""
        middle = (entity.minimum + entity.maximum) // 2
        self._room = middle - 1
        """Degrees in the room."""
        self._before = next(mode for mode in entity.modes if mode is not ClimateMode.OFF)
        """What it does when it is turned on again."""
        super().__init__(
            entity,
            ClimateState(
                key=entity.key,
                mode=ClimateMode.OFF,
                activity=ClimateActivity.OFF,
                current_temperature=self._room,
                target_temperature=middle if entity.target else None,
                target_low=middle - 2 if entity.target_range else None,
                target_high=middle + 2 if entity.target_range else None,
                current_humidity=48 if entity.humidity else None,
                target_humidity=50 if entity.humidity else None,
                fan_mode=_first(entity.fan_modes),
                swing_mode=_first(entity.swing_modes),
                preset=_first(entity.presets),
            ),
        )

    @override
    async def carry_out(self, action: ClimateAction, by: str) -> Ending:
        ending = self._apply(action)
        self._work()
        return ending

    @override
    def step(self) -> None:
        self._work()
        heats = self.state.activity is ClimateActivity.HEATING
        if heats or self.state.activity is ClimateActivity.COOLING:
            self._room += DEGREES_PER_SECOND if heats else -DEGREES_PER_SECOND
            self.change(current_temperature=round(self._room, 1))

    def _apply(self, action: ClimateAction) -> Ending:
        match action.do:
            case "set_mode":
                return self._enter(action.mode)
            case "turn_on":
                off = self.state.mode is ClimateMode.OFF
                return self._enter(self._before if off else self.state.mode)
            case "turn_off":
                return self._enter(ClimateMode.OFF)
            case "set_temperature":
                return self._set_temperature(action)
            case "set_humidity":
                return self._choose("target_humidity", action.humidity)
            case _:
                return self._choose(_OPTIONS[action.do], action.option)

    def _choose(self, field: str, value: object) -> Ending:
        if getattr(self.state, field) is None:
            # It begins with a value for all that it has.
            return NOT_SUPPORTED
        return INCOMPLETE if value is None else self.change(**{field: value})

    def _enter(self, mode: ClimateMode | None) -> Ending:
        if mode is None:
            return INCOMPLETE
        if mode not in self.entity.modes:
            return Failed("out_of_range", f"There is no mode {mode}.")
        if mode is not ClimateMode.OFF:
            self._before = mode
        return self.change(mode=mode)

    def _set_temperature(self, action: ClimateAction) -> Ending:
        changes: dict[str, object] = {
            "target_temperature": action.temperature,
            "target_low": action.low,
            "target_high": action.high,
        }
        changes = {field: value for field, value in changes.items() if value is not None}
        if not changes:
            return INCOMPLETE
        if any(getattr(self.state, field) is None for field in changes):
            return NOT_SUPPORTED
        low, high = action.low, action.high
        if low is not None and high is not None and low > high:
            return Failed("out_of_range", "The lower temperature is the higher one.")
        if action.mode is not None:
            # Both or none: the temperatures may be refused.
            if action.mode not in self.entity.modes:
                return Failed("out_of_range", f"There is no mode {action.mode}.")
            changes["mode"] = action.mode
        return self.change(**changes)

    def _work(self) -> None:
        """Decide what it does at this moment."""
        state = self.state
        mode = state.mode or ClimateMode.OFF
        if (activity := _ACTIVITIES.get(mode)) is None:
            ranges = mode is ClimateMode.HEAT_COOL and state.target_low is not None
            low = state.target_low if ranges else state.target_temperature
            high = state.target_high if ranges else state.target_temperature
            activity = ClimateActivity.IDLE
            if mode is not ClimateMode.COOL and low is not None and self._room < low:
                activity = ClimateActivity.HEATING
            elif mode is not ClimateMode.HEAT and high is not None and self._room > high:
                activity = ClimateActivity.COOLING
        self.change(activity=activity)


def _first(options: tuple[str, ...] | None) -> str | None:
    return options[0] if options else None
