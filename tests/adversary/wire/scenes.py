"""What a terminal and a device do, frame by frame."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import override

import pytest

from custom_components.secure_pair.protocol.envelope import Result
from custom_components.secure_pair.protocol.errors import SecurePairError
from custom_components.secure_pair.reconnect import NEGOTIATION_SECONDS
from secure_pair_protocol import sessions
from secure_pair_protocol.model.access import LockPosition

from .pair import Pair

BACK_SECONDS = 200
"""A connection on which nothing comes any more is dead after 90 s, the longest wait between
two tries is 75 s, and what was half done is forgotten after 60 s."""

type Act = Callable[[Pair], Awaitable[None]]


@dataclass(frozen=True)
class Place:
    """One frame of a scene."""

    to_device: bool
    number: int
    """Of its direction, from 0."""
    size: int
    """In bytes on the wire, the length included."""
    name: str


@dataclass(frozen=True)
class Scene:
    """Something that the two do."""

    name: str
    act: Act
    connection: int
    """Which its frames are of: 0 the next one, -1 the one that is there."""
    places: tuple[Place, ...]
    back: int = BACK_SECONDS
    negotiations: int = 1
    """How many there may be at most."""

    @override
    def __repr__(self) -> str:
        return self.name


async def _negotiate(pair: Pair) -> None:
    """The user renews the session key."""
    try:
        await pair.keeper.renew(asked_by_user=True)
    except SecurePairError as error:
        pair.failures.append(error.failure)


async def _resume(pair: Pair) -> None:
    """The network breaks, and comes back."""
    tries = pair.network.connections
    pair.network.cut()
    await pair.until(lambda: pair.network.connections > tries, 10)


async def _forget(pair: Pair) -> None:
    """The device loses the session, and the terminal makes a new one by itself."""
    ((session_id, _),) = pair.keys.stored
    await pair.device.ledger.change(lambda register: sessions.unpaired(register, session_id))
    pair.device.end_forgotten()


async def _talk(pair: Pair) -> None:
    """Somebody turns the key, and the user locks the door again."""
    before = pair.ran
    pair.lock.turn_by_hand(LockPosition.UNLOCKED)
    await asyncio.sleep(0.1)
    result = await pair.call("lock")
    ran = pair.ran - before
    assert ran <= 1
    match result:
        case Result.DONE:
            assert ran == 1
        case Result.VOID | None:
            assert ran == 0
        case _:
            assert result is Result.UNKNOWN
    if ran == 0:
        pair.lock.turn_by_hand(LockPosition.LOCKED)


def _places(*frames: tuple[bool, int, str]) -> tuple[Place, ...]:
    counts = {True: 0, False: 0}
    places = []
    for to_device, size, name in frames:
        places.append(Place(to_device, counts[to_device], size, name))
        counts[to_device] += 1
    return tuple(places)


D, T = True, False
_BEGINNING = ((T, 36, "welcome"), (T, 185, "description"), (T, 82, "states"))

NEGOTIATION = Scene(
    "a negotiation",
    _negotiate,
    connection=0,
    places=_places(
        (T, 37, "greeting"),
        (D, 23, "m1"),
        (T, 90, "m2"),
        (D, 112, "m5"),
        (T, 72, "m6"),
        (D, 38, "m7"),
        *_BEGINNING,
    ),
)
RESUMPTION = Scene(
    "a resumption",
    _resume,
    connection=0,
    places=_places((T, 37, "greeting"), (D, 91, "r1"), (T, 72, "r2"), (D, 38, "r3"), *_BEGINNING),
)
SESSION = Scene(
    "a session",
    _talk,
    connection=-1,
    places=_places(
        (T, 70, "state: unlocked"),
        (D, 67, "command"),
        (T, 83, "state: locking"),
        (T, 53, "outcome: running"),
        (T, 82, "state: locked"),
        (T, 50, "outcome: done"),
    ),
)
SCENES = (NEGOTIATION, RESUMPTION, SESSION)

FORGOTTEN = Scene(
    "a negotiation by itself",
    _forget,
    # The one before it asks for the session, which is not known.
    connection=1,
    places=NEGOTIATION.places,
    back=NEGOTIATION_SECONDS + BACK_SECONDS,
    negotiations=2,
)


every_place = pytest.mark.parametrize(
    ("scene", "place"),
    [
        pytest.param(scene, place, id=f"{scene}: {place.name}")
        for scene in SCENES
        for place in scene.places
    ],
)
"""Gives each test one frame; all of them together are all that the two say."""
