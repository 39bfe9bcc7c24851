"""A virtual lock on a real socket, and terminals; nothing of Home Assistant."""

import asyncio
import logging
import math
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import override

import pytest

from device_stub.device import Device
from device_stub.factory import FactoryData
from device_stub.lock import DoorLock
from device_stub.server import Server, running
from device_stub.store import Store
from secure_pair_protocol.secret import Secret
from secure_pair_protocol.sessions import Register

from .terminal import PATIENCE, Cloud, Terminal

DEVICE_ID = "aabbccddeeff"


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Let the tests use real sockets; only loopback is allowed."""


@pytest.fixture(autouse=True)
def _no_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test in which a callback or a task of the event loop raised something."""
    yield
    for phase in ("setup", "call"):
        for record in caplog.get_records(phase):
            device_stub = record.name.startswith("device_stub")
            assert device_stub or record.levelno < logging.ERROR, record.getMessage()


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no power is cut a slow disk would only be taken for a slow device."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


class SlowStore(Store):
    """A disk that is slow when told to be."""

    def __init__(self, path: Path, device_id: str) -> None:
        super().__init__(path, device_id)
        self.gate = threading.Event()
        self.gate.set()
        self.writes = 0

    @override
    def write(self, register: Register) -> None:
        self.writes += 1
        assert self.gate.wait(PATIENCE)
        super().write(register)


@dataclass
class House:
    """A device that runs, and everything that a test wants of it."""

    data: FactoryData
    cloud: Cloud
    clock: Clock
    lock: DoorLock
    device: Device
    server: Server
    steps: list[dict[str, object]]

    @property
    def port(self) -> int:
        return self.server.port

    def terminal(self) -> Terminal:
        return Terminal(self.cloud, self.data.device_id, self.data.pairing_secret)

    async def tick(self, seconds: float) -> None:
        """Let time pass at the device, and wait for what it then writes."""
        self.clock.pass_(seconds)
        self.server.tick()
        await self.server._settle()


def make_data() -> FactoryData:
    return FactoryData(
        DEVICE_ID, Secret(os.urandom(32)), Secret(os.urandom(32)), "Virtual door lock", "Front door"
    )


@pytest.fixture
def data() -> FactoryData:
    return make_data()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def stack() -> AsyncGenerator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def house(
    data: FactoryData, clock: Clock, tmp_path: Path, stack: AsyncExitStack
) -> AsyncGenerator[House]:
    lock = DoorLock()
    lock.set_speed(math.inf)
    steps: list[dict[str, object]] = []
    store = Store(tmp_path / "lock.state.json", data.device_id)
    device = Device(data, [lock], store, clock=clock)
    async with running(device, trace=steps.append) as server:
        # Time passes when a test says so.
        assert server._timer is not None
        server._timer.cancel()
        yield House(data, Cloud(data.initial_key), clock, lock, device, server, steps)


@pytest.fixture
async def another(house: House, tmp_path: Path, stack: AsyncExitStack) -> House:
    """The same device once more, with a slow disk, and looking at its own clock."""
    store = SlowStore(tmp_path / "another.json", house.data.device_id)
    device = Device(house.data, [house.lock], store, clock=house.clock)
    server = await stack.enter_async_context(running(device))
    return replace(house, device=device, server=server)


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait until something holds, for as long as it takes."""

    async def wait(holds: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await asyncio.sleep(0.002)

    return wait
