"""The power is cut for both: the lock at each of its points, Home Assistant at that moment."""

import asyncio
from itertools import count

import pytest

from ..conftest import Tried
from .lives import Home, Lock
from .lock_process import motions, opposite, resting
from .world import World

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("order", ["renewal", "command"])
async def test_power_cut(world: World, tried: Tried, order: str) -> None:
    lock, home = Lock(world), Home(world)
    await lock.start(die_at=1)
    await home.pair()
    for die_at in count(1):
        authorizations, moves = world.authorizations, len(motions(world.bolt))
        target = opposite(resting(world.bolt))
        await world.lock.ask("arm")
        ordered = ["renew"] if order == "renewal" else ["act", target]
        answer = asyncio.create_task(world.home.ask(*ordered))
        points = await lock.survives(answer)
        world.home.kill()
        await asyncio.gather(answer, return_exceptions=True)
        world.lock.kill()
        await lock.start(die_at + 1)
        await home.load()
        moved = len(motions(world.bolt)) - moves
        assert moved <= 1
        assert world.authorizations <= authorizations + (order == "renewal")
        if points is not None:
            break
    assert world.complaints == []
    tried(
        f"both killed at each write and send of the lock: {order}",
        die_at - 1,
        "one session, the same; nothing twice; what is shown is true",
    )
