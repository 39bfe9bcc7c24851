"""When to try again: a pure policy (docs/protocol.md, section 9)."""

from dataclasses import dataclass, replace
from typing import Final

from .protocol.errors import Failure, SecurePairError
from .protocol.sessions import SAVING_SECONDS

MAX_SECONDS: Final = 60
GROWTH: Final = 1.8
_MOST_GROWTH: Final = 16
"""More would only overflow one day."""

HURRY_SECONDS: Final = 10.0
"""How often at most an announcement brings the next try forward."""

LASTING_SECONDS: Final = 30
"""A link that lasts so long was a good one: after it, the next try comes at once."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """The delays between tries; they grow until one succeeds."""

    tries: int = 0

    def delay(self, spread: float) -> float:
        """Return the seconds until the next try.

        `spread` is drawn from [0, 1): it keeps the devices of a home from coming back all
        at the same moment.
        """
        if self.tries == 0:
            return 0.0
        return min(GROWTH ** min(self.tries - 1, _MOST_GROWTH), MAX_SECONDS) * (0.75 + spread / 2)

    def failed(self) -> Backoff:
        """Return the policy after one more failure."""
        return Backoff(self.tries + 1)


NEGOTIATION_SECONDS: Final = 600
"""The least time between two negotiations that nobody asked for."""

LOSS_SECONDS: Final = 3600
LOSSES: Final = 2
"""So many unexplained losses within that time, the one at hand among them, mean that
something else is wrong."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Sessions that the device did not know any more, and nobody knows why.

    Anybody on the way can say "session unknown", and a copy of this terminal makes it
    true: so negotiating anew by itself has its limits. Times are monotonic seconds.
    """

    tried: float | None = None
    mended: tuple[float, ...] = ()
    expires: float | None = None
    """When the session that served last ends at the earliest."""

    def serves(self, now: float, remaining: int | None) -> Losses:
        """Return it with a session that has so many seconds left, or no end."""
        # A device that starts anew counts an hour that had begun as a whole one.
        expires = (
            None if remaining is None else now + remaining - min(SAVING_SECONDS, remaining // 2)
        )
        return replace(self, expires=expires)

    def is_explained(self, now: float) -> bool:
        """Tell whether it is no wonder that the device does not know the session."""
        return self.expires is not None and now >= self.expires

    def check(self, now: float) -> None:
        """Raise SecurePairError (identity_in_use, session_unknown) where it has to wait."""
        recent = [at for at in self.mended if now - at < LOSS_SECONDS]
        if len(recent) + 1 >= LOSSES and not self.is_explained(now):
            raise SecurePairError(Failure.IDENTITY_IN_USE)
        if self.tried is not None and now - self.tried < NEGOTIATION_SECONDS:
            raise SecurePairError(Failure.SESSION_UNKNOWN)

    def try_at(self, now: float) -> Losses:
        """Return it with one more negotiation, however that ends."""
        return replace(self, tried=now)

    def mend_at(self, now: float) -> Losses:
        """Return it with one more session that had to be made anew."""
        return replace(self, mended=(*self.mended[1 - LOSSES :], now))
