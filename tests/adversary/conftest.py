"""What `./scripts/adversary` prints: what was tried, how often, what held, how long."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from _pytest.terminal import TerminalReporter

type Tried = Callable[[str, int, str], None]
"""Takes what was tried, how many times, and the property that held each time."""

_PROPERTY = "tried"


@dataclass
class Row:
    """One line of the table: several tests may add to it."""

    what: str
    held: str
    count: int = 0
    seconds: float = 0.0
    failed: bool = False


@pytest.fixture
def tried(record_property: Callable[[str, object], None]) -> Tried:
    """Add to the table at the end, once what is claimed has been asserted."""

    def record(what: str, count: int, held: str) -> None:
        record_property(_PROPERTY, (what, count, held))

    return record


def rows(reporter: TerminalReporter) -> Iterator[Row]:
    """Yield what the tests have recorded, wherever they ran."""
    table: dict[tuple[str, str], Row] = {}
    for outcome in ("passed", "failed"):
        for report in reporter.getreports(outcome):
            if report.when != "call":
                continue
            for name, value in report.user_properties:
                if name == _PROPERTY:
                    what, count, held = value
                    row = table.setdefault((what, held), Row(what, held))
                    row.count += count
                    row.seconds += report.duration
                    row.failed |= outcome == "failed"
    yield from sorted(table.values(), key=lambda row: row.what)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the table."""
    if not (table := list(rows(terminalreporter))):
        return
    terminalreporter.section("what the adversary tried")
    width = max(len(row.what) for row in table)
    for row in table:
        verdict = "DID NOT HOLD" if row.failed else row.held
        terminalreporter.write_line(
            f"{row.what:{width}}  {row.count:>9,}  {row.seconds:7.1f} s  {verdict}"
        )
