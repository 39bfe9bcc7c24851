"""A lock's command while a camera sends pictures on the same connection, as many as it can."""

import asyncio
import itertools
import math
import os
from time import perf_counter

from custom_components.secure_pair.protocol.envelope import PictureRequest
from custom_components.secure_pair.protocol.model.access import LockAction, LockPosition
from device_stub.appliances.camera import VirtualCamera
from device_stub.lock import DoorLock
from secure_pair_protocol.model.reporting import Camera

from .measuring import Effort, Row, Sample, in_turns
from .plug import Terminal, running_plug

TIMES = 5
PICTURE_SIZE = 128 * 1024


async def measure(effort: Effort) -> list[Row]:
    """Lock and unlock, beside the same with nothing else on the connection."""
    camera = VirtualCamera(Camera(key="camera", on_off=True, motion_detection=True))
    camera.replacement = ("image/jpeg", os.urandom(PICTURE_SIZE))
    lock = DoorLock()
    # Its bolt takes no time.
    lock.set_speed(math.inf)
    async with running_plug(camera, lock) as plug:
        terminal = await Terminal.connect(plug)
        row = await in_turns(
            "a lock's command while a camera sends pictures",
            _sample(terminal, pictures=True),
            {"alone": _sample(terminal, pictures=False)},
            counts="a lock locked or unlocked, from the call until it says that its bolt moves,"
            " while one picture of 128 KiB after another is asked for without a pause on the same"
            " connection, both ends on one loop",
            unit="ms",
            aim=0.5,
            effort=effort,
            rounds=60,
        )
        await terminal.link.close()
        return [row]


def _sample(terminal: Terminal, *, pictures: bool) -> Sample:
    numbers = itertools.count()

    def ask() -> None:
        terminal.link.send(PictureRequest(next(numbers), "camera"))

    async def sample() -> float:
        if pictures:
            terminal.on_picture = ask
            ask()
        spent = 0.0
        for _ in range(TIMES):
            start = perf_counter()
            outcome = await _turn_key(terminal)
            spent += perf_counter() - start
            await outcome
        terminal.on_picture = int
        return spent * 1e3 / TIMES

    return sample


async def _turn_key(terminal: Terminal) -> asyncio.Task[object]:
    before = terminal.mirror.states["lock"].position  # type: ignore[attr-defined]
    action = LockAction(do="unlock" if before is LockPosition.LOCKED else "lock")
    return await terminal.carry_out("lock", action, lambda state: state.position is not before)
