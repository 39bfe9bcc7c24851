"""A device with every kind of entity, and all that each kind can have."""

from collections.abc import Callable
from datetime import UTC, datetime

from ..appliance import Appliance
from ..pace import Pace
from .access import access_of
from .air import air_of
from .lights import lights
from .reporting import reporting_of
from .switching import switching_of
from .values import values_of


def _now() -> datetime:
    return datetime.now(UTC)


class Zoo(Appliance):
    """Whatever an entity is told to do, its state follows."""

    def __init__(self, *, now: Callable[[], datetime] = _now) -> None:
        """`now`: what its sensors of time begin with."""
        pace = Pace()
        super().__init__(
            pace,
            (
                *access_of(pace),
                *air_of(),
                *lights(pace),
                *reporting_of(pace),
                *switching_of(),
                *values_of(now()),
            ),
        )
