"""When to try again: a pure policy (docs/protocol.md, section 9)."""

from dataclasses import dataclass
from typing import Final

MAX_SECONDS: Final = 60
GROWTH: Final = 1.8


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
        return min(GROWTH ** (self.tries - 1), MAX_SECONDS) * (0.75 + spread / 2)

    def failed(self) -> Backoff:
        """Return the policy after one more failure."""
        return Backoff(self.tries + 1)
