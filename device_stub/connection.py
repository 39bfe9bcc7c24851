"""One connection at the device: bytes, frames, the handshake, and then records."""

import asyncio
import logging
from collections.abc import Iterable
from typing import cast, override

from secure_pair_protocol import framing, messages
from secure_pair_protocol.envelope import PIECE_SIZE
from secure_pair_protocol.errors import Failure, RefusedError, SecurePairError
from secure_pair_protocol.framing import FrameReader, frame
from secure_pair_protocol.handshake import (
    DeviceHandshake,
    Identified,
    Negotiated,
    Reply,
    Resumed,
    Stage,
)
from secure_pair_protocol.keys import TrafficKeys
from secure_pair_protocol.negotiation import Session

from .admission import Admission, Place, Verdict
from .device import Device
from .live import LiveConnection, Spawn
from .steps import Steps

_LOGGER = logging.getLogger(__name__)

DISCARD_LIMIT = 1 << 18
"""Bytes that are read and thrown away after a refusal, before the connection is cut off."""


class Connection(asyncio.Protocol):
    """Drives `DeviceHandshake`, then a `LiveConnection`; no task for each message."""

    def __init__(
        self, device: Device, admission: Admission[Connection], spawn: Spawn, steps: Steps
    ) -> None:
        """Wait for the transport."""
        self._device = device
        self._admission = admission
        self._spawn = spawn
        self._steps = steps
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader()
        self._out: list[bytes] = []
        self._held = False
        self._reading = False
        """What is said meanwhile goes out when all that has come is taken."""
        self._ending = False
        self._discarded = 0
        self._stage = Stage.GREETED
        self._live: LiveConnection | None = None
        self._transport: asyncio.Transport
        self._place: Place[Connection]

    # asyncio.Protocol

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        # No more than a piece waits here, so that nothing waits for more than a piece.
        self._transport.set_write_buffer_limits(high=PIECE_SIZE)
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        device = self._device
        self._installation = device.register.installation
        self._handshake = DeviceHandshake(
            device, draw=device.draw, draw_private_key=device.draw_private_key
        )
        self._place, verdicts = self._admission.arrived(self, address, device.clock())
        self.write(frame(messages.encode(self._handshake.greeting)))
        self._apply(verdicts)

    @override
    def data_received(self, data: bytes) -> None:
        if self._ending:
            self._discarded += len(data)
            if self._discarded > DISCARD_LIMIT:
                self.drop()
            return
        self._reader.feed(data)
        self._reading = True
        self._take()
        self._reading = False
        self._flush()

    @override
    def eof_received(self) -> None:
        if not self._ending and self._live is None and self._reader.is_unfinished:
            self.end(Failure.CONNECTION_LOST)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._admission.left(self._place)

    @override
    def pause_writing(self) -> None:
        # Who does not listen shall not speak: else the answers would pile up here.
        self._transport.pause_reading()
        if self._live is not None:
            self._live.stalled(stalled=True)

    @override
    def resume_writing(self) -> None:
        if not self._held:
            self._transport.resume_reading()
        if self._live is not None:
            self._live.stalled(stalled=False)

    # What comes in

    def _take(self) -> None:
        """Take the whole frames that are here."""
        try:
            while not self._held and not self._ending:
                payload = self._reader.next()
                if payload is None:
                    break
                if self._live is None:
                    self._shake(payload)
                else:
                    now = self._device.clock()
                    self._live.receive(payload, now)
                    self._admission.heard(self._place, now)
        except RefusedError as error:
            # The terminal has said why it goes: there is nothing to answer.
            _LOGGER.debug("%s: %s", self._place.address, error)
            self.drop()
        except SecurePairError as error:
            _LOGGER.debug("%s: %s", self._place.address, error.failure)
            self.end(error.failure)

    def _shake(self, payload: bytes) -> None:
        device, now = self._device, self._device.clock()
        if device.register.installation != self._installation:
            raise SecurePairError(Failure.DEVICE_RESET)
        match self._handshake.receive(payload, now):
            case Identified():
                device.identify()
            case Reply(payload=reply):
                self._reply(reply, now)
            case Negotiated() as negotiated:
                # Nothing goes on the wire, and nothing is taken from it, before the write.
                self.hold()
                self._apply(self._admission.storing(self._place, now))
                self._spawn(self._store(negotiated))
            case Resumed(session=session, traffic=traffic):
                verdicts = self._admission.resumed(self._place, session, now)
                self._begin(session, traffic, verdicts)
                self._steps.took("r3")

    def _reply(self, reply: bytes, now: float) -> None:
        handshake, place = self._handshake, self._place
        match handshake.stage:
            case Stage.CHALLENGED if handshake.terminal_id is not None:
                verdicts = self._admission.challenged(place, handshake.terminal_id, now)
                steps: tuple[int | str, ...] = (1, 2)
            case Stage.ANSWERED:
                verdicts = self._admission.answered(place)
                steps = (5, 6)
            case _:
                if self._admission.is_storing(handshake.terminal_id):
                    # What it would resume is about to be replaced.
                    raise SecurePairError(Failure.BUSY)
                session_id = handshake.pending_session or b""
                verdicts = self._admission.resuming(
                    place, handshake.terminal_id or b"", session_id, now
                )
                steps = ("r1", "r2")
        self._apply(verdicts)
        if self._ending:
            return
        self._stage = handshake.stage
        self.write(frame(reply))
        self._steps.took(*steps)

    async def _store(self, negotiated: Negotiated) -> None:
        session, transcript = negotiated.session, negotiated.transcript.hex()
        try:
            await self._device.accept(session, self._installation)
        except SecurePairError as error:
            if not self._ending:
                self.end(error.failure)
            return
        # It is public; the terminal's diagnostics have it too, for who wants to compare.
        _LOGGER.info("paired: terminal %s, transcript %s", session.terminal_id.hex(), transcript)
        verdicts = self._admission.negotiated(self._place, session, self._device.clock())
        # Also where the terminal is gone meanwhile: the session counts from here on.
        self._begin(session, negotiated.traffic, verdicts)
        self._steps.took(7, transcript=transcript)

    def _begin(
        self, session: Session, traffic: TrafficKeys, verdicts: Iterable[Verdict[Connection]]
    ) -> None:
        self._apply(verdicts)
        if self._ending:
            return
        self._live = LiveConnection(self._device, session, traffic, self, self._spawn)
        self._device.live.append(self._live)
        self._reader.limit = framing.RECORD_LIMIT
        self._live.introduce()
        if self._held:
            self._held = False
            self._transport.resume_reading()
            self._take()

    # What goes out, and the end

    def write(self, data: bytes) -> None:
        """Put bytes on the wire, together with what else this pass of the loop has to say."""
        if not self._out and not self._reading:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        if self._out:
            data = b"".join(self._out)
            self._out.clear()
            if not self._transport.is_closing():
                self._transport.write(data)

    def hold(self) -> None:
        """Take no further message for now."""
        self._held = True
        self._transport.pause_reading()

    def end(self, failure: Failure | None) -> None:
        """Say why, and end the connection; one that was told already is cut off."""
        if self._ending:
            self.drop()
            return
        if self._live is not None:
            self._live.say_goodbye(failure)
        elif failure is not None:
            self._steps.refused(self._stage, failure)
            self.write(frame(messages.encode(messages.Error(failure))))
        self.finish()

    def finish(self) -> None:
        """End the connection: all has been said.

        Only this direction: closed with bytes unread, TCP would take back the last words.
        """
        self._flush()
        self._leave()
        try:
            self._transport.write_eof()
        except OSError:
            # The other end has reset the connection, and this one has not heard of it yet.
            self._transport.abort()
        self._transport.resume_reading()
        self._apply(self._admission.ending(self._place, self._device.clock()))

    def close(self) -> None:
        """End the connection with an authenticated close, and do not wait for the other end."""
        if self._live is not None and not self._ending:
            self._live.say_goodbye(None)
        self._flush()
        self._leave()
        self._transport.close()

    def drop(self) -> None:
        """Cut it off, as a broken network does."""
        self._leave()
        self._admission.left(self._place)
        self._transport.abort()

    def _leave(self) -> None:
        self._ending = True
        # Whatever has come behind the last frame would only take room.
        self._reader = FrameReader()
        if self._live is not None and self._live in self._device.live:
            self._device.live.remove(self._live)
            self._live.close()

    @staticmethod
    def _apply(verdicts: Iterable[Verdict[Connection]]) -> None:
        for verdict in verdicts:
            verdict.connection.end(verdict.failure)
