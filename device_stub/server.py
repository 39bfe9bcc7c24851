"""A virtual device on the network: it listens, and looks at the clock once a second."""

import asyncio
import itertools
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager

from secure_pair_protocol.errors import SecurePairError

from .admission import Admission
from .connection import Connection
from .device import Device
from .live import LiveConnection
from .steps import Steps, Trace

_LOGGER = logging.getLogger(__name__)

TICK_SECONDS = 1
SAVE_AGAIN_SECONDS = 60
"""After powered time could not be saved."""

CLOSE_SECONDS = 1
"""How long a terminal has to take the last words."""


class Server:
    """One device's connections."""

    def __init__(
        self,
        device: Device,
        *,
        trace: Trace | None = None,
        choose: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        """Connect nothing yet. `trace` is told of each step; `choose(n)` draws one of n."""
        self.device = device
        self.host = ""
        self.port = 0
        self.admission: Admission[Connection] = Admission(choose)
        self._trace = trace
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._save_after = 0.0

    @property
    def live_connections(self) -> int:
        """How many terminals' connections are encrypted."""
        return len(self.device.live)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Switch the device on and listen; port 0: any. Raises StateError, OSError."""
        await self.device.start()
        try:
            await self._listen(host, port)
        except BaseException:
            await self.device.stop()
            raise
        self._schedule()

    async def stop(self) -> None:
        """Close all connections with an authenticated close, and switch the device off."""
        if self._timer is not None:
            self._timer.cancel()
        if (server := self._server) is not None:
            server.close()
            await self._settle()
            for place in self.admission:
                place.connection.close()
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await server.wait_closed()
            except TimeoutError:
                server.abort_clients()
                await server.wait_closed()
        await self.device.stop()

    async def restart(self) -> None:
        """Cut the power and switch on again: same state file, same port, another boot."""
        server = self._server
        if server is not None:
            # What knocks while the device starts gets no answer.
            server.close()
            server.abort_clients()
        self.drop_connections()
        await self._settle()
        await self.device.start()
        if server is not None:
            await server.wait_closed()
            await self._listen(self.host, self.port)

    async def factory_reset(self) -> None:
        """Forget all terminals; raises SecurePairError (storage_failed)."""
        await self.device.factory_reset()

    async def revoke(self, terminal_id: bytes) -> None:
        """Forget one terminal and refuse it; raises SecurePairError (storage_failed)."""
        await self.device.revoke(terminal_id)

    def drop_connections(self) -> None:
        """Cut off all connections, as a broken network does."""
        for place in self.admission:
            place.connection.drop()

    def tick(self) -> None:
        """Look at the clock: what is overdue ends, and powered time is saved."""
        now = self.device.clock()
        for verdict in self.admission.overdue(now):
            verdict.connection.end(verdict.failure)
        self.device.end_forgotten()
        for live in tuple(self.device.live):
            if isinstance(live, LiveConnection):
                live.keep_fresh(now)
        if now >= self._save_after and self.device.ledger.is_save_due:
            self._save_after = now + SAVE_AGAIN_SECONDS
            self._spawn(self._save())

    async def _listen(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connect, host, port)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]

    def _connect(self) -> Connection:
        steps = Steps(self._trace, self.device.clock, next(self._numbers))
        return Connection(self.device, self.admission, self._spawn, steps)

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(TICK_SECONDS, self._tick_again)

    def _tick_again(self) -> None:
        self._schedule()
        self.tick()

    async def _save(self) -> None:
        try:
            await self.device.save()
        except SecurePairError as error:
            _LOGGER.warning("the powered time is not saved: %s", error.failure)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self) -> None:
        """Wait for the writes that are under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)


@asynccontextmanager
async def running(
    device: Device, host: str = "127.0.0.1", port: int = 0, *, trace: Trace | None = None
) -> AsyncGenerator[Server]:
    """Run a device on this event loop; nothing of it is left when it ends."""
    server = Server(device, trace=trace)
    await server.start(host, port)
    try:
        yield server
    finally:
        await server.stop()
