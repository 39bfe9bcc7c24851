"""Sessions that seem lost: forged answers, and a copy of the terminal (section 9).

Somebody on the way answers "session unknown" when he likes, and loses any message; a copy
of the terminal uses its sessions and makes its own. State by state, over some hours in
steps of ten minutes, with the rules that ship; each is left out in turn, and is missed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import pytest

from custom_components.secure_pair.protocol.errors import SecurePairError
from custom_components.secure_pair.reconnect import (
    LOSS_SECONDS,
    NEGOTIATION_SECONDS,
    Losses,
)
from secure_pair_protocol import sessions
from tests.protocol.exploring import Explored, explore
from tests.protocol.session_rules import accepted, confirmed, negotiated, paired

from ..conftest import Tried

STORED = 3
STEP = NEGOTIATION_SECONDS
END = 7 * STEP

RULES = (
    "nothing is deleted because of an answer",
    "with the most that can be stored, only when the user asks",
    "ten minutes between two tries",
    "a halt after two losses within an hour",
    "losses outlive a set-up of the entry",
)


class Terminal(NamedTuple):
    """One terminal's disk, and its memory."""

    stored: tuple[tuple[int, bool], ...]
    losses: Losses = Losses()
    tried: tuple[int, ...] = ()
    """When it last negotiated by itself."""
    mended: tuple[int, ...] = ()
    """When it last had a new session of that."""


class World(NamedTuple):
    """The terminal, perhaps its copy, and the device."""

    terminals: tuple[Terminal, ...] = (Terminal(((0, False),)),)
    held: int | None = 0
    now: int = 0
    negotiations: int = 0
    wrong: str = ""


@dataclass(frozen=True)
class Rules:
    """All but one, and how large the explored world is."""

    negotiations: int = 5
    copies: int = 0
    is_asked: bool = False
    """Its user, too, has it negotiate."""
    without: str = ""

    def steps(self, world: World) -> Iterator[tuple[str, World]]:
        """Yield what may happen, and the world behind it."""
        if world.now < END:
            yield "ten minutes pass", world._replace(now=world.now + STEP)
        if len(world.terminals) <= self.copies:
            copy = Terminal(world.terminals[0].stored)
            yield "a copy is made", world._replace(terminals=(*world.terminals, copy))
        for number, terminal in enumerate(world.terminals):
            for event, after in self.connects(world, terminal):
                yield f"{number}: {event}", having(after, number)

    def connects(self, world: World, terminal: Terminal) -> Iterator[tuple[str, Changed]]:
        """What one terminal does next, and what becomes of it."""
        stored = dict(terminal.stored)
        if world.held in stored:
            known = terminal._replace(stored=confirmed(terminal.stored, world.held))
            yield f"{world.held} is resumed", Changed(world, known)
        if self.without == "losses outlive a set-up of the entry":
            yield "the entry is set up again", Changed(world, terminal._replace(losses=Losses()))
        if self.without == "nothing is deleted because of an answer":
            for session in stored:
                fewer = tuple(kept for kept in terminal.stored if kept[0] != session)
                yield f"{session} is unknown", Changed(world, terminal._replace(stored=fewer))
        if world.negotiations == self.negotiations:
            return
        # Whether the device has said so or somebody else is all one.
        yield from self.replaces(world, terminal)
        if self.is_asked:
            yield from negotiates("asked by its user", world, terminal)

    def replaces(self, world: World, terminal: Terminal) -> Iterator[tuple[str, Changed]]:
        """Every session is unknown, it seems: it negotiates by itself, or not."""
        anyway = self.without == "with the most that can be stored, only when the user asks"
        if not sessions.may_negotiate(paired(terminal.stored), asked_by_user=anyway):
            return
        losses = terminal.losses
        if self.without == "ten minutes between two tries":
            losses = replace(losses, tried=None)
        if self.without == "a halt after two losses within an hour":
            losses = replace(losses, mended=())
        try:
            losses.check(world.now)
        except SecurePairError:
            return
        if terminal.tried and world.now - terminal.tried[0] < NEGOTIATION_SECONDS:
            world = world._replace(wrong="it tries too often")
        trying = terminal._replace(losses=losses.try_at(world.now), tried=(world.now,))
        for event, (after, tried) in negotiates("by itself", world, trying):
            if event.endswith("done"):
                yield event, mended(after, tried)
            else:
                yield event, Changed(after, tried)


class Changed(NamedTuple):
    """What has become of the world, and of the terminal that did something."""

    world: World
    terminal: Terminal


def having(changed: Changed, number: int) -> World:
    others = changed.world.terminals
    terminals = (*others[:number], changed.terminal, *others[number + 1 :])
    return changed.world._replace(terminals=terminals)


def negotiates(why: str, world: World, terminal: Terminal) -> Iterator[tuple[str, Changed]]:
    """As far as it comes."""
    new = world.negotiations + 1
    world = world._replace(negotiations=new)
    stored = negotiated(terminal.stored, new)
    yield f"{why}, {new} is negotiated, m6 is lost", Changed(world, terminal)
    written = terminal._replace(stored=stored)
    yield f"{why}, {new} is negotiated, m7 is lost", Changed(world, written)
    after = world._replace(held=accepted(world.held, new))
    yield f"{why}, {new} is negotiated, the first record is lost", Changed(after, written)
    heard = terminal._replace(stored=confirmed(stored, new))
    yield f"{why}, {new} is negotiated, done", Changed(after, heard)


def mended(world: World, terminal: Terminal) -> Changed:
    if terminal.mended and world.now - terminal.mended[0] < LOSS_SECONDS:
        world = world._replace(wrong="it mends again and again what somebody breaks")
    losses = terminal.losses.mend_at(world.now)
    return Changed(world, terminal._replace(losses=losses, mended=(world.now,)))


def wrong(world: World) -> str | None:
    """Say what must not be."""
    (terminal, *copies) = world.terminals
    if world.wrong:
        return world.wrong
    if not copies and world.held not in dict(terminal.stored):
        return f"the device holds {world.held}, and the terminal has lost it"
    return None


def exploring(rules: Rules) -> Explored[World]:
    return explore(World(), rules.steps, wrong)


@pytest.fixture(autouse=True)
def _fewer_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "STORED_SESSIONS", STORED)


@pytest.mark.parametrize(
    "rules", [Rules(), Rules(negotiations=3, copies=1)], ids=["forged", "copied"]
)
def test_by_itself(rules: Rules, tried: Tried) -> None:
    explored = exploring(rules)
    assert not explored.wrong, explored.story
    assert explored.worlds > 1_000
    tried(
        "forged losses, a copied terminal: worlds explored",
        explored.worlds,
        "no session thrown away, no storm",
    )


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_needed(rule: str, tried: Tried) -> None:
    explored = exploring(Rules(without=rule))
    print(explored.story)  # noqa: T201 - what happens without it, for `-rP`
    assert explored.wrong, f"nothing goes wrong without {rule!r}, in {explored.worlds} worlds"
    tried("losses: rules left out, each in turn", 1, "missed: something goes wrong")


def test_where_a_user_may_have_to_ask_again() -> None:
    """Who asks once more than can be stored, with somebody on the way, has one dropped.

    It may be the one that the device holds. He is there, and asks again.
    """
    rules = Rules(is_asked=True)
    explored = exploring(rules)
    assert "the terminal has lost it" in explored.wrong
    assert sum("asked by its user" in event for event, _ in explored.way) == STORED - 1
    _, lost = explored.way[-1]
    assert any(wrong(after) is None for event, after in rules.steps(lost) if "done" in event)
