"""What happens by itself, at any moment: to a device, to the key service, to a secret."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from secure_pair_protocol.sessions import Register

from .runs import World
from .service import Service

LEAK = "the initial keys leak"
"""The event behind which nothing new is claimed, where there is no label."""


@dataclass(frozen=True, eq=False, slots=True)
class EventAt:
    before: tuple[object, ...] | None = None
    """What the event remembers of the world in which it happened."""


class Change(NamedTuple):
    """What is different behind an event."""

    learned: tuple[bytes, ...] = ()
    registers: Mapping[str, Register] | None = None
    service: Service | None = None


@dataclass(frozen=True)
class Event:
    """Something that happens once, at any time: `remembers` is what has to be told apart."""

    name: str
    happens: Callable[[World], Change | None]
    """None: not now."""
    remembers: Callable[[World], tuple[object, ...]] = lambda world: world.key
