"""One run of one honest role, from its first message to its end, around the shipping steps.

A run waits for one kind of message. What becomes of it is a pure function of where it
stands, of the message, and of what it `reads` of the world; where a step raises, the
connection ends and nothing was said, so the search leaves such a message out.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, override

from secure_pair_protocol import negotiation, resumption, sessions
from secure_pair_protocol.crypto import NONCE_SIZE
from secure_pair_protocol.errors import SecurePairError
from secure_pair_protocol.keys import TrafficKeys
from secure_pair_protocol.messages import (
    VERSION,
    AuthenticationRequest,
    Challenge,
    ChallengeResponse,
    DeviceKey,
    Greeting,
    Message,
    Resume,
    ResumeAnswer,
    ResumeConfirmation,
    TerminalConfirmation,
)
from secure_pair_protocol.negotiation import DeviceIdentity, Session
from secure_pair_protocol.secret import Secret
from secure_pair_protocol.sessions import Register

from .backend import Symbolic
from .knowledge import Knowledge
from .service import Authorized, Service
from .terms import fresh, payload


@dataclass(frozen=True, slots=True)
class Told:
    """What a key service that is the attacker answers, over its own HTTPS."""

    first_encrypted_data: bytes
    ticket_key: bytes


type Input = bytes | Told
type Awaited = type[Message | Told] | None


@dataclass(frozen=True, eq=False)
class World:
    """Where every run stands, what devices and key service keep, what the attacker knows."""

    at: Mapping[str, Any]
    registers: Mapping[str, Register]
    """What each device keeps, by its id."""
    service: Service
    knowledge: Knowledge
    listener: Knowledge
    """What somebody knows who only hears what honest ends say."""

    @property
    def key(self) -> tuple[object, ...]:
        """All else follows from it."""
        return (*self.at.values(), *self.registers.values(), self.service)

    @property
    def questions(self) -> tuple[tuple[bytes, bytes], ...]:
        """The m1 and m2 of each negotiation that a device is in."""
        issued = (at.issued for at in self.at.values() if isinstance(at, DeviceAt))
        return tuple((state.m1, state.m2) for state in issued if state is not None)


class Step(NamedTuple):
    """Where a run stands then, what it has said, and what its device keeps."""

    at: Any
    says: tuple[bytes, ...] = ()
    register: Register | None = None


@dataclass(frozen=True, kw_only=True)
class Run(ABC):
    """`name` is unique in a scene; a `twin` is alike, and begins before this one."""

    receives: ClassVar[int]
    """How many messages it takes from its first to its last."""
    name: str
    device_id: str
    twin: str | None = None

    @abstractmethod
    def start(self, crypto: Symbolic) -> Step:
        """Return where it begins: what it says at once, it has said."""

    @abstractmethod
    def awaits(self, at: Any, world: World) -> Awaited:
        """Return what it waits for; None at its end."""

    @abstractmethod
    def receive(self, crypto: Symbolic, at: Any, message: Input, world: World) -> Step:
        """Take a message; raises SecurePairError where it is refused."""

    @abstractmethod
    def is_done(self, world: World) -> bool:
        """Tell whether it has come to its good end."""

    def reads(self, world: World) -> tuple[object, ...]:
        return (world.registers.get(self.device_id),)


# The terminal, in a negotiation


@dataclass(frozen=True, eq=False, slots=True)
class TerminalAt:
    requested: negotiation.Requested[bytes]
    challenged: negotiation.Challenged[bytes] | None = None
    authorized: Authorized | None = None
    responded: negotiation.Responded[bytes] | None = None
    device_key: bytes = b""
    proven: negotiation.Proven | None = None


@dataclass(frozen=True, kw_only=True)
class Terminal(Run):
    receives = 2
    terminal_id: bytes
    pairing_secret: bytes = b""
    expected_installation: bytes | None = None
    asks_attacker: bool = False
    """The key service is the attacker."""

    @override
    def reads(self, world: World) -> tuple[object, ...]:
        return () if self.asks_attacker else (world.service,)

    @override
    def start(self, crypto: Symbolic) -> Step:
        requested, m1 = negotiation.request_authentication(
            crypto,
            device_id=self.device_id,
            terminal_id=self.terminal_id,
            private_key=fresh("private key", self.name),
            pairing_secret=Secret(self.pairing_secret),
            expected_installation=self.expected_installation,
        )
        return Step(TerminalAt(requested), (m1,))

    @override
    def is_done(self, world: World) -> bool:
        at: TerminalAt = world.at[self.name]
        return at.proven is not None

    @override
    def awaits(self, at: TerminalAt, world: World) -> Awaited:
        if at.challenged is None:
            return Challenge
        if at.responded is None:
            return Told
        return DeviceKey if at.proven is None else None

    @override
    def receive(self, crypto: Symbolic, at: TerminalAt, message: Input, world: World) -> Step:
        if isinstance(message, Told):
            return self._respond(crypto, at, message)
        if at.challenged is None:
            challenged = negotiation.receive_challenge(crypto, at.requested, message)
            at = replace(at, challenged=challenged)
            question = at.requested.m1, challenged.m2, challenged.first_public_key
            if self.asks_attacker:
                return Step(at, question)
            nonce = fresh("nonce", self.name, NONCE_SIZE)
            authorized = world.service.authorize(crypto, self.terminal_id, *question, nonce)
            answer = authorized.answer
            told = Told(answer.first_encrypted_data, answer.ticket_key.reveal())
            return self._respond(crypto, replace(at, authorized=authorized), told)
        assert at.responded is not None
        proven = negotiation.receive_device_key(crypto, at.responded, message)
        key = crypto.decode(DeviceKey, message).device_public_key
        return Step(
            replace(at, device_key=key, proven=proven), (crypto.encode(proven.confirmation),)
        )

    def _respond(self, crypto: Symbolic, at: TerminalAt, told: Told) -> Step:
        assert at.challenged is not None
        responded, m5 = negotiation.respond(
            crypto, at.challenged, told.first_encrypted_data, Secret(told.ticket_key), 0
        )
        return Step(replace(at, responded=responded), (m5,))


# The device, in a negotiation


@dataclass(frozen=True, eq=False, slots=True)
class DeviceAt:
    issued: negotiation.ChallengeIssued | None = None
    opened: negotiation.ResponseOpened | None = None
    answered: negotiation.Answered | None = None
    device_key: bytes = b""
    accepted: negotiation.Accepted | None = None
    epoch: int = 0
    """The device's own, just before it accepted."""


