"""At most once: the table of commands (docs/protocol.md, section 10)."""

from dataclasses import dataclass
from typing import override

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from secure_pair_protocol.commands import CAPACITY, FUTURE_TOLERANCE, CommandTable, Verdict
from secure_pair_protocol.envelope import Result

BOOT = b"new boot"
FORMER_BOOT = b"old boot"
MAX_AGE = 10_000

RUN = Verdict(Result.RUNNING, run=True)
VOID = Verdict(Result.VOID)
UNKNOWN = Verdict(Result.UNKNOWN)
BUSY = Verdict(Result.BUSY)
RESTARTED = Verdict(Result.RESTARTED)


@dataclass
class Device:
    """A table, and the device's clock."""

    capacity: int = 4
    up: int = 100_000

    def __post_init__(self) -> None:
        self.table = CommandTable(BOOT, self.capacity)

    def command(self, name: str, born: int | None = None, boot: bytes = BOOT) -> Verdict:
        return self.table.command(name.encode(), boot, self._born(born), MAX_AGE, self.up)

    def question(self, name: str, born: int | None = None, boot: bytes = BOOT) -> Verdict:
        return self.table.question(name.encode(), boot, self._born(born), MAX_AGE, self.up)

    def run(self, *names: str) -> None:
        """Carry out commands that are born now."""
        for name in names:
            assert self.command(name) == RUN
            self.table.finish(name.encode(), Result.DONE)

    def _born(self, born: int | None) -> int:
        return self.up if born is None else born


# The table, line by line


@pytest.mark.parametrize("age", [0, MAX_AGE + 1, -FUTURE_TOLERANCE - 1])
def test_another_boot(age: int) -> None:
    device = Device()
    born = device.up - age
    assert device.command("a", born, FORMER_BOOT) == RESTARTED
    assert device.question("a", born, FORMER_BOOT) == RESTARTED
    # Nothing was recorded: the id of this boot is another one's.
    assert device.command("a") == RUN


def test_an_id_in_the_table_has_its_state() -> None:
    device = Device()
    assert device.command("a") == RUN
    for answer in (Verdict(Result.RUNNING), Verdict(Result.FAILED, code="jammed", text="bolt")):
        if answer.result is Result.FAILED:
            device.table.finish(b"a", Result.FAILED, "jammed", "bolt")
        assert device.command("a", 100_000) == answer
        assert device.question("a", 100_000) == answer
        device.up += MAX_AGE + 1
        assert device.command("a", 100_000) == answer
        assert device.question("a", 100_000) == answer


@pytest.mark.parametrize(("age", "runs"), [(MAX_AGE, True), (MAX_AGE + 1, False)])
def test_old(age: int, runs: bool) -> None:
    device = Device()
    born = device.up - age
    assert device.command("a", born) == (RUN if runs else VOID)
    assert device.command("a", born).run is False
    assert device.question("b", born) == VOID
    assert device.command("b", born) == VOID


@pytest.mark.parametrize(
    ("ahead", "runs"), [(FUTURE_TOLERANCE, True), (FUTURE_TOLERANCE + 1, False)]
)
def test_born_in_the_future(ahead: int, runs: bool) -> None:
    assert FUTURE_TOLERANCE == 1000
    device = Device()
    born = device.up + ahead
    assert device.command("a", born) == (RUN if runs else VOID)
    device.up = born
    # Its time has come, but it was told that it never runs.
    assert device.command("a", born) == (Verdict(Result.RUNNING) if runs else VOID)


def test_question_about_a_young_id_bars_it() -> None:
    device = Device()
    assert device.question("a") == VOID
    for _ in range(2):
        assert device.command("a", 100_000) == VOID
        assert device.question("a", 100_000) == VOID
        device.up += MAX_AGE


def test_table_full_of_young_ones() -> None:
    device = Device(capacity=2)
    device.run("a")
    assert device.question("b") == VOID
    assert device.command("c") == BUSY
    assert device.question("d") == BUSY
    assert device.command("e", device.up + FUTURE_TOLERANCE + 1) == BUSY
    # Those that are there have their answers, and nothing was evicted for the others.
    assert device.question("a") == Verdict(Result.DONE)
    device.up += MAX_AGE
    assert device.command("c", 100_000) == BUSY
    device.up += 1
    assert device.command("f") == RUN


def test_the_same_bytes_after_busy() -> None:
    device = Device(capacity=1)
    assert device.command("a", device.up - MAX_AGE) == RUN
    device.table.finish(b"a", Result.DONE)
    assert device.command("b") == BUSY
    device.up += 1
    assert device.command("b", 100_000) == RUN


