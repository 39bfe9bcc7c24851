"""The virtual lock as a process that may die, around a bolt that stays where it is."""

import asyncio
import logging
import math
from multiprocessing.connection import Connection
from pathlib import Path
from typing import override

from device_stub.device import Device
from device_stub.factory import read_device_file
from device_stub.lock import DoorLock
from device_stub.server import Server
from device_stub.store import Store
from secure_pair_protocol.model.access import LockPosition

from .orders import obey
from .points import Points


class Bolt(DoorLock):
    """Each of its motions is on disk before it begins, and where it has come to."""

    def __init__(self, trace: Path) -> None:
        """Be where it was left; on its way nobody knows where that is."""
        super().__init__(position=resting(trace))
        self.trace = trace
        self.set_speed(math.inf)

    @override
    def _show(self, position: LockPosition | None, by: str | None) -> None:
        with self.trace.open("a") as trace:
            trace.write(f"{position}\n")
        super()._show(position, by)


def motions(trace: Path) -> list[str]:
    """Return every motion that the bolt has ever begun: `locking`, `unlocking`."""
    lines = trace.read_text().splitlines() if trace.exists() else []
    return [line for line in lines if line.endswith("ing")]


def resting(trace: Path) -> LockPosition | None:
    """Return where the bolt is, as far as it can be known."""
    lines = trace.read_text().splitlines() if trace.exists() else ["locked"]
    return None if lines[-1].endswith("ing") else LockPosition(lines[-1])


def opposite(position: LockPosition | None) -> str:
    """Return the action that makes the bolt move."""
    return "lock" if position is LockPosition.UNLOCKED else "unlock"


def run(pipe: Connection, folder: Path, device_file: Path, port: int, die_at: int) -> None:
    """Be this lock."""
    logging.basicConfig(filename=folder / "log", level=logging.INFO)
    points = Points(die_at)
    points.watch(folder)
    asyncio.run(serve(pipe, points, folder, device_file, port))


async def serve(
    pipe: Connection, points: Points, folder: Path, device_file: Path, port: int
) -> None:
    data = read_device_file(device_file)
    lock = Bolt(folder / "bolt")
    server = Server(Device(data, [lock], Store(folder / "state.json", data.device_id)))

    async def start() -> None:
        await server.start(port=port)

    async def linked() -> None:
        """Wait until Home Assistant is there."""
        while not server.live_connections:
            await asyncio.sleep(0.001)

    await obey(pipe, points, {"start": start, "linked": linked})
