"""A virtual device with one switch, paired already, and the terminal's parts around it.

The terminal is the integration's own, without Home Assistant's entities: connection, link,
mirror and commander, so that it does what the peers' libraries do.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

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
from custom_components.secure_pair.protocol.model import Action
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
from secure_pair_protocol.model.switching import Switch

from .paired import TERMINAL_ID, hold_session


@dataclass
class Plug:
    """The device, and the session that both ends know."""

    device: Device
    server: Server
    session: StoredSession


def stored(session_id: bytes, key: bytes) -> StoredSession:
    """Return what the terminal keeps of a session that a device holds."""
    return StoredSession(
        session_id, Secret(key), 0, time.time(), b"", provisional=False, terminal_id=TERMINAL_ID
    )


@asynccontextmanager
async def running_plug(*further: AnyEntity) -> AsyncGenerator[Plug]:
    """Run the device on this loop, with further entities beside its switch."""
    made = make_device("aabbccddee01", "Virtual plug", "Plug", label=False)
    with TemporaryDirectory(prefix="secure-pair-bench-") as folder:
        store = Store(Path(folder) / "plug.json", made.data.device_id)
        device = Device(made.data, [OnOff(Switch(key="switch")), *further], store)
        async with running_device(device) as server:
            session = await hold_session(device)
            yield Plug(device, server, stored(session.session_id, session.session_key.reveal()))


@dataclass
class Terminal:
    """The integration's end of one connection."""

    link: Link
    mirror: Mirror = field(default_factory=lambda: Mirror("plug"))
    waiting: asyncio.Future[None] | None = None
    """For all states, or for the state that a command is to bring about."""
    reached: Callable[[], bool] = bool
    """Tells whether that state is there."""
    on_picture: Callable[[], object] = int
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
        """Turn the switch over; return as `carry_out` does."""
        on = self.mirror.states["switch"].on  # type: ignore[attr-defined]
        action = SwitchAction(do="turn_off" if on else "turn_on")
        return await self.carry_out("switch", action, lambda state: state.on is not on)

    async def carry_out(
        self, key: str, action: Action, reached: Callable[[Any], bool]
    ) -> asyncio.Task[object]:
        """Send a command, and return when its state is reached: with what becomes of it."""
        loop = asyncio.get_running_loop()
        self.reached = lambda: reached(self.mirror.states[key])
        changed = self.waiting = loop.create_future()
        outcome = asyncio.Task[object](
            self.commander.carry_out(self.link, self.mirror.entities[key], action),
            loop=loop,
            eager_start=True,
        )
        await changed
        return outcome

    def _take(self, message: AnyFromDevice) -> None:
        match message:
            case States():
                self.mirror.update(message)
                if self.waiting is not None and (message.full or self.reached()):
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
