"""The device's end of a connection, as the table says (docs/protocol.md, sections 4 and 5)."""

import os
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.errors import Failure, RefusedError, SecurePairError
from secure_pair_protocol.handshake import (
    STAGES,
    DeviceHandshake,
    Identified,
    Negotiated,
    Outcome,
    Reply,
    Resumed,
    Stage,
)
from secure_pair_protocol.keys import Grant
from secure_pair_protocol.messages import (
    VERSION,
    AuthenticationRequest,
    Challenge,
    ChallengeResponse,
    DeviceKey,
    Error,
    Greeting,
    Identify,
    Message,
    Resume,
    ResumeAnswer,
    ResumeConfirmation,
    TerminalConfirmation,
)
from secure_pair_protocol.negotiation import DeviceIdentity, Session

from .failing import fails
from .roles import DEVICE_ID, GRANT, TERMINAL_ID, Cloud, Resumer, Terminal, device_identity, secret

SESSION = Session(b"session of 16 by", secret("s"), TERMINAL_ID, Grant(0, 0))

MESSAGES: tuple[Message, ...] = (
    Greeting((VERSION,), DEVICE_ID, bytes(16)),
    AuthenticationRequest(VERSION, TERMINAL_ID),
    Challenge(DEVICE_ID, bytes(32), bytes(8), "", ""),
    ChallengeResponse(bytes(72), bytes(32)),
    DeviceKey(bytes(32), bytes(32)),
    TerminalConfirmation(bytes(32)),
    Resume(VERSION, bytes(16), bytes(32), bytes(32)),
    ResumeAnswer(bytes(32), bytes(32)),
    ResumeConfirmation(bytes(32)),
    Identify(),
    Error("busy"),
)
IDENTIFY = PRIMITIVES.encode(Identify())


@dataclass
class Records:
    """What the device holds."""

    identity: DeviceIdentity = field(default_factory=device_identity)
    epoch: int = 0

    def find(self, session_id: bytes) -> Session | None:
        return SESSION if session_id == SESSION.session_id else None


@dataclass
class Connection:
    """A connection to a device, and the terminal that goes through it."""

    records: Records = field(default_factory=Records)
    terminal: Terminal = field(default_factory=Terminal)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.drawn_keys = 0
        self.resumer = Resumer(session=SESSION)
        self.handshake = DeviceHandshake(
            self.records, draw=os.urandom, draw_private_key=self.draw_private_key
        )

    def draw_private_key(self) -> X25519PrivateKey:
        self.drawn_keys += 1
        return X25519PrivateKey.generate()

    def send(self, payload: bytes) -> Outcome:
        return self.handshake.receive(payload, self.now)

    def ask(self, payload: bytes) -> bytes:
        reply = self.send(payload)
        assert isinstance(reply, Reply)
        return reply.payload

    def challenge(self) -> bytes:
        """Return a good m5."""
        self.terminal.receive_challenge(self.ask(self.terminal.request()))
        return self.terminal.respond(self.terminal.ask(Cloud()))

    def answer(self) -> bytes:
        """Return a good m7."""
        return self.terminal.receive_device_key(self.ask(self.challenge()))

    def resuming(self) -> bytes:
        """Return a good r3."""
        return self.resumer.receive_answer(self.ask(self.resumer.resume(self.handshake.greeting)))


def at(stage: Stage) -> Connection:
    """Bring a connection to a stage."""
    connection = Connection()
    match stage:
        case Stage.CHALLENGED:
            connection.challenge()
        case Stage.ANSWERED:
            connection.answer()
        case Stage.RESUMING:
            connection.resuming()
        case Stage.ESTABLISHED:
            connection.send(connection.answer())
        case Stage.ENDED:
            connection.handshake.end(SecurePairError(Failure.BUSY))
    assert connection.handshake.stage is stage
    return connection


def good(connection: Connection, kind: type[Message]) -> bytes:
    """Bring a new connection to where this message has its place, and return it."""
    if kind is AuthenticationRequest:
        return connection.terminal.request()
    if kind is ChallengeResponse:
        return connection.challenge()
    if kind is TerminalConfirmation:
        return connection.answer()
    if kind is Resume:
        return connection.resumer.resume(connection.handshake.greeting)
    if kind is ResumeConfirmation:
        return connection.resuming()
    assert kind is Identify
    return IDENTIFY


