"""How fast simulated time passes."""

import asyncio
import math


class Pace:
    """One speed for all that moves in an appliance."""

    def __init__(self) -> None:
        self.speed = 1.0
        """Simulated seconds in a second; `math.inf`: see `Appliance.set_speed`."""

    def set(self, speed: float) -> None:
        """Go that many times as fast; raises ValueError."""
        if not speed > 0:
            raise ValueError("a speed is greater than 0")
        self.speed = speed

    @property
    def is_by_hand(self) -> bool:
        """Tell whether nothing passes by itself: infinitely fast is no simulation."""
        return math.isinf(self.speed)

    async def take(self, seconds: float) -> None:
        """Be busy for so many simulated seconds."""
        await asyncio.sleep(seconds / self.speed)
