"""How costs grow with the number of devices: a picture for docs/performance.md."""

from collections.abc import Sequence
from pathlib import Path

from .measuring import Row

FILE = Path(__file__).parent.parent / "docs" / "images" / "growth.svg"

COUNTS = (10, 100, 1000)
"""Of devices, that are measured."""

PANELS = {
    "start, ms a device": "{} devices, each: start",
    "memory, kB a device": "{} devices, each: memory",
    "longest pass of the loop, ms": (
        "{} devices that come back at once: longest pass of the loop, beside ESPHome"
    ),
}
"""What each shows, and which row of the table it is from."""

WIDTH, HEIGHT, LEFT, TOP = 200, 130, 46, 34
# Readable on white and on black.
HEAD = f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {3 * (WIDTH + LEFT) + 40} {HEIGHT + 74}">
<style>text {{font: 11px sans-serif; fill: #767676}} path {{fill: none; stroke: #767676}}
.ours {{stroke: #1a7fd4; fill: #1a7fd4}} .theirs {{stroke: #d9730d; fill: #d9730d}}
polyline {{stroke-width: 2; fill: none !important}} text.ours, text.theirs {{stroke: none}}</style>
<text class="ours" x="{LEFT}" y="{HEIGHT + 70}">Secure Pair</text>
<text class="theirs" x="{LEFT + 80}" y="{HEIGHT + 70}">ESPHome</text>
"""


def draw(rows: Sequence[Row]) -> None:
    """Draw the picture, if all of its rows were measured."""
    found = {row.work: row for row in rows}
    panels = {
        title: [found[work.format(count)] for count in COUNTS if work.format(count) in found]
        for title, work in PANELS.items()
    }
    if all(len(measured) == len(COUNTS) for measured in panels.values()):
        parts = [
            f'<g transform="translate({number * (WIDTH + LEFT) + LEFT} {TOP})">'
            f"{_panel(title, measured)}</g>\n"
            for number, (title, measured) in enumerate(panels.items())
        ]
        FILE.write_text(f"{HEAD}{''.join(parts)}</svg>\n", encoding="utf-8")


def _panel(title: str, rows: Sequence[Row]) -> str:
    """Return one set of axes: the number of devices by powers of ten, the cost from zero."""
    lines = {
        "ours": [row.ours.median for row in rows],
        "theirs": [row.beside[0].cost.median for row in rows],
    }
    top = 1.1 * max(max(line) for line in lines.values())
    step = WIDTH // len(rows)
    parts = [f'<text y="-14">{title}</text><path d="M0 0V{HEIGHT}H{WIDTH}"/>']
    for number, count in enumerate(COUNTS):
        parts.append(f'<text x="{step * number + step // 2 - 10}" y="{HEIGHT + 15}">{count}</text>')
    for y in (0, HEIGHT // 2, HEIGHT):
        value = top * (1 - y / HEIGHT)
        parts.append(f'<text x="-6" y="{y + 4}" text-anchor="end">{value:.3g}</text>')
    for kind, line in lines.items():
        points = " ".join(
            f"{step * number + step // 2},{HEIGHT * (1 - value / top):.1f}"
            for number, value in enumerate(line)
        )
        parts.append(f'<polyline class="{kind}" points="{points}"/>')
    return "".join(parts)
