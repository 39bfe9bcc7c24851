"""A humidifier or a dehumidifier: the air follows its target."""

from typing import override

from secure_pair_protocol.model.climate import (
    Humidifier,
    HumidifierAction,
    HumidifierActivity,
    HumidifierState,
)

from ...entity import Ending
from ..parts import INCOMPLETE, Part

PERCENT_PER_SECOND = 0.02


class VirtualHumidifier(Part[Humidifier, HumidifierState, HumidifierAction]):
    """A virtual humidifier, or a dehumidifier by its device class."""

    def __init__(self, entity: Humidifier) -> None:
        """Begin switched off."""
        self._air = 45.0
        """Percent of humidity."""
        super().__init__(
            entity,
            HumidifierState(
                key=entity.key,
                on=False,
                activity=HumidifierActivity.OFF,
                current=self._air,
                target=50,
                mode=entity.modes[0] if entity.modes else None,
            ),
        )

    @override
    async def carry_out(self, action: HumidifierAction, by: str) -> Ending:
        ending = self._apply(action)
        self._work()
        return ending

    @override
    def step(self) -> None:
        self._work()
        humidifies = self.state.activity is HumidifierActivity.HUMIDIFYING
        if humidifies or self.state.activity is HumidifierActivity.DRYING:
            self._air += PERCENT_PER_SECOND if humidifies else -PERCENT_PER_SECOND
            self.change(current=round(self._air, 1))

    def _apply(self, action: HumidifierAction) -> Ending:
        match action.do:
            case "turn_on" | "turn_off":
                return self.change(on=action.do == "turn_on")
            case "set_humidity":
                if action.humidity is None:
                    return INCOMPLETE
                return self.change(target=action.humidity)
            case "set_mode":
                return INCOMPLETE if action.mode is None else self.change(mode=action.mode)

    def _work(self) -> None:
        """Decide what it does at this moment."""
        target = self.state.target or 0
        activity = HumidifierActivity.IDLE
        if not self.state.on:
            activity = HumidifierActivity.OFF
        elif self.entity.device_class == "dehumidifier":
            if self._air > target:
                activity = HumidifierActivity.DRYING
        elif self._air < target:
            activity = HumidifierActivity.HUMIDIFYING
        self.change(activity=activity)
