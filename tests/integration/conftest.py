"""A real Home Assistant, a real key service and a real virtual lock, on 127.0.0.1."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from homeassistant.config_entries import (
    ConfigEntriesFlowManager,
    ConfigEntry,
    OptionsFlowManager,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowManager

from cloud_stub.devices import add_device
from cloud_stub.registration import parse_registration
from cloud_stub.settings import Settings
from custom_components.secure_pair.const import DOMAIN
from custom_components.secure_pair.protocol import label
from device_stub.appliances.appliance import Appliance, build_in
from device_stub.device import Device
from device_stub.factory import NewDevice, make_device
from device_stub.lock import DoorLock
from device_stub.server import Server
from device_stub.server import running as running_device
from device_stub.store import Store as DeviceStore
from secure_pair_protocol import label as other_label

from .attacker import Attacker, attacking
from .flows import Answers, pair
from .home import Home, Make
from .house import House
from .key_services import KeyService as KeyService  # noqa: PLC0414 - tests take it from here
from .key_services import running_key_service
from .relay import Relay
from .texts import missing, texts

type Until = Callable[[Callable[[], object]], Awaitable[None]]


class Install(Protocol):
    """Builds a device in, and pairs it."""

    async def __call__(self, make: Make, name: str = "Virtual device") -> Home: ...


class InstallAppliance(Protocol):
    """Pairs an appliance whose motions are over at once, and whose time a test lets pass."""

    async def __call__(self, appliance: Appliance, name: str = "Virtual device") -> Home: ...


DEVICE_ID = "aabbccddeeff"
OTHER_ID = "aabbccddee00"


@pytest.fixture(autouse=True)
async def _ready(
    hass: HomeAssistant,
    enable_custom_integrations: None,
    socket_enabled: None,
    tmp_path: Path,
) -> None:
    """Let the integration be found, sockets work, and each test have its own storage."""
    # Half of the time would go into a stack for each callback.
    asyncio.get_running_loop().set_debug(enabled=False)
    hass.config.config_dir = str(tmp_path / "config")
    (tmp_path / "config").mkdir()


class _RememberingArgon2id:
    """Argon2id, but the same comes out of the same at once."""

    def __init__(self, **parameters: Any) -> None:
        self._parameters = parameters

    def derive(self, characters: bytes) -> bytes:
        return self._derive(characters, tuple(self._parameters.items()))

    @staticmethod
    @cache
    def _derive(characters: bytes, parameters: tuple[tuple[str, Any], ...]) -> bytes:
        return Argon2id(**dict(parameters)).derive(characters)


@pytest.fixture(autouse=True, scope="session")
def _each_code_is_stretched_once() -> Generator[None]:
    """A whole folder of tests types the same few codes; tests/protocol stretches for real."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (label, other_label):
            patch.setattr(module, "Argon2id", _RememberingArgon2id)
        yield


