"""What the attacker does to one frame of a scene, and what must hold.

A case is: the two are well; they do something, and one frame on the way meets its fate; from
then on the attacker only looks. Whatever it was,

- Home Assistant has shown no state that the lock has not had, in no other order;
- no command has run twice, and whoever was told how it ended was told the truth;
- the key file has had a session that the device knows, or the two have negotiated anew, once;
- they are well again by themselves within `BACK_SECONDS`: connected, on one session, with the
  right state, and a command works; and the device has forgotten whatever was half done.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import override

from custom_components.secure_pair.const import LOGGER
from custom_components.secure_pair.protocol.envelope import Result
from custom_components.secure_pair.protocol.errors import Failure
from secure_pair_protocol.messages import AuthenticationRequest
from secure_pair_protocol.model.access import LockPosition
from tests.integration.attacker import Frame

from .fates import Fate, Tamper, honest
from .pair import Pair, paired
from .scenes import BACK_SECONDS, FORGOTTEN, Act, Place, Scene
from .virtual_time import VirtualLoop

LASTING_SECONDS = 31
"""After which a connection was a good one, and the next try comes at once."""


@dataclass
class Strike:
    """The attacker, who waits for one frame."""

    connection: int
    place: Place
    tamper: Tamper
    clock: Callable[[], float]
    struck: Frame | None = None
    at: float = 0.0
    _count: int = 0

    def __call__(self, seen: Frame) -> Fate:
        if seen.connection != self.connection or seen.to_device != self.place.to_device:
            return honest(seen)
        number, self._count = self._count, self._count + 1
        if number != self.place.number:
            return honest(seen)
        self.struck, self.at = seen, self.clock()
        return self.tamper(seen)


class Stage:
    """On which cases are played, one after the other."""

    def __init__(self, pair: Pair, complaints: list[str]) -> None:
        self.pair = pair
        self.complaints = complaints
        self.noticed = False
        """The connection of the last case has ended because of it."""
        self.failures: set[Failure] = set()
        """What the terminal has known while the attacker was there."""

    async def play(self, scene: Scene, place: Place, tamper: Tamper) -> None:
        """Play one case; raises AssertionError, TimeoutError."""
        pair, network = self.pair, self.pair.network
        await self._raise_curtain()
        connection = network.connections + scene.connection
        strike = network.tamper = Strike(connection, place, tamper, pair.loop.time)
        async with asyncio.timeout(BACK_SECONDS):
            await scene.act(pair)
        await pair.until(lambda: strike.struck, BACK_SECONDS)
        assert strike.struck is not None
        assert len(strike.struck.payload) + 2 == place.size, (place, strike.struck)
        # What has come to its end may do so before anybody hears of the attacker.
        await asyncio.sleep(1)
        assert scene is FORGOTTEN or self._knows_the_other()
        await pair.until(self._is_well, scene.back)
        assert pair.loop.time() - strike.at <= scene.back
        self.noticed = strike.connection not in network.alive
        await self._check(scene.negotiations)

    async def endure(
        self,
        tamper: Tamper,
        act: Act,
        seconds: float,
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        """Let the attacker be at every frame for so long; raises AssertionError, TimeoutError."""
        pair, network = self.pair, self.pair.network
        await self._raise_curtain()
        network.tamper = tamper
        await act(pair)
        await asyncio.sleep(seconds)
        assert self._knows_the_other()
        self.failures = set(pair.failures)
        leave()
        network.behave()
        await pair.until(self._is_well, BACK_SECONDS)
        await self._check()

    async def _raise_curtain(self) -> None:
        pair = self.pair
        await asyncio.sleep(LASTING_SECONDS)
        pair.shown, pair.been = [pair.position], [pair.lock.position]
        pair.failures.clear()
        pair.network.frames.clear()

    def _knows_the_other(self) -> bool:
        pair = self.pair
        return any(session_id in pair.held for session_id, _ in pair.keys.stored)

    async def _check(self, most: int = 1) -> None:
        pair, network = self.pair, self.pair.network
        network.behave()
        await self.works()
        self._check_shown()
        negotiations = [frame for frame in network.frames if frame.is_a(AuthenticationRequest)]
        assert len(negotiations) <= most
        if len(pair.keys.stored) > 1:
            # A negotiation did not come to its end: the next connection clears up.
            former = pair.keeper.link
            network.cut()
            await pair.until(lambda: pair.keeper.link is not former and self._is_well(), 10)
        ((session_id, provisional),) = pair.keys.stored
        assert not provisional
        assert pair.held == [session_id]
        # As if an hour had gone by: each case is the first loss within it.
        pair.keys.losses.clear()
        assert not self.complaints

    def _is_well(self) -> bool:
        pair = self.pair
        link = pair.keeper.link
        return (
            link is not None
            and link.is_open
            and pair.position is pair.lock.position
            and pair.lock.position is LockPosition.LOCKED
            and len(pair.server.admission) == len(pair.device.live) == 1
        )

    async def works(self) -> None:
        """Have the bolt go there and back."""
        pair, ran = self.pair, self.pair.ran
        for do, position in (("unlock", LockPosition.UNLOCKED), ("lock", LockPosition.LOCKED)):
            if (result := await pair.call(do)) is Result.VOID:
                # A record that was held back for long has put the terminal's stamp back as well,
                # until the next one: the command was too old, did not run, and nobody says else.
                assert pair.lock.position is not position
                result = await pair.call(do)
            assert result is Result.DONE
            assert pair.position is pair.lock.position is position
        assert pair.ran == ran + 2

    def _check_shown(self) -> None:
        been = iter(self.pair.been)
        at = next(been)
        for shown in self.pair.shown:
            while shown is not None and shown is not at:
                at = next(been, None)
                assert at is not None, (self.pair.shown, self.pair.been)


class _Complaints(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))


@contextmanager
def _listening() -> Generator[list[str]]:
    """Hear of exceptions that nobody has expected."""
    handler = _Complaints()
    loggers = (LOGGER, logging.getLogger("asyncio"), logging.getLogger("device_stub"))
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield handler.heard
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


def perform[R](play: Callable[[Stage], Awaitable[R]]) -> R:
    """Let a test play cases on a stage of its own."""

    async def run() -> R:
        with _listening() as complaints:
            async with paired() as pair:
                stage = Stage(pair, complaints)
                await stage.works()
                return await play(stage)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())
