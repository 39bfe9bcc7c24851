"""A command, until its effect is known: what a user feels of a switch."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

from aioesphomeapi import APIClient, EntityState
from aiohomekit.controller.ip.pairing import IpPairing

from .esphome import KEY, running_esphome
from .homekit import running_homekit
from .measuring import Effort, Row, Sample, in_turns, milliseconds
from .plug import Terminal, running_plug

TIMES = 10
"""Of few: a device remembers 1,024 commands until they are too old, and is busy beyond."""


async def measure(effort: Effort) -> list[Row]:
    """Turn three switches over, each on a connection that is there."""
    async with running_plug() as plug, running_esphome() as esphome, running_homekit() as homekit:
        await homekit.pair()
        terminal = await Terminal.connect(plug)
        pairing = await homekit.connect()
        client = esphome.client()
        await client.connect()
        await client.list_entities_services()
        row = await in_turns(
            "command to new state",
            _secure_pair(terminal),
            {
                "ESPHome": _esphome(client),
                "HomeKit": milliseconds(_homekit(pairing, homekit.characteristic), TIMES),
            },
            counts="a switch turned over, from the call to its new state at the caller, over"
            " loopback with both ends on one loop; ours is numbered, dated, recorded and"
            " carried out at most once, and HomeKit's answer stands for the state",
            unit="ms",
            aim=1,
            effort=effort,
            rounds=60,
        )
        await terminal.link.close()
        await pairing.close()
        await client.disconnect()
        return [row]


def _secure_pair(terminal: Terminal) -> Sample:
    async def sample() -> float:
        spent = 0.0
        for _ in range(TIMES):
            start = perf_counter()
            outcome = await terminal.turn()
            spent += perf_counter() - start
            await outcome
        return spent * 1e3 / TIMES

    return sample


def _esphome(client: APIClient) -> Sample:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[EntityState] | None = None

    def arrive(state: EntityState) -> None:
        if waiting is not None:
            waiting.set_result(state)

    client.subscribe_states(arrive)
    on = False

    async def turn() -> None:
        nonlocal waiting, on
        waiting, on = loop.create_future(), not on
        client.switch_command(KEY, on)
        await waiting

    return milliseconds(turn, TIMES)


def _homekit(
    pairing: IpPairing, characteristic: tuple[int, int]
) -> Callable[[], Awaitable[object]]:
    on = False

    async def turn() -> None:
        nonlocal on
        on = not on
        await pairing.put_characteristics([(*characteristic, on)])

    return turn
