"""The core of a virtual device: who it is, whom it knows, what it can do."""

import logging
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import Raw

from secure_pair_protocol import commands as at_most_once
from secure_pair_protocol import envelope, model, sessions
from secure_pair_protocol.envelope import (
    Description,
    DeviceInfo,
    FromDevice,
    FurtherDevice,
    Notice,
    NoticeKind,
    Outcome,
    States,
    Terminal,
    Terminals,
    Welcome,
)
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.negotiation import DeviceIdentity, Session
from secure_pair_protocol.sessions import Register

from .commands import Commands
from .entity import AnyEntity, ignore
from .factory import FactoryData
from .ledger import Ledger
from .store import StateError, Store

_LOGGER = logging.getLogger(__name__)

IDENTIFY_SECONDS = 10
"""Between two signals: nobody shall be annoyed by a stranger."""


class Live(Protocol):
    """An encrypted connection, as the device sees it."""

    @property
    def session(self) -> Session:
        """On whose session it rests."""

    def send(self, message: FromDevice) -> None:
        """Send one message."""

    def push(self, key: str, states: bytes) -> None:
        """Send an entity's new state, encoded already; only the newest matters."""

    def happen(self, event: bytes) -> None:
        """Tell of an event, encoded already."""

    def describe(self) -> None:
        """Say what the device is, and the states of all of its entities."""

    def end(self, failure: Failure | None) -> None:
        """Tell the terminal why, and end the connection."""


class Appliance(Protocol):
    """What goes on by itself while the device has power."""

    def start(self, device: Device) -> None:
        """Begin."""

    def stop(self) -> None:
        """Stand still; it may do so already."""


