"""What somebody can say who has no key of the two, and all that goes over the network.

He may have an account at the same key service, and a terminal of his own there.
"""

import os
from collections.abc import Callable
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from device_stub.device import Device
from device_stub.factory import FactoryData
from secure_pair_protocol import envelope, keys, messages
from secure_pair_protocol.channel import Channel
from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.envelope import Welcome
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.framing import frame
from secure_pair_protocol.keys import EMPTY_PAIRING_SECRET, Agreement, TrafficKeys
from secure_pair_protocol.messages import (
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
from secure_pair_protocol.negotiation import Authorization
from secure_pair_protocol.secret import Secret
from tests.device_stub.terminal import Cloud, terminal_id
from tests.integration.attacker import Frame

from .fates import Fate, Tamper, honest


class Target(Protocol):
    """Whom he attacks, and the key service that he has an account at as well."""

    @property
    def data(self) -> FactoryData:
        """The device's name and id, which everybody can know."""

    @property
    def device(self) -> Device:
        """The device, for what it says to everybody."""

    @property
    def cloud(self) -> Cloud:
        """The key service; it answers him as it does anybody."""


type Forge = Callable[[Target], Tamper]
GUESSED = Secret(bytes(32))
"""In the place of each secret that he does not have."""


def _on(message: Message) -> Fate:
    return Fate(frame(messages.encode(message)))


def _back(*payloads: bytes | Message) -> Fate:
    encoded = (p if isinstance(p, bytes) else messages.encode(p) for p in payloads)
    return Fate(back=b"".join(map(frame, encoded)))


class Middle:
    """The attack on the bare method: he has a key pair, and swaps both public keys for his own.

    So he agrees with each of the two, and passes the genuine first encrypted data on.
    """

    def __init__(self, target: Target, *, m5: bool = True, m6: bool = True) -> None:
        self.private_key = X25519PrivateKey.generate()
        self.public_key = PRIMITIVES.public_key(self.private_key)
        self.swaps = (m5, m6)
        self.m1 = self.m2 = b""
        self.response: ChallengeResponse

    def __call__(self, seen: Frame) -> Fate:
        in_m5, in_m6 = self.swaps
        match seen.message:
            case Greeting():
                self.m1 = self.m2 = b""
            case AuthenticationRequest():
                self.m1 = seen.payload
            case Challenge():
                self.m2 = seen.payload
            case ChallengeResponse() as m5:
                self.response = m5
                if in_m5:
                    return _on(ChallengeResponse(m5.first_encrypted_data, self.public_key))
            case DeviceKey() as m6 if in_m6:
                return _on(self.device_key(m6.confirmation))
            case messages.Error() if in_m6 and not seen.to_device and self.m2:
                # The device has refused: he goes on by himself.
                return _on(self.device_key(None))
            case Resume() as r1 if in_m5:
                return _on(Resume(r1.version, r1.session_id, self.public_key, r1.binder))
            case ResumeAnswer() as r2 if in_m6:
                return _on(ResumeAnswer(self.public_key, r2.confirmation))
        return honest(seen)

    def device_key(self, confirmation: bytes | None) -> DeviceKey:
        """Return m6 with his key; None: with the best confirmation that he can compute."""
        if confirmation is None:
            agreement = self.agreement()
            confirmation = PRIMITIVES.hmac(agreement.device_confirmation, agreement.transcript)
        return DeviceKey(self.public_key, confirmation)

    def agreement(self) -> Agreement:
        """Return what he shares with the terminal, but for ticket key and pairing secret."""
        first_public_key = self.response.first_public_key
        return keys.agree_session(
            PRIMITIVES,
            authority_key=PRIMITIVES.agree(self.private_key, first_public_key),
            ticket=GUESSED,
            pairing=EMPTY_PAIRING_SECRET,
            ctx=keys.context(PRIMITIVES, self.m1, self.m2, first_public_key),
            first_encrypted_data=self.response.first_encrypted_data,
            device_key=self.public_key,
        )


class Insider(Middle):
    """He has a token of the same account, and asks the key service for his own key pair.

    Towards the device he is a terminal of the owner's, in the midst of another's negotiation;
    what he lacks is the label.
    """

    def __init__(self, target: Target, *, own_name: bool) -> None:
        super().__init__(target)
        self.target = target
        self.terminal_id = terminal_id()
        self.own_name = own_name
        """In m1: else the terminal's id is left there."""
        self.granted: Authorization

    def __call__(self, seen: Frame) -> Fate:
        match seen.message:
            case AuthenticationRequest(version=version) if self.own_name:
                own = AuthenticationRequest(version, self.terminal_id)
                self.m1 = seen.payload
                self.own_m1 = messages.encode(own)
                return _on(own)
            case AuthenticationRequest():
                self.m1 = self.own_m1 = seen.payload
            case ChallengeResponse() as m5:
                self.response = m5
                return _on(ChallengeResponse(self.first_encrypted_data(), self.public_key))
            case DeviceKey(device_public_key=device_key):
                return Fate(frame(messages.encode(self.device_key(None))), back=self.m7(device_key))
        return super().__call__(seen)

    def first_encrypted_data(self) -> bytes:
        """Ask the key service, as himself; or pass on what the terminal was given."""
        try:
            self.granted = self.target.cloud.authorize(
                self.own_m1, self.m2, self.public_key, self.terminal_id
            )
        except SecurePairError:
            return self.response.first_encrypted_data
        return self.granted.first_encrypted_data

    def m7(self, device_key: bytes) -> bytes:
        """Return the frame with which he would be paired himself, if he had the label."""
        agreement = keys.agree_session(
            PRIMITIVES,
            authority_key=PRIMITIVES.agree(self.private_key, device_key),
            ticket=self.granted.ticket_key,
            pairing=EMPTY_PAIRING_SECRET,
            ctx=keys.context(PRIMITIVES, self.own_m1, self.m2, self.public_key),
            first_encrypted_data=self.granted.first_encrypted_data,
            device_key=device_key,
        )
        confirmation = PRIMITIVES.hmac(agreement.terminal_confirmation, agreement.transcript)
        return frame(messages.encode(TerminalConfirmation(confirmation)))


_WELCOME = envelope.encode(Welcome(0, bytes(8), None))
_OWN_RECORD = Channel.of_device(TrafficKeys(GUESSED, GUESSED)).seal(_WELCOME)[2:]
"""A first record under keys of his own."""


def answering(target: Target) -> Tamper:
    """Answer every message in the device's place, at once, with what has the right form."""
    device_id, name = target.data.device_id, target.data.name
    installation = target.device.register.installation
    middle = Middle(target)

    def tamper(seen: Frame) -> Fate:
        match seen.message:
            case AuthenticationRequest():
                middle.m1 = seen.payload
                challenge = Challenge(device_id, os.urandom(32), installation, "lock", name)
                middle.m2 = messages.encode(challenge)
                return _back(challenge)
            case ChallengeResponse() as m5:
                middle.response = m5
                return _back(middle.device_key(None))
            case Resume():
                return _back(ResumeAnswer(middle.public_key, os.urandom(32)))
            case TerminalConfirmation() | ResumeConfirmation():
                return _back(_OWN_RECORD)
        return honest(seen)

    return tamper


def _first_record(payload: bytes) -> Forge:
    """Swallow m7 and r3, and answer them with a first record."""

    def forge(target: Target) -> Tamper:
        def tamper(seen: Frame) -> Fate:
            if seen.is_a(TerminalConfirmation, ResumeConfirmation):
                return _back(payload)
            return honest(seen)

        return tamper

    return forge


def renamed(target: Target) -> Tamper:
    """Say in the greeting that this is the device; whoever is behind it says the rest."""

    def tamper(seen: Frame) -> Fate:
        match seen.message:
            case Greeting() as greeting:
                return _on(Greeting(greeting.versions, target.data.device_id, greeting.random))
            case Challenge() as m2:
                return _on(
                    Challenge(
                        target.data.device_id,
                        m2.first_data,
                        target.device.register.installation,
                        m2.model,
                        m2.name,
                    )
                )
        return honest(seen)

    return tamper


IN_THE_MIDDLE: dict[str, tuple[Forge, Failure]] = {
    "both public keys swapped": (Middle, Failure.DEVICE_UNPROVEN),
    "the first public key swapped": (
        lambda target: Middle(target, m6=False),
        Failure.AUTHORIZATION_REJECTED,
    ),
    "the device public key swapped": (
        lambda target: Middle(target, m5=False),
        Failure.DEVICE_UNPROVEN,
    ),
    "an insider under the terminal's name": (
        lambda target: Insider(target, own_name=False),
        Failure.DEVICE_UNPROVEN,
    ),
    "an insider under his own name": (
        lambda target: Insider(target, own_name=True),
        Failure.DEVICE_UNPROVEN,
    ),
    "all answered without a key": (answering, Failure.DEVICE_UNPROVEN),
    "a first record under other keys": (_first_record(_OWN_RECORD), Failure.RECORD_FAILED),
    "a first record in the clear": (_first_record(_WELCOME), Failure.RECORD_FAILED),
    "a first record at random": (_first_record(bytes(range(34))), Failure.RECORD_FAILED),
}
"""What he does, and what the terminal then knows."""
