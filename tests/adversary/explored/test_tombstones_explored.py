"""A removed device is told, whatever happens meanwhile: state by state (section 9).

Somebody on the way loses what he likes and answers "unknown session" in the device's
place; both ends crash; the device is paired again before it was told. Each rule is left
out in turn, and is missed.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.protocol.exploring import Explored, explore
from tests.protocol.session_rules import accepted, confirmed, negotiated, unpaired

from ..conftest import Tried

NEGOTIATIONS = 4

RULES = (
    "a tombstone keeps every session",
    "a tombstone stays until the device has heard it",
    "a device that is paired again keeps its tombstone's sessions",
    "what is forgotten is the tombstone that was told of",
    "the device forgets the session that says so, and no other",
    "the device has forgotten it before it says so",
)

type Stored = tuple[tuple[int, bool], ...]


class World(NamedTuple):
    """Both disks, and what is under way."""

    paired: Stored | None = None
    """The sessions of a device that is paired, or is being paired."""
    buried: Stored | None = None
    """A tombstone's sessions."""
    graves: int = 0
    """How many tombstones there have been: two of the same sessions are not the same."""
    held: int | None = None
    m7: int | None = None
    """A session that the device would store."""
    record: int | None = None
    """A session of which the first record is under way."""
    farewell: tuple[int, int] | None = None
    """The session that is told to go, at the device or soon; and of which tombstone."""
    unpaired: int | None = None
    """The tombstone that the device has heard; its answer is under way."""
    negotiations: int = 0


def steps(world: World, without: str) -> Iterator[tuple[str, World]]:
    """Yield what may happen, and the world behind it."""
    yield "either end crashes", world._replace(m7=None, record=None, farewell=None, unpaired=None)
    if world.negotiations < NEGOTIATIONS:
        yield from pairs(world, without)
    if world.m7 is not None:
        held = accepted(world.held, world.m7)
        # A farewell that has come before may wait for its own write behind this one.
        stored = world._replace(held=held, m7=None)
        yield f"m7 of {held} comes", stored._replace(record=held)
        yield f"m7 of {held} comes, and the device crashes", stored
    if world.record is not None and world.paired is not None:
        yield (
            f"the first record of {world.record} comes",
            world._replace(paired=confirmed(world.paired, world.record), record=None),
        )
    if world.paired:
        buried = world.paired[:1] if without == "a tombstone keeps every session" else world.paired
        yield (
            "it is removed",
            world._replace(
                paired=None, buried=buried, graves=world.graves + 1, m7=None, record=None
            ),
        )
    if world.buried is not None:
        yield from tells(world, without)


def pairs(world: World, without: str) -> Iterator[tuple[str, World]]:
    """The user pairs it: m1 to m6, and the write."""
    new = world.negotiations + 1
    known = world.paired or ()
    if without != "a device that is paired again keeps its tombstone's sessions":
        known = world.buried or known
    after = world._replace(
        paired=negotiated(known, new), buried=None, m7=None, record=None, negotiations=new
    )
    yield f"{new} is negotiated, and the terminal crashes", after
    yield f"{new} is negotiated", after._replace(m7=new)


def tells(world: World, without: str) -> Iterator[tuple[str, World]]:
    """A farewell, as far as it comes."""
    assert world.buried is not None
    if without == "a tombstone stays until the device has heard it":
        yield 'somebody answers "unknown session"', world._replace(buried=None)
    for session, _ in world.buried:
        if session == world.held:
            yield (
                f"{session} is resumed to say it",
                world._replace(farewell=(session, world.graves)),
            )


def arrives(world: World, without: str) -> Iterator[tuple[str, World]]:
    """The farewell and its answer come; the device may have been paired again meanwhile."""
    if world.farewell is not None:
        session, grave = world.farewell
        held = None if without.startswith("the device forgets") else unpaired(world.held, session)
        heard = world._replace(held=held, farewell=None)
        yield "the device hears it, and crashes", heard
        yield "the device hears it", heard._replace(unpaired=grave)
        if without == "the device has forgotten it before it says so":
            yield "the device says so, and crashes", world._replace(farewell=None, unpaired=grave)
    if world.unpaired is not None:
        told = world.unpaired == world.graves or without.startswith("what is forgotten")
        buried = None if told else world.buried
        yield "the terminal hears that it has", world._replace(buried=buried, unpaired=None)


def wrong(world: World) -> str | None:
    """Say what must not be."""
    kept = dict((world.paired or ()) + (world.buried or ()))
    if world.held is not None and world.held not in kept:
        return f"the device holds {world.held} for ever"
    match world.paired:
        case ((session, False),) if session != world.held:
            return f"{session} is in use, and the device has forgotten it"
    return None


def exploring(without: str = "") -> Explored[World]:
    def everything(world: World) -> Iterator[tuple[str, World]]:
        yield from steps(world, without)
        yield from arrives(world, without)

    return explore(World(), everything, wrong)


def test_told_whatever_happens(tried: Tried) -> None:
    explored = exploring()
    assert not explored.wrong, explored.story
    tried(
        "tombstones: worlds explored", explored.worlds, "told, or still to be told; no other goes"
    )


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_needed(rule: str, tried: Tried) -> None:
    explored = exploring(without=rule)
    print(explored.story)  # noqa: T201 - what happens without it, for `-rP`
    assert explored.wrong, f"nothing goes wrong without {rule!r}, in {explored.worlds} worlds"
    tried("tombstones: rules left out, each in turn", 1, "missed: something goes wrong")
