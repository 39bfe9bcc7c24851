"""Home Assistant is killed at each write and each send, and comes back; the lock lives on.

A test goes on until Home Assistant has survived: then there is no further point.
"""

from collections.abc import AsyncGenerator
from itertools import count

import pytest

from ..conftest import Tried
from .lives import Home
from .lock_process import motions, opposite, resting
from .world import World

pytestmark = pytest.mark.timeout(300)

WHAT = "Home Assistant killed at each write and send: "


@pytest.fixture
async def home(world: World) -> AsyncGenerator[Home]:
    """Nothing is paired; the lock is on."""
    world.switch_on()
    await world.lock.ask("start")
    yield Home(world)
    assert world.complaints == []
    # A write that was cut off leaves a copy of the keys: for nobody else's eyes either.
    assert {file.stat().st_mode & 0o777 for file in world.key_files} == {0o600}


@pytest.fixture
async def paired(home: Home) -> Home:
    await home.pair()
    home.world.home.kill()
    return home


async def test_resumption(paired: Home, tried: Tried) -> None:
    world, before = paired.world, paired.world.authorizations
    session = await world.agree()
    for die_at in count(1):
        world.boot(die_at)
        points = await paired.survives("load")
        assert await world.agree() == session
        if points is not None:
            break
    assert points is not None
    assert {"before Resume", "before ResumeConfirmation"} <= set(points)
    assert world.authorizations == before
    tried(WHAT + "resumption", die_at - 1, "the same session goes on")


async def test_pairing(home: Home, tried: Tried) -> None:
    world = home.world
    for die_at in count(1):
        await home.pair(die_at)
        assert await world.home.ask("remove") == "done"
        assert (world.held, world.stored, world.tombstones) == ([], [], [])
        points = await home.survives("pair")
        if points is not None:
            break
    assert points is not None
    assert {"before request", "os.rename secure_pair", "before TerminalConfirmation"} <= set(points)
    tried(WHAT + "pairing", die_at - 1, "paired by the next flow; one session, the same")


async def test_renewal(paired: Home, tried: Tried) -> None:
    world = paired.world
    for die_at in count(1):
        before = world.authorizations
        former = await paired.load(die_at)
        assert world.authorizations == before
        points = await paired.survives("renew")
        # Only the one that was asked for: nothing had to be mended.
        assert world.authorizations <= before + 1
        if points is not None:
            break
    assert points is not None
    assert await paired.load() != former
    # Durable before m7: no point of the write is behind it.
    assert points.index("os.rename secure_pair") < points.index("before TerminalConfirmation")
    tried(WHAT + "renewal", die_at - 1, "one session, the same; none made by itself")


async def test_command(paired: Home, tried: Tried) -> None:
    world, moved = paired.world, list[int]()
    for die_at in count(1):
        session = await paired.load(die_at)
        before, target = len(motions(world.bolt)), opposite(resting(world.bolt))
        points = await paired.survives("act", target)
        # Whoever comes back shows what is, and never repeats what he cannot know of.
        assert await paired.load() == session
        moved.append(len(motions(world.bolt)) - before)
        assert moved[-1] == (resting(world.bolt) == f"{target}ed")
        world.home.kill()
        if points is not None:
            break
    assert points is not None
    assert moved[0] == 0
    assert moved[-1] == 1
    tried(WHAT + "command", die_at - 1, "carried out at most once; what is shown is true")


async def test_removal(paired: Home, tried: Tried) -> None:
    world = paired.world
    for die_at in count(1):
        # It has its entry still, or again.
        await (paired.load if world.stored else paired.pair)(die_at)
        points = await paired.survives("remove")
        # Either it has kept the device, or the device knows, or it will be told.
        assert not world.held or world.stored or world.tombstones
        if points is not None:
            break
    assert points is not None
    assert (world.held, world.stored, world.tombstones) == ([], [], [])
    assert "os.rename secure_pair" in points
    tried(WHAT + "removal", die_at - 1, "told now or later; paired again by one flow")
