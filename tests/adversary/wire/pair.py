"""A terminal and a device, paired, with the attacker between them; all but the disks is real.

The terminal is what Home Assistant runs: keeper, connection, link, commander and mirror; only
what turns states into entities is left out. The device is the virtual lock with its server.
Key file and state file are in memory, and the key service is its own function without HTTP.
"""

import asyncio
import math
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast, override

from homeassistant.core import HomeAssistant

from custom_components.secure_pair.commander import Commander
from custom_components.secure_pair.connection import Connection
from custom_components.secure_pair.discovery import Address
from custom_components.secure_pair.keeper import SessionKeeper
from custom_components.secure_pair.key_service import AuthorizationAnswer, KeyService
from custom_components.secure_pair.key_store import KeyStore, _Content
from custom_components.secure_pair.link import Link
from custom_components.secure_pair.mirror import Mirror
from custom_components.secure_pair.pairing import negotiate
from custom_components.secure_pair.protocol.envelope import (
    AnyFromDevice,
    Description,
    Outcome,
    Result,
    States,
)
from custom_components.secure_pair.protocol.errors import Failure, SecurePairError
from custom_components.secure_pair.protocol.model.access import Lock, LockAction, LockState
from custom_components.secure_pair.protocol.secret import Secret
from custom_components.secure_pair.protocol.sessions import PairedDevice
from device_stub.device import Device
from device_stub.entity import AnyEntity, Ending
from device_stub.factory import FactoryData
from device_stub.lock import DoorLock
from device_stub.server import Server, running
from device_stub.store import Store
from secure_pair_protocol.model.access import LockAction as DeviceLockAction
from secure_pair_protocol.model.access import LockPosition
from secure_pair_protocol.secret import Secret as DeviceSecret
from secure_pair_protocol.sessions import Register
from tests.device_stub.terminal import Cloud, terminal_id

from .virtual_time import VirtualLoop

DEVICE_ID = "aabbccddeeff"
HOST = "lock"
LONG_UP = 100
"""Seconds after which the device's `up` has as many bytes as it will have for weeks."""


class _StateFile(Store):
    """A device's file in memory."""

    def __init__(self, device_id: str) -> None:
        super().__init__(Path(), device_id)
        self._register: Register | None = None

    @override
    def acquire(self) -> None:
        """Nobody else is here."""

    @override
    def release(self) -> None:
        """Nobody else is here."""

    @override
    def read(self) -> Register | None:
        return self._register

    @override
    def write(self, register: Register) -> None:
        self._register = register


class _KeyFile(KeyStore):
    """The terminal's file in memory."""

    def __init__(self, device: PairedDevice) -> None:
        super().__init__(cast("HomeAssistant", None), Path())
        self._content = _Content(devices={device.device_id: device})

    @override
    async def _change(self, change: Callable[[_Content], _Content]) -> None:
        assert self._content is not None
        self._content = change(self._content)

    @property
    def stored(self) -> list[tuple[bytes, bool]]:
        """The sessions, the newest first: id, and whether provisional."""
        assert self._content is not None
        sessions = self._content.devices[DEVICE_ID].sessions
        return [(session.session_id, session.provisional) for session in sessions]


class _KeyService:
    """The key service's own function; the way to it is not the attacker's."""

    def __init__(self, cloud: Cloud, terminal_id: bytes) -> None:
        self._cloud = cloud
        self._terminal_id = terminal_id

    async def authorize(self, m1: bytes, m2: bytes, first_public_key: bytes) -> AuthorizationAnswer:
        granted = self._cloud.authorize(m1, m2, first_public_key, self._terminal_id)
        ticket_key = Secret(granted.ticket_key.reveal())
        return AuthorizationAnswer(granted.first_encrypted_data, ticket_key, granted.lifetime)


