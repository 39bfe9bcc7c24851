"""The lock in use: moved by Home Assistant, and watched at both ends."""

import asyncio
import time
from pathlib import Path

from device_stub.store import Store

from .api import Api
from .cast import HOME_ASSISTANT, Cast
from .process import DemoError
from .screen import Screen

MOVE_SECONDS = 20
LOOK_SECONDS = 0.02

TARGETS = {"lock": "locked", "unlock": "unlocked"}


def sessions_in(state_file: Path) -> int:
    """Return how many sessions a device keeps in its state file."""
    register = Store(state_file, None).read()
    return 0 if register is None else len(register.held)


class Door:
    """What the lock does, and what it says of itself."""

    def __init__(self, cast: Cast, screen: Screen) -> None:
        """`cast` hears where the bolt is."""
        self._cast = cast
        self._screen = screen

    def sessions(self) -> int:
        """Return how many sessions the lock keeps in its storage."""
        return sessions_in(self._cast.lock_state_file)

    async def move(self, api: Api, entity: str, service: str) -> None:
        """Call the service, and wait until Home Assistant and the lock agree on its result."""
        self._screen.line(
            f"service lock.{service} for {entity}, which is {await api.state(entity)}"
        )
        began = time.monotonic()
        call = asyncio.create_task(api.post(f"/api/services/lock/{service}", {"entity_id": entity}))
        try:
            async with asyncio.timeout(MOVE_SECONDS):
                await self._watch(api, entity, TARGETS[service], call)
        except TimeoutError:
            raise DemoError(
                f"lock.{service}: not done after {MOVE_SECONDS} s", self._cast.log(HOME_ASSISTANT)
            ) from None
        finally:
            call.cancel()
        self._screen.line(f"both agree, {time.monotonic() - began:.2f} s after the call")

    async def _watch(self, api: Api, entity: str, target: str, call: asyncio.Task[object]) -> None:
        before = await api.state(entity)
        while not (call.done() and before == target == self._cast.bolt):
            if call.done():
                # Raises what Home Assistant refuses it with.
                call.result()
            if (state := await api.state(entity)) != before:
                self._screen.line(f"in /api/states     {state}")
                before = state
            await asyncio.sleep(LOOK_SECONDS)
