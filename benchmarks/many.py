"""Ten, a hundred, a thousand devices on one Home Assistant.

Each measurement is a Home Assistant in a process of its own, with the devices in another.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE

import msgspec

from custom_components.secure_pair.const import DOMAIN

from .esphome import ESPHOME
from .growth import COUNTS
from .household import AWAY_SECONDS, Figures
from .measuring import Effort, Row, row_of
from .serving import ROOT

MOST = COUNTS[-1]
ROUNDS = 3
PATIENCE_SECONDS = 600
IDLE_SECONDS = 60.0
"""Ours is pinged every 30 s, ESPHome's every 20 s."""
LIMIT = 50.0
"""Longer than that, in ms, the loop shall never be blocked."""

WHERE = "a Home Assistant in a process of its own, so many plugs in another; "


async def measure(effort: Effort) -> list[Row]:
    """Measure each number of devices with both integrations, in turns."""
    rows = list[Row]()
    if effort.profile:
        await _household(DOMAIN, MOST, "profile")
        return rows
    for count in (3,) if effort.quick else COUNTS:
        found: dict[str, list[Figures]] = {"": [], "ESPHome": []}
        turns = [("", DOMAIN), ("ESPHome", ESPHOME)]
        for _ in range(1 if effort.quick else ROUNDS):
            for name, kind in turns:
                found[name].append(await _figures(kind, count))
            turns.reverse()
        rows += _rows(count, found)
    return rows


def _rows(count: int, found: dict[str, list[Figures]]) -> list[Row]:
    def costs(field: str) -> dict[str, list[float]]:
        return {name: [getattr(one, field) for one in figures] for name, figures in found.items()}

    aim = 1 if count == MOST else None
    rows = [
        row_of(
            f"{count} devices, each: start",
            costs("start"),
            counts=f"{WHERE}all entries set up at once, their devices and entities registered"
            " already (they were set up and unloaded before), until all are available, by device",
            unit="ms",
            aim=aim,
        ),
        row_of(
            f"{count} devices, each: first set-up of all at once",
            costs("first"),
            counts=f"{WHERE}the same right after pairing, so that each device and entity is"
            " registered as well",
            unit="ms",
            aim=None,
        ),
        row_of(
            f"{count} devices, each: memory",
            costs("memory"),
            counts=f"{WHERE}what their first set-up adds to the process, by device",
            unit="kB",
            aim=aim,
        ),
    ]
    if count == MOST:
        rows.append(
            row_of(
                f"{count} devices, each: idle",
                costs("idle"),
                counts=f"{WHERE}CPU of the process in {IDLE_SECONDS:g} s of nothing to do but"
                " pings, by device",
                unit="µs/s",
                aim=aim,
            )
        )
    blocked = costs("blocked")
    work = f"{count} devices that come back at once: longest pass of the loop"
    rows += [
        row_of(
            work,
            {"": blocked[""], f"{LIMIT:g} ms": [LIMIT for _ in blocked[""]]},
            counts=f"{WHERE}all were away for {AWAY_SECONDS:g} s and announce themselves by"
            " multicast DNS, one each millisecond, as fast as a wireless network carries it; for so"
            " long anything else in Home Assistant waits, until all are available; right after a"
            " full garbage collection",
            unit="ms",
            aim=1,
        ),
        row_of(
            f"{work}, beside ESPHome",
            blocked,
            counts="the same, for both",
            unit="ms",
            aim=aim,
        ),
    ]
    return rows


async def _figures(kind: str, count: int) -> Figures:
    out = await _household(kind, count, str(IDLE_SECONDS if count == MOST else 0), stdout=PIPE)
    return msgspec.json.decode(out.splitlines()[-1], type=Figures)


async def _household(kind: str, count: int, idle: str, stdout: int | None = None) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.household", kind, str(count), idle),
        cwd=ROOT,
        stdout=stdout,
    )
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    assert process.returncode == 0, f"{count} devices of {kind} could not be measured"
    return out