class Pair:
    """The two, and what a user sees: the coordinator's part, without Home Assistant."""

    def __init__(self, loop: VirtualLoop, data: FactoryData, server: Server) -> None:
        self.loop = loop
        self.network = loop.network
        self.data = data
        self.server = server
        self.device = server.device
        lock = self.device.entities["lock"]
        assert isinstance(lock, DoorLock)
        self.lock = lock
        self.paired = PairedDevice(
            data.device_id, "", terminal_id(), Secret(data.pairing_secret.reveal())
        )
        self.cloud = Cloud(data.initial_key)
        self.key_service = _KeyService(self.cloud, self.paired.terminal_id)
        self.keys = _KeyFile(self.paired)
        self.commander = Commander(self._set_clarity)
        self.mirror = Mirror("lock")
        self.shown: list[LockPosition | None] = []
        """Every position that a user has seen; None: unavailable, or unclear."""
        self.been: list[LockPosition | None] = []
        """Every position that the bolt has had."""
        self.ran = 0
        """How many commands have begun to run, whether or not the bolt had to move."""
        self.failures: list[Failure] = []
        self._unclear = False
        self._coming_back: list[asyncio.Task[None]] = []
        self._follow(lock)
        self.keeper = SessionKeeper(
            "lock",
            data.device_id,
            lambda: (Address(HOST, server.port),),
            self.keys,
            self._get_key_service,
            self,
        )

    async def begin(self) -> None:
        """Pair for the first time, and connect; raises SecurePairError."""
        connection = await Connection.open(HOST, self.server.port, self.data.device_id)
        try:
            paired = await negotiate(
                connection,
                self.paired,
                await self._get_key_service(self.paired),
                lambda rule: self.keys.change_device(DEVICE_ID, rule),
                on_stage=lambda stage: None,
            )
        except SecurePairError:
            connection.abort()
            raise
        await paired.link.close()
        await self.keeper.connect()
        await asyncio.sleep(LONG_UP)
        self.been = [self.lock.position]

    def _follow(self, lock: DoorLock) -> None:
        publish = lock.publish

        def follow(entity: AnyEntity) -> None:
            self.been.append(lock.position)
            publish(entity)

        async def carry_out(action: DeviceLockAction, by: str) -> Ending:
            self.ran += 1
            return await DoorLock.carry_out(lock, action, by)

        lock.publish = follow
        lock.carry_out = carry_out  # type: ignore[method-assign]

    async def _get_key_service(self, device: PairedDevice) -> KeyService:
        return cast("KeyService", self.key_service)

    # What the keeper tells: `keeper.Device`

    def receive(self, link: Link, message: AnyFromDevice) -> None:
        match message:
            case States():
                self.mirror.update(message)
                if message.full and link is not self.keeper.link:
                    self.keeper.described(link)
                    self.commander.linked(link)
                self._show()
            case Outcome():
                self.commander.receive(message)
            case Description():
                self.mirror.describe(message)

    def unlinked(self, error: SecurePairError) -> None:
        self.failures.append(error.failure)
        self.commander.unlinked()
        self._show()
        self._coming_back.append(self.loop.create_task(self.keeper.come_back()))

    async def stop(self) -> None:
        """End what they have."""
        for task in self._coming_back:
            task.cancel()
        await self.keeper.stop()

    def fault(self, error: SecurePairError) -> None:
        self.failures.append(error.failure)

    def failed(self, failure: Failure) -> None:
        self.failures.append(failure)

    def lost(self) -> None:
        self.failures.append(Failure.SESSION_UNKNOWN)

    def renewed(self) -> None:
        """A test asks the device."""

    def found(self, address: Address) -> None:
        """There is only one."""

    def _set_clarity(self, key: str, *, clear: bool) -> None:
        self._unclear = not clear
        self._show()

    def _show(self) -> None:
        position = None
        state = self.mirror.states.get("lock")
        if self.keeper.link is not None and not self._unclear and isinstance(state, LockState):
            position = LockPosition(state.position) if state.position else None
        if not self.shown or self.shown[-1] is not position:
            self.shown.append(position)

    # What the user does

    @property
    def position(self) -> LockPosition | None:
        """What the user sees."""
        return self.shown[-1] if self.shown else None

    @property
    def held(self) -> list[bytes]:
        """The sessions that the device keeps."""
        return [held.session.session_id for held in self.device.register.held]

    async def call(self, do: str) -> Result | None:
        """Have the lock do something; None: there is no connection."""
        link = self.keeper.link
        entity = self.mirror.entities.get("lock")
        if link is None or not isinstance(entity, Lock):
            return None
        outcome = await self.commander.carry_out(link, entity, LockAction(do=do))  # type: ignore[arg-type]
        return outcome.result if isinstance(outcome, Outcome) else outcome

    async def until(self, holds: Callable[[], object], seconds: float) -> None:
        """Wait until something holds; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.5)


def make_data(device_id: str = DEVICE_ID) -> FactoryData:
    return FactoryData(
        device_id,
        DeviceSecret(os.urandom(32)),
        DeviceSecret(os.urandom(32)),
        "Virtual door lock",
        "Front door",
    )


@asynccontextmanager
async def device(data: FactoryData) -> AsyncGenerator[Server]:
    """A lock whose bolt moves at once."""
    loop = asyncio.get_running_loop()
    lock = DoorLock()
    lock.set_speed(math.inf)
    built = Device(data, [lock], _StateFile(data.device_id), clock=loop.time)
    async with running(built, HOST) as server:
        yield server


@asynccontextmanager
async def paired() -> AsyncGenerator[Pair]:
    """The two, connected; whenever they lose each other the terminal comes back by itself."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    data = make_data()
    async with device(data) as server:
        pair = Pair(loop, data, server)
        await pair.begin()
        try:
            yield pair
        finally:
            await pair.stop()
