"""A virtual device with one switch, paired already, and the terminal's parts around it.

The terminal is the integration's own, without Home Assistant's entities: connection, link,
mirror and commander, so that it does what the peers' libraries do.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from custom_components.secure_pair import link as links
from custom_components.secure_pair.commander import Commander
from custom_components.secure_pair.connection import Connection
from custom_components.secure_pair.link import Link
from custom_components.secure_pair.mirror import Mirror
from custom_components.secure_pair.protocol.envelope import (
    AnyFromDevice,
    Description,
    Outcome,
    Picture,
    States,
)
from custom_components.secure_pair.protocol.errors import SecurePairError
from custom_components.secure_pair.protocol.model.switching import SwitchAction
from custom_components.secure_pair.protocol.secret import Secret
from custom_components.secure_pair.protocol.sessions import StoredSession
from device_stub.appliances.parts import OnOff
from device_stub.device import Device
from device_stub.entity import AnyEntity
from device_stub.factory import make_device
from device_stub.server import Server
from device_stub.server import running as running_device
from device_stub.store import Store
from secure_pair_protocol import negotiation, sessions
from secure_pair_protocol import secret as device_secret
from secure_pair_protocol.keys import Grant
from secure_pair_protocol.model.switching import Switch

TERMINAL_ID = bytes(range(16))


@dataclass
class Plug:
    """The device, and the session that both ends know."""

    device: Device
    server: Server
    session: StoredSession


async def pair(device: Device, terminal_id: bytes = TERMINAL_ID) -> StoredSession:
    """Give a device that is on a session, as a negotiation would; return the terminal's."""
    session_id, key = os.urandom(16), os.urandom(32)
    held = negotiation.Session(session_id, device_secret.Secret(key), terminal_id, Grant(1, 0))
    await device.ledger.change(lambda register: sessions.accepted(register, held))
    return StoredSession(
        session_id, Secret(key), 0, time.time(), b"", provisional=False, terminal_id=terminal_id
    )


@asynccontextmanager
async def running_plug(*further: AnyEntity) -> AsyncGenerator[Plug]:
    """Run the device on this loop, with further entities beside its switch."""
    made = make_device("aabbccddee01", "Virtual plug", "Plug", label=False)
    with TemporaryDirectory(prefix="secure-pair-bench-") as folder:
        store = Store(Path(folder) / "plug.json", made.data.device_id)
        device = Device(made.data, [OnOff(Switch(key="switch")), *further], store)
        async with running_device(device) as server:
            yield Plug(device, server, await pair(device))


@dataclass
class Terminal:
    """The integration's end of one connection."""

    link: Link
    mirror: Mirror = field(default_factory=lambda: Mirror("plug"))
    waiting: asyncio.Future[None] | None = None
    """For the next state."""
    on_picture: Callable[[], None] = int
    """Called when a picture has come."""

    def __post_init__(self) -> None:
        """Be ready for commands."""
        self.commander = Commander(self._is_clear)

    @classmethod
    async def connect(cls, plug: Plug) -> Terminal:
        """Connect by resumption, and return when the full state is here."""
        connection = await Connection.open("127.0.0.1", plug.server.port, "aabbccddee01")
        terminal = cls(await links.resume(connection, plug.session))
        await terminal.listen()
        return terminal

    async def listen(self) -> None:
        """Take what the device says; returns when it has said all of its states."""
        described = self.waiting = asyncio.get_running_loop().create_future()
        self.link.start(self._take, self._end)
        await described
        self.commander.linked(self.link)

    async def turn(self) -> asyncio.Task[object]:
        """Send a command, and return when the new state is here: with what becomes of it."""
        loop = asyncio.get_running_loop()
        entity = self.mirror.entities["switch"]
        on = self.mirror.states["switch"].on  # type: ignore[attr-defined]
        action = SwitchAction(do="turn_off" if on else "turn_on")
        changed = self.waiting = loop.create_future()
        outcome = asyncio.Task[object](
            self.commander.carry_out(self.link, entity, action), loop=loop, eager_start=True
        )
        await changed
        return outcome

    def _take(self, message: AnyFromDevice) -> None:
        match message:
            case States():
                if (self.mirror.update(message) or message.full) and self.waiting is not None:
                    self.waiting.set_result(None)
                    self.waiting = None
            case Outcome():
                self.commander.receive(message)
            case Picture():
                self.on_picture()
            case Description():
                self.mirror.describe(message)

    def _end(self, error: SecurePairError) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(error)

    @staticmethod
    def _is_clear(key: str, *, clear: bool) -> None:
        """Nobody looks."""
