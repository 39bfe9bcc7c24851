"""In a real Home Assistant, both integrations in the same one: what a user feels."""

import asyncio
from time import perf_counter

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback

from custom_components.secure_pair.const import DOMAIN

from .esphome import ESPHOME, running_esphome
from .house import (
    add_esphome,
    add_secure_pair,
    home_assistant,
    is_available,
    set_up,
    switch_of,
    until,
)
from .measuring import Effort, Row, Sample, in_turns
from .plug import running_plug

TIMES = 10


async def measure(effort: Effort) -> list[Row]:
    """Turn two switches over, and reload their entries."""
    async with running_plug() as plug, running_esphome() as esphome, home_assistant() as hass:
        device_id = plug.device.data.device_id
        ours = await add_secure_pair(hass, device_id, plug.server.port, plug.session)
        theirs = add_esphome(hass, esphome)
        await set_up(hass, DOMAIN)
        await set_up(hass, ESPHOME)
        our_switch, their_switch = await switch_of(hass, ours), await switch_of(hass, theirs)
        rows = [
            await in_turns(
                "in Home Assistant: action to state_changed",
                _action(hass, our_switch),
                {"ESPHome": _action(hass, their_switch)},
                counts="switch.turn_on or turn_off called, until the event of the new state is"
                " fired; the devices on the same loop",
                unit="ms",
                aim=1,
                effort=effort,
                rounds=60,
            ),
            await in_turns(
                "in Home Assistant: reload of an entry",
                _reload(hass, ours, our_switch),
                {"ESPHome": _reload(hass, theirs, their_switch)},
                counts="reload called, until the switch has a state again; the devices on the"
                " same loop",
                unit="ms",
                aim=1,
                effort=effort,
                rounds=40,
            ),
        ]
        for entry in (ours, theirs):
            await hass.config_entries.async_unload(entry.entry_id)
        return rows


def _action(hass: HomeAssistant, entity_id: str) -> Sample:
    loop = asyncio.get_running_loop()

    async def sample() -> float:
        changed = loop.create_future()

        @callback
        def hear(event: Event[EventStateChangedData]) -> None:
            if event.data["entity_id"] == entity_id and not changed.done():
                changed.set_result(None)

        stop = hass.bus.async_listen(EVENT_STATE_CHANGED, hear)
        spent = 0.0
        for _ in range(TIMES):
            state = hass.states.get(entity_id)
            assert state is not None
            service = "turn_off" if state.state == "on" else "turn_on"
            start = perf_counter()
            call = hass.async_create_task(
                hass.services.async_call(
                    "switch", service, {"entity_id": entity_id}, blocking=True
                ),
                eager_start=True,
            )
            await changed
            spent += perf_counter() - start
            await call
            changed = loop.create_future()
        stop()
        return spent * 1e3 / TIMES

    return sample


def _reload(hass: HomeAssistant, entry: ConfigEntry, entity_id: str) -> Sample:
    async def sample() -> float:
        start = perf_counter()
        assert await hass.config_entries.async_reload(entry.entry_id)
        await until(lambda: is_available(hass, entity_id))
        spent = perf_counter() - start
        await hass.async_block_till_done()
        return spent * 1e3

    return sample
