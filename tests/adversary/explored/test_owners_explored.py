"""Owners, revocation, factory reset, several terminals: state by state (section 9).

The device keeps what ships; what is under way comes when it likes, or never. The owner
changes, and logs out everyone; terminals are revoked; the device is reset and restarts.
Each rule is left out in turn, and is missed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import pytest

from secure_pair_protocol import sessions
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import Grant
from secure_pair_protocol.negotiation import Session
from secure_pair_protocol.sessions import HeldSession, Register
from tests.protocol.exploring import Explored, explore
from tests.protocol.roles import secret

from ..conftest import Tried

RULES = (
    "m7: the epoch again",
    "a higher epoch drops every session of a lower one",
    "m7: a revoked terminal is refused",
    "revoke: the session goes",
    "m7: of this installation",
    "a renewal by itself ends where the installation is another",
    "m7: this terminal's former session goes",
    "m7: no terminal goes for another",
    "a connection ends with its session",
    "r3: the session again",
)
"""That r1 looks at the epoch as well is not among them: while the first two hold, the device
has no session of another epoch than its own. It is there for the day that one of them fails."""


class Held(NamedTuple):
    """A session at the device, with what only the exploration knows of it."""

    session: int
    terminal: int
    epoch: int
    resets: int
    """How often the device had been reset when it was asked for."""
    by_itself: bool
    """No user asked for it: its terminal had been paired with the device as it was then."""


class World(NamedTuple):
    """The key service, the device's disk and memory, and what is under way."""

    owner: int = 0
    """0: terminals 0 and 1 are the owner's; 1: only terminal 1, which is a new owner's."""
    granted: int = 1
    """The epoch of the key service."""
    epoch: int = 0
    """The epoch of the device."""
    followed: int = 0
    """The highest epoch that it has had since it was reset."""
    resets: int = 0
    """Of the device, each with an installation of its own."""
    held: frozenset[Held] = frozenset()
    revoked: frozenset[int] = frozenset()
    """Terminals that the device refuses."""
    gone: frozenset[tuple[int, int]] = frozenset()
    """Terminals that somebody has revoked, and the epoch in which."""
    knows: tuple[int, int] = (-1, -1)
    """By terminal: the installation that it has stored; -1: none."""
    m7: frozenset[Held] = frozenset()
    """Negotiations whose m7 is under way."""
    r3: frozenset[int] = frozenset()
    """Sessions that are being resumed."""
    live: frozenset[int] = frozenset()
    """Sessions with a connection that the device acts on."""
    sessions: int = 0
    evicted: bool = False
    """A terminal had to go for another."""


