"""How everything here is measured: in turns, many times, as medians and as ratios.

A contender is a function that does its work once, or some times, and returns what one piece
of it cost. Ours and its peers take turns, so that whatever else the machine does meets all
of them; a ratio is taken within each round, and the median of those is the result.
"""

import asyncio
import gc
import importlib
import logging
import statistics
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from time import perf_counter

from msgspec import Struct
from pyinstrument import Profiler

type Sample = Callable[[], Awaitable[float]]
"""Returns what one piece of work cost, in the row's unit: the less the better."""


class Effort(Struct, frozen=True):
    """How much is done: in earnest, or only to see whether it runs."""

    quick: bool = False
    profile: bool = False
    """Only where the time goes of Secure Pair's side."""

    def of(self, rounds: int) -> int:
        """Return how many rounds to take of so many."""
        return min(rounds, 2) if self.quick else rounds


class Spread(Struct, frozen=True):
    """A median, and the quartiles around it."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Return it of one value or more."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(low, median, high)


class Beside(Struct, frozen=True):
    """A peer on the same work."""

    name: str
    cost: Spread
    ratio: Spread
    """How many times its cost is ours: above 1 we are ahead."""


class Row(Struct, frozen=True, kw_only=True):
    """One line of the table."""

    work: str
    counts: str
    """What is counted, from which moment to which."""
    unit: str
    ours: Spread
    beside: tuple[Beside, ...]
    aim: float | None
    """What the ratio shall be at least, to each of the peers; None: it is only shown."""
    rounds: int

    @property
    def is_reached(self) -> bool:
        """Tell whether every ratio is what it shall be."""
        return self.aim is None or all(peer.ratio.median >= self.aim for peer in self.beside)


def milliseconds(work: Callable[[], Awaitable[object]], times: int = 1) -> Sample:
    """Return a contender that awaits the work so often."""

    async def sample() -> float:
        start = perf_counter()
        for _ in range(times):
            await work()
        return (perf_counter() - start) * 1e3 / times

    return sample


def microseconds(work: Callable[[], object], times: int) -> Sample:
    """Return a contender that calls the work so often."""

    async def sample() -> float:
        start = perf_counter()
        for _ in range(times):
            work()
        return (perf_counter() - start) * 1e6 / times

    return sample


async def in_turns(
    work: str,
    ours: Sample,
    peers: Mapping[str, Sample],
    *,
    counts: str,
    unit: str,
    aim: float | None,
    effort: Effort,
    rounds: int,
) -> Row:
    """Let all take turns, each round beginning with another one, after one round for nothing."""
    rounds = effort.of(rounds)
    contenders = {"": ours, **({} if effort.profile else peers)}
    costs: dict[str, list[float]] = {name: [] for name in contenders}
    if not effort.quick:
        for sample in contenders.values():
            await sample()
    gc.collect()
    order = list(contenders)
    with profiling(work) if effort.profile else nullcontext():
        for _ in range(rounds):
            for name in order:
                costs[name].append(await contenders[name]())
            order = [*order[1:], order[0]]
    return row_of(work, costs, counts=counts, unit=unit, aim=aim)


@contextmanager
def profiling(work: str) -> Generator[None]:
    """Print a tree of the calls of this thread while the context lasts."""
    profiler = Profiler(interval=0.0005, async_mode="disabled")
    profiler.start()
    try:
        yield
    finally:
        profiler.stop()
        print(f"{work}\n{profiler.output_text(show_all=True)}", flush=True)


def row_of(
    work: str, costs: Mapping[str, list[float]], *, counts: str, unit: str, aim: float | None
) -> Row:
    """Return the line of the table for what was measured; ours has no name."""
    mine = costs[""]
    return Row(
        work=work,
        counts=counts,
        unit=unit,
        ours=Spread.of(mine),
        beside=tuple(
            Beside(
                name,
                Spread.of(theirs),
                Spread.of([their / my for their, my in zip(theirs, mine, strict=True)]),
            )
            for name, theirs in costs.items()
            if name
        ),
        aim=aim,
        rounds=len(mine),
    )


def run(name: str, effort: Effort) -> list[Row]:
    """Measure one benchmark in this process, by the name of its module."""
    # What the libraries have to say is not what is measured.
    logging.disable(logging.ERROR)
    module = importlib.import_module(f"benchmarks.{name}")
    rows: list[Row] = asyncio.run(module.measure(effort))
    return rows
