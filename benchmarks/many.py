"""Ten, a hundred, a thousand devices on one Home Assistant.

Each measurement is a Home Assistant in a process of its own, with the devices in another.
"""

import asyncio
import gc
import logging
import os
import resource
import sys
import time
from base64 import b64decode
from typing import Any

import msgspec
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from custom_components.secure_pair.const import DOMAIN
from custom_components.secure_pair.protocol.secret import Secret
from custom_components.secure_pair.protocol.sessions import StoredSession

from .esphome import EspHome
from .house import (
    ESPHOME,
    TERMINAL_ID,
    add_esphome,
    add_secure_pair,
    home_assistant,
    is_available,
    until,
)
from .measuring import Effort, Row, row_of
from .serving import ROOT

COUNTS = (10, 100, 1000)
PATIENCE_SECONDS = 300
IDLE_SECONDS = 60.0
"""Ours is pinged every 30 s, ESPHome's every 20 s."""
LIMIT = 50.0
"""Longer than that, in ms, the loop shall never be blocked."""


class Figures(msgspec.Struct):
    """What one Home Assistant with so many devices came to."""

    start: float
    """ms a device, until all are available."""
    memory: float
    """kB a device, of this process."""
    idle: float
    """µs of CPU a device and second, with nothing to do."""
    blocked: float
    """ms, the longest pass of the loop while all come back at once; ESPHome's: not measured."""


async def measure(effort: Effort) -> list[Row]:
    """Measure each number of devices with both integrations, in turns."""
    rows = []
    for count in (3,) if effort.quick else COUNTS:
        found: dict[str, list[Figures]] = {"": [], "ESPHome": []}
        for _ in range(1 if effort.quick or count == COUNTS[-1] else 3):
            for name, kind in (("", DOMAIN), ("ESPHome", ESPHOME)):
                found[name].append(await _figures(kind, count))
        where = "a Home Assistant in a process of its own, so many plugs in another; "
        fields = [
            ("start", "ms", "start", "all entries set up at once, until all are available"),
            ("memory", "kB", "memory", "what that adds to the process"),
        ]
        if count == COUNTS[-1]:
            seconds = f"{IDLE_SECONDS:g} s of nothing to do but pings"
            fields.append(("idle", "µs/s", "idle", f"CPU of the process in {seconds}"))
        for field, unit, what, counts in fields:
            costs = {
                name: [getattr(one, field) for one in figures] for name, figures in found.items()
            }
            rows.append(
                row_of(
                    f"{count} devices, each: {what}",
                    costs,
                    counts=f"{where}{counts}, by device",
                    unit=unit,
                    aim=1 if count == COUNTS[-1] else None,
                )
            )
        blocked = [one.blocked for one in found[""]]
        rows.append(
            row_of(
                f"{count} devices that come back at once: longest pass of the loop",
                {"": blocked, f"{LIMIT:g} ms": [LIMIT for _ in blocked]},
                counts=f"{where}all were away and are announced at the same moment; for so long"
                " anything else in Home Assistant waits, until all are available",
                unit="ms",
                aim=1,
            )
        )
    return rows


async def _figures(kind: str, count: int) -> Figures:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.many", kind, str(count)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    return msgspec.json.decode(out.splitlines()[-1], type=Figures)


async def main(kind: str, count: int) -> None:
    """Be the Home Assistant, and print the figures."""
    logging.disable(logging.ERROR)
    fleet = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.fleet", kind, str(count)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    assert fleet.stdin is not None
    assert fleet.stdout is not None
    facts = msgspec.json.decode(await fleet.stdout.readline())
    async with home_assistant() as hass:
        # One device first: what is imported for it is not a device's.
        for fact in facts[:1]:
            await _add(hass, kind, fact)
        await hass.config_entries.async_setup(hass.config_entries.async_entries(kind)[0].entry_id)
        await until(lambda: _available(hass, kind) == 1, PATIENCE_SECONDS)
        for fact in facts[1:]:
            await _add(hass, kind, fact)
        await hass.async_block_till_done()
        gc.collect()
        memory, start = _memory(), time.perf_counter()
        entries = hass.config_entries.async_entries(kind)
        setting_up = asyncio.gather(
            *(hass.config_entries.async_setup(entry.entry_id) for entry in entries[1:])
        )
        await _all(hass, kind, count)
        started = time.perf_counter() - start
        await setting_up
        gc.collect()
        grown = _memory() - memory
        idle = time.process_time()
        if count == COUNTS[-1]:
            await asyncio.sleep(IDLE_SECONDS)
        idle = time.process_time() - idle
        blocked = 0.0 if kind == ESPHOME else await _come_back(hass, fleet, count)
        figures = Figures(
            start=started * 1e3 / count,
            memory=grown / 1024 / count,
            idle=idle * 1e6 / IDLE_SECONDS / count,
            blocked=blocked,
        )
        print(msgspec.json.encode(figures).decode(), flush=True)
        fleet.stdin.close()
        fleet.terminate()
        await fleet.wait()
        # Nothing of what is left to do counts.
        os._exit(0)


async def _come_back(hass: HomeAssistant, fleet: asyncio.subprocess.Process, count: int) -> float:
    """Let all devices vanish and come back; return the longest pass of the loop then, in ms."""
    assert fleet.stdin is not None
    assert fleet.stdout is not None
    fleet.stdin.write(b"off\n")
    await fleet.stdout.readline()
    await until(lambda: _available(hass, DOMAIN) == 0, PATIENCE_SECONDS)
    fleet.stdin.write(b"on\n")
    await fleet.stdout.readline()
    passes = _Passes()
    for entry in hass.config_entries.async_entries(DOMAIN):
        entry.runtime_data.keeper.try_now()
    await _all(hass, DOMAIN, count)
    passes.stop()
    return passes.longest * 1e3


async def _add(hass: HomeAssistant, kind: str, fact: dict[str, Any]) -> None:
    if kind == ESPHOME:
        device = EspHome(fact["mac"], fact["name"])
        device.port, device.psk = fact["port"], b64decode(fact["psk"])
        add_esphome(hass, device)
        return
    session = StoredSession(
        b64decode(fact["session_id"]),
        Secret(b64decode(fact["session_key"])),
        0,
        time.time(),
        b"",
        provisional=False,
        terminal_id=TERMINAL_ID,
    )
    await add_secure_pair(hass, fact["device_id"], fact["port"], session)


async def _all(hass: HomeAssistant, kind: str, count: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while _available(hass, kind) < count:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


def _available(hass: HomeAssistant, kind: str) -> int:
    return sum(
        is_available(hass, entity.entity_id)
        for entity in er.async_get(hass).entities.values()
        if entity.platform == kind and entity.domain == "switch"
    )


def _memory() -> int:
    """Return what this process has of the machine's memory, in bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize()


class _Passes:
    """Watches the loop: how long one pass takes, for that long everybody else waits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._last = time.perf_counter()
        self._goes_on = True
        self.longest = 0.0
        self._loop.call_soon(self._look)

    def _look(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self._last = now
        if self._goes_on:
            self._loop.call_soon(self._look)

    def stop(self) -> None:
        self._goes_on = False


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
