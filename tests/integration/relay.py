"""The network between Home Assistant and a device: it can break, and it can be slow."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import cast, override


class Toward(Enum):
    """A direction."""

    DEVICE = auto()
    HOME_ASSISTANT = auto()


type Alter = Callable[[int, bytes], bytes]
"""Takes the number of what comes on a connection, from 0, and its bytes."""


def unaltered(_: int, data: bytes) -> bytes:
    """Leave bytes as they are."""
    return data


class _End(asyncio.Protocol):
    """One of the two sockets of a connection; what it hears goes to the other."""

    def __init__(self, relay: Relay, toward: Toward) -> None:
        self.relay = relay
        self.toward = toward
        self.transport: asyncio.Transport
        self.other: _End | None = None
        self.kept: list[bytes] = []
        self.times = 0
        """How often something has come."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.relay.ends.add(self)
        if self.toward is Toward.DEVICE:
            self.relay.spawn(self)

    @override
    def data_received(self, data: bytes) -> None:
        if self.toward is Toward.HOME_ASSISTANT:
            data = self.relay.alter(self.times, data)
        self.times += 1
        self.kept.append(data)
        self.pass_on()

    def pass_on(self) -> None:
        if self.other is not None and self.toward not in self.relay.held:
            self.other.transport.write(b"".join(self.kept))
            self.kept.clear()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.relay.ends.discard(self)
        if self.other is not None:
            self.other.transport.close()


class Relay:
    """Passes bytes on."""

    def __init__(self, port: int) -> None:
        """`port`: the device's."""
        self.port = 0
        self.held: set[Toward] = set()
        self.ends: set[_End] = set()
        self.alter: Alter = unaltered
        """What becomes of the device's bytes on their way."""
        self._device_port = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def mend(self) -> None:
        """Let connections through, as at the beginning."""
        self.held.clear()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _End(self, Toward.DEVICE), "127.0.0.1", self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break all connections; what is kept back is lost, and nobody gets through."""
        if (server := self._server) is None:
            return
        self._server = None
        server.close()
        for end in tuple(self.ends):
            end.kept.clear()
            end.transport.abort()
        for task in self._tasks:
            task.cancel()
        await server.wait_closed()

    def hold(self, *directions: Toward) -> None:
        """Keep back what goes in these directions."""
        self.held.update(directions)

    def release(self) -> None:
        """Pass on what was kept back."""
        self.held.clear()
        for end in tuple(self.ends):
            end.pass_on()

    def spawn(self, end: _End) -> None:
        """Connect to the device for somebody who has come."""
        task = asyncio.create_task(self._connect(end))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, near: _End) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, far = await loop.create_connection(
                lambda: _End(self, Toward.HOME_ASSISTANT), "127.0.0.1", self._device_port
            )
        except OSError:
            near.transport.abort()
            return
        near.other, far.other = far, near
        near.pass_on()
        far.pass_on()
