"""One device, its owner's terminals, and a network that delivers what it likes to whom it likes."""

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import override

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from secure_pair_protocol import sessions
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
from secure_pair_protocol.keys import TrafficKeys
from secure_pair_protocol.messages import decode_any
from secure_pair_protocol.negotiation import Answered, DeviceIdentity, Session
from secure_pair_protocol.resumption import ResumeAnswered
from secure_pair_protocol.sessions import Register
from tests.protocol.roles import GRANT, INSTALLATION, Cloud, Resumer, Terminal, device_identity

TERMINAL_IDS = tuple(bytes([number]) * 16 for number in range(3))

DEVICE_SAYS = {
    Failure.AUTHORIZATION_REJECTED,
    Failure.CHALLENGE_EXPIRED,
    Failure.EPOCH_REFUSED,
    Failure.MALFORMED,
    Failure.OUT_OF_ORDER,
    Failure.SESSION_UNKNOWN,
    Failure.TERMINAL_UNPROVEN,
    Failure.TIMEOUT,
    Failure.VERSION_NOT_SUPPORTED,
}
TERMINAL_SAYS = {
    Failure.DEVICE_RESET,
    Failure.DEVICE_UNPROVEN,
    Failure.MALFORMED,
    Failure.NOT_YOURS,
    Failure.OUT_OF_ORDER,
    Failure.WRONG_DEVICE,
}


def revealed(traffic: TrafficKeys) -> tuple[bytes, bytes]:
    """Return both keys: they are the same at both ends, or the channel is nobody's."""
    return traffic.terminal_to_device.reveal(), traffic.device_to_terminal.reveal()


@dataclass(eq=False)
class DeviceEnd:
    """A connection at the device."""

    handshake: DeviceHandshake
    sent: set[bytes] = field(default_factory=set)
    disturbed: bool = False
    """Something has happened to it that an honest network does not do."""
    error: SecurePairError | None = None


@dataclass(eq=False)
class TerminalEnd:
    """A connection at a terminal, and the end at the device that it believes to talk to."""

    peer: DeviceEnd
    outbox: bytes | None = None
    inbox: bytes | None = None
    disturbed: bool = False
    ended: bool = False

    def receive(self, payload: bytes, network: Network) -> None:
        """Take what comes; raises SecurePairError."""
        raise NotImplementedError


@dataclass(eq=False, kw_only=True)
class Negotiating(TerminalEnd):
    terminal: Terminal

    @override
    def receive(self, payload: bytes, network: Network) -> None:
        terminal = self.terminal
        if not hasattr(terminal, "challenged"):
            terminal.receive_challenge(payload)
            self.outbox = terminal.respond(terminal.ask(network.cloud))
        elif terminal.proven is None:
            self.outbox = terminal.receive_device_key(payload)
            network.device_proven(self, payload)
        else:
            raise SecurePairError(Failure.OUT_OF_ORDER)


@dataclass(eq=False, kw_only=True)
class Resuming(TerminalEnd):
    resumer: Resumer

    @override
    def receive(self, payload: bytes, network: Network) -> None:
        if self.resumer.resumed is not None:
            raise SecurePairError(Failure.OUT_OF_ORDER)
        self.outbox = self.resumer.receive_answer(payload)
        network.device_resumed(self, payload)


