"""One encrypted connection, at the device (docs/protocol.md, sections 7 and 8)."""

import math
from collections.abc import Callable, Coroutine
from typing import Protocol

from secure_pair_protocol import envelope
from secure_pair_protocol.channel import Channel
from secure_pair_protocol.envelope import (
    PIECE_SIZE,
    Close,
    Closing,
    Command,
    FromDevice,
    ListTerminals,
    Outcome,
    Picture,
    PictureRequest,
    Ping,
    Pong,
    Question,
    RevokeTerminal,
    States,
    Unpair,
    Unpaired,
)
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import TrafficKeys
from secure_pair_protocol.negotiation import Session

from .device import Device
from .outbox import Outbox

PONG_SECONDS = 50
"""Silence after which a Pong goes out by itself: `up` is never older than 60 s."""

PICTURES_WAITING = 4
"""Pictures that one terminal may have asked for; a further one is not there."""

type Spawn = Callable[[Coroutine[None, None, None]], None]
"""Runs a coroutine that the server waits for before it stops."""


class Line(Protocol):
    """What carries the records."""

    def write(self, data: bytes) -> None:
        """Put bytes on the wire; those of one pass of the event loop go together."""

    def hold(self) -> None:
        """Take no further message for now."""

    def end(self, failure: Failure | None) -> None:
        """Say why, and end the connection."""

    def finish(self) -> None:
        """End the connection: all has been said."""


class LiveConnection:
    """The records of one connection; a `device.Live`."""

    def __init__(
        self, device: Device, session: Session, traffic: TrafficKeys, line: Line, spawn: Spawn
    ) -> None:
        """Begin the channel with the keys that the handshake ended in."""
        self.session = session
        self._device = device
        self._channel = Channel.of_device(traffic)
        self._outbox = Outbox(self._channel, self._write, lambda: device.up)
        self._line = line
        self._spawn = spawn
        self._sent_at = device.clock()
        remaining = device.remaining(session)
        self._expires_at = math.inf if remaining is None else self._sent_at + remaining
        self._unsent: dict[str, None] = {}
        """Entities whose newest state has to wait for its turn."""

    def introduce(self) -> None:
        """Send what comes first."""
        self.send(self._device.welcome(self.session))
        self.describe()

    def describe(self) -> None:
        """Say what the device is, and the states of all of its entities."""
        self._outbox.queue(self._device.description, self._device.full_states)

    def receive(self, record: bytes, now: float) -> None:
        """Take one record; raises SecurePairError, with the code for `Closing`."""
        message = envelope.decode_from_terminal(self._channel.open(record))
        if now >= self._expires_at:
            raise SecurePairError(Failure.SESSION_UNKNOWN)
        device = self._device
        match message:
            case Command(id=number) | Question(id=number):
                verdict = device.commands.receive(self.session.terminal_id, message)
                if verdict is not None:
                    outcome = (verdict.result, verdict.code, verdict.text)
                    self.send(Outcome(device.up, number, *outcome))
            case Ping():
                self.send(Pong(device.up))
            case PictureRequest():
                self._show(message)
            case ListTerminals(request=request):
                self.send(device.terminals(request))
            case RevokeTerminal():
                self._spawn(self._revoke(message))
            case Unpair():
                self._line.hold()
                self._spawn(self._unpair())
            case Close():
                self._line.finish()

    def send(self, message: FromDevice) -> None:
        """Send one short message now."""
        self._outbox.say(message)

    def push(self, key: str, states: bytes) -> None:
        """Send an entity's new state, now or in its turn; then the newest."""
        if self._outbox.takes_states and len(states) <= PIECE_SIZE:
            self._outbox.say_encoded(states)
            return
        if not self._unsent:
            self._outbox.queue(self._unsent_states)
        self._unsent[key] = None

    def happen(self, event: bytes) -> None:
        """Tell of something that happened, if the terminal listens at this moment."""
        if not self._outbox.is_stalled:
            self._outbox.say_encoded(event)

    def stalled(self, *, stalled: bool) -> None:
        """The terminal has stopped, or begun again, to take what is sent."""
        self._outbox.stalled(stalled=stalled)

    def keep_fresh(self, now: float) -> None:
        """Send a Pong where nothing else was sent for long."""
        if now - self._sent_at >= PONG_SECONDS and not self._outbox.is_stalled:
            self.send(Pong(self._device.up))

    def end(self, failure: Failure | None) -> None:
        """Tell the terminal why, and end the connection."""
        self._line.end(failure)

    def say_goodbye(self, failure: Failure | None) -> None:
        """Send the authenticated close; a channel that has failed does not even do that."""
        if failure is not Failure.RECORD_FAILED:
            self.send(Closing(self._device.up, failure))

    def close(self) -> None:
        """Send nothing of what still waits."""
        self._outbox.close()

    def _show(self, request: PictureRequest) -> None:
        def picture() -> Picture:
            shown = self._device.picture(request.entity)
            content_type, data = ("", b"") if shown is None else shown
            return Picture(self._device.up, request.request, content_type, data)

        if self._outbox.waiting < PICTURES_WAITING:
            self._outbox.queue(picture, before_states=False)
        else:
            self.send(Picture(self._device.up, request.request, "", b""))

    def _unsent_states(self) -> States:
        keys, self._unsent = self._unsent, {}
        return self._device.states(keys)

    async def _revoke(self, message: RevokeTerminal) -> None:
        code = None
        try:
            await self._device.revoke(message.terminal_id)
        except SecurePairError as error:
            code = error.failure.value
        if self in self._device.live:
            self.send(self._device.terminals(message.request, code))

    async def _unpair(self) -> None:
        try:
            await self._device.unpair(self.session)
        except SecurePairError as error:
            self._line.end(error.failure)
        else:
            self.send(Unpaired(self._device.up))
            self._line.finish()
            self._device.end_forgotten()

    def _write(self, record: bytes) -> None:
        self._sent_at = self._device.clock()
        self._line.write(record)
