"""A fan."""

from typing import override

from secure_pair_protocol.model.climate import Fan, FanAction, FanDirection, FanState

from ...entity import Ending
from ..parts import INCOMPLETE, NOT_SUPPORTED, Part

_FIELDS = {
    "set_percentage": ("percentage",),
    "set_oscillation": ("oscillating",),
    "set_direction": ("direction",),
    "set_preset": ("preset",),
    "turn_on": ("percentage", "preset"),
}
"""What may go with an action."""


class VirtualFan(Part[Fan, FanState, FanAction]):
    """A virtual fan."""

    def __init__(self, entity: Fan) -> None:
        """Begin switched off."""
        self._has = {
            "percentage": entity.speeds is not None,
            "oscillating": entity.oscillation,
            "direction": entity.direction,
            "preset": entity.presets is not None,
        }
        super().__init__(
            entity,
            FanState(
                key=entity.key,
                on=False,
                percentage=None if entity.speeds is None else 0,
                oscillating=False if entity.oscillation else None,
                direction=FanDirection.FORWARD if entity.direction else None,
            ),
        )

    @override
    async def carry_out(self, action: FanAction, by: str) -> Ending:
        if action.do == "turn_off":
            return self.change(on=False, preset=None, **self._turning(0))
        fields = _FIELDS[action.do]
        changes: dict[str, object] = {
            field: value for field in fields if (value := getattr(action, field)) is not None
        }
        if not all(self._has[field] for field in changes):
            return NOT_SUPPORTED
        if not changes and action.do != "turn_on":
            return INCOMPLETE
        if "percentage" in changes:
            # A speed of the user's own choice ends a preset.
            changes = {"preset": None, "on": action.percentage != 0} | changes
        elif "preset" in changes or action.do == "turn_on":
            changes = {"on": True} | self._turning(self.state.percentage or 100) | changes
        return self.change(**changes)

    def _turning(self, percentage: int) -> dict[str, object]:
        """Return the speed, for a fan that has any."""
        return {"percentage": percentage} if self._has["percentage"] else {}
