"""The lives of each process beside the other: started, given orders, dead, started again."""

import asyncio

from .lock_process import resting
from .world import DiedError, World


class Lock:
    """The lives of a lock beside one Home Assistant."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def start(self, die_at: int = 0) -> None:
        self.world.switch_on(die_at)
        await self.world.lock.ask("start")

    async def settle(self) -> bytes:
        """Be linked; hold that what is shown is true. Return the session of both."""
        await self.world.home.ask("hurry")
        await self.world.lock.ask("linked")
        shown = await self.world.home.ask("settle")
        assert shown == (resting(self.world.bolt) or "unknown"), shown
        return await self.world.agree()

    async def survives(self, answer: asyncio.Task[str]) -> list[str] | None:
        """Return the points that it has passed until the answer came, or None: it has died."""
        lock = self.world.lock
        while lock.is_alive and not answer.done():
            await asyncio.sleep(0.001)
        try:
            # Asked for, because it may be about to die behind its last word.
            points: list[str] = await lock.ask("points")
        except DiedError:
            return None
        return points

    async def order(self, *order: str, die_at: int) -> tuple[str, list[str] | None]:
        """Give Home Assistant an order, during which the lock may die; it is on again then."""
        await self.world.lock.ask("arm")
        answer = asyncio.create_task(self.world.home.ask(*order))
        if (points := await self.survives(answer)) is None:
            await self.start(die_at + 1)
        return await answer, points


class Home:
    """The lives of a Home Assistant beside one lock."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def pair(self, die_at: int = 0) -> bytes:
        """Start it, and pair; return the session of both."""
        self.world.boot(die_at)
        assert await self.world.home.ask("pair") == "done"
        return await self.settle()

    async def load(self, die_at: int = 0) -> bytes:
        """Start it, with the entry that it has; return the session of both."""
        self.world.boot(die_at)
        await self.world.home.ask("load")
        return await self.settle()

    async def settle(self) -> bytes:
        shown = await self.world.home.ask("settle")
        assert shown == (resting(self.world.bolt) or "unknown"), shown
        return await self.world.agree()

    async def survives(self, *order: str) -> list[str] | None:
        """Give it an order; return the points that it has passed, or None: it has died."""
        home = self.world.home
        try:
            await home.ask("arm")
            assert await home.ask(*order) in {"done", "locked", "unlocked"}
            points: list[str] = await home.ask("points")
        except DiedError:
            return None
        home.kill()
        return points
