"""Who begins to connect when: a thousand devices may come back at the same moment."""

import asyncio
from typing import Final

TURN_SECONDS: Final = 0.001
"""The least time between the beginnings of two connections, over all devices."""


class Turns:
    """Turns to begin a connection, one behind the other.

    Each is counted from the one before it as that has begun, not from a plan: where the loop
    is late, they do not all come due in the same pass. One that does not answer keeps nobody
    else waiting.
    """

    def __init__(self) -> None:
        """Have the first turn given out at once."""
        self._lock = asyncio.Lock()
        self._next = 0.0

    async def take(self) -> None:
        """Wait for the next turn."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            if (wait := self._next - loop.time()) > 0:
                await asyncio.sleep(wait)
            self._next = loop.time() + TURN_SECONDS
