"""A thousand strangers at the device's door, while a Home Assistant is paired and connected.

None of them goes by himself, and each has only his word to say. They come without a pause while
Home Assistant works, loses its connection, comes back, and another terminal of the owner's
negotiates a key. The device keeps no more of the strangers than its limits say.
"""

import asyncio
import gc
import itertools
import os
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from device_stub.admission import ENDING_SECONDS, Standing
from secure_pair_protocol.framing import frame
from secure_pair_protocol.messages import AuthenticationRequest, Identify, Resume, encode
from secure_pair_protocol.negotiation import CHALLENGE_SECONDS
from tests.adversary.conftest import Tried
from tests.device_stub.terminal import Closed, Refused
from tests.integration.house import House

from .crowd import MOST, Say, connections, crowd

HELD = "the paired one works, comes back, another pairs; at most 80 strangers kept"
MEMORY = 512 * 1024
"""Bytes that the device's own code may take for the strangers: an unfinished frame of 4 KiB for
each of 72 that may still say something, and as much again."""


def _silence(_: int) -> bytes:
    return b""


def _negotiation(_: int) -> bytes:
    """Open a negotiation, each under another name."""
    return frame(encode(AuthenticationRequest(1, os.urandom(16))))


def _unfinished(_: int) -> bytes:
    """Begin a frame that is as long as may be."""
    return frame(bytes(4096))[:-1]


def _talk(_: int) -> bytes:
    """Go on, whatever the answer is."""
    return frame(b"\xc1" * 4096) * 20


def _identify(_: int) -> bytes:
    return frame(encode(Identify())) * 100


def _in_its_name(house: House) -> Say:
    """Open negotiations in the name of the terminal that is paired."""
    terminal_id = house.device.register.held[0].session.terminal_id
    m1 = frame(encode(AuthenticationRequest(1, terminal_id)))
    return lambda _: m1


def _recorded(house: House) -> Say:
    """Repeat the resumption with which the terminal has come."""
    r1 = frame(house.attacker.seen(Resume)[-1].payload)
    return lambda _: r1


def _all_of_it(house: House) -> Say:
    says = [make(house) for name, make in WORDS.items() if name != "all of it"]
    return lambda number: says[number % len(says)](number)


WORDS: dict[str, Callable[[House], Say]] = {
    "silence": lambda house: _silence,
    "negotiations": lambda house: _negotiation,
    "negotiations in its name": _in_its_name,
    "recorded resumptions": _recorded,
    "unfinished frames": lambda house: _unfinished,
    "talk": lambda house: _talk,
    "identify": lambda house: _identify,
    "all of it": _all_of_it,
}

ADDRESSES: dict[str, Callable[[], Iterator[str]]] = {
    "one address": lambda: itertools.repeat("127.0.0.2"),
    "the house's own address": lambda: itertools.repeat("127.0.0.1"),
    "a thousand addresses": lambda: (
        f"127.0.{1 + number // 250 % 4}.{1 + number % 250}" for number in itertools.count()
    ),
}


@pytest.fixture
async def resumed(house: House) -> House:
    """Home Assistant has come back once, and the attacker has seen how."""
    await house.reconnected(house.attacker.cut)
    return house


async def _lives_on(house: House) -> None:
    """Do all that a house does."""
    link = house.keeper.link
    for _ in range(5):
        await house.works()
    assert house.keeper.link is link
    await house.reconnected(house.attacker.cut)
    await house.works()
    link = house.keeper.link
    await _pair_another(house)
    assert house.keeper.link is link
    await house.works()


async def _pair_another(house: House) -> None:
    """Have another terminal negotiate a key; one that has to go for others comes again."""
    terminal = house.terminal()
    while True:
        try:
            wire = await terminal.negotiate(house.server.port)
        except Closed, Refused:
            await asyncio.sleep(0.01)
        else:
            await wire.close()
            await house.server.revoke(terminal.terminal_id)
            return


async def _is_as_before(house: House) -> None:
    await house.until(lambda: len(house.server.admission) == 1)
    (place,) = house.server.admission
    assert place.standing is Standing.LIVE
    assert house.held == [house.session_id]
    assert not house.repairs
    assert not house.reauths
    await house.works()


async def _told_the_time(house: House) -> None:
    """Let Home Assistant hear of the device's clock."""
    link = house.keeper.link
    assert link is not None
    link.ping()
    await house.until(lambda: link._pinged is None)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("addresses", ADDRESSES.values(), ids=ADDRESSES.keys())
async def test_flood(resumed: House, addresses: Callable[[], Iterator[str]], tried: Tried) -> None:
    """Whatever they say, and wherever they come from."""
    count = 0
    for word in WORDS.values():
        before = connections()
        with crowd(resumed.server, word(resumed), addresses()) as strangers:
            await strangers.throng(_lives_on(resumed))
            assert connections() - before <= MOST
        await _is_as_before(resumed)
        assert connections() == before
        count += strangers.count
    tried("connections that flood the device", count, HELD)


async def test_they_stay(resumed: House, tried: Tried) -> None:
    """A challenge goes after a minute, also where nobody closes his connection."""
    house = resumed
    with crowd(house.server, _all_of_it(house), ADDRESSES["one address"]()) as strangers:
        await strangers.throng(_lives_on(house))
        clock = house.device.clock
        for seconds in (CHALLENGE_SECONDS, CHALLENGE_SECONDS + ENDING_SECONDS):
            house.device.clock = lambda later=seconds: clock() + later + 1  # type: ignore[misc]
            house.server.tick()
        await _told_the_time(house)
        await _is_as_before(house)
    tried("connections that flood the device and stay", strangers.count, "gone after a minute")


async def test_what_they_cost(resumed: House, tried: Tried) -> None:
    """Memory that the device's code has taken, not counting what Python takes for a socket."""
    filters = [
        tracemalloc.Filter(inclusive=True, filename_pattern=f"*/{folder}/*")
        for folder in ("device_stub", "secure_pair/protocol")
    ]
    tracemalloc.start()
    try:
        with crowd(resumed.server, _all_of_it(resumed), ADDRESSES["one address"]()) as strangers:
            await strangers.throng(resumed.works())
            gc.collect()
            there = tracemalloc.take_snapshot().filter_traces(filters)
        await _is_as_before(resumed)
        gc.collect()
        gone = tracemalloc.take_snapshot().filter_traces(filters)
    finally:
        tracemalloc.stop()
    sizes = [sum(trace.size for trace in snapshot.traces) for snapshot in (there, gone)]
    assert sizes[0] < MEMORY
    # What is left is of Home Assistant's own commands.
    assert sizes[1] < MEMORY / 8
    tried("connections that flood the device", strangers.count, "at most 512 KiB of its memory")
