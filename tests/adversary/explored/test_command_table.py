"""The table of commands that ships, in every order of events (section 10).

Copies and questions come whenever they like, as often as they like, or never; the device
restarts; clocks are apart by up to the tolerance, which is one tick. What a terminal that
crashes has sent is such a copy. Each rule is left out in turn, and is missed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, override

import pytest

from secure_pair_protocol import commands
from secure_pair_protocol.commands import CommandTable, Entry, Verdict
from secure_pair_protocol.envelope import Result
from tests.protocol.exploring import Explored, explore

from ..conftest import Tried

TOLERANCE = 1
BOOTS = 2

type Row = tuple[bytes, int, str]
"""An entry: id, born, result."""


@dataclass(frozen=True)
class Bounds:
    """How large the explored world is."""

    ticks: int = 4
    max_age: int = 1
    wishes: int = 2
    capacity: int = 1
    drifts: tuple[int, ...] = (-TOLERANCE, 0, TOLERANCE)
    """By how many ticks a terminal's idea of the device's clock may be wrong."""


class Wish(NamedTuple):
    """One id: a command as it was made, for ever, and what has become of it."""

    id: bytes
    of: int
    """What its user wants: an id that is made again is for the same."""
    boot: int
    born: int
    made: int
    """The tick at which it was made."""
    drift: int
    runs: int = 0
    void: bool = False
    """Its terminal was told that it did not run, and never will."""
    vague: bool = False
    """Its terminal was told that nobody knows."""


class World(NamedTuple):
    """The device's table, what it does, and all wishes."""

    now: int = 0
    boot: int = 0
    started: int = 0
    rows: tuple[Row, ...] = ()
    evicted: int = -1
    waiting: tuple[int, ...] = ()
    """Wishes that have to run, in a line behind the one that does."""
    running: int | None = None
    wishes: tuple[Wish, ...] = ()
    wrong: str | None = None

    @property
    def up(self) -> int:
        return self.now - self.started

    def having(self, number: int, wish: Wish) -> World:
        """Return it with another wish of this number."""
        wishes = (*self.wishes[:number], wish, *self.wishes[number + 1 :])
        return self._replace(wishes=wishes)


# Tables that lack a rule


class AnyBoot(CommandTable):
    """It does not look at the boot."""

    @override
    def _known(self, command_id: bytes, boot: bytes) -> Verdict | None:
        return super()._known(command_id, self._boot)


class Forgetful(CommandTable):
    """It does not look whether it has the id."""

    @override
    def _known(self, command_id: bytes, boot: bytes) -> Verdict | None:
        return Verdict(Result.RESTARTED) if boot != self._boot else None


class Ageless(CommandTable):
    """Nothing is too old."""

    @staticmethod
    @override
    def _is_young(born: int, max_age: int, up: int) -> bool:
        return up - born >= -TOLERANCE


class Credulous(CommandTable):
    """Nothing is born too far in the future."""

    @staticmethod
    @override
    def _is_young(born: int, max_age: int, up: int) -> bool:
        return up - born <= max_age


class Intolerant(CommandTable):
    """Whatever is born in the future is refused."""

    @staticmethod
    @override
    def _is_young(born: int, max_age: int, up: int) -> bool:
        return 0 <= up - born <= max_age


class Unbarring(CommandTable):
    """A question leaves nothing behind."""

    @override
    def question(self, command_id: bytes, boot: bytes, born: int, max_age: int, up: int) -> Verdict:
        before = dict(self._entries)
        verdict = super().question(command_id, boot, born, max_age, up)
        self._entries = before
        return verdict


class Hasty(CommandTable):
    """Whatever has ended may be evicted, however young."""

    @override
    def _evict(self, up: int) -> bool:
        return super()._evict(up + 10)


class EvictsRunning(CommandTable):
    """What is old is evicted, also where it has not ended yet."""

    @override
    def _evict(self, up: int) -> bool:
        for command_id, entry in self._entries.items():
            if up - entry.born > entry.max_age:
                self._evicted = max(self._evicted, entry.born)
                del self._entries[command_id]
                return True
        return False


class Unmindful(CommandTable):
    """It keeps no account of what was evicted."""

    @override
    def _evict(self, up: int) -> bool:
        made_room = super()._evict(up)
        self._evicted = -1
        return made_room