def test_running_one_is_not_evicted_however_old() -> None:
    device = Device(capacity=1)
    assert device.command("a") == RUN
    device.up += 10 * MAX_AGE
    assert device.command("b") == BUSY
    assert device.question("a", 100_000) == Verdict(Result.RUNNING)
    device.table.finish(b"a", Result.DONE)
    assert device.command("b") == RUN


def test_room_for_1024() -> None:
    table = CommandTable(BOOT)
    assert CAPACITY == 1024
    for number in range(CAPACITY):
        assert table.command(number.to_bytes(16), BOOT, 0, MAX_AGE, 0) == RUN
    assert table.command(bytes([1] * 16), BOOT, 0, MAX_AGE, 0) == BUSY


class TestEvicted:
    """What is said of an id that is not in the table any more, or never was."""

    @staticmethod
    def device() -> Device:
        """Return a device that has carried out `ran`, born at 100,000, and evicted it."""
        device = Device(capacity=1)
        device.run("ran")
        device.up += MAX_AGE + 1
        device.run("next")
        return device

    @pytest.mark.parametrize("born", [0, 99_999, 100_000])
    def test_not_younger_than_one_that_ran(self, born: int) -> None:
        device = self.device()
        assert device.command("ran", 100_000) == UNKNOWN
        assert device.question("ran", 100_000) == UNKNOWN
        assert device.command("another", born) == UNKNOWN

    def test_younger_than_all_that_ran(self) -> None:
        device = self.device()
        device.up += 1
        assert device.question("another", 100_001) == VOID

    def test_young_to_its_last_millisecond(self) -> None:
        """An action may have more time than the one that ran after it and is evicted."""
        device = self.device()
        age = device.up - 100_000
        assert device.table.question(b"slow", BOOT, 100_000, age, device.up) == BUSY
        assert device.table.question(b"slow", BOOT, 100_000, age - 1, device.up) == UNKNOWN

    def test_one_that_did_not_run_is_forgotten_without_a_trace(self) -> None:
        device = Device(capacity=1)
        assert device.question("asked") == VOID
        device.up += MAX_AGE + 1
        device.run("next")
        assert device.question("asked", 100_000) == VOID

    def test_greatest_counts_whatever_the_order(self) -> None:
        device = Device(capacity=2)
        assert device.command("later", device.up + 500) == RUN
        assert device.command("sooner", device.up - 500) == RUN
        for name in (b"later", b"sooner"):
            device.table.finish(name, Result.DONE)
        device.up += 2 * MAX_AGE
        device.run("next", "after")
        assert device.question("later", 100_500) == UNKNOWN
        assert device.question("another", 100_501) == VOID

    def test_unknown_stays_unknown(self) -> None:
        device = Device(capacity=1)
        device.run("ran")
        device.up += MAX_AGE + 1
        device.run("next")
        device.up += MAX_AGE + 1
        for _ in range(2):
            assert device.question("ran", 100_000) == UNKNOWN


def test_table_that_goes_leaves_what_may_have_run() -> None:
    device = Device()
    born = device.up
    device.run("one")
    assert device.command("running") == RUN
    device.question("void", born + FUTURE_TOLERANCE)
    assert device.table.retired(device.up) is None
    device.up += MAX_AGE + FUTURE_TOLERANCE + 1
    assert device.table.retired(device.up) is None
    device.table.finish(b"running", Result.DONE)
    device.up -= 1
    assert device.table.retired(device.up) is None
    device.up += 1
    assert device.table.retired(device.up) == born
    assert CommandTable(BOOT).retired(device.up) == -1
    # And what is left goes on with the next table, and with that one's end.
    device.table = CommandTable(BOOT, evicted=born)
    assert device.question("one", born) == UNKNOWN
    assert device.question("another", born + 1) == VOID
    assert device.table.retired(device.up) == born


# Any order of events, against an obvious model


@dataclass(eq=False)
class Wish:
    """A command as a terminal has made it, and what has become of it."""

    name: bytes
    boot: bytes
    born: int
    max_age: int
    state: Result | None = None
    """What the device shall remember of it, while it has to."""
    runs: int = 0
    void: bool = False
    """A terminal was told that it did not run, and never will."""


