"""The seven steps: terminal, cloud and device side by side (docs/protocol.md, section 4).

Each step is a pure function: a frozen state and a message in, a new state and a message
out. A state has what the next step needs and no more, so that a message which has no place
cannot be built; and private keys, authority key, prk and ticket key go with the state that
held them. Each check that holds the conversation together is a
function of its own, in `bindings`.

    terminal                         device                         cloud
    request_authentication   m1 ->   issue_challenge
    receive_challenge     <- m2
                                                              m1, m2, first public key ->
                                              <- F, ticket key        authorize
    respond                  m5 ->   open_response
    receive_device_key    <- m6      answer
    confirm                  m7 ->   accept
"""

from dataclasses import dataclass

from . import keys
from .bindings import (
    check_device,
    check_device_confirmation,
    check_epoch,
    check_first_data,
    check_installation,
    check_terminal,
    check_terminal_confirmation,
    check_version,
)
from .crypto import Crypto, InvalidPublicKeyError
from .errors import Failure, SecurePairError
from .keys import Agreement, Grant, TrafficKeys
from .messages import (
    VERSION,
    AuthenticationRequest,
    Challenge,
    ChallengeResponse,
    DeviceKey,
    TerminalConfirmation,
)
from .secret import Secret

CHALLENGE_SECONDS = 60
"""How long a challenge waits for its answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """What both ends keep of a negotiation."""

    session_id: bytes
    session_key: Secret
    terminal_id: bytes
    grant: Grant


# The terminal


@dataclass(frozen=True, slots=True, eq=False)
class Requested[K]:
    """m1 is sent; m2 is awaited."""

    device_id: str
    private_key: K
    pairing_secret: Secret
    expected_installation: bytes | None
    m1: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Challenged[K]:
    """m2 is here; the cloud is asked."""

    requested: Requested[K]
    challenge: Challenge
    m2: bytes
    first_public_key: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Responded[K]:
    """m5 is sent; m6 is awaited."""

    requested: Requested[K]
    installation: bytes
    ctx: bytes
    first_encrypted_data: bytes
    ticket: Secret
    lifetime: int


@dataclass(frozen=True, slots=True, eq=False)
class Proven:
    """m6 is good: the session is to be stored durably, and only then m7 is sent."""

    session_id: bytes
    session_key: Secret
    installation: bytes
    lifetime: int
    transcript: bytes
    traffic: TrafficKeys
    confirmation: TerminalConfirmation
    """m7."""


def request_authentication[K](
    crypto: Crypto[K],
    *,
    device_id: str,
    terminal_id: bytes,
    private_key: K,
    pairing_secret: Secret,
    expected_installation: bytes | None = None,
) -> tuple[Requested[K], bytes]:
    """Step 1. Return the state and m1's payload.

    `expected_installation` is the stored one in a renewal that nobody asked for.
    """
    m1 = crypto.encode(AuthenticationRequest(VERSION, terminal_id))
    return Requested(device_id, private_key, pairing_secret, expected_installation, m1), m1


def receive_challenge[K](crypto: Crypto[K], state: Requested[K], m2: bytes) -> Challenged[K]:
    """Step 2, received. Raises SecurePairError (wrong_device and the codec's)."""
    challenge = crypto.decode(Challenge, m2)
    check_device(state.device_id, challenge.device_id)
    return Challenged(state, challenge, m2, crypto.public_key(state.private_key))


def respond[K](
    crypto: Crypto[K],
    state: Challenged[K],
    first_encrypted_data: bytes,
    ticket: Secret,
    lifetime: int,
) -> tuple[Responded[K], bytes]:
    """Steps 4 and 5. Return the state and m5's payload."""
    requested = state.requested
    ctx = keys.context(crypto, requested.m1, state.m2, state.first_public_key)
    m5 = crypto.encode(ChallengeResponse(first_encrypted_data, state.first_public_key))
    installation = state.challenge.installation
    responded = Responded(requested, installation, ctx, first_encrypted_data, ticket, lifetime)
    return responded, m5


def receive_device_key[K](crypto: Crypto[K], state: Responded[K], m6: bytes) -> Proven:
    """Step 6, received: agree, derive, check the device.

    Raises SecurePairError (device_unproven, device_reset and the codec's).
    """
    requested = state.requested
    answer = crypto.decode(DeviceKey, m6)
    try:
        second_authority_key = crypto.agree(requested.private_key, answer.device_public_key)
    except InvalidPublicKeyError as error:
        raise SecurePairError(Failure.DEVICE_UNPROVEN) from error
    agreement = keys.agree_session(
        crypto,
        authority_key=second_authority_key,
        ticket=state.ticket,
        pairing=requested.pairing_secret,
        ctx=state.ctx,
        first_encrypted_data=state.first_encrypted_data,
        device_key=answer.device_public_key,
    )
    check_device_confirmation(crypto, agreement, answer.confirmation)
    check_installation(requested.expected_installation, state.installation)
    return Proven(
        session_id=agreement.session_id,
        session_key=agreement.session_key,
        installation=state.installation,
        lifetime=state.lifetime,
        transcript=agreement.transcript,
        traffic=agreement.traffic,
        confirmation=TerminalConfirmation(
            crypto.hmac(agreement.terminal_confirmation, agreement.transcript)
        ),
    )


# The cloud


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What the cloud reads from m1 and m2 before it looks anything up."""

    terminal_id: bytes
    device_id: str
    first_data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Authorization:
    """What the cloud answers; it keeps nothing of it."""

    first_encrypted_data: bytes
    ticket_key: Secret
    lifetime: int


def parse_authorization_request[K](crypto: Crypto[K], m1: bytes, m2: bytes) -> AuthorizationRequest:
    """Step 3, received: read both messages as the device and the terminal sent them.

    Raises SecurePairError (version_not_supported and the codec's).
    """
    request = crypto.decode(AuthenticationRequest, m1)
    check_version(request.version)
    challenge = crypto.decode(Challenge, m2)
    return AuthorizationRequest(request.terminal_id, challenge.device_id, challenge.first_data)


def authorize[K](
    crypto: Crypto[K],
    request: AuthorizationRequest,
    *,
    m1: bytes,
    m2: bytes,
    first_public_key: bytes,
    token_terminal_id: bytes,
    initial_key: Secret,
    grant: Grant,
    nonce: bytes,
) -> Authorization:
    """Step 4, for a device of the account: 12 fresh random bytes of nonce each time.

    Raises SecurePairError (token_refused).
    """
    check_terminal(token_terminal_id, request.terminal_id)
    ctx = keys.context(crypto, m1, m2, first_public_key)
    return Authorization(
        first_encrypted_data=keys.seal_authorization(
            crypto, initial_key, ctx, request.first_data, grant, nonce
        ),
        ticket_key=keys.ticket_key(crypto, initial_key, ctx, nonce),
        lifetime=grant.lifetime,
    )


# The device


@dataclass(frozen=True, slots=True, eq=False)
class DeviceIdentity:
    """What a device is made with, and what its factory reset draws anew."""

    device_id: str
    initial_key: Secret
    pairing_secret: Secret
    model: str
    name: str
    installation: bytes


@dataclass(frozen=True, slots=True, eq=False)
class ChallengeIssued:
    """m2 is sent; m5 is awaited."""

    identity: DeviceIdentity
    terminal_id: bytes
    first_data: bytes
    m1: bytes
    m2: bytes


@dataclass(frozen=True, slots=True, eq=False)
class ResponseOpened:
    """m5 is authorized; so far there was symmetric work only, no curve operation."""

    issued: ChallengeIssued
    grant: Grant
    first_public_key: bytes
    ctx: bytes
    first_encrypted_data: bytes
    ticket: Secret


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """m6 is sent; m7 is awaited; nothing is stored yet."""

    terminal_id: bytes
    grant: Grant
    agreement: Agreement


@dataclass(frozen=True, slots=True, eq=False)
class Accepted:
    """m7 is good: the device stores the session, then sends its first record."""

    session: Session
    traffic: TrafficKeys
    transcript: bytes


def issue_challenge[K](
    crypto: Crypto[K], identity: DeviceIdentity, m1: bytes, first_data: bytes
) -> tuple[ChallengeIssued, bytes]:
    """Step 2. Return the state and m2's payload; `first_data` are 32 fresh random bytes.

    Raises SecurePairError (version_not_supported and the codec's).
    """
    request = crypto.decode(AuthenticationRequest, m1)
    check_version(request.version)
    m2 = crypto.encode(
        Challenge(
            identity.device_id,
            first_data,
            identity.installation,
            identity.model,
            identity.name,
        )
    )
    return ChallengeIssued(identity, request.terminal_id, first_data, m1, m2), m2


def open_response[K](
    crypto: Crypto[K], state: ChallengeIssued, m5: bytes, epoch: int
) -> ResponseOpened:
    """Step 6, first half: symmetric work only. `epoch` is the device's own.

    Raises SecurePairError (authorization_rejected, epoch_refused and the codec's).
    """
    response = crypto.decode(ChallengeResponse, m5)
    initial_key = state.identity.initial_key
    ctx = keys.context(crypto, state.m1, state.m2, response.first_public_key)
    first_data, grant, nonce = keys.open_authorization(
        crypto, initial_key, ctx, response.first_encrypted_data
    )
    check_first_data(crypto, state.first_data, first_data)
    check_epoch(epoch, grant.epoch)
    return ResponseOpened(
        issued=state,
        grant=grant,
        first_public_key=response.first_public_key,
        ctx=ctx,
        first_encrypted_data=response.first_encrypted_data,
        ticket=keys.ticket_key(crypto, initial_key, ctx, nonce),
    )


def answer[K](crypto: Crypto[K], state: ResponseOpened, private_key: K) -> tuple[Answered, bytes]:
    """Step 6, second half: agree and derive. Return the state and m6's payload.

    Raises SecurePairError (terminal_unproven).
    """
    try:
        first_authority_key = crypto.agree(private_key, state.first_public_key)
    except InvalidPublicKeyError as error:
        raise SecurePairError(Failure.TERMINAL_UNPROVEN) from error
    device_public_key = crypto.public_key(private_key)
    agreement = keys.agree_session(
        crypto,
        authority_key=first_authority_key,
        ticket=state.ticket,
        pairing=state.issued.identity.pairing_secret,
        ctx=state.ctx,
        first_encrypted_data=state.first_encrypted_data,
        device_key=device_public_key,
    )
    confirmation = crypto.hmac(agreement.device_confirmation, agreement.transcript)
    m6 = crypto.encode(DeviceKey(device_public_key, confirmation))
    return Answered(state.issued.terminal_id, state.grant, agreement), m6


def accept[K](crypto: Crypto[K], state: Answered, m7: bytes, epoch: int) -> Accepted:
    """Step 7, received. The epoch is checked again: it may have risen meanwhile.

    Raises SecurePairError (terminal_unproven, epoch_refused and the codec's).
    """
    confirmation = crypto.decode(TerminalConfirmation, m7)
    agreement = state.agreement
    check_terminal_confirmation(crypto, agreement, confirmation.confirmation)
    check_epoch(epoch, state.grant.epoch)
    session = Session(agreement.session_id, agreement.session_key, state.terminal_id, state.grant)
    return Accepted(session, agreement.traffic, agreement.transcript)
