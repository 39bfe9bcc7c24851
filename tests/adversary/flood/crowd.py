"""A thousand connections of somebody who has no key, and all the time in the world."""

import asyncio
import gc
import resource
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import override

from device_stub import admission
from device_stub.admission import Standing
from device_stub.connection import Connection
from device_stub.server import Server

SIZE = 1000
ROOM = 4 * SIZE
"""Open files: both ends of each connection are in this process."""

LIMITS = {
    Standing.SILENT: admission.SILENT_LIMIT,
    Standing.CHALLENGED: admission.CHALLENGE_LIMIT,
    Standing.ANSWERED: admission.ANSWERED_LIMIT,
    Standing.ENDING: admission.ENDING_LIMIT,
}
"""How many strangers there may be of each standing, whatever they do."""

PATIENCE = 120
"""Seconds after which it has taken too long; it takes one or two."""

MOST = sum(LIMITS.values())

type Say = Callable[[int], bytes]
"""What the connection of this number says, as soon as it is there."""


class Stranger(asyncio.Protocol):
    """Says his word, hears whatever is said to him, and never goes by himself."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self._said)

    @override
    def eof_received(self) -> bool:
        return True


@dataclass
class Crowd:
    """Those who are at the door, a thousand at a time at most."""

    server: Server
    say: Say
    addresses: Iterator[str]
    count: int = 0
    """How many have come so far."""
    _here: deque[asyncio.Transport] = field(default_factory=deque)

    async def come(self) -> None:
        """One more comes; of more than a thousand the first one goes."""
        transport, _ = await asyncio.get_running_loop().create_connection(
            partial(Stranger, self.say(self.count)),
            "127.0.0.1",
            self.server.port,
            local_addr=(next(self.addresses), 0),
        )
        self.count += 1
        self._here.append(transport)
        if len(self._here) > SIZE:
            self._here.popleft().abort()
        self.look()

    async def throng(self, during: Awaitable[None]) -> None:
        """Come one after the other while something goes on, a thousand in all at least."""
        task = asyncio.ensure_future(during)
        async with asyncio.timeout(PATIENCE):
            while self.count < SIZE or not task.done():
                await self.come()
            await task

    def look(self) -> None:
        """Count whom the device has, by standing; raises AssertionError."""
        now = Counter(place.standing for place in self.server.admission)
        assert all(now[standing] <= limit for standing, limit in LIMITS.items()), now

    def go(self) -> None:
        """Let all of them go at once."""
        for transport in self._here:
            transport.abort()
        self._here.clear()


def connections() -> int:
    """Return how many connections of the device are in memory, ended ones among them."""
    gc.collect()
    return sum(isinstance(each, Connection) for each in gc.get_objects())


@contextmanager
def crowd(server: Server, say: Say, addresses: Iterator[str]) -> Generator[Crowd]:
    """Make room for them, and send them home in the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < ROOM:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(ROOM, hard), hard))
    crowd = Crowd(server, say, addresses)
    try:
        yield crowd
    finally:
        crowd.go()