@dataclass(frozen=True, kw_only=True)
class Device(Run):
    receives = 3
    initial_key: bytes
    pairing_secret: bytes = b""
    draws_as: str = ""
    """Whose first data and private key it draws: its own, where nothing is said."""

    @override
    def start(self, crypto: Symbolic) -> Step:
        return Step(DeviceAt())

    @override
    def is_done(self, world: World) -> bool:
        at: DeviceAt = world.at[self.name]
        return at.accepted is not None

    @override
    def awaits(self, at: DeviceAt, world: World) -> Awaited:
        if at.issued is None:
            return AuthenticationRequest
        if at.answered is None:
            return ChallengeResponse
        return TerminalConfirmation if at.accepted is None else None

    @override
    def receive(self, crypto: Symbolic, at: DeviceAt, message: Input, world: World) -> Step:
        assert isinstance(message, bytes)
        register = world.registers[self.device_id]
        if at.issued is None:
            identity = DeviceIdentity(
                self.device_id,
                Secret(self.initial_key),
                Secret(self.pairing_secret),
                MODEL,
                NAME,
                register.installation,
            )
            first_data = fresh("first data", self.draws_as or self.name)
            issued, m2 = negotiation.issue_challenge(crypto, identity, message, first_data)
            return Step(replace(at, issued=issued), (m2,))
        if at.answered is None:
            opened = negotiation.open_response(crypto, at.issued, message, register.epoch)
            private_key = fresh("private key", self.name)
            answered, m6 = negotiation.answer(crypto, opened, private_key)
            key = crypto.public_key(private_key)
            return Step(replace(at, opened=opened, answered=answered, device_key=key), (m6,))
        accepted = negotiation.accept(crypto, at.answered, message, register.epoch)
        after = sessions.accepted(register, accepted.session)
        return Step(replace(at, accepted=accepted, epoch=register.epoch), (), after)


MODEL, NAME = "Virtual door lock", "Front door"


