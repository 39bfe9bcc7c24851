"""The method as the patent has it, with nothing added: what an attacker on the path does to it.

1. the terminal sends an authentication request; 2. the device answers with its first data and
its device identification; 3. the terminal passes both to the cloud, 4. which encrypts the
first data with the device's initial key: the first encrypted data; 5. the terminal sends it
with its first public key; 6. the device decrypts and compares, and answers with its device
public key; 7. both compute the authority key, which is the session key.

It goes in the frames of the messages that ship; what they have besides stays constant.
"""

from dataclasses import dataclass, replace
from typing import override

from secure_pair_protocol import messages
from secure_pair_protocol.crypto import NONCE_SIZE, OpenError
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import Agreement, Grant, TrafficKeys
from secure_pair_protocol.messages import (
    VERSION,
    AuthenticationRequest,
    Challenge,
    ChallengeResponse,
    DeviceKey,
    TerminalConfirmation,
)
from secure_pair_protocol.negotiation import (
    Accepted,
    Answered,
    Authorization,
    AuthorizationRequest,
    Challenged,
    ChallengeIssued,
    DeviceIdentity,
    Proven,
    Responded,
    ResponseOpened,
    Session,
)
from secure_pair_protocol.secret import Secret

from .attacker import NOTHING
from .backend import Symbolic
from .runs import MODEL, NAME, Device, DeviceAt, Input, Step, Terminal, TerminalAt, World
from .service import Authorized
from .terms import ZERO, fresh

NO_GRANT = Grant(0, 0)
FILLING = bytes(8), bytes(4)
"""As long as a grant."""
NO_SECRET = Secret(b"")


def encrypt(crypto: Symbolic, initial_key: bytes, first_data: bytes, nonce: bytes) -> bytes:
    """Step 4: the first data, encrypted with the initial key."""
    return crypto.seal(Secret(initial_key), nonce, b"", first_data, *FILLING)


def authority_key(crypto: Symbolic, private_key: bytes, public_key: bytes) -> Secret:
    """Step 7: the method says nothing of a zero result."""
    return Secret(ZERO) if public_key == ZERO else crypto.agree(private_key, public_key)


@dataclass(frozen=True, kw_only=True)
class BareTerminal(Terminal):
    @override
    def receive(self, crypto: Symbolic, at: TerminalAt, message: Input, world: World) -> Step:
        assert isinstance(message, bytes)
        own = fresh("private key", self.name)
        if at.responded is None:
            return self._steps_2_to_5(crypto, at, message, world)
        device_key = crypto.decode(DeviceKey, message).device_public_key
        session_key = authority_key(crypto, own, device_key)
        proven = Proven(
            session_id=b"",
            session_key=session_key,
            installation=b"",
            lifetime=0,
            transcript=b"",
            traffic=TrafficKeys(session_key, session_key),
            confirmation=TerminalConfirmation(NOTHING),
        )
        return Step(replace(at, device_key=device_key, proven=proven))

    def _steps_2_to_5(self, crypto: Symbolic, at: TerminalAt, m2: bytes, world: World) -> Step:
        challenge = crypto.decode(Challenge, m2)
        if challenge.device_id != self.device_id:
            raise SecurePairError(Failure.WRONG_DEVICE)
        if self.device_id not in world.service.rights[self.terminal_id]:
            raise SecurePairError(Failure.NOT_YOURS)
        sealed = encrypt(
            crypto,
            world.service.initial_keys[self.device_id],
            challenge.first_data,
            fresh("nonce", self.name, NONCE_SIZE),
        )
        public_key = crypto.public_key(fresh("private key", self.name))
        return Step(
            replace(
                at,
                challenged=Challenged(at.requested, challenge, m2, public_key),
                authorized=Authorized(
                    self.terminal_id,
                    AuthorizationRequest(self.terminal_id, self.device_id, challenge.first_data),
                    VERSION,
                    public_key,
                    NO_GRANT,
                    Authorization(sealed, NO_SECRET, 0),
                ),
                responded=Responded(at.requested, b"", b"", sealed, NO_SECRET, 0),
            ),
            (crypto.encode(ChallengeResponse(sealed, public_key)),),
        )


@dataclass(frozen=True, kw_only=True)
class BareDevice(Device):
    @override
    def awaits(self, at: DeviceAt, world: World) -> type[messages.Message] | None:
        if at.issued is None:
            return AuthenticationRequest
        return ChallengeResponse if at.answered is None else None

    @override
    def receive(self, crypto: Symbolic, at: DeviceAt, message: Input, world: World) -> Step:
        assert isinstance(message, bytes)
        if at.issued is None:
            return self._step_2(crypto, at, message)
        response = crypto.decode(ChallengeResponse, message)
        try:
            _, fields = crypto.open(
                Secret(self.initial_key), response.first_encrypted_data, b"", 32, 8, 4
            )
        except OpenError as error:
            raise SecurePairError(Failure.AUTHORIZATION_REJECTED) from error
        if fields[0] != at.issued.first_data:
            raise SecurePairError(Failure.AUTHORIZATION_REJECTED)
        own = fresh("private key", self.name)
        session_key = authority_key(crypto, own, response.first_public_key)
        traffic = TrafficKeys(session_key, session_key)
        agreement = Agreement(session_key, b"", NO_SECRET, NO_SECRET, traffic, b"")
        session = Session(b"", session_key, at.issued.terminal_id, NO_GRANT)
        device_key = crypto.public_key(own)
        return Step(
            replace(
                at,
                opened=ResponseOpened(
                    at.issued,
                    NO_GRANT,
                    response.first_public_key,
                    b"",
                    response.first_encrypted_data,
                    NO_SECRET,
                ),
                answered=Answered(at.issued.terminal_id, NO_GRANT, agreement),
                device_key=device_key,
                accepted=Accepted(session, traffic, b""),
            ),
            (crypto.encode(DeviceKey(device_key, NOTHING)),),
        )

    def _step_2(self, crypto: Symbolic, at: DeviceAt, m1: bytes) -> Step:
        request = crypto.decode(AuthenticationRequest, m1)
        first_data = fresh("first data", self.name)
        identity = DeviceIdentity(
            self.device_id, Secret(self.initial_key), NO_SECRET, MODEL, NAME, bytes(8)
        )
        m2 = crypto.encode(Challenge(self.device_id, first_data, bytes(8), MODEL, NAME))
        issued = ChallengeIssued(identity, request.terminal_id, first_data, m1, m2)
        return Step(replace(at, issued=issued), (m2,))
