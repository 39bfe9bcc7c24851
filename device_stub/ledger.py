"""The register of sessions: durable before anything builds on it, one change at a time."""

import asyncio
import logging
from collections.abc import Callable

from secure_pair_protocol import sessions
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.sessions import SAVING_SECONDS, Register

from .store import Store

_LOGGER = logging.getLogger(__name__)

type Rule = Callable[[Register], Register]
"""One of the rules of docs/protocol.md, section 9; raises SecurePairError to refuse."""


class Ledger:
    """Holds the register in memory, counts powered time, and writes each change first."""

    def __init__(
        self, store: Store, *, clock: Callable[[], float], draw: Callable[[int], bytes]
    ) -> None:
        """`clock`: monotonic seconds; `draw`: so many random bytes."""
        self.store = store
        self._clock = clock
        self._draw = draw
        self._written = Register(b"")
        """What the file says; `_since` is the time that its `spent` counts up to."""
        self._since = 0.0
        self._one_at_a_time = asyncio.Lock()
        self.listeners: list[Callable[[], None]] = []
        """Called when `register` has changed, and it is durable."""

    async def open(self) -> None:
        """Read the file, as at a start of the device; raises StateError, OSError."""
        async with self._one_at_a_time:
            self.store.acquire()
            register = await asyncio.to_thread(self.store.read)
            if register is None:
                register = sessions.factory_reset(self._draw(8))
                await asyncio.to_thread(self.store.write, register)
            elif any(held.remaining is not None for held in register.held):
                # Durable at once: otherwise, of many short runs, none would count.
                register = sessions.started(register)
                await asyncio.to_thread(self.store.write, register)
            self._written, self._since = register, self._clock()
        self._tell()

    async def close(self) -> None:
        """Let go of the file, after the last write."""
        async with self._one_at_a_time:
            self.store.release()

    @property
    def register(self) -> Register:
        """The register at this moment, powered time counted; what is over is not in it."""
        return sessions.powered(self._written, int(self._clock() - self._since))

    async def change(self, rule: Rule) -> None:
        """Apply a rule: returns when it is durable, and only then does `register` show it.

        Raises SecurePairError: the rule's, or storage_failed; then nothing has changed.
        """
        async with self._one_at_a_time:
            seconds = int(self._clock() - self._since)
            register = rule(sessions.powered(self._written, seconds))
            try:
                await asyncio.to_thread(self.store.write, register)
            except OSError as error:
                _LOGGER.warning("the state file cannot be written: %s", error.strerror)
                raise SecurePairError(Failure.STORAGE_FAILED) from error
            self._written = register
            self._since += seconds
        self._tell()

    def _tell(self) -> None:
        for listener in self.listeners:
            listener()

    @property
    def is_save_due(self) -> bool:
        """Tell whether a session began another hour, or ended, since the last write.

        `sessions.started` rounds up to whole hours, so each session's own hours count.
        """
        now = {held.session.session_id: held for held in self.register.held}
        for held in self._written.held:
            if held.remaining is None:
                continue
            later = now.get(held.session.session_id)
            if later is None or later.spent // SAVING_SECONDS > held.spent // SAVING_SECONDS:
                return True
        return False
