"""Commands of this terminal, at most once (docs/protocol.md, section 10).

A wish is turned into bytes once, and only ever repeated as these bytes. After a break the
device is told again while the wish is fresh, else asked; until it has answered, the
outcome is unclear, and said so.
"""

import asyncio
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from .link import Link
from .protocol import envelope
from .protocol.envelope import Command, Outcome, Question, Result
from .protocol.errors import SecurePairError
from .protocol.model import Action, Entity

BUSY_SECONDS: Final = 0.25
"""How long a busy device is left alone before the same bytes go out again."""

ANSWER_SECONDS: Final = 5
"""How long a device may take to say that it has a command, before that is unclear."""

PATIENCE_SECONDS: Final = 20
"""How long a caller waits for a lost or silent device before he hears that the outcome is
unknown."""

RUNNING_SECONDS: Final = 60
"""How often a device is asked about a command that it has said to be running."""

LONGEST_SECONDS: Final = 3600
"""How long a command may run before nobody waits for its outcome any more."""


class Clarity(Protocol):
    """Hears that the outcome of an entity's command became unclear, or clear again."""

    def __call__(self, key: str, *, clear: bool) -> None:
        """Take the entity's key."""


@dataclass(slots=True, eq=False)
class _Pending:
    command: Command
    deadline: float
    """The loop's time after which the wish is not fresh any more."""
    end: float
    """The loop's time after which nobody waits any more."""
    caller: asyncio.Future[Result | Outcome]
    due: float = math.inf
    """The loop's time at which `then` comes, unless the device says something before."""
    then: Callable[[_Pending], None] | None = None
    is_unclear: bool = False

    def answer(self, outcome: Result | Outcome) -> None:
        if not self.caller.done():
            self.caller.set_result(outcome)


class Commander:
    """The commands under way to one device, over however many connections."""

    def __init__(self, on_clarity: Clarity) -> None:
        """Begin without a connection."""
        self._loop = asyncio.get_running_loop()
        self._on_clarity = on_clarity
        self._link: Link | None = None
        self._pending: dict[bytes, _Pending] = {}
        self._clock: asyncio.TimerHandle | None = None
        """One for all of them: nearly each command ends before anything is due."""

    async def carry_out(self, link: Link, entity: Entity, action: Action) -> Result | Outcome:
        """Send a command, and return what the device says in the end, be it after a break.

        `Result.UNKNOWN` by itself: the device was lost or silent, and has not come back in
        time, or the command runs for longer than anybody waits.
        """
        max_age = entity.age_limit(action) / 1000
        command = Command(
            os.urandom(16),
            link.welcome.boot,
            link.now(),
            entity.key,
            msgspec.Raw(envelope.encode(action)),
        )
        now = self._loop.time()
        caller = self._loop.create_future()
        pending = _Pending(command, now + max_age, now + LONGEST_SECONDS, caller)
        self._pending[command.id] = pending
        self._send(pending)
        return await pending.caller

    def linked(self, link: Link) -> None:
        """Clear up, on a new connection, what became of everything under way."""
        self._link = link
        for pending in tuple(self._pending.values()):
            self._send(pending)

    def unlinked(self) -> None:
        """Note that the connection broke: what is under way has become unclear."""
        self._link = None
        for pending in self._pending.values():
            self._lose_sight(pending)

    def receive(self, outcome: Outcome) -> None:
        """Take what the device says of a command."""
        if (pending := self._pending.get(outcome.id)) is None:
            return
        match outcome.result:
            case Result.BUSY if pending.caller.done():
                # It has not run, and nobody waits for it any more.
                self._forget(pending)
            case Result.BUSY if self._loop.time() > pending.deadline:
                # It would only be asked about, and nobody shall wait for that for an hour.
                self._lose_sight(pending)
            case Result.BUSY:
                self._later(pending, BUSY_SECONDS, self._send)
            case Result.RUNNING:
                self._later(pending, RUNNING_SECONDS, self._send)
                self._set_clarity(pending, clear=True)
            case _:
                self._forget(pending)
                pending.answer(outcome)

    def close(self) -> None:
        """Let everybody go who still waits."""
        for pending in self._pending.values():
            pending.answer(Result.UNKNOWN)
        self._pending.clear()
        self._set_clock(math.inf)

    def _send(self, pending: _Pending) -> None:
        if self._loop.time() >= pending.end:
            self._expire(pending)
        elif self._ask(pending):
            self._later(pending, ANSWER_SECONDS, self._doubt)
        else:
            pending.due = math.inf

    def _doubt(self, pending: _Pending) -> None:
        self._ask(pending)
        self._lose_sight(pending)

    def _lose_sight(self, pending: _Pending) -> None:
        """It is unclear what becomes of it, and not for long does anybody wait for that."""
        self._set_clarity(pending, clear=False)
        self._later(pending, PATIENCE_SECONDS, self._give_up)

    def _give_up(self, pending: _Pending) -> None:
        """Say that the outcome is unknown; the newest such one is cleared up one day."""
        pending.answer(Result.UNKNOWN)
        entity = pending.command.entity
        for other in tuple(self._pending.values()):
            if other is not pending and other.caller.done() and other.command.entity == entity:
                del self._pending[other.command.id]

    def _ask(self, pending: _Pending) -> bool:
        """Send it, or only the question where the wish is not fresh; tell whether it went."""
        fresh = self._loop.time() <= pending.deadline
        if self._link is None:
            return False
        try:
            self._link.send(pending.command if fresh else _question(pending.command))
        except SecurePairError:
            # The connection has just ended; the next one clears it up.
            return False
        return True

    def _set_clarity(self, pending: _Pending, *, clear: bool) -> None:
        """Note whether it is known what becomes of a command; another may be unclear still."""
        if pending.is_unclear is not clear:
            return
        pending.is_unclear = not clear
        entity = pending.command.entity
        unclear = not clear or any(
            other.is_unclear and other.command.entity == entity for other in self._pending.values()
        )
        self._on_clarity(entity, clear=not unclear)

    def _forget(self, pending: _Pending) -> None:
        """Let a command go whose outcome is there, or that nobody waits for any more."""
        self._pending.pop(pending.command.id, None)
        self._set_clarity(pending, clear=True)

    def _expire(self, pending: _Pending) -> None:
        """Let a command go that has run for as long as anybody waits."""
        self._forget(pending)
        pending.answer(Result.UNKNOWN)

    def _later(self, pending: _Pending, seconds: float, then: Callable[[_Pending], None]) -> None:
        """Have this come next, unless the device says something before."""
        pending.due, pending.then = min(self._loop.time() + seconds, pending.end), then
        if self._clock is None or pending.due < self._clock.when():
            self._set_clock(pending.due)

    def _set_clock(self, at: float) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        if at < math.inf:
            self._clock = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._clock = None
        now = self._loop.time()
        for command_id in tuple(self._pending):
            pending = self._pending.get(command_id)
            if pending is not None and pending.then is not None and pending.due <= now:
                pending.due = math.inf
                if now >= pending.end:
                    self._expire(pending)
                else:
                    pending.then(pending)
        self._set_clock(min((other.due for other in self._pending.values()), default=math.inf))


def _question(command: Command) -> Question:
    return Question(command.id, command.boot, command.born, command.entity, command.action)