class Network:
    """What the machine moves. Each delivery holds what the two ends owe to each other."""

    def __init__(self, count: Counter[str]) -> None:
        self.count = count
        self.now = 1000.0
        self.cloud = Cloud()
        self.register = Register(INSTALLATION, GRANT.epoch)
        self.devices: list[DeviceEnd] = []
        self.terminals: list[TerminalEnd] = []
        self.known: list[Session] = []
        """What terminals hold, also where the device has forgotten it."""
        self.seen: list[bytes] = []
        """All that was on the wire, for the attacker to use again."""
        self.used: set[bytes] = set()
        """Session ids and traffic keys that were accepted once: never again."""

    # What the device holds, as `DeviceRecords`

    @property
    def identity(self) -> DeviceIdentity:
        return replace(device_identity(), installation=self.register.installation)

    @property
    def epoch(self) -> int:
        return self.register.epoch

    def find(self, session_id: bytes) -> Session | None:
        held = self.register.find(session_id)
        return None if held is None else held.session

    # What happens

    def connect(self) -> DeviceEnd:
        handshake = DeviceHandshake(
            self, draw=os.urandom, draw_private_key=X25519PrivateKey.generate
        )
        end = DeviceEnd(handshake)
        self.devices.append(end)
        self.seen.append(PRIMITIVES.encode(handshake.greeting))
        return end

    def negotiate(self, terminal_id: bytes, installation: bytes | None) -> None:
        terminal = Terminal(
            terminal_id=terminal_id, token=terminal_id, expected_installation=installation
        )
        end = Negotiating(self.connect(), terminal=terminal)
        # A renewal after a reset is refused by right.
        end.disturbed = installation not in {None, self.register.installation}
        self._begin(end, terminal.request())

    def resume(self, session: Session) -> None:
        end = Resuming(self.connect(), resumer=Resumer(session=session))
        end.disturbed = self.find(session.session_id) is not session
        self._begin(end, end.resumer.resume(end.peer.handshake.greeting))

    def _begin(self, end: TerminalEnd, payload: bytes) -> None:
        end.outbox = payload
        self.seen.append(payload)
        self.terminals.append(end)

    def disturb(self) -> None:
        """Something happened that may end whatever is under way."""
        ends: list[DeviceEnd | TerminalEnd] = [*self.devices, *self.terminals]
        for end in ends:
            end.disturbed = True

    def forward(self, end: TerminalEnd) -> None:
        """Be an honest network for one message; undisturbed ends get through."""
        failure: Failure | None = None
        if end.outbox is not None:
            payload, end.outbox = end.outbox, None
            failure, outcome = self.to_device(end.peer, payload, honest=True)
            if isinstance(outcome, Reply):
                end.inbox = outcome.payload
        elif end.inbox is not None:
            payload, end.inbox = end.inbox, None
            failure = self.to_terminal(end, payload, honest=True)
        assert failure is None or end.disturbed or end.peer.disturbed, failure

    def to_terminal(
        self, end: TerminalEnd, payload: bytes, *, honest: bool = False
    ) -> Failure | None:
        """Deliver to a terminal; one that failed has closed its connection."""
        end.disturbed |= not honest
        if end.ended:
            return None
        try:
            end.receive(payload, self)
        except SecurePairError as error:
            end.ended, end.outbox, end.inbox = True, None, None
            return self._named("terminal", error, TERMINAL_SAYS)
        if end.outbox is not None:
            self.seen.append(end.outbox)
        return None

    def to_device(
        self, end: DeviceEnd, payload: bytes, *, honest: bool = False
    ) -> tuple[Failure | None, Outcome | None]:
        """Deliver to the device; after an error it says the same for ever."""
        end.disturbed |= not honest
        before = end.handshake.stage
        try:
            outcome = end.handshake.receive(payload, self.now)
        except SecurePairError as error:
            return self._device_failed(end, error), None
        assert end.error is None
        assert end.handshake.stage is STAGES[before, type(decode_any(payload))]
        self.count[type(outcome).__name__] += 1
        match outcome:
            case Identified():
                assert before is Stage.GREETED
            case Reply(payload=reply):
                end.sent.add(reply)
                self.seen.append(reply)
            case Negotiated(session=session, traffic=traffic):
                self._negotiated(session, traffic, payload)
            case Resumed(session=session, traffic=traffic):
                self._resumed(session, traffic)
        return None, outcome

    def _device_failed(self, end: DeviceEnd, error: SecurePairError) -> Failure:
        handshake = end.handshake
        assert handshake.stage is Stage.ENDED
        assert handshake.terminal_id is handshake.pending_session is None
        if end.error is not None:
            assert (type(error), error.failure) == (type(end.error), end.error.failure)
        end.error = error
        if isinstance(error, RefusedError):
            self.count["device: refused"] += 1
            return error.failure
        return self._named("device", error, DEVICE_SAYS)

    def _named(self, role: str, error: SecurePairError, says: set[Failure]) -> Failure:
        assert error.failure in says, error
        self.count[f"{role}: {error.failure}"] += 1
        return error.failure

    # What the ends owe to each other

    def device_proven(self, end: Negotiating, m6: bytes) -> None:
        """Hold that the device answered this very terminal, with the same keys."""
        proven = end.terminal.proven
        assert proven is not None
        answered = [device.handshake._pending for device in self.devices if m6 in device.sent]
        (pending,) = answered
        if isinstance(pending, Answered):
            agreement = pending.agreement
            assert pending.terminal_id == end.terminal.terminal_id
            assert agreement.session_id == proven.session_id
            assert agreement.transcript == proven.transcript
            assert agreement.session_key.reveal() == proven.session_key.reveal()
            assert revealed(agreement.traffic) == revealed(proven.traffic)
        self.count["proven"] += 1

    def device_resumed(self, end: Resuming, r2: bytes) -> None:
        """Hold that the device answered this very resumption, with the same keys."""
        resumed = end.resumer.resumed
        assert resumed is not None
        (pending,) = [device.handshake._pending for device in self.devices if r2 in device.sent]
        if isinstance(pending, ResumeAnswered):
            assert pending.session.session_id == end.resumer.session.session_id
            assert revealed(pending.derived.traffic) == revealed(resumed.traffic)

    def _negotiated(self, session: Session, traffic: TrafficKeys, m7: bytes) -> None:
        (proven,) = [
            proven
            for end in self.terminals
            if isinstance(end, Negotiating)
            and (proven := end.terminal.proven) is not None
            and proven.session_id == session.session_id
            and end.terminal.terminal_id == session.terminal_id
        ]
        assert PRIMITIVES.encode(proven.confirmation) == m7
        assert proven.session_key.reveal() == session.session_key.reveal()
        assert revealed(proven.traffic) == revealed(traffic)
        assert session.grant.epoch >= self.register.epoch
        self._use_once(session.session_id)
        self.register = sessions.accepted(self.register, session)
        self.known.append(session)
        # Its terminal's former session is gone, and of an earlier epoch all.
        self.disturb()

    def _resumed(self, session: Session, traffic: TrafficKeys) -> None:
        assert self.find(session.session_id) is session
        (resumed,) = [
            resumed
            for end in self.terminals
            if isinstance(end, Resuming)
            and (resumed := end.resumer.resumed) is not None
            and revealed(resumed.traffic) == revealed(traffic)
        ]
        self._use_once(resumed.transcript)

    def _use_once(self, what: bytes) -> None:
        assert what not in self.used
        self.used.add(what)