# The table


def test_negotiation() -> None:
    connection = Connection()
    handshake = connection.handshake
    m7 = connection.answer()
    assert handshake.terminal_id == TERMINAL_ID
    assert handshake.pending_session is None
    outcome = connection.send(m7)
    assert isinstance(outcome, Negotiated)
    proven = connection.terminal.proven
    assert proven is not None
    assert outcome.session.session_id == proven.session_id
    assert outcome.session.grant == GRANT
    assert outcome.transcript == proven.transcript
    assert outcome.traffic.device_to_terminal.reveal() == proven.traffic.device_to_terminal.reveal()
    assert handshake.stage is Stage.ESTABLISHED
    assert handshake.terminal_id is None


def test_resumption() -> None:
    connection = Connection()
    handshake = connection.handshake
    r3 = connection.resuming()
    assert handshake.terminal_id == TERMINAL_ID
    assert handshake.pending_session == SESSION.session_id
    outcome = connection.send(r3)
    assert isinstance(outcome, Resumed)
    assert outcome.session is SESSION
    resumed = connection.resumer.resumed
    assert resumed is not None
    assert (
        outcome.traffic.device_to_terminal.reveal() == resumed.traffic.device_to_terminal.reveal()
    )
    assert handshake.stage is Stage.ESTABLISHED
    assert handshake.terminal_id is handshake.pending_session is None


PLACES = sorted(STAGES.items(), key=str)


@pytest.mark.parametrize(("place", "stage"), PLACES, ids=str)
def test_what_the_table_names(place: tuple[Stage, type[Message]], stage: Stage) -> None:
    before, kind = place
    connection = Connection()
    payload = good(connection, kind)
    assert connection.handshake.stage is before
    connection.send(payload)
    assert connection.handshake.stage is stage


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        pytest.param(stage, message, id=f"{stage.name}-{type(message).__name__}")
        for stage in Stage
        for message in MESSAGES
        if (stage, type(message)) not in STAGES | {(stage, Error): stage}
        and stage is not Stage.ENDED
    ],
)
def test_what_the_table_does_not_name(stage: Stage, message: Message) -> None:
    connection = at(stage)
    with fails(Failure.OUT_OF_ORDER):
        connection.send(PRIMITIVES.encode(message))
    assert_ended(connection, Failure.OUT_OF_ORDER)


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.ENDED])
def test_terminal_says_why_it_goes(stage: Stage) -> None:
    connection = at(stage)
    with fails(Failure.BUSY) as caught:
        connection.send(PRIMITIVES.encode(Error("busy")))
    assert isinstance(caught.value, RefusedError)
    assert_ended(connection, Failure.BUSY)


def assert_ended(connection: Connection, failure: Failure) -> None:
    """Hold that the error stays, whatever comes."""
    handshake = connection.handshake
    assert handshake.stage is Stage.ENDED
    assert handshake.terminal_id is None
    assert handshake.pending_session is None
    for message in MESSAGES:
        with fails(failure):
            connection.send(PRIMITIVES.encode(message))
    with fails(failure):
        connection.send(b"")


def test_ended_from_outside() -> None:
    assert_ended(at(Stage.ENDED), Failure.BUSY)


def test_malformed_message_ends_it() -> None:
    connection = at(Stage.CHALLENGED)
    with fails(Failure.MALFORMED):
        connection.send(b"\xc1")
    assert_ended(connection, Failure.MALFORMED)


@pytest.mark.parametrize("stage", [Stage.CHALLENGED, Stage.ANSWERED, Stage.RESUMING])
def test_wrong_answer_gets_no_second_attempt(stage: Stage) -> None:
    connection = Connection()
    kinds: dict[Stage, type[Message]] = {
        Stage.CHALLENGED: ChallengeResponse,
        Stage.ANSWERED: TerminalConfirmation,
        Stage.RESUMING: ResumeConfirmation,
    }
    payload = good(connection, kinds[stage])
    altered = payload[:-1] + bytes([payload[-1] ^ 1])
    with fails(Failure.AUTHORIZATION_REJECTED, Failure.TERMINAL_UNPROVEN) as caught:
        connection.send(altered)
    with fails(caught.value.failure):
        connection.send(payload)
    assert_ended(connection, caught.value.failure)


