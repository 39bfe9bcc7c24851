"""A house that runs all the time, and an attacker who comes, and goes again.

After each case what `stage` says holds, but of a whole Home Assistant with its states, its key
file and its repairs, over real sockets. Nothing here waits for a minute: an answer of the
handshake may take half a second, and where the two would wait for a sign of life the network
breaks a moment later. How long they really wait is the in-memory cases' business.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.exceptions import HomeAssistantError

from custom_components.secure_pair.key_store import get_key_store
from custom_components.secure_pair.protocol.errors import Failure
from device_stub.device import Device
from device_stub.entity import AnyEntity, Ending
from device_stub.factory import FactoryData
from device_stub.lock import DoorLock
from secure_pair_protocol.model.access import LockAction, LockPosition
from tests.adversary.wire import fates
from tests.adversary.wire.fates import Fate
from tests.adversary.wire.scenes import NEGOTIATION, RESUMPTION, SESSION, Place, Scene
from tests.adversary.wire.stage import Strike
from tests.device_stub.terminal import Cloud
from tests.integration.attacker import Cut, Frame, Raw
from tests.integration.house import House

OF_NEGOTIATIONS = {Failure.AUTHORIZATION_REJECTED}
NO_STATE = {STATE_UNAVAILABLE, STATE_UNKNOWN}
MOMENT = 0.3
"""Seconds after which the network breaks where the two would wait for a sign of life."""

PATIENCE = 60
"""Seconds after which a case has failed; hardly any takes a second."""


class Proxy:
    """Does to real bytes what a fate says."""

    def __init__(self, tamper: fates.Tamper) -> None:
        self._tamper = tamper
        self._overtaken: dict[tuple[int, bool], Fate] = {}

    async def __call__(self, seen: Frame) -> Raw:
        fate, way = self._tamper(seen), (seen.connection, seen.to_device)
        if fate.after:
            await asyncio.sleep(fate.after)
        if fate.cut:
            raise Cut
        if fate.behind:
            self._overtaken[way] = fate
            return Raw()
        behind = self._overtaken.pop(way, Fate())
        return Raw(fate.onward + behind.onward, fate.back + behind.back, end=fate.end)


@dataclass
class Siege:
    """The house, and what its lock has really been and done."""

    house: House
    been: list[str] = field(default_factory=list)
    ran: int = 0
    failures: set[str] = field(default_factory=set)
    """What the user's last action failed with."""
    known: set[str] = field(default_factory=set)
    """All failures that Home Assistant has heard of."""

    def __post_init__(self) -> None:
        lock = self.house.lock
        publish = lock.publish

        def follow(entity: AnyEntity) -> None:
            self.been.append(str(lock.position))
            publish(entity)

        async def carry_out(action: LockAction, by: str) -> Ending:
            self.ran += 1
            return await DoorLock.carry_out(lock, action, by)

        coordinator = self.house.entry.runtime_data
        hear = coordinator.failed

        def failed(failure: Failure) -> None:
            self.known.add(failure)
            hear(failure)

        coordinator.failed = failed  # type: ignore[method-assign]
        lock.publish = follow
        lock.carry_out = carry_out  # type: ignore[method-assign]

    # Of whom a forger needs to know: `forgeries.Target`

    @property
    def data(self) -> FactoryData:
        return self.house.device.data

    @property
    def device(self) -> Device:
        return self.house.device

    @property
    def cloud(self) -> Cloud:
        return Cloud(self.data.initial_key, self.device.epoch)

    # What happens

    async def play(self, scene: Scene, place: Place, tamper: fates.Tamper) -> None:
        """Play one case; raises AssertionError, TimeoutError."""
        self._begin()
        attacker = self.house.attacker
        connection = attacker.connections + scene.connection
        strike = Strike(connection, place, tamper, self.house.hass.loop.time)
        attacker.tamper = Proxy(strike)
        async with asyncio.timeout(2 * PATIENCE):
            acting = asyncio.create_task(ACTS[scene](self))
            while strike.struck is None:
                await asyncio.sleep(0.002)
            await self._hurry(acting.done)
            await acting
        await self._end()

    async def endure(
        self, tamper: fates.Tamper, scene: Scene, device_port: int | None = None
    ) -> None:
        """Let the attacker be at every frame for a while; raises AssertionError, TimeoutError.

        `device_port`: whom he leads to.
        """
        self._begin()
        attacker = self.house.attacker
        behind = attacker.device_port
        attacker.device_port = device_port or behind
        attacker.tamper = Proxy(tamper)
        await ACTS[scene](self)
        if scene is RESUMPTION:
            await self.house.tries()
        attacker.device_port = behind
        await self._end()

    def _begin(self) -> None:
        self.been = [str(self.house.lock.position)]
        self.house.changes.clear()
        self.house.attacker.frames.clear()
        self.failures.clear()
        self.known.clear()

    async def _end(self) -> None:
        house = self.house
        stored = [session_id for session_id, _ in house.stored]
        assert set(stored) & set(house.held)
        house.attacker.behave()
        await self._hurry(self._is_well)
        ran = self.ran
        await house.works()
        assert self.ran == ran + 2
        self._check_shown()
        assert house.attacker.negotiations <= 1
        if len(stored) > 1:
            await house.reconnected(house.attacker.cut)
            await house.until(self._is_well)
        assert house.stored == [(house.session_id, False)]
        assert house.held == [house.session_id]
        if self.failures or self.known & OF_NEGOTIATIONS:
            # A negotiation has failed: that is over when one has succeeded.
            await house.renew()
        assert not house.repairs
        assert not house.reauths
        # As if an hour had gone by: each case is the first loss within it.
        get_key_store(house.hass).losses.clear()

    async def _hurry(self, holds: Callable[[], object]) -> None:
        """Wait until something holds; a connection that is only waited for is broken."""
        moment = MOMENT
        async with asyncio.timeout(PATIENCE):
            while not holds():
                with suppress(TimeoutError):
                    async with asyncio.timeout(moment):
                        while not holds():
                            await asyncio.sleep(0.002)
                        return
                self.house.attacker.cut()
                # It may be the machine that takes so long.
                moment *= 2

    def _is_well(self) -> bool:
        house, link = self.house, self.house.keeper.link
        return (
            link is not None
            and link.is_open
            and house.state == house.lock.position == LockPosition.LOCKED
            and len(house.server.admission) == len(house.device.live) == 1
        )

    def _check_shown(self) -> None:
        been = iter(self.been)
        at = next(been)
        for shown in self.house.shown:
            while shown not in NO_STATE and shown != at:
                at = next(been, "")
                assert at, (self.house.shown, self.been)

    async def _negotiate(self) -> None:
        try:
            await self.house.renew()
        except HomeAssistantError as error:
            self.failures.add(str(error.translation_key))

    async def _resume(self) -> None:
        tries = self.house.attacker.connections
        self.house.attacker.cut()
        await self.house.until(lambda: self.house.attacker.connections > tries)

    async def _talk(self) -> None:
        before = self.ran
        self.house.lock.turn_by_hand(LockPosition.UNLOCKED)
        await asyncio.sleep(0.02)
        try:
            await self.house.call("lock")
        except HomeAssistantError as error:
            self.failures.add(str(error.translation_key))
        ran = self.ran - before
        assert ran <= 1
        # He is told the truth: that it has happened, or that it has not, or that nobody knows.
        assert ran == 1 or self.failures <= {"command_void", "not_connected", "command_unknown"}
        assert not (ran == 1 and self.failures & {"command_void", "not_connected"})
        if ran == 0:
            self.house.lock.turn_by_hand(LockPosition.LOCKED)


ACTS: dict[Scene, Callable[[Siege], Coroutine[None, None, None]]] = {
    NEGOTIATION: Siege._negotiate,
    RESUMPTION: Siege._resume,
    SESSION: Siege._talk,
}
