"""An event loop without a second to lose: where all wait, the clock jumps to the next timer.

So ten seconds of silence or ten minutes of waiting cost nothing, and how long something
takes is the same on every machine.
"""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, override

from .network import Network


class _Jump(selectors.DefaultSelector):
    """There is nothing to hear of: no file and no socket is in this world."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    @override
    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everybody waits, and for nothing")
        self._loop.now += max(timeout, 0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time and network are in memory, and threads are none: all is the product's own work."""

    def __init__(self) -> None:
        self.now = 0.0
        self.network = Network(self)
        super().__init__(_Jump(self))

    @override
    def time(self) -> float:
        return self.now

    @override
    def run_in_executor[T](  # type: ignore[override]
        self, executor: object, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is the caller's
            future.set_exception(error)
        return future

    @override
    async def create_server(  # type: ignore[override]
        self, factory: Callable[[], asyncio.Protocol], host: str, port: int
    ) -> Any:
        return self.network.listen(factory, port)

    @override
    async def create_connection[P: asyncio.Protocol](  # type: ignore[override]
        self, factory: Callable[[], P], host: str, port: int
    ) -> tuple[asyncio.Transport, P]:
        return await self.network.connect(factory, port)