class Overfull(CommandTable):
    """Where there is no room, it runs all the same."""

    @override
    def command(self, command_id: bytes, boot: bytes, born: int, max_age: int, up: int) -> Verdict:
        verdict = super().command(command_id, boot, born, max_age, up)
        return Verdict(Result.RUNNING, run=True) if verdict.result is Result.BUSY else verdict


WITHOUT: dict[str, type[CommandTable]] = {
    "another boot is never carried out": AnyBoot,
    "an id in the table has what is recorded": Forgetful,
    "what is old is never carried out": Ageless,
    "a stamp from the future is never carried out": Credulous,
    "a stamp may be ahead by the tolerance": Intolerant,
    "a question bars what is still under way": Unbarring,
    "only what is old is evicted": Hasty,
    "what runs is not evicted": EvictsRunning,
    "unknown, where one that ran was evicted": Unmindful,
    "no room: busy": Overfull,
}

OTHERS = (
    "recorded before it runs",
    "what waits in line is begun while it is young",
    "the table outlives a renewal",
    "a repetition is the same bytes",
    "a new id only after it did not run",
)
"""Rules around the table."""

_RECORDS_LATER = {"recorded before it runs", "no room: busy", "the table outlives a renewal"}
"""Without one of these it may not be in the table when it has ended."""


@dataclass(frozen=True)
class Rules:
    """All but one."""

    bounds: Bounds
    without: str = ""

    @property
    def table(self) -> type[CommandTable]:
        return WITHOUT.get(self.without, CommandTable)

    # What may happen next

    def steps(self, world: World) -> Iterator[tuple[str, World]]:
        """Yield what may happen, and the world behind it."""
        if world.now < self.bounds.ticks:
            yield "a tick passes", world._replace(now=world.now + 1)
        if world.boot + 1 < BOOTS:
            yield "the device restarts", self.restarted(world)
        if self.without == "the table outlives a renewal":
            yield "a renewal", world._replace(rows=(), evicted=-1)
        if len(world.wishes) < self.bounds.wishes:
            yield from self.wished(world)
        for number, wish in enumerate(world.wishes):
            yield f"command {number} comes", self.command(world, number, wish.born)
            yield f"question {number} comes", self.question(world, number)
            if self.without == "a repetition is the same bytes":
                event = f"command {number} comes, newly stamped"
                yield event, self.command(world, number, world.up)
        if world.running is not None:
            yield f"{world.running} is done", self.ended(world)
        elif world.waiting:
            yield self.begun(world)

    def wished(self, world: World) -> Iterator[tuple[str, World]]:
        careless = self.without == "a new id only after it did not run"
        number = len(world.wishes)
        barred = {w.of for w in world.wishes if not (w.void or (careless and w.vague))}
        again = {wish.of for wish in world.wishes} - barred
        for of in (number, *again):
            for drift in self.bounds.drifts:
                born = world.up + drift
                wish = Wish(bytes([number]), of, world.boot, born, world.now, drift)
                event = f"{number} is made for {of}, born {born}, up {world.up}"
                yield event, world._replace(wishes=(*world.wishes, wish))

    def restarted(self, world: World) -> World:
        return World(
            world.now,
            boot=world.boot + 1,
            started=world.now,
            wishes=world.wishes,
            wrong=world.wrong,
        )

    def command(self, world: World, number: int, born: int) -> World:
        wish, table, max_age = world.wishes[number], self.opened(world), self.bounds.max_age
        is_new = wish.boot == world.boot and wish.id not in table._entries
        verdict = table.command(wish.id, bytes([wish.boot]), born, max_age, world.up)
        world = self.told(self.closed(world, table), number, verdict)
        if verdict.run:
            if self.without == "recorded before it runs":
                world = world._replace(rows=tuple(row for row in world.rows if row[0] != wish.id))
            return world._replace(waiting=(*world.waiting, number))
        at_once = (
            world.now - wish.made <= self.bounds.max_age - TOLERANCE
            and abs(wish.drift) <= TOLERANCE
        )
        if verdict.result is Result.VOID and is_new and at_once:
            return world._replace(wrong=f"{number} is refused, and nothing is wrong with it")
        return world

    def question(self, world: World, number: int) -> World:
        wish, table = world.wishes[number], self.opened(world)
        verdict = table.question(
            wish.id, bytes([wish.boot]), wish.born, self.bounds.max_age, world.up
        )
        return self.told(self.closed(world, table), number, verdict)

    def told(self, world: World, number: int, verdict: Verdict) -> World:
        wish = world.wishes[number]
        match verdict.result:
            case Result.DONE if not wish.runs:
                return world._replace(wrong=f"done is said of {number}, which has not run")
            case Result.VOID:
                return world.having(number, wish._replace(void=True))
            case Result.UNKNOWN | Result.RESTARTED if self.without.startswith("a new id"):
                return world.having(number, wish._replace(vague=True))
        return world

    def begun(self, world: World) -> tuple[str, World]:
        number, *others = world.waiting
        wish = world.wishes[number]
        world = world._replace(waiting=tuple(others))
        fresh = world.up <= wish.born + self.bounds.max_age
        if not fresh and self.without != "what waits in line is begun while it is young":
            return f"{number} has waited too long", self.finished(world, number, Result.VOID)
        event = f"{number} is carried out"
        if abs(wish.drift) <= TOLERANCE and world.now > wish.made + self.bounds.max_age + TOLERANCE:
            return event, world._replace(wrong=f"{number} is carried out too late")
        ran = wish._replace(runs=wish.runs + 1)
        return event, world._replace(running=number).having(number, ran)

    def ended(self, world: World) -> World:
        assert world.running is not None
        return self.finished(world._replace(running=None), world.running, Result.DONE)

    def finished(self, world: World, number: int, how: Result) -> World:
        wish, table = world.wishes[number], self.opened(world)
        if self.without in _RECORDS_LATER:
            table._entries.setdefault(
                wish.id, Entry(wish.born, self.bounds.max_age, Result.RUNNING)
            )
        try:
            table.finish(wish.id, how)
        except KeyError:
            return world._replace(wrong=f"there is no place to record how {number} has ended")
        return self.closed(world, table)

    # The table that ships, to and from a value

    def opened(self, world: World) -> CommandTable:
        table = self.table(bytes([world.boot]), self.bounds.capacity)
        for name, born, result in world.rows:
            table._entries[name] = Entry(born, self.bounds.max_age, Result(result))
        table._evicted = world.evicted
        return table

    @staticmethod
    def closed(world: World, table: CommandTable) -> World:
        rows = tuple((name, row.born, row.result.value) for name, row in table._entries.items())
        return world._replace(rows=rows, evicted=table._evicted)