class AtMostOnce(RuleBasedStateMachine):
    """Terminals send, repeat and ask; the device acts, forgets and restarts."""

    CAPACITY = 3

    def __init__(self) -> None:
        super().__init__()
        self.boots = 0
        self.all: list[Wish] = []
        self.running: list[Wish] = []
        self.start()

    def start(self) -> None:
        self.boots += 1
        self.boot = self.boots.to_bytes(8)
        self.table = CommandTable(self.boot, self.CAPACITY)
        self.up = 0
        self.running.clear()

    def age(self, wish: Wish) -> int:
        return self.up - wish.born

    def held(self) -> int:
        """Count what the table cannot let go of."""
        return sum(
            wish.boot == self.boot
            and wish.state is not None
            and (self.age(wish) <= wish.max_age or wish in self.running)
            for wish in self.all
        )

    # What happens

    @rule(
        ahead=st.sampled_from([-15, -5, -1, 0, 0, 0, 3, 1000, 1001, 1010]),
        max_age=st.sampled_from([2, 10]),
        asks=st.booleans(),
    )
    def wish(self, ahead: int, max_age: int, asks: bool) -> None:
        name = len(self.all).to_bytes(16)
        self.all.append(Wish(name, self.boot, max(self.up + ahead, 0), max_age))
        if not asks:
            self.send(self.all[-1])

    @precondition(lambda self: self.all)
    @rule(back=st.integers(1, 8))
    def repeat(self, back: int) -> None:
        self.send(self.all[-min(back, len(self.all))])

    @precondition(lambda self: self.all)
    @rule(back=st.integers(1, 8))
    def question(self, back: int) -> None:
        self.ask(self.all[-min(back, len(self.all))])

    def send(self, wish: Wish) -> None:
        held = self.held()
        verdict = self.table.command(wish.name, wish.boot, wish.born, wish.max_age, self.up)
        may_run = (
            wish.boot == self.boot
            and wish.state is None
            and -1000 <= self.age(wish) <= wish.max_age
        )
        assert verdict.run == (may_run and held < self.CAPACITY)
        if verdict.run:
            assert verdict.result is Result.RUNNING
            wish.runs += 1
            wish.state = Result.RUNNING
            self.running.append(wish)
        else:
            self.answered(wish, verdict, held)

    def ask(self, wish: Wish) -> None:
        held = self.held()
        verdict = self.table.question(wish.name, wish.boot, wish.born, wish.max_age, self.up)
        assert not verdict.run
        self.answered(wish, verdict, held)

    @precondition(lambda self: self.running)
    @rule(
        place=st.integers(0, 2),
        result=st.sampled_from([Result.DONE, Result.FAILED, Result.VOID]),
    )
    def finish(self, place: int, result: Result) -> None:
        wish = self.running.pop(place % len(self.running))
        self.table.finish(wish.name, result)
        wish.state = result
        if result is Result.VOID:
            # It waited behind others until it was too old: it never began.
            wish.runs = 0

    @rule(milliseconds=st.sampled_from([1, 2, 3, 11, 1000]))
    def wait(self, milliseconds: int) -> None:
        self.up += milliseconds

    @precondition(lambda self: self.up > 2000)
    @rule()
    def restart(self) -> None:
        self.start()

    # What has to hold

    def answered(self, wish: Wish, verdict: Verdict, held: int) -> None:
        """Hold that what a terminal is told is true, and no vaguer than it has to be."""
        if wish.boot != self.boot:
            assert verdict.result is Result.RESTARTED
            return
        old = self.age(wish) > wish.max_age
        match verdict.result:
            case Result.VOID:
                assert wish.runs == 0
                wish.void = True
                wish.state = wish.state or Result.VOID
            case Result.UNKNOWN:
                assert old
                assert any(other.runs and other.born >= wish.born for other in self.all)
            case Result.BUSY:
                assert not old
                assert wish.state is None
                assert held >= self.CAPACITY
            case result:
                assert result is wish.state
        if wish.state is not None and not old:
            assert verdict.result is wish.state

    @invariant()
    def nothing_runs_twice_or_against_its_word(self) -> None:
        for wish in self.all:
            assert wish.runs <= 1
            assert not (wish.runs and wish.void)

    @override
    def teardown(self) -> None:
        """Hold what is left over: nobody who asks hears two stories."""
        for wish in self.all:
            for _ in range(2):
                self.ask(wish)


def test_at_most_once() -> None:
    run_state_machine_as_test(
        AtMostOnce,
        settings=settings(
            deadline=None,
            max_examples=300,
            stateful_step_count=40,
            # To read a failure, let it be shrunk: that takes some seconds.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            report_multiple_bugs=False,
        ),
    )
