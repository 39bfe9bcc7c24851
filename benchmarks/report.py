"""The table of a run, for a terminal and for docs/performance.md."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from .measuring import Row, Spread

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- the run -->\n", "<!-- end of the run -->\n"

HEAD = (
    "| work | unit | Secure Pair | beside | its cost | ratio | quartiles | at least | |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def line(row: Row) -> str:
    """Return a row of the table for each of its peers."""
    lines = []
    for place, peer in enumerate(row.beside):
        own = [row.work, row.unit, _spread(row.ours)] if place == 0 else ["", "", ""]
        aim, verdict = "", ""
        if row.aim is not None:
            aim = f"{row.aim:g}"
            verdict = "reached" if peer.ratio.median >= row.aim else "**not reached**"
        ratio = peer.ratio
        lines.append(
            "| "
            + " | ".join(
                [
                    *own,
                    peer.name,
                    _spread(peer.cost),
                    f"**{_number(ratio.median)}**",
                    f"{_number(ratio.low)} to {_number(ratio.high)}",
                    aim,
                    verdict,
                ]
            )
            + " |"
        )
    return "\n".join(lines)


def counts(rows: Sequence[Row]) -> str:
    """Return what each row counts."""
    return "\n".join(f"- {row.work}: {row.counts}. {row.rounds} rounds." for row in rows)


def machine() -> str:
    """Return on what was measured, and what else it had to do at the beginning."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores,"
        f" {platform.python_implementation()} {platform.python_version()},"
        f" {platform.system()} {platform.machine()}, load at the beginning {load}"
    )


def write(rows: Sequence[Row], where: str) -> None:
    """Put the run into the document, in the place of the former."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    table = "\n".join([HEAD, *map(line, rows)])
    run = f"{where}.\n\n{table}\n\nWhat each counts:\n\n{counts(rows)}\n"
    DOCUMENT.write_text(f"{before}{BEGIN}{run}{END}{after}", encoding="utf-8")


def _spread(spread: Spread) -> str:
    return f"{_number(spread.median)} ({_number(spread.low)} to {_number(spread.high)})"


def _number(value: float) -> str:
    """Return three significant digits, without an exponent."""
    if value >= 100:  # noqa: PLR2004
        return f"{value:.0f}"
    return f"{value:.2f}" if value >= 10 else f"{value:.3g}"  # noqa: PLR2004
