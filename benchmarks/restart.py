"""A device that is killed and starts anew: how soon Home Assistant knows the one and the other.

Both kinds of device are processes of their own. All that differs is whose they are: they are
killed alike, are away as long, and are announced by the same packet of multicast DNS.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback

from custom_components.secure_pair.const import DOMAIN

from . import fleet
from .esphome import ESPHOME
from .house import add_device, home_assistant, is_available, set_up, switch_of, until
from .measuring import Effort, Row, row_of

AWAY_SECONDS = 1.5
"""Behind the first try of both, which finds nobody, and before the next one of ESPHome's."""

CALM_SECONDS = 0.2
"""Before a device is killed: what a new connection brings with it is over."""


async def measure(effort: Effort) -> list[Row]:
    """Kill and start one device of each kind, in turns."""
    rounds = effort.of(20)
    async with AsyncExitStack() as stack:
        hass = await stack.enter_async_context(home_assistant())
        houses = {
            "": await _device(hass, DOMAIN, stack),
            "ESPHome": await _device(hass, ESPHOME, stack),
        }
        gone: dict[str, list[float]] = {name: [] for name in houses}
        back: dict[str, list[float]] = {name: [] for name in houses}
        order = list(houses)
        # The first round is for nothing, as everywhere.
        for number in range(1 if effort.quick else 0, rounds + 1):
            for name in order:
                left, returned = await houses[name].kill_and_start()
                if number:
                    gone[name].append(left * 1e3)
                    back[name].append(returned * 1e3)
            order = [*order[1:], order[0]]
        for device in houses.values():
            await hass.config_entries.async_unload(device.entry.entry_id)
            await device.fleet.kill()
    how = "the device a process of its own, killed with SIGKILL, started anew with what it keeps"
    return [
        row_of(
            "in Home Assistant: a device is killed, to unavailable",
            gone,
            counts=f"{how}: from the signal to the state unavailable",
            unit="ms",
            aim=1,
        ),
        row_of(
            "in Home Assistant: a killed device has started, to available",
            back,
            counts=f"{how}, {AWAY_SECONDS:g} s later: from the moment that it listens, and"
            " announces itself, as any device does, by multicast DNS, to the switch's state;"
            " each round begins with a reload, so that no earlier failure counts",
            unit="ms",
            aim=1,
        ),
    ]


@dataclass
class _Device:
    hass: HomeAssistant
    kind: str
    folder: Path
    fleet: fleet.Running
    entry: ConfigEntry
    switch: str

    async def kill_and_start(self) -> tuple[float, float]:
        """Return the seconds until it is unavailable, and until it is back."""
        assert await self.hass.config_entries.async_reload(self.entry.entry_id)
        await until(lambda: is_available(self.hass, self.switch))
        # The next process is there already: how long Python takes to start is not the point.
        successor = await fleet.begin(self.kind, 1, self.folder)
        await asyncio.sleep(CALM_SECONDS)
        unavailable = self._next_change(available=False)
        killed = time.monotonic()
        await self.fleet.kill()
        left = await unavailable - killed
        await asyncio.sleep(AWAY_SECONDS)
        self.fleet = successor
        available = self._next_change(available=True)
        listening = await successor.tell("return")
        return left, await available - listening

    def _next_change(self, *, available: bool) -> asyncio.Future[float]:
        """Return when, on the monotonic clock, the switch becomes available, or the contrary."""
        changed: asyncio.Future[float] = asyncio.get_running_loop().create_future()

        @callback
        def hear(event: Event[EventStateChangedData]) -> None:
            state = event.data["new_state"]
            if event.data["entity_id"] != self.switch or state is None:
                return
            if (state.state != STATE_UNAVAILABLE) is available and not changed.done():
                changed.set_result(time.monotonic())
                stop()

        stop = self.hass.bus.async_listen(EVENT_STATE_CHANGED, hear)
        return changed


async def _device(hass: HomeAssistant, kind: str, stack: AsyncExitStack) -> _Device:
    """Start one, and have it set up in Home Assistant, which has heard of it."""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="secure-pair-bench-")))
    process = await fleet.begin(kind, 1, folder)
    await process.tell("on")
    (fact,) = process.facts
    entry = await add_device(hass, kind, fact)
    await set_up(hass, kind)
    switch = await switch_of(hass, entry)
    await process.tell("announce")
    return _Device(hass, kind, folder, process, entry, switch)
