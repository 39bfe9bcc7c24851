"""Who may connect, and who has to go for whom: a pure policy (docs/protocol.md, section 9).

It knows connections by their standing only. Each method says which others end, and
why; ending them is its caller's business.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from secure_pair_protocol.envelope import DEAD_SECONDS
from secure_pair_protocol.errors import Failure
from secure_pair_protocol.negotiation import CHALLENGE_SECONDS, Session
from secure_pair_protocol.resumption import PENDING_SECONDS

SILENT_SECONDS = 10
"""How long a connection may take to its first request."""

STORING_SECONDS = 60
"""How long a disk may take; the session may be stored all the same."""

ENDING_SECONDS = 2
"""How long the other end may take to close, after it was told."""

SILENT_LIMIT = 32
CHALLENGE_LIMIT = 8
ANSWERED_LIMIT = 8
ENDING_LIMIT = 32
RESUMPTIONS_PER_SESSION = 2
LIVE_PER_SESSION = 2


class Standing(Enum):
    """How far a connection has come."""

    SILENT = auto()
    CHALLENGED = auto()
    """m2 is sent: a challenge is open."""
    ANSWERED = auto()
    """m5 has opened, m6 is sent."""
    RESUMING = auto()
    """r2 is sent."""
    STORING = auto()
    """m7 was good; the session is being written."""
    LIVE = auto()
    ENDING = auto()
    """It was told why; the other end may still close by itself."""


_NEGOTIATING = (Standing.CHALLENGED, Standing.ANSWERED)
_OVERDUE = {
    Standing.SILENT: Failure.TIMEOUT,
    Standing.CHALLENGED: Failure.CHALLENGE_EXPIRED,
    Standing.ANSWERED: Failure.CHALLENGE_EXPIRED,
    Standing.RESUMING: Failure.TIMEOUT,
    Standing.STORING: Failure.STORAGE_FAILED,
    Standing.LIVE: Failure.TIMEOUT,
}


@dataclass(slots=True, eq=False)
class Place[C]:
    """One connection, as the policy sees it."""

    connection: C
    address: str
    deadline: float
    """Monotonic seconds; put off by each record of a live connection."""
    standing: Standing = Standing.SILENT
    terminal_id: bytes | None = None
    session_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class Verdict[C]:
    """A connection that has to end; no failure: it has done nothing wrong."""

    connection: C
    failure: Failure | None


class Admission[C]:
    """All connections of one device; times are monotonic seconds."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        """`choose(n)` draws one of n at random."""
        self._choose = choose
        self._places: dict[Place[C], None] = {}
        """In the order in which they came to their standing."""

    def __iter__(self) -> Iterator[Place[C]]:
        """Go through all connections; they may end meanwhile."""
        return iter(tuple(self._places))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._places)

    # What may happen to a connection

    def arrived(self, connection: C, address: str, now: float) -> tuple[Place[C], list[Verdict[C]]]:
        """Somebody connects; too many who have said nothing yet: one at random goes."""
        place = Place(connection, address, now + SILENT_SECONDS)
        self._places[place] = None
        return place, self._crowded(Standing.SILENT, SILENT_LIMIT)

    def challenged(self, place: Place[C], terminal_id: bytes, now: float) -> list[Verdict[C]]:
        """m2 goes out: at most 8 open challenges, then one at random goes."""
        place.terminal_id = terminal_id
        self._move(place, Standing.CHALLENGED, now + CHALLENGE_SECONDS)
        return self._crowded(Standing.CHALLENGED, CHALLENGE_LIMIT)

    def answered(self, place: Place[C]) -> list[Verdict[C]]:
        """m5 has opened: this terminal's other pending negotiations end."""
        self._move(place, Standing.ANSWERED, place.deadline)
        ended = self._pending(place, _NEGOTIATING)
        # Each terminal id here was vouched for by the key service; still, memory is finite.
        crowded = self._crowded(Standing.ANSWERED, ANSWERED_LIMIT)
        return ended + [verdict for verdict in crowded if verdict not in ended]

    def storing(self, place: Place[C], now: float) -> list[Verdict[C]]:
        """m7 was good: nothing but the disk decides from here on.

        A resumption would go on with a session that is about to be replaced: so it ends.
        """
        self._move(place, Standing.STORING, now + STORING_SECONDS)
        return self._pending(place, (Standing.RESUMING,))

    def is_storing(self, terminal_id: bytes | None) -> bool:
        """Tell whether a new session of this terminal is being written."""
        return any(place.terminal_id == terminal_id for place in self._all(Standing.STORING))

    def negotiated(self, place: Place[C], session: Session, now: float) -> list[Verdict[C]]:
        """Let a stored session begin: whatever else this terminal had here ends."""
        ended = self._pending(place, (*_NEGOTIATING, Standing.RESUMING))
        older = self._others(place, (Standing.LIVE,), terminal_id=session.terminal_id)
        self._begin(place, session, now)
        return ended + [Verdict(other.connection, None) for other in older]

    def resuming(
        self, place: Place[C], terminal_id: bytes, session_id: bytes, now: float
    ) -> list[Verdict[C]]:
        """r2 goes out: at most 2 half-open resumptions a session, the oldest goes."""
        place.terminal_id, place.session_id = terminal_id, session_id
        self._move(place, Standing.RESUMING, now + PENDING_SECONDS)
        return self._oldest(place, Standing.RESUMING, RESUMPTIONS_PER_SESSION, Failure.BUSY)

    def resumed(self, place: Place[C], session: Session, now: float) -> list[Verdict[C]]:
        """r3 was good: this terminal's pending negotiations end; at most 2 live ones stay."""
        ended = self._pending(place, _NEGOTIATING)
        self._begin(place, session, now)
        return ended + self._oldest(place, Standing.LIVE, LIVE_PER_SESSION, None)

    def heard(self, place: Place[C], now: float) -> None:
        """A record has come."""
        if place.standing is Standing.LIVE:
            place.deadline = now + DEAD_SECONDS

    def ending(self, place: Place[C], now: float) -> list[Verdict[C]]:
        """It was told to go; beyond a few that take their time the oldest is cut off."""
        self._move(place, Standing.ENDING, now + ENDING_SECONDS)
        ending = self._all(Standing.ENDING)
        return [Verdict(other.connection, None) for other in ending[:-ENDING_LIMIT]]

    def left(self, place: Place[C]) -> None:
        """It is gone."""
        self._places.pop(place, None)

    def overdue(self, now: float) -> list[Verdict[C]]:
        """Return those whose time is over."""
        return [
            Verdict(place.connection, _OVERDUE.get(place.standing))
            for place in self._places
            if now > place.deadline
        ]

    # The rules' parts

    def _move(self, place: Place[C], standing: Standing, deadline: float) -> None:
        place.standing, place.deadline = standing, deadline
        if place in self._places:
            del self._places[place]
            self._places[place] = None

    def _begin(self, place: Place[C], session: Session, now: float) -> None:
        place.terminal_id, place.session_id = session.terminal_id, session.session_id
        self._move(place, Standing.LIVE, now + DEAD_SECONDS)

    def _all(self, standing: Standing) -> list[Place[C]]:
        return [place for place in self._places if place.standing is standing]

    def _others(
        self, place: Place[C], standings: tuple[Standing, ...], *, terminal_id: bytes | None
    ) -> list[Place[C]]:
        return [
            other
            for other in self._places
            if other is not place
            and other.standing in standings
            and other.terminal_id == terminal_id
        ]

    def _pending(self, place: Place[C], standings: tuple[Standing, ...]) -> list[Verdict[C]]:
        others = self._others(place, standings, terminal_id=place.terminal_id)
        return [Verdict(other.connection, Failure.BUSY) for other in others]

    def _oldest(
        self, place: Place[C], standing: Standing, limit: int, failure: Failure | None
    ) -> list[Verdict[C]]:
        same = [other for other in self._all(standing) if other.session_id == place.session_id]
        return [Verdict(other.connection, failure) for other in same[:-limit]]

    def _crowded(self, standing: Standing, limit: int) -> list[Verdict[C]]:
        """One at random goes, of the address that has most; the newcomer is no exception."""
        places = self._all(standing)
        if len(places) <= limit:
            return []
        addresses = Counter(place.address for place in places)
        most = max(addresses.values())
        candidates = [place for place in places if addresses[place.address] == most]
        return [Verdict(candidates[self._choose(len(candidates))].connection, Failure.BUSY)]
