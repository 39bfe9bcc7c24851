"""An appliance: entities around something physical that goes on by itself."""

import asyncio
import time
from collections.abc import Callable, Iterable

from secure_pair_protocol.envelope import FurtherDevice

from ..device import Device
from ..entity import AnyEntity
from ..factory import FactoryData
from ..lock import DoorLock
from ..store import Store
from .pace import Pace
from .parts import Notice, Part

TICK_SECONDS = 0.2
"""How often a running appliance looks at the clock."""

CATCH_UP_SECONDS = 86_400
"""Simulated seconds that one look may make up for: a computer may have slept."""


class Appliance:
    """The world behind a device's entities, in steps of one simulated second.

    Time passes only while the device has power: `Device` starts and stops it.
    """

    def __init__(
        self, pace: Pace, entities: Iterable[AnyEntity], devices: Iterable[FurtherDevice] = ()
    ) -> None:
        """Put it together; all that takes time in it goes by this pace."""
        self.pace = pace
        self.entities = tuple(entities)
        self.further_devices = tuple(devices)
        self.device: Device | None = None
        """Where it is built in."""
        self.seconds = 0
        """Simulated seconds that have passed."""
        self.happenings: tuple[Callable[[], object], ...] = ()
        """What may happen to it that nobody commands, the next first."""
        self._rest = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def set_speed(self, speed: float) -> None:
        """Go that many times as fast; raises ValueError.

        `math.inf`: a motion that a command asks for is over at once, and what goes on by
        itself waits for `advance`.
        """
        self.pace.set(speed)
        for entity in self.entities:
            if isinstance(entity, DoorLock):
                entity.set_speed(speed)

    def start(self, device: Device) -> None:
        """Begin to go on by itself: the device has power."""
        self.stop()
        self.device = device
        self._look_again(device.clock, device.clock())

    def stop(self) -> None:
        """Stand still: the power is off."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def surprise(self) -> None:
        """Let something happen, each in its turn."""
        if self.happenings:
            self.happenings = (*self.happenings[1:], self.happenings[0])
            self.happenings[-1]()

    def advance(self, seconds: float) -> None:
        """Let simulated time pass, and show what has changed."""
        self._rest += seconds
        whole = int(self._rest)
        self._rest -= whole
        parts = [entity for entity in self.entities if isinstance(entity, Part)]
        for part in parts:
            part.hold()
        try:
            for _ in range(whole):
                self.seconds += 1
                self.step()
            self.show()
        finally:
            for part in parts:
                part.release()

    def step(self) -> None:
        """Go on for one simulated second."""
        for entity in self.entities:
            if isinstance(entity, Part | Notice):
                entity.step()

    def show(self) -> None:
        """Let the entities show how things are now."""

    def _look_again(self, clock: Callable[[], float], now: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(TICK_SECONDS, self._tick, clock, now)

    def _tick(self, clock: Callable[[], float], then: float) -> None:
        now = clock()
        self._look_again(clock, now)
        if not self.pace.is_by_hand:
            self.advance(min((now - then) * self.pace.speed, CATCH_UP_SECONDS))


def build_in(
    appliance: Appliance,
    data: FactoryData,
    store: Store,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Device:
    """Return a device that is this appliance; it is off. `clock`: seconds, monotonic."""
    device = Device(
        data,
        appliance.entities,
        store,
        further_devices=appliance.further_devices,
        appliance=appliance,
        clock=clock,
    )
    appliance.device = device
    return device