# The terminal, on a later connection


@dataclass(frozen=True, eq=False, slots=True)
class ResumerAt:
    greeting: Greeting | None = None
    resuming: resumption.Resuming[bytes] | None = None
    r1: bytes = b""
    r2: bytes = b""
    resumed: resumption.Resumed | None = None


@dataclass(frozen=True, kw_only=True)
class Resumer(Run):
    receives = 2
    session: Session | None = None
    of: str = ""
    """The run of a terminal whose session it is, where it is none from before."""
    draws_as: str = ""

    @override
    def reads(self, world: World) -> tuple[object, ...]:
        return (world.at.get(self.of),)

    def stored(self, world: World) -> tuple[bytes, Secret] | None:
        """Return id and key of what the terminal has stored."""
        if self.session is not None:
            return self.session.session_id, self.session.session_key
        at: TerminalAt = world.at[self.of]
        return None if at.proven is None else (at.proven.session_id, at.proven.session_key)

    @override
    def start(self, crypto: Symbolic) -> Step:
        return Step(ResumerAt())

    @override
    def is_done(self, world: World) -> bool:
        at: ResumerAt = world.at[self.name]
        return at.resumed is not None

    @override
    def awaits(self, at: ResumerAt, world: World) -> Awaited:
        if at.resuming is None:
            return None if self.stored(world) is None else Greeting
        return ResumeAnswer if at.resumed is None else None

    @override
    def receive(self, crypto: Symbolic, at: ResumerAt, message: Input, world: World) -> Step:
        assert isinstance(message, bytes)
        if at.resuming is None:
            stored = self.stored(world)
            assert stored is not None
            greeting = crypto.decode(Greeting, message)
            private_key = fresh("private key", self.draws_as or self.name)
            resuming, r1 = resumption.resume(crypto, *stored, greeting, private_key)
            return Step(replace(at, greeting=greeting, resuming=resuming, r1=r1), (r1,))
        resumed, r3 = resumption.receive_resume_answer(crypto, at.resuming, message)
        return Step(replace(at, r2=message, resumed=resumed), (r3,))


# The device, on a later connection


@dataclass(frozen=True, eq=False, slots=True)
class HolderAt:
    r1: bytes = b""
    r2: bytes = b""
    answered: resumption.ResumeAnswered | None = None
    traffic: TrafficKeys | None = None
    sessions: tuple[Session, ...] = ()
    """What the device held when it accepted r3."""
    epoch: int = 0


@dataclass(frozen=True, kw_only=True)
class Holder(Run):
    receives = 2
    draws_as: str = ""

    @property
    def greeting(self) -> Greeting:
        random = fresh("greeting's random", self.name, 16)
        return Greeting((VERSION,), self.device_id, random)

    @override
    def start(self, crypto: Symbolic) -> Step:
        return Step(HolderAt(), (payload(self.greeting),))

    @override
    def is_done(self, world: World) -> bool:
        at: HolderAt = world.at[self.name]
        return at.traffic is not None

    @override
    def awaits(self, at: HolderAt, world: World) -> Awaited:
        if at.answered is None:
            return Resume
        return ResumeConfirmation if at.traffic is None else None

    @override
    def receive(self, crypto: Symbolic, at: HolderAt, message: Input, world: World) -> Step:
        assert isinstance(message, bytes)
        register = world.registers[self.device_id]

        def find(session_id: bytes) -> Session | None:
            held = register.find(session_id)
            return None if held is None else held.session

        if at.answered is None:
            received = resumption.receive_resume(
                crypto, message, self.greeting, find, register.epoch
            )
            private_key = fresh("private key", self.draws_as or self.name)
            answered, r2 = resumption.answer_resume(crypto, received, private_key)
            return Step(replace(at, r1=message, r2=r2, answered=answered), (r2,))
        traffic = resumption.accept_resumption(crypto, at.answered, message, find, register.epoch)
        held = tuple(held.session for held in register.held)
        return Step(replace(at, traffic=traffic, sessions=held, epoch=register.epoch))


def refused(step: Callable[[], Step]) -> Step | None:
    """Return the step, or None where the shipping code raises what it says that it raises."""
    try:
        return step()
    except SecurePairError:
        return None
