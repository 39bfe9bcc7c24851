"""Both ends' rules together, in every order, with losses and crashes (section 9).

What is held: the device never holds a session that the terminal lacks, or the terminal
could not come back. Each rule that this rests on is left out in turn, and is missed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import pytest

from secure_pair_protocol import sessions

from .exploring import Explored, explore
from .session_rules import accepted, confirmed, negotiated

STORED = 3
"""Sessions that the terminal keeps here. With 4, 6 and 10 it holds too, in two minutes."""

NEGOTIATIONS = 4
CONNECTIONS = 7

RULES = (
    "m7 only after the write",
    "the device stores at m7",
    "m5 ends this terminal's other negotiations",
    "r3 ends this terminal's negotiations",
    "r3 only while the session is there",
    "confirmed at the first record only",
    "one more than can be stored only when all were refused",
)


class Shake(NamedTuple):
    """A handshake whose last message is under way; the device waits for it."""

    connection: int
    message: Literal["m7", "r3"]
    session: int


@dataclass(frozen=True)
class World:
    """Both disks, the device's memory, and what is under way."""

    stored: tuple[tuple[int, bool], ...] = ()
    """The terminal's disk: session, and whether it is provisional."""
    held: int | None = None
    """The device's disk."""
    pending: frozenset[Shake] = frozenset()
    """The device's memory."""
    waits: Shake | None = None
    """Where the terminal waits for the first record: one handshake at a time."""
    record: bool = False
    """It is under way."""
    refused: frozenset[int] = frozenset()
    """Sessions that the device did not know, since anything else has happened."""
    live: int | None = None
    """An older connection, of which later records come."""
    negotiations: int = 0
    connections: int = 0

    @property
    def is_sound(self) -> bool:
        return self.held is None or self.held in dict(self.stored)


# What may happen next


def steps(world: World, without: str) -> Iterator[World]:
    """Yield each world that may follow; `without` names the rule that is left out."""
    # The device starts anew.
    yield replace(world, pending=frozenset())
    # The terminal starts anew, or waits no longer: what comes is not read any more.
    yield replace(world, waits=None, record=False, live=None)
    for shake in world.pending:
        yield replace(world, pending=world.pending - {shake})
        yield from arrives(world, shake, without)
    if world.record and world.waits is not None:
        yield replace(
            world,
            stored=confirmed(world.stored, world.waits.session),
            waits=None,
            record=False,
            live=world.waits.session,
        )
    if world.live is not None and without == "confirmed at the first record only":
        yield replace(world, stored=confirmed(world.stored, world.live))
    if world.connections < CONNECTIONS:
        connected = replace(world, waits=None, record=False, connections=world.connections + 1)
        for session, _ in world.stored:
            yield resumed(connected, session)
        may_negotiate = (
            len(world.stored) < STORED
            or world.refused >= set(dict(world.stored))
            or without == "one more than can be stored only when all were refused"
        )
        if may_negotiate and world.negotiations < NEGOTIATIONS:
            yield from negotiates(connected, without)


def resumed(world: World, session: int) -> World:
    """r1, and the answer to it."""
    if world.held != session:
        return replace(world, refused=world.refused | {session})
    shake = Shake(world.connections, "r3", session)
    return replace(world, pending=world.pending | {shake}, waits=shake, refused=frozenset())


def negotiates(world: World, without: str) -> Iterator[World]:
    """m1 to m7, as far as it comes."""
    new = world.negotiations + 1
    world = replace(world, negotiations=new)
    if without != "m5 ends this terminal's other negotiations":
        world = replace(world, pending=ended(world.pending, "m7"))
    if without == "the device stores at m7":
        world = replace(world, held=accepted(world.held, new))
    # m6 is lost, or the terminal crashes before its write.
    yield world
    written = replace(world, stored=negotiated(world.stored, new), refused=frozenset())
    # It crashes before m7.
    yield written
    shake = Shake(world.connections, "m7", new)
    pending = world.pending | {shake}
    yield replace(written, pending=pending, waits=shake)
    if without == "m7 only after the write":
        yield replace(world, pending=pending)


def arrives(world: World, shake: Shake, without: str) -> Iterator[World]:
    """m7 or r3, at the device."""
    record = world.record or world.waits == shake
    pending = world.pending - {shake}
    if shake.message == "m7":
        held = accepted(world.held, shake.session)
        if without != "r3 only while the session is there":
            pending = frozenset()
        # It crashes behind its write, or goes on.
        yield replace(world, held=held, pending=frozenset())
        yield replace(world, held=held, pending=pending, record=record)
    elif world.held == shake.session or without == "r3 only while the session is there":
        if without != "r3 ends this terminal's negotiations":
            pending = ended(pending, "m7")
        yield replace(world, pending=pending, record=record)


def ended(pending: frozenset[Shake], message: str) -> frozenset[Shake]:
    return frozenset(shake for shake in pending if shake.message != message)


def exploring(without: str = "") -> Explored[World]:
    return explore(
        World(),
        lambda world: (("", after) for after in steps(world, without)),
        lambda world: None if world.is_sound else "the terminal lacks what the device holds",
    )


@pytest.fixture(autouse=True)
def _fewer_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "STORED_SESSIONS", STORED)


def test_device_never_holds_a_session_that_the_terminal_lacks() -> None:
    explored = exploring()
    assert not explored.wrong, explored.way
    assert explored.worlds > 10_000


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_needed(rule: str) -> None:
    assert exploring(without=rule).wrong, f"nothing goes wrong without {rule!r}"
