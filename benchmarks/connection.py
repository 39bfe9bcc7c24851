"""A later connection: from nothing to the device's full state."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

from .esphome import EspHome, running_esphome
from .homekit import HomeKit, running_homekit
from .measuring import Effort, Row, Sample, in_turns
from .plug import Plug, Terminal, running_plug

TIMES = 10

type Close = Callable[[], Awaitable[object]]


async def measure(effort: Effort) -> list[Row]:
    """Connect to the three, with their servers on the same loop."""
    async with running_plug() as plug, running_esphome() as esphome, running_homekit() as homekit:
        await homekit.pair()
        return [
            await in_turns(
                "later connection, to the full state",
                _sample(lambda: _secure_pair(plug)),
                {
                    "ESPHome": _sample(lambda: _esphome(esphome)),
                    "HomeKit": _sample(lambda: _homekit(homekit)),
                },
                counts="TCP, handshake, description and state of one switch, over loopback with"
                " both ends on one loop; the end of the connection is not counted",
                unit="ms",
                aim=1,
                effort=effort,
                rounds=60,
            )
        ]


def _sample(connect: Callable[[], Awaitable[Close]]) -> Sample:
    async def sample() -> float:
        spent = 0.0
        for _ in range(TIMES):
            start = perf_counter()
            close = await connect()
            spent += perf_counter() - start
            await close()
            # Both ends have heard of it before the next one begins.
            for _ in range(5):
                await asyncio.sleep(0)
        return spent * 1e3 / TIMES

    return sample


async def _secure_pair(plug: Plug) -> Close:
    return (await Terminal.connect(plug)).link.close


async def _esphome(device: EspHome) -> Close:
    client, arrived = device.client(), asyncio.get_running_loop().create_future()
    await client.connect()
    await client.device_info_and_list_entities()
    client.subscribe_states(arrived.set_result)
    await arrived
    close: Close = client.disconnect
    return close


async def _homekit(homekit: HomeKit) -> Close:
    close: Close = (await homekit.connect()).close
    return close