@dataclass(frozen=True)
class Rules:
    """All but one."""

    negotiations: int
    without: str = ""

    def steps(self, world: World) -> Iterator[tuple[str, World]]:
        """Yield what may happen, and the world behind it."""
        restarted = world._replace(m7=frozenset(), r3=frozenset(), live=frozenset())
        yield "the device restarts", restarted
        yield from self.owned(world)
        if world.sessions < self.negotiations:
            for terminal in (0, 1):
                if world.owner == 0 or terminal == 1:
                    yield from self.negotiates(world, terminal)
        for held in world.held:
            resuming = world._replace(r3=world.r3 | {held.session})
            yield f"r1 of {held.session} comes", resuming
        for pending in world.m7:
            yield f"m7 of {pending.session} comes", self.accepts(world, pending)
        for session in world.r3:
            yield f"r3 of {session} comes", self.resumes(world, session)

    def owned(self, world: World) -> Iterator[tuple[str, World]]:
        """What somebody does who owns the device, or stands before it."""
        if world.granted < 2:
            yield "log out everyone", world._replace(granted=world.granted + 1)
            yield "another owner", world._replace(granted=world.granted + 1, owner=1)
        if world.resets < 1:
            yield "factory reset", self.reset(world)
        for terminal in {held.terminal for held in world.held}:
            yield f"terminal {terminal} is revoked", self.revokes(world, terminal)

    def negotiates(self, world: World, terminal: int) -> Iterator[tuple[str, World]]:
        """m1 to m6 with the device as it is; asked for by a user, or not."""
        for by_itself in (False, True):
            known = world.knows[terminal]
            if by_itself and known == -1:
                continue
            if by_itself and known != world.resets and "by itself" not in self.without:
                # It ends behind m6, before m7.
                continue
            new = Held(world.sessions, terminal, world.granted, world.resets, by_itself)
            knows = list(world.knows)
            if not by_itself:
                knows[terminal] = world.resets
            yield (
                f"{new.session} is negotiated by terminal {terminal}, epoch {new.epoch}",
                world._replace(
                    m7=world.m7 | {new}, sessions=world.sessions + 1, knows=(knows[0], knows[1])
                ),
            )

    def accepts(self, world: World, new: Held) -> World:
        """m7 comes: the rule that ships."""
        world = world._replace(m7=world.m7 - {new})
        if new.resets != world.resets and self.without != "m7: of this installation":
            return world
        register = to_register(world)
        if self.without == "m7: the epoch again":
            register = replace(register, epoch=min(register.epoch, new.epoch))
        if self.without == "m7: a revoked terminal is refused":
            register = replace(register, revoked=frozenset())
        try:
            register = sessions.accepted(register, agreed(new))
        except SecurePairError as error:
            is_full = error.failure is Failure.TABLE_FULL
            if not is_full or self.without != "m7: no terminal goes for another":
                return world
            register = sessions.accepted(replace(register, held=()), agreed(new))
        ids = {held.session.session_id[0] for held in register.held}
        held = {held for held in world.held if held.session in ids} | {new}
        lost = {h for h in world.held - held if h.terminal != new.terminal and h.epoch == new.epoch}
        if self.without == "a higher epoch drops every session of a lower one":
            held |= {other for other in world.held if other.epoch < new.epoch}
        if self.without == "m7: this terminal's former session goes":
            held |= {other for other in world.held if other.terminal == new.terminal}
        after = world._replace(
            epoch=register.epoch,
            followed=max(world.followed, register.epoch),
            held=frozenset(held),
            revoked=frozenset(terminal[0] for terminal in register.revoked),
            evicted=bool(lost),
        )
        # This terminal's other negotiations and resumptions end.
        own = {held.session for held in world.held if held.terminal == new.terminal}
        return self.ended(
            after._replace(
                m7=frozenset(other for other in after.m7 if other.terminal != new.terminal),
                r3=after.r3 - own,
                live=after.live | {new.session},
            )
        )

    def resumes(self, world: World, session: int) -> World:
        """r3 comes."""
        after = world._replace(r3=world.r3 - {session})
        is_held = session in {held.session for held in world.held}
        if is_held or self.without == "r3: the session again":
            after = after._replace(live=after.live | {session})
        return after

    def revokes(self, world: World, terminal: int) -> World:
        register = sessions.revoked(to_register(world), bytes([terminal]))
        ids = {held.session.session_id[0] for held in register.held}
        held = world.held
        if self.without != "revoke: the session goes":
            held = frozenset(held for held in held if held.session in ids)
        return self.ended(
            world._replace(
                held=held,
                revoked=frozenset(gone[0] for gone in register.revoked),
                gone=world.gone | {(terminal, world.epoch)},
            )
        )

    def reset(self, world: World) -> World:
        register = sessions.factory_reset(bytes(8))
        return self.ended(
            world._replace(
                epoch=register.epoch,
                followed=0,
                resets=world.resets + 1,
                held=frozenset(),
                revoked=frozenset(),
                # Its owner begins anew.
                gone=frozenset(),
            )
        )

    def ended(self, world: World) -> World:
        """End the connections of sessions that are gone."""
        if self.without == "a connection ends with its session":
            return world
        return world._replace(live=world.live & {held.session for held in world.held})


def to_register(world: World) -> Register:
    return Register(
        bytes(8),
        world.epoch,
        tuple(HeldSession(agreed(held)) for held in sorted(world.held)),
        frozenset(bytes([terminal]) for terminal in world.revoked),
    )


def agreed(held: Held) -> Session:
    return Session(bytes([held.session]), secret("s"), bytes([held.terminal]), Grant(held.epoch, 0))


def wrongs(world: World) -> Iterator[str]:
    """Yield what must not be."""
    terminals = [held.terminal for held in world.held]
    if len(terminals) != len(set(terminals)):
        yield "two sessions of one terminal"
    if world.evicted:
        yield "a terminal had to go for another"
    if world.epoch < world.followed:
        yield "the device is back with a former owner"
    if world.live - {held.session for held in world.held}:
        yield "the device acts on a connection whose session is gone"
    for held in world.held:
        if held.epoch != world.epoch:
            yield f"{held.session} is of another epoch than the device"
        if (held.terminal, world.epoch) in world.gone:
            yield f"terminal {held.terminal} is back, and was revoked"
        if held.resets != world.resets:
            yield f"{held.session} is from before the reset"
        if held.by_itself and world.knows[held.terminal] != world.resets:
            yield f"{held.session} was made by itself with a device that was reset"


def exploring(negotiations: int, without: str = "") -> Explored[World]:
    return explore(
        World(), Rules(negotiations, without).steps, lambda world: next(wrongs(world), None)
    )


@pytest.mark.parametrize("room", [1, 8])
def test_owners_and_terminals(room: int, tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "TERMINALS", room)
    explored = exploring(3)
    assert not explored.wrong, explored.story
    assert explored.worlds > 1_000
    tried(
        "owners, revocation, reset: worlds explored",
        explored.worlds,
        "nobody but the owner's terminals of now",
    )


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_needed(rule: str, tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "TERMINALS", 1 if rule.startswith("m7: no terminal") else 8)
    explored = exploring(3, without=rule)
    print(explored.story)  # noqa: T201 - what happens without it, for `-rP`
    assert explored.wrong, f"nothing goes wrong without {rule!r}, in {explored.worlds} worlds"
    tried("owners: rules left out, each in turn", 1, "missed: something goes wrong")
