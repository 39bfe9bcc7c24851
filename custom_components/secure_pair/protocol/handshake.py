"""The device's end of a connection until it is encrypted (docs/protocol.md, sections 4, 5).

`STAGES` is the whole state machine as data; the steps that it names are pure functions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from . import negotiation, resumption
from .crypto import PRIMITIVES
from .errors import Failure, RefusedError, SecurePairError
from .keys import TrafficKeys
from .messages import (
    VERSION,
    AuthenticationRequest,
    ChallengeResponse,
    Error,
    Greeting,
    Identify,
    Message,
    Resume,
    ResumeConfirmation,
    TerminalConfirmation,
    decode_any,
)
from .negotiation import DeviceIdentity, Session


class Stage(Enum):
    """Where a connection stands, at the device."""

    GREETED = auto()
    CHALLENGED = auto()
    ANSWERED = auto()
    RESUMING = auto()
    ESTABLISHED = auto()
    ENDED = auto()


STAGES: dict[tuple[Stage, type[Message]], Stage] = {
    (Stage.GREETED, Identify): Stage.GREETED,
    (Stage.GREETED, AuthenticationRequest): Stage.CHALLENGED,
    (Stage.CHALLENGED, ChallengeResponse): Stage.ANSWERED,
    (Stage.ANSWERED, TerminalConfirmation): Stage.ESTABLISHED,
    (Stage.GREETED, Resume): Stage.RESUMING,
    (Stage.RESUMING, ResumeConfirmation): Stage.ESTABLISHED,
}
"""Stage and message to the next stage; whatever is not here ends the connection."""


class DeviceRecords(Protocol):
    """What the device holds at this moment."""

    @property
    def identity(self) -> DeviceIdentity:
        """Who the device is."""

    @property
    def epoch(self) -> int:
        """The owner epoch that it follows."""

    def find(self, session_id: bytes) -> Session | None:
        """Return a session that is stored and has not expired."""


@dataclass(frozen=True, slots=True)
class Identified:
    """Somebody before the device wants to see which one it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """A payload to send."""

    payload: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Negotiated:
    """m7 was good: store the session durably, then send the first record."""

    session: Session
    traffic: TrafficKeys
    transcript: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Resumed:
    """r3 was good: send the first record."""

    session: Session
    traffic: TrafficKeys


type Outcome = Identified | Reply | Negotiated | Resumed
type _Pending = negotiation.ChallengeIssued | negotiation.Answered | resumption.ResumeAnswered


class DeviceHandshake:
    """One connection's handshake; after an error every later message raises it again."""

    def __init__(
        self,
        records: DeviceRecords,
        *,
        draw: Callable[[int], bytes],
        draw_private_key: Callable[[], X25519PrivateKey],
    ) -> None:
        """Begin a connection; `draw` returns so many random bytes."""
        self._records = records
        self._draw = draw
        self._draw_private_key = draw_private_key
        self._pending: _Pending | None = None
        self._deadline: float | None = None
        self._error: SecurePairError | None = None
        self.stage = Stage.GREETED
        self.greeting = Greeting((VERSION,), records.identity.device_id, draw(16))

    @property
    def terminal_id(self) -> bytes | None:
        """Whose negotiation or resumption is pending here."""
        match self._pending:
            case None:
                return None
            case resumption.ResumeAnswered(session=session):
                return session.terminal_id
            case pending:
                return pending.terminal_id

    @property
    def pending_session(self) -> bytes | None:
        """The id of the session that is being resumed here."""
        match self._pending:
            case resumption.ResumeAnswered(session=session):
                return session.session_id
        return None

    def receive(self, payload: bytes, now: float) -> Outcome:
        """Take one payload; `now` is monotonic, in seconds.

        Raises SecurePairError, with the code for the Error frame.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        try:
            return self._receive(payload, now)
        except SecurePairError as error:
            self.end(error)
            raise

    def end(self, error: SecurePairError) -> None:
        """Let nothing more happen on this connection's handshake."""
        # A new one: the frames of the first hold all the secrets that its step worked with.
        self._error = type(error)(error.failure)
        self._pending = None
        self.stage = Stage.ENDED

    def _receive(self, payload: bytes, now: float) -> Outcome:
        message = decode_any(payload)
        if isinstance(message, Error):
            raise RefusedError(Failure.of(message.code) or Failure.OUT_OF_ORDER)
        stage = STAGES.get((self.stage, type(message)))
        if stage is None:
            detail = f"{type(message).__name__} in stage {self.stage.name}"
            raise SecurePairError(Failure.OUT_OF_ORDER, detail)
        if self._deadline is not None and now > self._deadline:
            late = self.stage is Stage.RESUMING
            raise SecurePairError(Failure.TIMEOUT if late else Failure.CHALLENGE_EXPIRED)
        outcome = self._step(message, payload, now)
        self.stage = stage
        return outcome

    def _step(self, message: Message, payload: bytes, now: float) -> Outcome:
        records, pending = self._records, self._pending
        match self.stage, pending:
            case Stage.GREETED, None:
                return self._first(message, payload, now)
            case Stage.CHALLENGED, negotiation.ChallengeIssued():
                opened = negotiation.open_response(PRIMITIVES, pending, payload, records.epoch)
                self._pending, m6 = negotiation.answer(PRIMITIVES, opened, self._draw_private_key())
                return Reply(m6)
            case Stage.ANSWERED, negotiation.Answered():
                accepted = negotiation.accept(PRIMITIVES, pending, payload, records.epoch)
                self._pending = self._deadline = None
                return Negotiated(accepted.session, accepted.traffic, accepted.transcript)
            case Stage.RESUMING, resumption.ResumeAnswered():
                traffic = resumption.accept_resumption(
                    PRIMITIVES, pending, payload, records.find, records.epoch
                )
                self._pending = self._deadline = None
                return Resumed(pending.session, traffic)
        raise SecurePairError(Failure.OUT_OF_ORDER)

    def _first(self, message: Message, payload: bytes, now: float) -> Outcome:
        records = self._records
        match message:
            case Identify():
                return Identified()
            case AuthenticationRequest():
                self._pending, m2 = negotiation.issue_challenge(
                    PRIMITIVES, records.identity, payload, self._draw(32)
                )
                self._deadline = now + negotiation.CHALLENGE_SECONDS
                return Reply(m2)
            case _:
                received = resumption.receive_resume(
                    PRIMITIVES, payload, self.greeting, records.find, records.epoch
                )
                self._pending, r2 = resumption.answer_resume(
                    PRIMITIVES, received, self._draw_private_key()
                )
                self._deadline = now + resumption.PENDING_SECONDS
                return Reply(r2)
