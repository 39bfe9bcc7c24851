"""A command while a camera sends pictures on the same connection, as many as it can."""

import itertools
import os
from time import perf_counter

from custom_components.secure_pair.protocol.envelope import PictureRequest
from device_stub.appliances.camera import VirtualCamera
from secure_pair_protocol.model.reporting import Camera

from .measuring import Effort, Row, Sample, in_turns
from .plug import Terminal, running_plug

TIMES = 5
PICTURE_SIZE = 128 * 1024


async def measure(effort: Effort) -> list[Row]:
    """Turn a switch over, beside the same with nothing else on the connection."""
    camera = VirtualCamera(Camera(key="camera", on_off=True, motion_detection=True))
    camera.replacement = ("image/jpeg", os.urandom(PICTURE_SIZE))
    async with running_plug(camera) as plug:
        terminal = await Terminal.connect(plug)
        row = await in_turns(
            "command while a camera sends pictures",
            _sample(terminal, pictures=True),
            {"alone": _sample(terminal, pictures=False)},
            counts="a switch turned over, from the call to its new state, while one picture of"
            " 128 KiB after another is asked for without a pause on the same connection, both"
            " ends on one loop",
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
            outcome = await terminal.turn()
            spent += perf_counter() - start
            await outcome
        terminal.on_picture = int
        return spent * 1e3 / TIMES

    return sample