def wrong(world: World) -> str | None:
    """Say what must not be."""
    if world.wrong:
        return world.wrong
    for wish in world.wishes:
        if wish.runs and wish.void:
            return f"of {wish.id[0]} it was said that it never ran"
        if wish.runs and sum(other.runs for other in world.wishes if other.of == wish.of) > 1:
            return "it is carried out twice"
    for _, born, result in world.rows:
        if result != Result.VOID and born - world.up > TOLERANCE:
            return "one that ran keeps its place for longer than max_age and the tolerance"
    return None


def exploring(bounds: Bounds, without: str = "") -> Explored[World]:
    return explore(World(), Rules(bounds, without).steps, wrong)


@pytest.fixture(autouse=True)
def _tick_is_the_tolerance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "FUTURE_TOLERANCE", TOLERANCE)


BOUNDS = {
    "two wishes, room for one": Bounds(),
    "two wishes, room for two": Bounds(capacity=2),
    "three wishes, clocks that agree": Bounds(ticks=3, wishes=3, drifts=(0,)),
    "twice the age": Bounds(ticks=5, max_age=2, drifts=(0, TOLERANCE)),
}


@pytest.mark.parametrize("bounds", BOUNDS.values(), ids=BOUNDS)
def test_at_most_once(bounds: Bounds, tried: Tried) -> None:
    explored = exploring(bounds)
    assert not explored.wrong, explored.story
    assert explored.worlds > 10_000
    tried("commands: worlds explored", explored.worlds, "at most once, never stale, truly told")


@pytest.mark.parametrize("rule", [*WITHOUT, *OTHERS])
def test_each_rule_is_needed(rule: str, tried: Tried) -> None:
    # Clocks that are right within the tolerance never meet this one: it breaks no promise
    # about them. For the others it bounds how long what ran keeps its place in the table.
    is_for_wrong_clocks = WITHOUT.get(rule) is Credulous
    bounds = Bounds(drifts=(0, 2 * TOLERANCE)) if is_for_wrong_clocks else Bounds()
    explored = exploring(bounds, without=rule)
    print(explored.story)  # noqa: T201 - what happens without it, for `-rP`
    assert explored.wrong, f"nothing goes wrong without {rule!r}, in {explored.worlds} worlds"
    tried("commands: rules left out, each in turn", 1, "missed: something goes wrong")
