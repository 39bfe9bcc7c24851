"""What travels between open and closed, and may be stopped on its way."""

from typing import override

from secure_pair_protocol.model.access import (
    Cover,
    CoverAction,
    CoverState,
    Movement,
    Valve,
    ValveAction,
    ValveState,
)

from ...entity import Done, Ending
from ..pace import Pace
from ..parts import INCOMPLETE, NOT_SUPPORTED, Part

TRAVEL_SECONDS = 10
"""From closed to open."""

STRIDE = 5
"""Percent between two states on the way."""


class _Traveller[E: Cover | Valve, S: CoverState | ValveState, A: CoverAction | ValveAction](
    Part[E, S, A]
):
    """It begins closed."""

    def __init__(self, entity: E, state: S, pace: Pace) -> None:
        """Take its first state but for the place."""
        super().__init__(entity, state)
        self._pace = pace
        self._place = 0
        """Percent; 100 is open."""
        self._show(None)

    @override
    def interrupts(self, action: A) -> bool:
        # It turns round on its way, too: nobody wants to wait until a gate is closed.
        return "tilt" not in action.do

    @override
    async def carry_out(self, action: A, by: str) -> Ending:
        match action.do:
            case "open":
                return await self._travel(100)
            case "close":
                return await self._travel(0)
            case "set_position":
                if not self.entity.position:
                    return NOT_SUPPORTED
                return (
                    INCOMPLETE if action.position is None else await self._travel(action.position)
                )
            case "stop":
                # By interrupting what it did, this has happened already.
                return Done() if self.entity.stop else NOT_SUPPORTED
        return NOT_SUPPORTED

    async def _travel(self, target: int) -> Ending:
        moving = Movement.OPENING if target > self._place else Movement.CLOSING
        try:
            while self._place != target:
                self._show(moving)
                await self._pace.take(TRAVEL_SECONDS * STRIDE / 100)
                way = target - self._place
                self._place += max(-STRIDE, min(STRIDE, way))
        finally:
            self._show(None)
        return Done()

    def _show(self, moving: Movement | None) -> None:
        place = {"position": self._place} if self.entity.position else {"closed": self._place == 0}
        self.change(moving=moving, **place)


class VirtualValve(_Traveller[Valve, ValveState, ValveAction]):
    """A valve."""


class VirtualCover(_Traveller[Cover, CoverState, CoverAction]):
    """A cover, and its slats."""

    @override
    async def carry_out(self, action: CoverAction, by: str) -> Ending:
        targets = {"open_tilt": 100, "close_tilt": 0, "set_tilt": action.position}
        if action.do not in targets:
            return await super().carry_out(action, by)
        if not self.entity.tilt:
            return NOT_SUPPORTED
        if (target := targets[action.do]) is None:
            return INCOMPLETE
        await self._pace.take(1)
        return self.change(tilt=target)
