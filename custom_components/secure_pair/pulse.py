"""One clock for the signs of life of all links (docs/protocol.md, section 8).

What is due in the same second is done in one go: with a thousand devices the loop wakes up
once a second, and not once for each of them.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from .const import LOGGER
from .protocol.envelope import PING_SECONDS


class Beating(Protocol):
    """Something that is alive."""

    def beat(self, second: int) -> int | None:
        """Do what is due in this second of the loop's clock.

        Returns in which later one to do it again, at the latest `PING_SECONDS` on; None: never.
        """

    def rest(self) -> None:
        """Let go what is needed only while something goes on."""


@dataclass(slots=True)
class _Beat:
    timer: asyncio.TimerHandle
    due: set[Beating] = field(default_factory=set)


class Pulse:
    """Who is due in which second; without anybody there is no timer."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._beats: dict[int, _Beat] = {}
        self._tired: set[Beating] = set()
        """Those who were due last: by the next beat they have had their answer."""

    def join(self, one: Beating) -> int:
        """Have it beat, first in the returned second.

        Of the next `PING_SECONDS` that is the one in which the fewest are due: those who come
        at the same moment are not to be due at the same moment for ever.
        """
        now = int(asyncio.get_running_loop().time())
        # The latest of several: one that is alone waits as long as it may.
        second = min(range(now + PING_SECONDS, now, -1), key=self._count)
        self._add(second, one)
        return second

    def leave(self, second: int, one: Beating) -> None:
        """Let it be: it would have been due in this second."""
        self._tired.discard(one)
        if (beat := self._beats.get(second)) is None:
            return
        beat.due.discard(one)
        if not beat.due:
            beat.timer.cancel()
            del self._beats[second]

    def _count(self, second: int) -> int:
        beat = self._beats.get(second)
        return 0 if beat is None else len(beat.due)

    def _add(self, second: int, one: Beating) -> None:
        if (beat := self._beats.get(second)) is None:
            timer = asyncio.get_running_loop().call_at(second, self._beat, second)
            beat = self._beats[second] = _Beat(timer)
        beat.due.add(one)

    def _beat(self, second: int) -> None:
        due, tired, self._tired = self._beats.pop(second).due, self._tired, set()
        for one in tired:
            one.rest()
        # Whoever is found dead leaves meanwhile: these are nobody's to leave any more.
        for one in due:
            try:
                again = one.beat(second)
            except Exception:  # noqa: BLE001 - the others go on
                LOGGER.exception("Unexpected error at a sign of life")
                continue
            if again is not None:
                self._add(again, one)
                self._tired.add(one)