def test_a_challenge_is_answered_once() -> None:
    connection = Connection()
    m5 = connection.challenge()
    connection.send(m5)
    with fails(Failure.OUT_OF_ORDER):
        connection.send(m5)


# Time


class TestDeadline:
    @pytest.mark.parametrize("kind", [ChallengeResponse, TerminalConfirmation])
    def test_challenge_in_time(self, kind: type[Message]) -> None:
        connection = Connection()
        payload = good(connection, kind)
        connection.now += 60
        connection.send(payload)

    @pytest.mark.parametrize("kind", [ChallengeResponse, TerminalConfirmation])
    def test_challenge_too_late(self, kind: type[Message]) -> None:
        """One minute for both: m5 does not put it off."""
        connection = Connection()
        payload = good(connection, kind)
        connection.now += 60.001
        drawn = connection.drawn_keys
        with fails(Failure.CHALLENGE_EXPIRED):
            connection.send(payload)
        assert_ended(connection, Failure.CHALLENGE_EXPIRED)
        assert connection.drawn_keys == drawn

    def test_m7_counts_from_the_challenge(self) -> None:
        connection = Connection()
        m5 = connection.challenge()
        connection.now += 31
        m7 = connection.terminal.receive_device_key(connection.ask(m5))
        connection.now += 31
        with fails(Failure.CHALLENGE_EXPIRED):
            connection.send(m7)

    def test_resumption_in_time(self) -> None:
        connection = Connection()
        r3 = connection.resuming()
        connection.now += 10
        assert isinstance(connection.send(r3), Resumed)

    def test_resumption_too_late(self) -> None:
        connection = Connection()
        r3 = connection.resuming()
        connection.now += 10.001
        with fails(Failure.TIMEOUT):
            connection.send(r3)
        assert_ended(connection, Failure.TIMEOUT)

    def test_first_message_may_come_at_any_time(self) -> None:
        """How long a silent connection may stay is its owner's business."""
        connection = Connection()
        connection.now += 1e6
        assert isinstance(connection.send(IDENTIFY), Identified)
        connection.now += 1e6
        connection.send(connection.answer())
        assert connection.handshake.stage is Stage.ESTABLISHED


# Before anything is proven


def test_identify_any_number_of_times() -> None:
    connection = Connection()
    for _ in range(5):
        assert connection.send(IDENTIFY) == Identified()
        assert connection.handshake.stage is Stage.GREETED
        assert connection.handshake.terminal_id is None
    connection.send(connection.answer())
    assert connection.handshake.stage is Stage.ESTABLISHED


def test_greeting_is_fresh_for_each_connection() -> None:
    greetings = [Connection().handshake.greeting for _ in range(3)]
    assert {(greeting.versions, greeting.device_id) for greeting in greetings} == {
        ((VERSION,), DEVICE_ID)
    }
    assert len({greeting.random for greeting in greetings}) == 3
    for greeting in greetings:
        assert PRIMITIVES.decode(Greeting, PRIMITIVES.encode(greeting)) == greeting


def test_challenge_is_fresh_for_each_request() -> None:
    challenges = set()
    for _ in range(3):
        connection = Connection()
        m2 = connection.ask(connection.terminal.request())
        challenges.add(PRIMITIVES.decode(Challenge, m2).first_data)
    assert len(challenges) == 3


@pytest.mark.parametrize("kind", [ChallengeResponse, Resume])
def test_no_key_pair_is_drawn_for_a_stranger(kind: type[Message]) -> None:
    connection = Connection()
    payload = good(connection, kind)
    with fails(Failure.AUTHORIZATION_REJECTED, Failure.SESSION_UNKNOWN):
        connection.send(payload[:-1] + bytes([payload[-1] ^ 1]))
    assert connection.drawn_keys == 0


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        (ChallengeResponse, Failure.EPOCH_REFUSED),
        (TerminalConfirmation, Failure.EPOCH_REFUSED),
        (Resume, Failure.SESSION_UNKNOWN),
        (ResumeConfirmation, Failure.SESSION_UNKNOWN),
    ],
)
def test_epoch_of_this_very_moment_counts(kind: type[Message], failure: Failure) -> None:
    connection = Connection()
    payload = good(connection, kind)
    connection.records.epoch = GRANT.epoch + 1
    with fails(failure):
        connection.send(payload)