@pytest.fixture(autouse=True)
def _every_step_has_its_texts(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Look at whatever a flow of the integration shows, in every test."""
    handle, without = FlowManager._async_handle_step, list[str]()

    async def look(manager: Any, flow: Any, *args: Any) -> Any:
        result = await handle(manager, flow, *args)
        section: dict[type, str] = {
            ConfigEntriesFlowManager: "config",
            OptionsFlowManager: "options",
        }
        if result["handler"] == DOMAIN and (name := section.get(type(manager))):
            without.extend(missing(texts()[name], result))
        return result

    monkeypatch.setattr(FlowManager, "_async_handle_step", look)
    yield
    assert not without


@pytest.fixture
def settings() -> Settings:
    """What the key service's operator has set; a test may have another."""
    return Settings()


@pytest.fixture
async def key_service(
    tmp_path: Path, hass: HomeAssistant, settings: Settings
) -> AsyncGenerator[KeyService]:
    """A key service with one account and one terminal."""
    async with running_key_service(tmp_path / "cloud", settings=settings) as service:
        yield service


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


@asynccontextmanager
async def running_lock(made: NewDevice, path: Path) -> AsyncGenerator[VirtualLock]:
    """A lock whose bolt moves at once."""
    lock = DoorLock()
    lock.set_speed(math.inf)
    device = Device(made.data, [lock], DeviceStore(path, made.data.device_id))
    async with running_device(device) as server:
        yield VirtualLock(made, device, lock, server)


@pytest.fixture(scope="session")
def made() -> NewDevice:
    """One lock from its maker for all tests: its label takes a while."""
    return make_device(DEVICE_ID, "Virtual door lock", "Front door")


@pytest.fixture
async def virtual_lock(
    tmp_path: Path, hass: HomeAssistant, made: NewDevice
) -> AsyncGenerator[VirtualLock]:
    """A labelled lock whose bolt moves at once."""
    async with running_lock(made, tmp_path / "lock.json") as lock:
        yield lock


@pytest.fixture(scope="session")
def made_other() -> NewDevice:
    """Another lock of the same model."""
    return make_device(OTHER_ID, "Virtual door lock", "Back door")


@pytest.fixture
async def other_lock(
    tmp_path: Path, key_service: KeyService, made_other: NewDevice
) -> AsyncGenerator[VirtualLock]:
    """It runs, and is registered; nobody owns it yet."""
    await key_service.register(made_other)
    async with running_lock(made_other, tmp_path / "other.json") as lock:
        yield lock


@pytest.fixture
async def registered(key_service: KeyService, virtual_lock: VirtualLock) -> None:
    """The maker has registered the lock; nobody owns it yet."""
    await key_service.register(virtual_lock.made)


@pytest.fixture
def answers(key_service: KeyService, virtual_lock: VirtualLock, registered: None) -> Answers:
    """What a user who makes no mistake enters."""
    return Answers(
        host="127.0.0.1",
        port=virtual_lock.server.port,
        url=key_service.url,
        token=key_service.token,
        setup_code=virtual_lock.setup_code,
    )


@pytest.fixture
def other_answers(key_service: KeyService, other_lock: VirtualLock) -> Answers:
    """The same for the other lock."""
    return Answers(
        host="127.0.0.1",
        port=other_lock.server.port,
        url=key_service.url,
        token=key_service.token,
        setup_code=other_lock.setup_code,
    )


@pytest.fixture
async def entry(hass: HomeAssistant, answers: Answers) -> ConfigEntry:
    """The lock, paired and set up."""
    return await pair(hass, answers)


@pytest.fixture
async def attacker(virtual_lock: VirtualLock) -> AsyncGenerator[Attacker]:
    """Somebody in front of the lock, who only looks until a test says otherwise."""
    async with attacking(virtual_lock.server.port) as attacker:
        yield attacker


@pytest.fixture
async def house(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    attacker: Attacker,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> House:
    """The lock, paired through the attacker; whoever waits between two tries waits shortly."""
    monkeypatch.setattr("custom_components.secure_pair.reconnect.MAX_SECONDS", 0.01)
    entry = await pair(hass, replace(answers, port=attacker.port))
    lock, device, server = virtual_lock.lock, virtual_lock.device, virtual_lock.server
    house = House(hass, entry, device, lock, server, attacker, until)
    house.watch()
    return house


@pytest.fixture
async def install(
    hass: HomeAssistant,
    key_service: KeyService,
    tmp_path: Path,
    made: NewDevice,
) -> AsyncGenerator[Install]:
    """Pair a device with Home Assistant; at most one in a test."""
    async with AsyncExitStack() as stack:

        async def build(make: Make, name: str = "Virtual device") -> Home:
            data = replace(made.data, name=name, model="Virtual")
            device = make(data, DeviceStore(tmp_path / "device.json", DEVICE_ID))
            server = await stack.enter_async_context(running_device(device))
            relay = Relay(server.port)
            await relay.mend()
            stack.push_async_callback(relay.cut)
            await add_device(key_service.store, parse_registration(made.registration))
            assert made.setup_code is not None
            answers = Answers(
                host="127.0.0.1",
                port=relay.port,
                url=key_service.url,
                token=key_service.terminal.token.reveal().decode(),
                setup_code=made.setup_code.text,
            )
            return Home(hass, await pair(hass, answers), device, server, relay)

        yield build


@pytest.fixture
def install_appliance(install: Install) -> InstallAppliance:
    """Pair an appliance with Home Assistant."""

    async def build(appliance: Appliance, name: str = "Virtual device") -> Home:
        appliance.set_speed(math.inf)
        return await install(lambda data, store: build_in(appliance, data, store), name)

    return build


@pytest.fixture
def until() -> Until:
    """Wait until something holds: sockets are real, so it takes as long as it takes."""

    async def wait(holds: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.005)

    return wait
