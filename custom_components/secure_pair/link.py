"""An encrypted connection that lives: its first record, its clock, its signs of life.

Docs: docs/protocol.md, sections 5, 7 and 8.
"""

import asyncio
import math
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from .connection import ANSWER_SECONDS, Connection
from .protocol import envelope, resumption
from .protocol.crypto import PRIMITIVES
from .protocol.envelope import (
    AnyFromDevice,
    Description,
    FromTerminal,
    Picture,
    Piece,
    Pong,
    States,
    Welcome,
)
from .protocol.errors import Failure, SecurePairError
from .protocol.keys import TrafficKeys
from .protocol.pieces import Assembler
from .protocol.sessions import StoredSession
from .pulse import Pulse

type OnMessage = Callable[[AnyFromDevice], None]
type OnEnd = Callable[[SecurePairError], None]
type OnFault = Callable[[SecurePairError], None]


async def resume(connection: Connection, session: StoredSession) -> Link:
    """Go on with a session that was negotiated before, without the key service.

    Raises SecurePairError (session_unknown, device_unproven, timeout, connection_lost …);
    none of them means that the session may be deleted.
    """
    resuming, r1 = resumption.resume(
        PRIMITIVES,
        session.session_id,
        session.session_key,
        connection.greeting,
        X25519PrivateKey.generate(),
    )
    resumed, r3 = resumption.receive_resume_answer(
        PRIMITIVES, resuming, await connection.exchange(r1)
    )
    connection.send_payload(r3)
    return await Link.begin(connection, resumed.traffic)


class Link:
    """What a paired device and this terminal say to each other on one connection."""

    def __init__(self, connection: Connection) -> None:
        """Take a connection that is about to be encrypted; use `begin`."""
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._assembler = Assembler()
        self._early: list[AnyFromDevice] = []
        self._on_message: OnMessage | None = None
        self._on_end: OnEnd | None = None
        self._on_fault: OnFault | None = None
        self._ended: SecurePairError | None = None
        self._detached = False
        self._welcome: asyncio.Future[Welcome] = self._loop.create_future()
        self._pulse: Pulse | None = None
        self._due = 0
        """In which second of the loop's clock the pulse has it beat."""
        self._pinged: float | None = None
        self.round_trip: float | None = None
        """Seconds from the last ping to its answer."""
        self._up = 0
        self._up_at = 0.0
        self.welcome: Welcome
        """The first record."""

    @classmethod
    async def begin(cls, connection: Connection, traffic: TrafficKeys) -> Link:
        """Encrypt the connection, and wait for the first record.

        Raises SecurePairError (timeout, connection_lost, record_failed, malformed).
        """
        link = cls(connection)
        connection.encrypt(traffic, link._receive, link._end)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                link.welcome = await link._welcome
        except TimeoutError as error:
            detail = "waiting for the first record"
            raise SecurePairError(Failure.TIMEOUT, detail) from error
        return link

    def start(
        self,
        on_message: OnMessage,
        on_end: OnEnd,
        on_fault: OnFault | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        """Give every further message to `on_message`; `on_end` is called once.

        `on_fault` hears of a message that costs only itself. `pulse`: has it ping, and end
        when it is dead. A link that has ended already ends here.
        """
        self._on_message, self._on_end, self._on_fault = on_message, on_end, on_fault
        early, self._early = self._early, []
        for message in early:
            on_message(message)
        if self._ended is not None:
            on_end(self._ended)
            return
        if pulse is not None:
            self._pulse, self._due = pulse, pulse.join(self)

    @property
    def is_open(self) -> bool:
        """Tell whether anything can still be sent."""
        return self._ended is None

    def now(self) -> int:
        """Return the device's `up` at this moment, in milliseconds."""
        return self._up + int((self._loop.time() - self._up_at) * 1000)

    def send(self, message: FromTerminal) -> None:
        """Send one message; raises SecurePairError (connection_lost, too_large)."""
        self._connection.send(message)

    async def close(self, *, unpair: bool = False) -> None:
        """End the connection on purpose; `unpair`: and have the device forget the session."""
        self._on_end = None
        self._leave()
        if unpair and self.is_open:
            self.send(envelope.Unpair())
        await self._connection.close()

    def detach(self) -> None:
        """Hear nothing more of this link: another one serves."""
        self._detached = True
        self._on_end = None
        self._leave()

    def abort(self) -> None:
        """End the connection at once, without a word."""
        self._on_end = None
        self._leave()
        self._connection.abort()

    def _receive(self, message: AnyFromDevice) -> None:
        if self._detached:
            return
        # Of records only: what came in pieces is as old as its beginning.
        self._up, self._up_at = message.up, self._loop.time()
        if isinstance(message, Pong) and self._pinged is not None:
            self.round_trip, self._pinged = self._up_at - self._pinged, None
        if not self._welcome.done():
            if not isinstance(message, Welcome):
                raise SecurePairError(Failure.OUT_OF_ORDER, "no Welcome")
            self._welcome.set_result(message)
        elif isinstance(message, Welcome):
            raise SecurePairError(Failure.OUT_OF_ORDER, "a second Welcome")
        elif isinstance(message, Piece):
            self._assemble(message)
        else:
            self._deliver(message)

    def _deliver(self, message: AnyFromDevice) -> None:
        if self._on_message is not None:
            self._on_message(message)
        elif len(self._early) < _EARLY_MESSAGES:
            self._early.append(message)
        else:
            raise SecurePairError(Failure.OUT_OF_ORDER, "too many messages")

    def _assemble(self, piece: Piece) -> None:
        try:
            whole = self._assembler.take(piece)
        except SecurePairError as error:
            if error.failure is not Failure.TOO_LARGE:
                raise
            if self._on_fault is not None:
                self._on_fault(error)
            return
        if whole is None:
            return
        message = envelope.decode_from_device(whole)
        if not isinstance(message, Description | States | Picture):
            raise SecurePairError(Failure.OUT_OF_ORDER, "no message to send in pieces")
        self._deliver(message)

    def _end(self, error: SecurePairError) -> None:
        self._ended = error
        self._leave()
        # Nothing more comes; and no circle stays behind, as in `Connection.connection_lost`.
        on_end, self._on_message, self._on_end = self._on_end, None, None
        if not self._welcome.done():
            self._welcome.set_exception(error)
        elif on_end is not None:
            on_end(error)

    def beat(self, second: int) -> int | None:
        """Ask for a sign of life, or end where there was none for too long."""
        if self._pulse is None:
            return None
        dead_at = self._connection.last_record + envelope.DEAD_SECONDS
        if self._loop.time() >= dead_at:
            self._connection.fail(SecurePairError(Failure.TIMEOUT, "no sign of life"))
            return None
        self.ping()
        self._due = min(second + envelope.PING_SECONDS, math.ceil(dead_at))
        return self._due

    def rest(self) -> None:
        """Take less memory until there is something to say again."""
        self._connection.rest()

    def ping(self) -> None:
        """Ask for a sign of life, and measure how long it takes."""
        self._pinged = self._loop.time()
        self.send(envelope.Ping())

    def _leave(self) -> None:
        if self._pulse is not None:
            self._pulse.leave(self._due, self)
            self._pulse = None


_EARLY_MESSAGES = 64
"""More than a device has to say between its first record and `start`."""
