"""The method's three roles in memory, around the very functions that ship.

`negotiate` and `resume` link them. Whatever goes over the local network, and what the
cloud answers, passes a `Path`, which is the attacker's: it may look, alter, raise, or do
something in between, such as change the device's owner.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import override

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from secure_pair_protocol import negotiation, resumption
from secure_pair_protocol.crypto import NONCE_SIZE, PRIMITIVES, Crypto, Primitives
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import Grant, ResumptionKeys, TrafficKeys
from secure_pair_protocol.messages import VERSION, Greeting
from secure_pair_protocol.negotiation import (
    Accepted,
    Answered,
    Authorization,
    Challenged,
    ChallengeIssued,
    DeviceIdentity,
    Proven,
    Requested,
    Responded,
    ResponseOpened,
    Session,
)
from secure_pair_protocol.secret import Secret

type Key = X25519PrivateKey
type Path = Callable[[str, bytes], bytes]
"""What becomes of a message on its way: its name and its bytes."""

DEVICE_ID = "2867fa12a3d8"
TERMINAL_ID = bytes(range(16))
INSTALLATION = b"installd"
GRANT = Grant(epoch=1_790_000_000, lifetime=31_536_000)
NEGOTIATION = ("m1", "m2", "first encrypted data", "ticket key", "m5", "m6", "m7")
RESUMPTION = ("r1", "r2", "r3")


def honest(name: str, payload: bytes) -> bytes:
    """Be a path on which nothing happens."""
    return payload


def secret(letter: str) -> Secret:
    """Return a secret that is found again wherever it leaks."""
    return Secret(f"<the secret {letter}>".ljust(32, letter).encode())


def device_identity(
    device_id: str = DEVICE_ID,
    *,
    initial_key: Secret | None = None,
    pairing_secret: Secret | None = None,
    installation: bytes = INSTALLATION,
) -> DeviceIdentity:
    """Return a door lock, with a label unless its pairing secret is given as empty."""
    return DeviceIdentity(
        device_id,
        initial_key or secret("K"),
        pairing_secret or secret("p"),
        "Virtual door lock",
        "Front door",
        installation,
    )


class Spy(Primitives):
    """The primitives, and which curve operations were asked of them."""

    def __init__(self) -> None:
        self.curve: list[str] = []

    @override
    def public_key(self, private_key: Key) -> bytes:
        self.curve.append("public_key")
        return PRIMITIVES.public_key(private_key)

    @override
    def agree(self, private_key: Key, public_key: bytes) -> Secret:
        self.curve.append("agree")
        return PRIMITIVES.agree(private_key, public_key)


@dataclass(kw_only=True, eq=False)
class Terminal:
    """The mobile terminal."""

    device_id: str = DEVICE_ID
    terminal_id: bytes = TERMINAL_ID
    token: bytes = TERMINAL_ID
    """The terminal id that its token was issued to."""
    pairing_secret: Secret = field(default_factory=lambda: secret("p"))
    expected_installation: bytes | None = None
    crypto: Crypto[Key] = PRIMITIVES

    private_key: Key = field(default_factory=X25519PrivateKey.generate)
    requested: Requested[Key] = field(init=False)
    challenged: Challenged[Key] = field(init=False)
    responded: Responded[Key] = field(init=False)
    proven: Proven | None = None
    """It has checked the device, and stores the session."""

    def request(self) -> bytes:
        self.requested, m1 = negotiation.request_authentication(
            self.crypto,
            device_id=self.device_id,
            terminal_id=self.terminal_id,
            private_key=self.private_key,
            pairing_secret=self.pairing_secret,
            expected_installation=self.expected_installation,
        )
        return m1

    def receive_challenge(self, m2: bytes) -> None:
        self.challenged = negotiation.receive_challenge(self.crypto, self.requested, m2)

    def ask(self, cloud: Cloud) -> Authorization:
        return cloud.authorize(
            self.token, self.requested.m1, self.challenged.m2, self.challenged.first_public_key
        )

    def respond(self, authorization: Authorization) -> bytes:
        self.responded, m5 = negotiation.respond(
            self.crypto,
            self.challenged,
            authorization.first_encrypted_data,
            authorization.ticket_key,
            authorization.lifetime,
        )
        return m5

    def receive_device_key(self, m6: bytes) -> bytes:
        proven = negotiation.receive_device_key(self.crypto, self.responded, m6)
        self.proven = proven
        return self.crypto.encode(proven.confirmation)


@dataclass(kw_only=True, eq=False)
class Cloud:
    """The key service; all of its devices are of one account, and so are all terminals."""

    initial_keys: dict[str, Secret] = field(default_factory=lambda: {DEVICE_ID: secret("K")})
    grant: Grant = GRANT
    crypto: Crypto[Key] = PRIMITIVES

    def authorize(
        self, token: bytes, m1: bytes, m2: bytes, first_public_key: bytes
    ) -> Authorization:
        request = negotiation.parse_authorization_request(self.crypto, m1, m2)
        if (initial_key := self.initial_keys.get(request.device_id)) is None:
            raise SecurePairError(Failure.NOT_YOURS)
        return negotiation.authorize(
            self.crypto,
            request,
            m1=m1,
            m2=m2,
            first_public_key=first_public_key,
            token_terminal_id=token,
            initial_key=initial_key,
            grant=self.grant,
            nonce=os.urandom(NONCE_SIZE),
        )


@dataclass(kw_only=True, eq=False)
class Device:
    """The smart home device, one connection of it."""

    identity: DeviceIdentity = field(default_factory=device_identity)
    epoch: int = 0
    crypto: Crypto[Key] = PRIMITIVES

    first_data: bytes = field(default_factory=lambda: os.urandom(32))
    private_key: Key = field(default_factory=X25519PrivateKey.generate)
    issued: ChallengeIssued = field(init=False)
    opened: ResponseOpened = field(init=False)
    answered: Answered = field(init=False)
    accepted: Accepted | None = None
    """It stores the session, and sends its first record."""

    def receive_request(self, m1: bytes) -> bytes:
        self.issued, m2 = negotiation.issue_challenge(
            self.crypto, self.identity, m1, self.first_data
        )
        return m2

    def receive_response(self, m5: bytes) -> bytes:
        self.opened = negotiation.open_response(self.crypto, self.issued, m5, self.epoch)
        self.answered, m6 = negotiation.answer(self.crypto, self.opened, self.private_key)
        return m6

    def receive_confirmation(self, m7: bytes) -> None:
        self.accepted = negotiation.accept(self.crypto, self.answered, m7, self.epoch)


def negotiate(terminal: Terminal, cloud: Cloud, device: Device, path: Path = honest) -> None:
    """Let the three go through the seven steps; raises what the first that fails raises."""
    m2 = device.receive_request(path("m1", terminal.request()))
    terminal.receive_challenge(path("m2", m2))
    authorization = terminal.ask(cloud)
    authorization = Authorization(
        path("first encrypted data", authorization.first_encrypted_data),
        Secret(path("ticket key", authorization.ticket_key.reveal())),
        authorization.lifetime,
    )
    m6 = device.receive_response(path("m5", terminal.respond(authorization)))
    device.receive_confirmation(path("m7", terminal.receive_device_key(path("m6", m6))))


def greeting(device_id: str = DEVICE_ID) -> Greeting:
    """Return a device's greeting of a new connection."""
    return Greeting((VERSION,), device_id, os.urandom(16))


