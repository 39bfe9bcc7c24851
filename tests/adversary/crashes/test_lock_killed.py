"""The lock is killed at each write and each send, and comes back; Home Assistant lives on.

A test goes on until the lock has survived: then there is no further point.
"""

from collections.abc import AsyncGenerator
from itertools import count

import pytest

from ..conftest import Tried
from .lives import Lock
from .lock_process import motions, opposite, resting
from .world import DiedError, World

pytestmark = pytest.mark.timeout(300)

WHAT = "lock killed at each write and send: "


@pytest.fixture
async def lock(world: World) -> AsyncGenerator[Lock]:
    """It is on, will die at its first point, and nobody has paired it."""
    lock = Lock(world)
    await lock.start(die_at=1)
    world.boot()
    yield lock
    assert world.complaints == []


@pytest.fixture
async def paired(lock: Lock) -> Lock:
    assert await lock.world.home.ask("pair") == "done"
    await lock.settle()
    return lock


async def test_start_and_resumption(paired: Lock, tried: Tried) -> None:
    world, session = paired.world, await paired.settle()
    before = world.authorizations
    for die_at in count(1):
        world.lock.kill()
        world.switch_on(die_at)
        try:
            await world.lock.ask("arm")
            await world.lock.ask("start")
            await world.lock.ask("linked")
            points = await world.lock.ask("points")
        except DiedError:
            continue
        break
    assert await paired.settle() == session
    assert {"os.rename state.json", "before ResumeAnswer", "behind record"} <= set(points)
    assert world.authorizations == before
    tried(WHAT + "start, resumption", die_at - 1, "the same session goes on")


async def test_pairing(lock: Lock, tried: Tried) -> None:
    world = lock.world
    for die_at in count(1):
        said, points = await lock.order("pair", die_at=die_at)
        if said != "done":
            assert await world.home.ask("pair") == "done"
        await lock.settle()
        if points is not None:
            break
        await world.home.ask("remove")
        assert (world.held, world.stored, world.tombstones) == ([], [], [])
    assert points is not None
    assert {"before Challenge", "before DeviceKey", "os.rename state.json"} <= set(points)
    tried(WHAT + "pairing", die_at - 1, "paired at the second try; one session, the same")


async def test_renewal(paired: Lock, tried: Tried) -> None:
    world, former = paired.world, await paired.settle()
    for die_at in count(1):
        before = world.authorizations
        said, points = await paired.order("renew", die_at=die_at)
        session = await paired.settle()
        if said == "done":
            assert session != former
        former = session
        # Only the one that was asked for: nothing had to be mended.
        assert world.authorizations <= before + 1
        if points is not None:
            break
    assert points is not None
    assert said == "done"
    assert {"before DeviceKey", "os.rename state.json", "behind record"} <= set(points)
    tried(WHAT + "renewal", die_at - 1, "one session, the same; none made by itself")


async def test_command(paired: Lock, tried: Tried) -> None:
    world, session = paired.world, await paired.settle()
    said_of: dict[str, set[int]] = {}
    for die_at in count(1):
        before, target = len(motions(world.bolt)), opposite(resting(world.bolt))
        said, points = await paired.order("act", target, die_at=die_at)
        assert await paired.settle() == session
        moved = len(motions(world.bolt)) - before
        said_of.setdefault(said, set()).add(moved)
        if said == "done":
            assert resting(world.bolt) == f"{target}ed"
        if points is not None:
            break
    assert points is not None
    # Done is said of what ran, once. Whoever hears "restarted" is told to look, as is he who
    # hears "unknown" because the lock took long to come back.
    assert (said_of["done"], said_of["command_restarted"]) == ({1}, {0, 1})
    assert said_of.keys() <= {"done", "command_restarted", "command_unknown"}
    assert {"open bolt", "behind record"} <= set(points)
    tried(WHAT + "command", die_at - 1, "carried out at most once; what is said and shown is true")


async def test_removal(paired: Lock, tried: Tried) -> None:
    world = paired.world
    for die_at in count(1):
        said, points = await paired.order("remove", die_at=die_at)
        assert said == "done"
        assert world.stored == []
        # Either it knows, or it will be told.
        assert not world.held or world.tombstones
        if points is not None:
            break
        assert await world.home.ask("pair") == "done"
        assert world.tombstones == []
        await paired.settle()
    assert points is not None
    assert (world.held, world.tombstones) == ([], [])
    assert "os.rename state.json" in points
    tried(WHAT + "removal", die_at - 1, "told now or later; paired again by one flow")
