"""A real Home Assistant, a real key service and a real virtual lock, on 127.0.0.1."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from cloud_stub.accounts import IssuedTerminal, add_account, add_terminal
from cloud_stub.app import create_app
from cloud_stub.devices import add_device
from cloud_stub.registration import parse_registration
from cloud_stub.server import running as running_cloud
from cloud_stub.store import Store as CloudStore
from cloud_stub.store import open_store
from device_stub.device import Device
from device_stub.factory import NewDevice, make_device
from device_stub.lock import DoorLock
from device_stub.server import Server
from device_stub.server import running as running_device
from device_stub.store import Store as DeviceStore

from .flows import Answers, pair

type Until = Callable[[Callable[[], object]], Awaitable[None]]

DEVICE_ID = "aabbccddeeff"
ACCOUNT = "owner"


@pytest.fixture(autouse=True)
def _ready(
    hass: HomeAssistant,
    enable_custom_integrations: None,
    socket_enabled: None,
    tmp_path: Path,
) -> None:
    """Let the integration be found, sockets work, and each test have its own storage."""
    hass.config.config_dir = str(tmp_path / "config")
    (tmp_path / "config").mkdir()


@dataclass
class KeyService:
    """The real key service, on a real socket."""

    store: CloudStore
    url: str
    terminal: IssuedTerminal
    _stack: AsyncExitStack = field(repr=False)

    async def stop(self) -> None:
        """Let it go away."""
        await self._stack.aclose()


@pytest.fixture
async def key_service(tmp_path: Path, hass: HomeAssistant) -> AsyncGenerator[KeyService]:
    """A key service with one account and one terminal."""
    async with open_store(tmp_path / "cloud") as store:
        await add_account(store, ACCOUNT)
        terminal = await add_terminal(store, ACCOUNT)
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(running_cloud(create_app(store)))
            yield KeyService(store, url, terminal, stack)


@dataclass
class VirtualLock:
    """The real virtual lock, and what its maker knows."""

    made: NewDevice
    device: Device
    lock: DoorLock
    server: Server

    @property
    def setup_code(self) -> str:
        assert self.made.setup_code is not None
        return self.made.setup_code.text


@pytest.fixture(scope="session")
def made() -> NewDevice:
    """One lock from its maker for all tests: its label takes a while."""
    return make_device(DEVICE_ID, "Virtual door lock", "Front door")


@pytest.fixture
async def virtual_lock(
    tmp_path: Path, hass: HomeAssistant, made: NewDevice
) -> AsyncGenerator[VirtualLock]:
    """A labelled lock whose bolt moves at once."""
    lock = DoorLock()
    lock.set_speed(math.inf)
    device = Device(made.data, [lock], DeviceStore(tmp_path / "lock.json", DEVICE_ID))
    async with running_device(device) as server:
        yield VirtualLock(made, device, lock, server)


@pytest.fixture
async def registered(key_service: KeyService, virtual_lock: VirtualLock) -> None:
    """The maker has registered the lock; nobody owns it yet."""
    await add_device(key_service.store, parse_registration(virtual_lock.made.registration))


@pytest.fixture
def answers(key_service: KeyService, virtual_lock: VirtualLock, registered: None) -> Answers:
    """What a user who makes no mistake enters."""
    return Answers(
        host="127.0.0.1",
        port=virtual_lock.server.port,
        url=key_service.url,
        token=key_service.terminal.token.reveal().decode(),
        setup_code=virtual_lock.setup_code,
    )


@pytest.fixture
async def entry(hass: HomeAssistant, answers: Answers) -> ConfigEntry:
    """The lock, paired and set up."""
    return await pair(hass, answers)


@pytest.fixture
def until() -> Until:
    """Wait until something holds: sockets are real, so it takes as long as it takes."""

    async def wait(holds: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                await asyncio.sleep(0.005)

    return wait