@dataclass(kw_only=True, eq=False)
class Resumer:
    """The terminal's end of a later connection."""

    session: Session
    crypto: Crypto[Key] = PRIMITIVES

    private_key: Key = field(default_factory=X25519PrivateKey.generate)
    resuming: resumption.Resuming[Key] = field(init=False)
    resumed: resumption.Resumed | None = None

    def resume(self, greeting: Greeting) -> bytes:
        self.resuming, r1 = resumption.resume(
            self.crypto,
            self.session.session_id,
            self.session.session_key,
            greeting,
            self.private_key,
        )
        return r1

    def receive_answer(self, r2: bytes) -> bytes:
        self.resumed, r3 = resumption.receive_resume_answer(self.crypto, self.resuming, r2)
        return r3


@dataclass(kw_only=True, eq=False)
class Holder:
    """The device's end of a later connection."""

    sessions: dict[bytes, Session]
    epoch: int
    crypto: Crypto[Key] = PRIMITIVES

    greeting: Greeting = field(default_factory=greeting)
    private_key: Key = field(default_factory=X25519PrivateKey.generate)
    received: resumption.ResumeReceived = field(init=False)
    answered: resumption.ResumeAnswered = field(init=False)
    traffic: TrafficKeys | None = None

    @property
    def derived(self) -> ResumptionKeys:
        return self.answered.derived

    def receive_resume(self, r1: bytes) -> bytes:
        self.received = resumption.receive_resume(
            self.crypto, r1, self.greeting, self.sessions.get, self.epoch
        )
        self.answered, r2 = resumption.answer_resume(self.crypto, self.received, self.private_key)
        return r2

    def receive_confirmation(self, r3: bytes) -> None:
        self.traffic = resumption.accept_resumption(
            self.crypto, self.answered, r3, self.sessions.get, self.epoch
        )


def resume(resumer: Resumer, holder: Holder, path: Path = honest) -> None:
    """Let the two resume a session; raises what the first that fails raises."""
    r2 = holder.receive_resume(path("r1", resumer.resume(holder.greeting)))
    holder.receive_confirmation(path("r3", resumer.receive_answer(path("r2", r2))))


def flip(where: str, bit: int) -> Path:
    """Be a path that turns one bit over."""

    def path(name: str, payload: bytes) -> bytes:
        if name != where:
            return payload
        altered = bytearray(payload)
        altered[bit // 8] ^= 1 << bit % 8
        return bytes(altered)

    return path


def instead(where: str, by: bytes | Callable[[bytes], bytes]) -> Path:
    """Be a path on which one message becomes another."""

    def path(name: str, payload: bytes) -> bytes:
        if name != where:
            return payload
        return by if isinstance(by, bytes) else by(payload)

    return path


def recording(into: dict[str, bytes]) -> Path:
    """Be a path that only looks."""

    def path(name: str, payload: bytes) -> bytes:
        return into.setdefault(name, payload)

    return path
