"""At most once: the device's table of commands (docs/protocol.md, section 10).

One table for each terminal id, in memory, outliving renewals. Times are milliseconds of
the device's `up`.
"""

from msgspec import Struct

from .envelope import Result

CAPACITY = 1024
"""Entries that a table holds at least."""

FUTURE_TOLERANCE = 1000
"""How far in the future a command may have been born: clocks drift apart a little."""


class Entry(Struct):
    """What became of one id."""

    born: int
    max_age: int
    result: Result
    code: str | None = None
    text: str | None = None

    @property
    def carried_out(self) -> bool:
        """Tell whether the device acted on it, however it ended."""
        return self.result is not Result.VOID


class Verdict(Struct, frozen=True):
    """What to answer, and whether to act."""

    result: Result
    run: bool = False
    code: str | None = None
    text: str | None = None


class CommandTable:
    """Decides for each id, once, whether it runs."""

    __slots__ = ("_boot", "_capacity", "_entries", "_evicted")

    def __init__(self, boot: bytes, capacity: int = CAPACITY, evicted: int = -1) -> None:
        """Begin empty, as at each start of the device; `evicted`: of tables that have gone."""
        self._boot = boot
        self._capacity = capacity
        self._entries: dict[bytes, Entry] = {}
        self._evicted = evicted
        """`ev`: the greatest `born` of an evicted command that was carried out."""

    def command(self, command_id: bytes, boot: bytes, born: int, max_age: int, up: int) -> Verdict:
        """Decide about a command; with `run` it is recorded as running, and has to run."""
        if (known := self._known(command_id, boot)) is not None:
            return known
        if not self._is_young(born, max_age, up):
            return self._void(command_id, born, max_age, up)
        if not self._record(command_id, Entry(born, max_age, Result.RUNNING), up):
            return Verdict(Result.BUSY)
        return Verdict(Result.RUNNING, run=True)

    def question(self, command_id: bytes, boot: bytes, born: int, max_age: int, up: int) -> Verdict:
        """Answer what became of a command; one that is not known is barred for ever."""
        if (known := self._known(command_id, boot)) is not None:
            return known
        return self._void(command_id, born, max_age, up)

    def finish(
        self,
        command_id: bytes,
        result: Result,
        code: str | None = None,
        text: str | None = None,
    ) -> None:
        """Record how a running command ended: done, failed, or void if it never began."""
        entry = self._entries[command_id]
        entry.result, entry.code, entry.text = result, code, text

    def retired(self, up: int) -> int | None:
        """Return the `ev` that is left of the table if it goes now, with all of its entries.

        None: one of them has to stay.
        """
        entries = self._entries.values()
        if not all(self._may_go(entry, up) for entry in entries):
            return None
        return max([self._evicted, *(entry.born for entry in entries if entry.carried_out)])

    def _known(self, command_id: bytes, boot: bytes) -> Verdict | None:
        if boot != self._boot:
            return Verdict(Result.RESTARTED)
        if (entry := self._entries.get(command_id)) is not None:
            return Verdict(entry.result, code=entry.code, text=entry.text)
        return None

    @staticmethod
    def _is_young(born: int, max_age: int, up: int) -> bool:
        return -FUTURE_TOLERANCE <= up - born <= max_age

    @staticmethod
    def _may_go(entry: Entry, up: int) -> bool:
        return up - entry.born > entry.max_age and entry.result is not Result.RUNNING

    def _void(self, command_id: bytes, born: int, max_age: int, up: int) -> Verdict:
        is_old = up - born > max_age
        if is_old and born <= self._evicted:
            # Its own entry may have been evicted: nothing may say that it did not run.
            return Verdict(Result.UNKNOWN)
        recorded = self._record(command_id, Entry(born, max_age, Result.VOID), up)
        # One that is old needs no entry that bars it: it cannot become young again.
        return Verdict(Result.VOID if recorded or is_old else Result.BUSY)

    def _record(self, command_id: bytes, entry: Entry, up: int) -> bool:
        if len(self._entries) >= self._capacity and not self._evict(up):
            return False
        self._entries[command_id] = entry
        return True

    def _evict(self, up: int) -> bool:
        for command_id, entry in self._entries.items():
            if self._may_go(entry, up):
                if entry.carried_out:
                    self._evicted = max(self._evicted, entry.born)
                del self._entries[command_id]
                return True
        return False
