"""A door lock: a bolt that takes its time, and may jam."""

import asyncio
from hmac import compare_digest
from typing import override

from secure_pair_protocol.model.access import Lock, LockAction, LockPosition, LockState
from secure_pair_protocol.secret import Secret

from .entity import Done, Ending, Failed, VirtualEntity

_TARGETS = {
    "lock": (LockPosition.LOCKING, LockPosition.LOCKED),
    "unlock": (LockPosition.UNLOCKING, LockPosition.UNLOCKED),
    "open": (LockPosition.OPENING, LockPosition.OPEN),
}


class DoorLock(VirtualEntity[Lock, LockState, LockAction]):
    """A virtual door lock; its bolt takes a second at speed 1."""

    def __init__(
        self,
        *,
        key: str = "lock",
        name: str | None = None,
        latch: bool = False,
        code: str | None = None,
        position: LockPosition | None = LockPosition.LOCKED,
    ) -> None:
        """Begin with the bolt in this place.

        `latch`: it can pull the latch as well; `code`: the digits that each action needs.
        """
        entity = Lock(
            key=key,
            name=name,
            latch=latch,
            code_format=None if code is None else rf"^\d{{{len(code)}}}$",
            max_age={"lock": 10_000, "unlock": 10_000, "open": 10_000},
        )
        super().__init__(entity, LockState(key=key, position=position))
        self._code = None if code is None else Secret(code.encode())
        self.jam = False
        """While this is so, the bolt gets stuck on its way."""
        self.motions = 0
        """How often the bolt has set off."""
        self._speed = 1.0

    @property
    def position(self) -> LockPosition | None:
        """Where the bolt is."""
        return self.state.position

    def set_speed(self, speed: float) -> None:
        """Move that many times as fast; `math.inf`: at once."""
        if not speed > 0:
            raise ValueError("a speed is greater than 0")
        self._speed = speed

    def turn_by_hand(self, position: LockPosition, by: str = "key") -> None:
        """Somebody at the door turns the key."""
        self._show(position, by)

    @override
    async def carry_out(self, action: LockAction, by: str) -> Ending:
        moving, target = _TARGETS[action.do]
        if not self._knows(action.code):
            return Failed("wrong_code", "This is not the code.")
        if target is LockPosition.OPEN and not self.entity.latch:
            return Failed("not_supported", "This lock has no latch.")
        if self.position is target:
            return Done()
        try:
            await self._move(moving, by)
        except asyncio.CancelledError:
            # Without power nobody knows how far it came.
            self._show(None, None)
            raise
        if self.jam:
            self._show(LockPosition.JAMMED, by)
            return Failed("jammed", "The bolt is stuck.")
        self._show(target, by)
        if target is LockPosition.OPEN:
            # The latch springs back; the bolt stays where it is.
            await self._pause()
            self._show(LockPosition.UNLOCKED, by)
        return Done()

    def _knows(self, code: str | None) -> bool:
        return self._code is None or compare_digest(
            self._code.reveal(), b"" if code is None else code.encode()
        )

    async def _move(self, moving: LockPosition, by: str) -> None:
        self.motions += 1
        self._show(moving, by)
        await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(1 / self._speed)

    def _show(self, position: LockPosition | None, by: str | None) -> None:
        self.push(LockState(key=self.entity.key, position=position, changed_by=by))
