"""How the processes of a crash are told what to do, and the points at which they die."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from .points import Points

type Order = Callable[..., Awaitable[Any]]


async def obey(pipe: Connection, points: Points, orders: Mapping[str, Order]) -> None:
    """Carry out orders until nobody is there any more who gives them."""

    async def arm() -> None:
        points.arm()

    async def names() -> list[str]:
        return points.names

    own: dict[str, Order] = {"arm": arm, "points": names}
    while True:
        try:
            name, arguments = await asyncio.to_thread(pipe.recv)
        except EOFError:
            return
        pipe.send(await {**own, **orders}[name](*arguments))
