"""A Home Assistant with many devices, in a process of its own; the devices are in another.

Prints its figures as one line of JSON; or, in their place, the profile of a start.
"""

import asyncio
import gc
import logging
import os
import resource
import shutil
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback

from . import fleet
from .house import add_device, home_assistant
from .measuring import profiling

PATIENCE_SECONDS = 300
AWAY_SECONDS = 5.0
"""After so long both kinds wait for seconds between their tries, unless they hear something."""


class Figures(msgspec.Struct):
    """What it came to."""

    first: float
    """ms a device, until all are available, of which nothing is known yet."""
    start: float
    """The same, of devices and entities that are registered already, as on every start."""
    memory: float
    """kB a device, of this process."""
    idle: float
    """µs of CPU a device and second, with nothing to do."""
    blocked: float
    """ms, the longest pass of the loop while all come back at once."""


async def main(kind: str, count: int, idle_seconds: float | None) -> None:
    """Be the Home Assistant, and print the figures; without seconds: the profile."""
    logging.disable(logging.ERROR)
    with TemporaryDirectory(prefix="secure-pair-bench-") as folder:
        async with fleet.running(kind, count, Path(folder)) as devices, home_assistant() as hass:
            figures = await _live(hass, kind, devices, idle_seconds)
            if figures is not None:
                print(msgspec.json.encode(figures).decode(), flush=True)
            await devices.kill()
            # Nothing of what is left to do counts.
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(hass.config.config_dir, ignore_errors=True)
            os._exit(0)


async def _live(
    hass: HomeAssistant, kind: str, devices: fleet.Running, idle_seconds: float | None
) -> Figures | None:
    facts = devices.facts
    count = len(facts)
    switches = _Switches(hass)
    # One device first: what is imported for it is not a device's.
    entry = await add_device(hass, kind, facts[0])
    await hass.config_entries.async_setup(entry.entry_id)
    await switches.available(1)
    for fact in facts[1:]:
        await add_device(hass, kind, fact)
    await hass.async_block_till_done()
    gc.collect()
    memory = _memory()
    first = await _set_up_all(hass, kind, switches, count)
    gc.collect()
    memory = _memory() - memory
    entries = hass.config_entries.async_entries(kind)
    await asyncio.gather(*(hass.config_entries.async_unload(entry.entry_id) for entry in entries))
    await hass.async_block_till_done()
    await switches.available(0)
    gc.collect()
    with profiling(f"start of {count} devices") if idle_seconds is None else nullcontext():
        start = await _set_up_all(hass, kind, switches, count)
    if idle_seconds is None:
        return None
    gc.collect()
    idle = time.process_time()
    await asyncio.sleep(idle_seconds)
    idle = time.process_time() - idle
    return Figures(
        first=first / (count - 1),
        start=start / count,
        memory=memory / 1024 / (count - 1),
        idle=idle * 1e6 / idle_seconds / count if idle_seconds else 0,
        blocked=await _come_back(devices, switches, count),
    )


async def _set_up_all(hass: HomeAssistant, kind: str, switches: _Switches, count: int) -> float:
    """Set all entries up at once; return the ms until all switches are available."""
    start = time.perf_counter()
    setting_up = asyncio.gather(
        *(
            hass.config_entries.async_setup(entry.entry_id)
            for entry in hass.config_entries.async_entries(kind)
            if entry.state is ConfigEntryState.NOT_LOADED
        )
    )
    await switches.available(count)
    spent = (time.perf_counter() - start) * 1e3
    await setting_up
    await hass.async_block_till_done()
    return spent


async def _come_back(devices: fleet.Running, switches: _Switches, count: int) -> float:
    """Let all devices vanish and come back; return the longest pass of the loop then, in ms."""
    await devices.tell("off")
    await switches.available(0)
    await asyncio.sleep(AWAY_SECONDS)
    # In a process of this size a full collection blocks for longer than anything else, and
    # comes when it comes: what comes back shall be measured, and its own garbage.
    gc.collect()
    passes = _Passes()
    await devices.tell("return")
    await switches.available(count)
    passes.stop()
    return passes.longest * 1e3


def _memory() -> int:
    """Return what this process has of the machine's memory, in bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize()


class _Switches:
    """Which switches are available: each device has one."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._available = set[str]()
        self._changed = asyncio.Event()
        hass.bus.async_listen(EVENT_STATE_CHANGED, self._hear)

    @callback
    def _hear(self, event: Event[EventStateChangedData]) -> None:
        entity_id, state = event.data["entity_id"], event.data["new_state"]
        if not entity_id.startswith("switch."):
            return
        if state is None or state.state == STATE_UNAVAILABLE:
            self._available.discard(entity_id)
        else:
            self._available.add(entity_id)
        self._changed.set()

    async def available(self, count: int) -> None:
        """Return when so many are."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self._available) != count:
                self._changed.clear()
                await self._changed.wait()


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
    how = sys.argv[3]
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), None if how == "profile" else float(how)))
