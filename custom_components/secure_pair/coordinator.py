"""One paired device: kept connected, its entities and states, its commands.

States are dispatched to the one entity that they are about. Docs: docs/protocol.md,
sections 8 and 9.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final, Protocol

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from .commander import Commander
from .connection import Connection
from .const import CONF_DEVICE_ID, DOMAIN, LOGGER
from .devices import Devices
from .key_store import KeyStore
from .link import Link, resume
from .mirror import Mirror
from .pictures import Pictures
from .protocol import model, sessions
from .protocol.envelope import (
    AnyFromDevice,
    Closing,
    Description,
    Event,
    Outcome,
    Picture,
    Piece,
    Result,
    States,
    decode_from_device,
)
from .protocol.errors import Failure, SecurePairError
from .protocol.model import Action, Entity
from .protocol.pieces import Assembler
from .reconnect import Backoff

type SecurePairConfigEntry = ConfigEntry[DeviceCoordinator]
type AddEntity = Callable[[Entity], None]

READY_SECONDS: Final = 10
"""How long a device may take to describe itself on a new connection."""


class BoundEntity(Protocol):
    """What the coordinator tells an entity."""

    def update(self) -> None:
        """Show the newest state, or that there is none."""

    def redescribe(self, described: Entity) -> None:
        """Follow a new description of the same kind."""

    def happen(self, event: model.Event) -> None:
        """Tell of an event."""


class DeviceCoordinator:
    """The one place that knows whether a device is there, and what it is like."""

    def __init__(
        self, hass: HomeAssistant, entry: SecurePairConfigEntry, key_store: KeyStore
    ) -> None:
        """Take an entry; `start` connects."""
        self.hass = hass
        self.entry = entry
        self.device_id: str = entry.data[CONF_DEVICE_ID]
        self.mirror = Mirror(entry.title)
        self.devices = Devices(hass, entry.entry_id, self.device_id, self.mirror)
        self.unclear: set[str] = set()
        """Keys of entities of which a command's outcome is not known at the moment."""
        self.connected = False
        self.last_failure: Failure | None = None
        self._key_store = key_store
        self._link: Link | None = None
        self._loss_logged = False
        self._ready = asyncio.Event()
        self._lost = asyncio.Event()
        self._bound: dict[str, BoundEntity] = {}
        self._platforms: list[AddEntity] = []
        self._commander = Commander(self._set_clarity)
        self._pictures = Pictures()
        self._assembler = Assembler()

    # Life

    async def start(self) -> None:
        """Connect for the first time, and keep connected from then on.

        Raises SecurePairError.
        """
        await self._connect()
        self.entry.async_create_background_task(
            self.hass, self._keep_connected(), f"{DOMAIN} {self.device_id}"
        )

    async def stop(self) -> None:
        """End the connection on purpose; the entry's tasks end with the entry."""
        self._commander.close()
        if (link := self._link) is not None:
            self._link = None
            self.connected = False
            await link.close()

    async def _connect(self) -> None:
        """Resume the newest session that the device still knows, and get its states."""
        device = await self._key_store.device(self.device_id)
        if device is None or not device.sessions:
            raise SecurePairError(Failure.SESSION_UNKNOWN, "no session is stored")
        failure: SecurePairError | None = None
        for session in device.sessions:
            try:
                link = await self._open(session)
            except SecurePairError as error:
                failure = failure or error
                if error.failure in _NO_OTHER_SESSION_HELPS:
                    break
                continue
            await self._begin(link)
            await self._confirm(device, session)
            return
        raise failure or SecurePairError(Failure.SESSION_UNKNOWN)

    async def _open(self, session: sessions.StoredSession) -> Link:
        data = self.entry.data
        connection = await Connection.open(data[CONF_HOST], data[CONF_PORT], self.device_id)
        try:
            return await resume(connection, session)
        except BaseException:
            connection.abort()
            raise

    async def _confirm(
        self, device: sessions.PairedDevice, session: sessions.StoredSession
    ) -> None:
        """Let the older sessions go, now that the device was heard on this one."""
        confirmed = sessions.confirmed(device, session.session_id)
        if confirmed is device:
            return
        try:
            await self._key_store.put_device(confirmed)
        except SecurePairError as error:
            # Nothing is lost: the session stays provisional until the next connection.
            LOGGER.warning("%s: %s", self.entry.title, error)

    async def _begin(self, link: Link) -> None:
        self._assembler = Assembler()
        self._ready.clear()
        self._lost.clear()
        self._link = link
        link.start(self._receive, self._end)
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._ready.wait()
        except TimeoutError as error:
            self._link = None
            link.abort()
            raise SecurePairError(Failure.TIMEOUT, "no description") from error
        if self._lost.is_set():
            raise SecurePairError(self.last_failure or Failure.CONNECTION_LOST)

    async def _keep_connected(self) -> None:
        while True:
            await self._lost.wait()
            backoff = Backoff()
            while not self.connected:
                await asyncio.sleep(backoff.delay(random.random()))  # noqa: S311
                try:
                    await self._connect()
                except SecurePairError as error:
                    LOGGER.debug("%s: %s", self.entry.title, error)
                    self.last_failure = error.failure
                    backoff = backoff.failed()

    # What the device says

    @callback
    def _receive(self, message: AnyFromDevice) -> None:
        match message:
            case States():
                self._take_states(message)
            case Outcome():
                self._commander.receive(message)
            case Event():
                self._take_event(message)
            case Piece():
                self._take_piece(message)
            case Picture():
                self._pictures.receive(message)
            case Description():
                self._take_description(message)
            case Closing():
                LOGGER.debug("%s: the device closes: %s", self.entry.title, message.code)

    @callback
    def _end(self, error: SecurePairError) -> None:
        self._link = None
        self.last_failure = error.failure
        self._commander.unlinked()
        self._pictures.unlinked()
        self._lost.set()
        self._ready.set()
        if self.connected:
            self.connected = False
            self._loss_logged = True
            LOGGER.info("%s is not connected any more: %s", self.entry.title, error)
            self._update_all()

    def _take_description(self, description: Description) -> None:
        changes = self.mirror.describe(description)
        for entity in changes.gone:
            self.devices.remove(entity)
        self.devices.register()
        for entity in changes.redescribed:
            if (bound := self._bound.get(entity.key)) is not None:
                bound.redescribe(entity)
        for entity in changes.added:
            for add in self._platforms:
                add(entity)

    def _take_states(self, states: States) -> None:
        changed = self.mirror.update(states)
        if not states.full:
            for key in changed:
                self._update(key)
            return
        if not self.connected and (link := self._link) is not None:
            self.connected = True
            self.last_failure = None
            if self._loss_logged:
                self._loss_logged = False
                LOGGER.info("%s is connected again", self.entry.title)
            self._commander.linked(link)
        self._ready.set()
        self._update_all()

    def _take_event(self, message: Event) -> None:
        event = self.mirror.event(message.event)
        if event is not None and (bound := self._bound.get(event.key)) is not None:
            bound.happen(event)

    def _take_piece(self, piece: Piece) -> None:
        try:
            whole = self._assembler.take(piece)
        except SecurePairError as error:
            LOGGER.warning("%s: %s", self.entry.title, error)
            return
        if whole is None:
            return
        match decode_from_device(whole):
            case Description() | States() | Picture() as message:
                self._receive(message)
            case message:
                raise SecurePairError(Failure.OUT_OF_ORDER, f"a {type(message)} in pieces")

    # What Home Assistant's entities need

    @callback
    def add_platform(self, add: AddEntity) -> None:
        """Give every entity of the device to a platform, now and later."""
        self._platforms.append(add)
        for entity in list(self.mirror.entities.values()):
            add(entity)

    @callback
    def bind(self, key: str, bound: BoundEntity) -> CALLBACK_TYPE:
        """Tell this one of what happens to the entity; returns how to stop."""
        self._bound[key] = bound

        def unbind() -> None:
            del self._bound[key]

        return unbind

    async def picture(self, entity: Entity) -> bytes | None:
        """Return a camera's picture as JPEG, or None where there is none."""
        link = self._link
        if link is None or not self.connected:
            return None
        return await self._pictures.ask(link, entity.key)

    async def carry_out(self, entity: Entity, action: Action) -> None:
        """Have an action carried out; raises a translated HomeAssistantError."""
        link = self._link
        if link is None or not self.connected:
            raise self.error("not_connected")
        match await self._commander.carry_out(link, entity, action):
            case Outcome(result=Result.DONE):
                return
            case Outcome(result=Result.FAILED, code=code, text=text):
                raise self.error("command_failed", reason=text or code or "")
            case Outcome(result=Result.VOID):
                raise self.error("command_void")
            case Outcome(result=Result.RESTARTED):
                raise self.error("command_restarted")
            case _:
                raise self.error("command_unknown")

    def error(self, key: str, **placeholders: str) -> HomeAssistantError:
        """Return a translated error about this device."""
        return HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=key,
            translation_placeholders={"device": self.entry.title, **placeholders},
        )

    def _set_clarity(self, key: str, *, clear: bool) -> None:
        before = key in self.unclear
        (self.unclear.discard if clear else self.unclear.add)(key)
        if before == clear:
            self._update(key)

    def _update(self, key: str) -> None:
        if (bound := self._bound.get(key)) is not None:
            bound.update()

    def _update_all(self) -> None:
        for bound in list(self._bound.values()):
            bound.update()


_NO_OTHER_SESSION_HELPS: Final = frozenset(
    {
        Failure.CANNOT_CONNECT,
        Failure.NOT_SECURE_PAIR,
        Failure.WRONG_DEVICE,
        Failure.VERSION_NOT_SUPPORTED,
        Failure.BUSY,
    }
)
"""Failures that came before any session was named."""