class Device:
    """A device of some entities; a server connects it (`device_stub.server.running`)."""

    def __init__(
        self,
        data: FactoryData,
        entities: Iterable[AnyEntity],
        store: Store,
        *,
        further_devices: Iterable[FurtherDevice] = (),
        appliance: Appliance | None = None,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[int], bytes] = secrets.token_bytes,
        draw_private_key: Callable[[], X25519PrivateKey] = X25519PrivateKey.generate,
    ) -> None:
        """Put it together; it is off. `clock`: seconds, monotonic."""
        self.data = data
        self.entities: dict[str, AnyEntity] = {}
        for entity in entities:
            self._take(entity)
        self.further_devices = tuple(further_devices)
        self.appliance = appliance
        self.info = DeviceInfo(
            model=data.model,
            name=data.name,
            manufacturer="Secure Pair",
            firmware="virtual",
            serial=data.device_id,
        )
        self.clock = clock
        self.draw = draw
        self.draw_private_key = draw_private_key
        self.store = store
        self.ledger = Ledger(store, clock=clock, draw=draw)
        self.commands = Commands(self.entities, up=lambda: self.up, report=self._report)
        self.boot = b""
        self.live: list[Live] = []
        """The encrypted connections, the oldest first."""
        self.identified = 0
        """How often it has signalled which one it is."""
        self._identified_at: float | None = None
        self._started_at = 0.0

    # Power

    async def start(self) -> None:
        """Switch it on, or off and on again; raises StateError."""
        await self._stand_still()
        try:
            await self.ledger.open()
        except OSError as error:
            await self.ledger.close()
            raise StateError(f"{self.store.path} cannot be written: {error.strerror}") from error
        except BaseException:
            await self.ledger.close()
            raise
        self.boot = self.draw(8)
        self._started_at = self.clock()
        self.commands.begin(self.boot)
        if self.appliance is not None:
            self.appliance.start(self)

    async def stop(self) -> None:
        """Switch it off."""
        await self._stand_still()
        await self.ledger.close()

    async def _stand_still(self) -> None:
        if self.appliance is not None:
            self.appliance.stop()
        await self.commands.stop()

    @property
    def up(self) -> int:
        """Milliseconds since the start."""
        return int((self.clock() - self._started_at) * 1000)

    # What the handshake asks for: `handshake.DeviceRecords`

    @property
    def register(self) -> Register:
        """Whom it knows at this moment."""
        return self.ledger.register

    @property
    def epoch(self) -> int:
        """The owner epoch that it follows."""
        return self.ledger.register.epoch

    @property
    def identity(self) -> DeviceIdentity:
        """Who it is."""
        return DeviceIdentity(
            self.data.device_id,
            self.data.initial_key,
            self.data.pairing_secret,
            self.data.model,
            self.data.name,
            self.ledger.register.installation,
        )

    def find(self, session_id: bytes) -> Session | None:
        """Return a session that is stored and has not expired."""
        held = self.ledger.register.find(session_id)
        return None if held is None else held.session

    def remaining(self, session: Session) -> int | None:
        """Return the seconds left in a session's lifetime; None: no end."""
        held = self.ledger.register.find(session.session_id)
        return 0 if held is None else held.remaining

    # Sessions. Each change is durable when its method returns.

    async def accept(self, session: Session, installation: bytes) -> None:
        """Store what was negotiated with the device as it was then.

        Raises SecurePairError (epoch_refused, terminal_revoked, table_full, device_reset,
        storage_failed): then nothing has changed.
        """

        def rule(register: Register) -> Register:
            if register.installation != installation:
                raise SecurePairError(Failure.DEVICE_RESET)
            return sessions.accepted(register, session)

        known = self._terminal_ids()
        await self.ledger.change(rule)
        self.end_forgotten()
        if session.terminal_id not in known:
            self._notice(NoticeKind.PAIRED, session.terminal_id)

    async def unpair(self, session: Session) -> None:
        """Forget one session; raises SecurePairError (storage_failed)."""
        session_id = session.session_id
        await self.ledger.change(lambda register: sessions.unpaired(register, session_id))
        self._notice(NoticeKind.UNPAIRED, session.terminal_id)

    async def revoke(self, terminal_id: bytes) -> None:
        """Forget a terminal, and refuse it from now on; raises SecurePairError."""
        await self.ledger.change(lambda register: sessions.revoked(register, terminal_id))
        self.end_forgotten()
        self._notice(NoticeKind.REVOKED, terminal_id)

    def terminals(self, request: int, code: str | None = None) -> Terminals:
        """Return who is paired, as the answer to a request."""
        connected = {live.session.terminal_id for live in self.live}
        return Terminals(
            self.up,
            request,
            tuple(
                Terminal(
                    held.session.terminal_id,
                    held.session.terminal_id in connected,
                    held.remaining,
                )
                for held in self.register.held
            ),
            code,
        )

    def _terminal_ids(self) -> set[bytes]:
        return {held.session.terminal_id for held in self.register.held}

    def _notice(self, what: NoticeKind, terminal_id: bytes) -> None:
        """Tell all other terminals."""
        for live in tuple(self.live):
            if live.session.terminal_id != terminal_id:
                live.send(Notice(self.up, what, terminal_id))

    async def factory_reset(self) -> None:
        """Forget everybody; raises SecurePairError (storage_failed)."""
        installation = self.draw(8)
        await self.ledger.change(lambda _: sessions.factory_reset(installation))
        for live in tuple(self.live):
            live.end(Failure.DEVICE_RESET)

    async def save(self) -> None:
        """Save the powered time; raises SecurePairError (storage_failed)."""
        await self.ledger.change(lambda register: register)

    def end_forgotten(self) -> None:
        """End the connections whose session is gone: replaced, revoked, expired."""
        register = self.register
        for live in tuple(self.live):
            if register.find(live.session.session_id) is None:
                live.end(_why_forgotten(register, live.session))

    # What it is

    def add(self, *entities: AnyEntity) -> None:
        """Take entities in, and tell all terminals; raises ValueError."""
        for entity in entities:
            self._take(entity)
        self.describe()

    def remove(self, *keys: str) -> None:
        """Let entities go, and tell all terminals."""
        for key in keys:
            entity = self.entities.pop(key)
            entity.publish = entity.tell = ignore
        self.describe()

    def describe(self) -> None:
        """Say to all terminals what the device is now."""
        for live in tuple(self.live):
            live.describe()

    def _take(self, entity: AnyEntity) -> None:
        key = entity.entity.key
        if key in self.entities:
            raise ValueError(f"two entities with the key {key!r}")
        self.entities[key] = entity
        entity.publish, entity.tell = self._publish, self._tell

    # What goes to the terminals

    def welcome(self, session: Session) -> Welcome:
        """Return the first message of a connection."""
        return Welcome(self.up, self.boot, self.remaining(session))

    def description(self) -> Description:
        """Return what the device is."""
        return Description(
            self.up,
            self.info,
            tuple(_raw(entity.entity) for entity in self.entities.values()),
            tuple(map(_raw, self.further_devices)),
        )

    def full_states(self) -> States:
        """Return the states of all entities."""
        return self.states(self.entities, full=True)

    def states(self, keys: Iterable[str], *, full: bool = False) -> States:
        """Return the states of these entities; some kinds have none."""
        entities = [self.entities[key] for key in keys if key in self.entities]
        states = tuple([_raw(entity.state) for entity in entities if entity.state is not None])
        return States(self.up, full, states)

    def picture(self, key: str) -> tuple[str, bytes] | None:
        """Return content type and data of an entity's picture, if it has one."""
        entity = self.entities.get(key)
        try:
            return None if entity is None else entity.picture()
        except Exception:
            # Whatever a kind of device does wrong, its terminals get an answer.
            _LOGGER.exception("%s could not show a picture", key)
            return None

    def _publish(self, entity: AnyEntity) -> None:
        key = entity.entity.key
        states = envelope.encode(self.states([key]))
        for live in tuple(self.live):
            live.push(key, states)

    def _tell(self, event: model.Event) -> None:
        encoded = envelope.encode(envelope.Event(self.up, _raw(event)))
        for live in tuple(self.live):
            live.happen(encoded)

    def _report(self, terminal_id: bytes, command_id: bytes, verdict: at_most_once.Verdict) -> None:
        outcome = Outcome(self.up, command_id, verdict.result, verdict.code, verdict.text)
        for live in tuple(self.live):
            if live.session.terminal_id == terminal_id:
                live.send(outcome)

    # Before pairing

    def identify(self) -> None:
        """Show which device it is; once in 10 s."""
        now = self.clock()
        if self._identified_at is not None and now - self._identified_at < IDENTIFY_SECONDS:
            return
        self._identified_at = now
        self.identified += 1
        _LOGGER.info("*** this is %s (%s) ***", self.data.name, self.data.device_id)
        for entity in self.entities.values():
            entity.identify()


def _raw(value: msgspec.Struct) -> Raw:
    return Raw(msgspec.msgpack.encode(value))


def _why_forgotten(register: Register, session: Session) -> Failure | None:
    terminal_id = session.terminal_id
    if terminal_id in register.revoked:
        return Failure.TERMINAL_REVOKED
    if session.grant.epoch < register.epoch:
        return Failure.EPOCH_REFUSED
    if any(held.session.terminal_id == terminal_id for held in register.held):
        # A newer session of the same terminal: nothing is wrong.
        return None
    return Failure.SESSION_UNKNOWN
