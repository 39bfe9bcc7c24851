"""A network in memory, with somebody on it who sees every frame and decides about each.

It carries bytes as TCP does: in their order, in any pieces, until one end closes (the other
hears of the end) or resets (both lose what was under way).
"""

import asyncio
import errno
import itertools
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, override

from secure_pair_protocol.framing import RECORD_LIMIT, FrameReader
from tests.integration.attacker import Frame

from .fates import Fate, Tamper, honest

type Factory = Callable[[], asyncio.Protocol]


class Network:
    """Who listens where; and the attacker, who is honest until a test says otherwise."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.tamper: Tamper = honest
        self.frames: list[Frame] = []
        """All that has come by, as it was sent."""
        self.connections = 0
        self.elsewhere: dict[int, int] = {}
        """Ports from which the attacker leads to others."""
        self._listening: dict[int, Factory] = {}
        self._ports = itertools.count(1)
        self._ends: set[End] = set()

    def listen(self, factory: Factory, port: int) -> Listener:
        """Take connections at a port; 0: any."""
        port = port or next(self._ports)
        self._listening[port] = factory
        return Listener(self, port)

    async def connect[P: asyncio.Protocol](
        self, factory: Callable[[], P], port: int
    ) -> tuple[asyncio.Transport, P]:
        """Connect two protocols; raises ConnectionRefusedError."""
        accept = self._listening.get(self.elsewhere.get(port, port))
        if accept is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody listens")
        protocol, number = factory(), self.connections
        self.connections += 1
        near, far = End(self, protocol), End(self, accept())
        near.join(far, number, to_device=True)
        far.join(near, number, to_device=False)
        near.begin()
        far.begin()
        return near, protocol

    @property
    def alive(self) -> set[int]:
        """The numbers of the connections that have not ended."""
        return {end.connection for end in self._ends}

    def cut(self) -> None:
        """Reset all connections."""
        for end in tuple(self._ends):
            end.abort()

    def behave(self) -> None:
        """Only look again."""
        self.tamper = honest

    def opened(self, end: End) -> None:
        """Know an end."""
        self._ends.add(end)

    def closed(self, end: End) -> None:
        """Forget an end."""
        self._ends.discard(end)

    def stop_listening(self, port: int) -> None:
        """Refuse connections from now on."""
        self._listening.pop(port, None)


class Listener:
    """What `create_server` returns, as far as a device needs it."""

    def __init__(self, network: Network, port: int) -> None:
        self._network = network
        self.port = port

    @property
    def sockets(self) -> list[Listener]:
        return [self]

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def close(self) -> None:
        self._network.stop_listening(self.port)

    def abort_clients(self) -> None:
        self._network.cut()

    async def wait_closed(self) -> None:
        """Return at once: whoever is still there is cut off."""
        self._network.cut()


class End(asyncio.Transport):
    """One end of a connection: what is written here passes the attacker."""

    def __init__(self, network: Network, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._network = network
        self._loop = network.loop
        self._protocol = protocol
        self._other: End
        self.connection = 0
        self._to_device = False
        self._frames = FrameReader()
        self._frames.limit = RECORD_LIMIT
        self._number = 0
        self._inbox: deque[bytes | None] = deque()
        """What has arrived; None: the end."""
        self._fates: deque[Fate | None] = deque()
        """What waits behind a frame that is held; None: the end."""
        self._overtaken: Fate | None = None
        self._held = False
        self._paused = False
        self._closing = False
        self._said_all = False
        self._gone = False

    def join(self, other: End, connection: int, *, to_device: bool) -> None:
        self._other, self.connection, self._to_device = other, connection, to_device

    def begin(self) -> None:
        self._network.opened(self)
        self._protocol.connection_made(self)

    # What the protocol does

    @override
    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._closing or self._said_all:
            return
        self._frames.feed(bytes(data))
        while (payload := self._frames.next()) is not None:
            seen = Frame(self.connection, self._to_device, self._number, payload)
            self._number += 1
            self._network.frames.append(seen)
            self._send(self._network.tamper(seen))

    @override
    def write_eof(self) -> None:
        if not self._said_all:
            self._said_all = True
            self._send(None)

    @override
    def close(self) -> None:
        if not self._closing:
            self.write_eof()
            self._closing = True
            self._loop.call_soon(self._lose, None)

    @override
    def abort(self) -> None:
        if not self._gone:
            self._closing = True
            self._fates.clear()
            self._loop.call_soon(self._lose, None)
            self._loop.call_soon(self._other.reset)

    @override
    def is_closing(self) -> bool:
        return self._closing

    @override
    def pause_reading(self) -> None:
        self._paused = True

    @override
    def resume_reading(self) -> None:
        self._paused = False
        self._loop.call_soon(self._take)

    @override
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing waits here."""

    @override
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", self.connection) if name == "peername" else default

    # On the way

    def _send(self, fate: Fate | None) -> None:
        self._fates.append(fate)
        if not self._held:
            self._go_on()

    def _go_on(self) -> None:
        self._held = False
        while self._fates:
            fate = self._fates[0]
            if fate is not None and fate.after > 0:
                self._fates[0] = replace(fate, after=0)
                self._held = True
                self._loop.call_later(fate.after, self._go_on)
                return
            self._fates.popleft()
            if fate is not None and fate.behind > 0:
                self._overtaken = fate
                continue
            self._happen(fate)
            if (waiting := self._overtaken) is not None:
                self._overtaken = replace(waiting, behind=waiting.behind - 1)
                if self._overtaken.behind == 0:
                    self._overtaken = None
                    self._happen(waiting)

    def _happen(self, fate: Fate | None) -> None:
        if fate is None:
            self._other.arrive(None)
            return
        if fate.onward:
            self._other.arrive(fate.onward)
        if fate.back:
            self.arrive(fate.back)
        if fate.end:
            # Each of the two hears that the other has gone.
            self._fates.clear()
            self._said_all = self._other._said_all = True
            self._other.arrive(None)
            self.arrive(None)
        if fate.cut:
            self._fates.clear()
            self._loop.call_soon(self._other.reset)
            self._loop.call_soon(self.reset)

    # What arrives

    def arrive(self, data: bytes | None) -> None:
        """Take bytes, or the end; the protocol hears of it in the next pass of the loop."""
        self._inbox.append(data)
        self._loop.call_soon(self._take)

    def reset(self) -> None:
        """Hear that the other end, or somebody on the way, has reset the connection."""
        self._closing = True
        self._lose(ConnectionResetError())

    def _take(self) -> None:
        while self._inbox and not (self._paused or self._closing):
            data = self._inbox.popleft()
            if data is not None:
                self._protocol.data_received(data)
            elif not self._protocol.eof_received():
                self.close()

    def _lose(self, error: Exception | None) -> None:
        if not self._gone:
            self._gone = True
            self._network.closed(self)
            with suppress(ConnectionError):
                self._protocol.connection_lost(error)
