"""Bytes to and from a device's socket: asyncio around the protocol.

A connection is read frame by frame while it is negotiated, and turns into a push of
decoded messages once it is encrypted. Docs: docs/protocol.md, sections 2, 7 and 8.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast, override

from .protocol import envelope, messages
from .protocol.channel import Channel
from .protocol.envelope import AnyFromDevice, FromTerminal
from .protocol.errors import REFUSALS, Failure, RefusedError, SecurePairError
from .protocol.framing import RECORD_LIMIT, FrameReader, frame
from .protocol.keys import TrafficKeys
from .protocol.messages import VERSION, Error, Greeting

CONNECT_SECONDS: Final = 10
"""How long the network may take to accept a connection."""

GREETING_SECONDS: Final = 3
"""How long a device may take to greet: it speaks first, so it has nothing to wait for."""

ANSWER_SECONDS: Final = 10
"""How long a device may take for one answer of the handshake."""

_WAITING_PAYLOADS: Final = 4
"""More unread payloads than any stage of a handshake could bring."""

type OnMessage = Callable[[AnyFromDevice], None]
type OnEnd = Callable[[SecurePairError], None]


class Connection(asyncio.Protocol):
    """One connection to a device.

    Until `encrypt` is called, payloads are sent and received one at a time. From then on
    each record is decoded as it arrives and given to `on_message`, and `on_end` is called
    once, with the reason.
    """

    greeting: Greeting
    """What the device said first; there as soon as `open` returns."""

    def __init__(self) -> None:
        """Wait for the transport."""
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader()
        self._payloads: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._channel: Channel | None = None
        self._on_message: OnMessage | None = None
        self._on_end: OnEnd | None = None
        self._error: SecurePairError | None = None
        self._heard = False
        self._closed = self._loop.create_future()
        self.last_record = self._loop.time()
        """When the last record came, on the loop's clock in seconds."""

    @classmethod
    async def open(cls, host: str, port: int, device_id: str | None = None) -> Connection:
        """Connect, and read the device's greeting.

        Raises SecurePairError (cannot_connect, timeout, not_secure_pair,
        version_not_supported, busy, wrong_device where `device_id` is another one).
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(cls, host, port)
        except TimeoutError as error:
            raise SecurePairError(Failure.TIMEOUT, "connecting") from error
        except (OSError, UnicodeError, OverflowError) as error:
            raise SecurePairError(Failure.CANNOT_CONNECT) from error
        try:
            connection.greeting = greeting = await _receive_greeting(connection)
            if VERSION not in greeting.versions:
                raise SecurePairError(Failure.VERSION_NOT_SUPPORTED)
            if device_id not in {None, greeting.device_id}:
                raise SecurePairError(Failure.WRONG_DEVICE)
        except BaseException:
            connection.abort()
            raise
        return connection

    # Before the channel is encrypted

    def send_payload(self, payload: bytes) -> None:
        """Send one frame of the handshake; raises SecurePairError (connection_lost)."""
        if self._error is not None or self._transport is None:
            raise self._error or SecurePairError(Failure.CONNECTION_LOST)
        self._transport.write(frame(payload))

    async def receive(self, seconds: float | None = None) -> bytes:
        """Return the next payload of the handshake; by default it may take `ANSWER_SECONDS`.

        Raises SecurePairError (timeout, connection_lost, too_large, malformed) and, with
        the device's code, RefusedError.
        """
        if not self._payloads and self._error is None:
            self._waiter = self._loop.create_future()
            try:
                async with asyncio.timeout(ANSWER_SECONDS if seconds is None else seconds):
                    await self._waiter
            except TimeoutError as error:
                raise SecurePairError(Failure.TIMEOUT, "waiting for an answer") from error
            finally:
                self._waiter = None
        if not self._payloads:
            raise self._error or SecurePairError(Failure.CONNECTION_LOST)
        payload = self._payloads.pop(0)
        if (refusal := _refusal(payload)) is not None:
            raise refusal
        return payload

    async def exchange(self, payload: bytes) -> bytes:
        """Send a payload and return the answer; raises as `receive` does."""
        self.send_payload(payload)
        return await self.receive()

    # After

    def encrypt(self, traffic: TrafficKeys, on_message: OnMessage, on_end: OnEnd) -> None:
        """Turn to records: what has come already is given to `on_message` at once."""
        self._channel = Channel.of_terminal(traffic)
        self._on_message, self._on_end = on_message, on_end
        self._reader.limit = RECORD_LIMIT
        self.last_record = self._loop.time()
        waiting, self._payloads = self._payloads, []
        try:
            for record in waiting:
                self._open(self._channel, record)
        except SecurePairError as error:
            self.fail(error)
            return
        if self._error is not None:
            on_end(self._error)
            return
        self._read()

    def send(self, message: FromTerminal) -> None:
        """Send one message; raises SecurePairError (connection_lost, too_large)."""
        if self._error is not None or self._transport is None or self._channel is None:
            raise self._error or SecurePairError(Failure.CONNECTION_LOST)
        self._transport.write(self._channel.seal(envelope.encode(message)))

    def rest(self) -> None:
        """Take less memory until there is something to say again."""
        if self._channel is not None:
            self._channel.rest()

    async def close(self) -> None:
        """End the connection on purpose, and wait until it is gone."""
        self._on_end = None
        if self._error is None:
            if self._channel is not None:
                self.send(envelope.Close())
            self._error = SecurePairError(Failure.CONNECTION_LOST, "closed here")
        if self._transport is not None:
            self._transport.close()
        try:
            async with asyncio.timeout(1):
                await asyncio.shield(self._closed)
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio's side

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        if self._error is None:
            self._reader.feed(data)
            self._read()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(SecurePairError(Failure.CONNECTION_LOST))
        # No circle stays behind: the garbage of a thousand that break at once takes long.
        self._transport = self._on_message = self._on_end = None
        if not self._closed.done():
            self._closed.set_result(None)

    def _read(self) -> None:
        try:
            while self._error is None:
                payload = self._reader.next()
                if payload is None:
                    return
                if self._channel is not None:
                    self._open(self._channel, payload)
                elif len(self._payloads) < _WAITING_PAYLOADS:
                    self._payloads.append(payload)
                    self._wake()
                else:
                    raise SecurePairError(Failure.OUT_OF_ORDER, "too many frames")
        except SecurePairError as error:
            self.fail(error)

    def _open(self, channel: Channel, record: bytes) -> None:
        try:
            plaintext = channel.open(record)
        except SecurePairError:
            # A device that refuses the last message of the handshake says so in the clear.
            if not self._heard and (refusal := _refusal(record)) is not None:
                raise refusal from None
            raise
        self._heard = True
        message = envelope.decode_from_device(plaintext)
        self.last_record = self._loop.time()
        if self._on_message is not None:
            self._on_message(message)

    def fail(self, error: SecurePairError) -> None:
        """End the connection at once, for this reason."""
        if self._error is not None:
            return
        self._error = error
        self._wake()
        self.abort()
        if self._on_end is not None:
            self._on_end(error)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def _receive_greeting(connection: Connection) -> Greeting:
    try:
        return messages.decode(Greeting, await connection.receive(GREETING_SECONDS))
    except RefusedError:
        raise
    except SecurePairError as error:
        if error.failure in {
            Failure.MALFORMED,
            Failure.TOO_LARGE,
            Failure.OUT_OF_ORDER,
            Failure.CONNECTION_LOST,
        }:
            raise SecurePairError(Failure.NOT_SECURE_PAIR, str(error)) from error
        raise


def _refusal(payload: bytes) -> SecurePairError | None:
    """Return what an Error says, in whichever of its forms; None: it is none."""
    try:
        message = messages.decode_any(payload)
    except SecurePairError:
        return None
    if not isinstance(message, Error):
        return None
    failure = Failure.of(message.code)
    if failure not in REFUSALS:
        return RefusedError(Failure.OUT_OF_ORDER, "refused, with a code that is no device's")
    return RefusedError(failure)
