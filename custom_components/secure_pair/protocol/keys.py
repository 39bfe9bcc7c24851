"""The key schedule: the one place where keys are derived (docs/protocol.md, section 6)."""

from dataclasses import dataclass

from .crypto import Crypto, OpenError
from .errors import Failure, SecurePairError
from .secret import Secret

EMPTY_PAIRING_SECRET = Secret(b"")
"""The pairing secret of a device without a label, by the user's own choice."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What the key service grants with one authorization."""

    epoch: int
    """Owner epoch, 64 bits; the device refuses one that is lower than its own."""
    lifetime: int
    """Seconds of the device's powered time, 32 bits; 0: no end."""


@dataclass(frozen=True, slots=True, eq=False)
class TrafficKeys:
    """The first key of each direction of one connection."""

    terminal_to_device: Secret
    device_to_terminal: Secret


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """All that a negotiation ends in; both ends come to the same."""

    session_key: Secret
    session_id: bytes
    device_confirmation: Secret
    terminal_confirmation: Secret
    traffic: TrafficKeys
    transcript: bytes
    """h: the hash of the whole conversation; public."""


@dataclass(frozen=True, slots=True, eq=False)
class ResumptionKeys:
    """All that a resumption ends in."""

    device_confirmation: Secret
    terminal_confirmation: Secret
    traffic: TrafficKeys
    transcript: bytes


# The label


def pairing_secret[K](crypto: Crypto[K], code_key: Secret, device_id: str) -> Secret:
    """Return the label's share of the key schedule, which no key service knows."""
    return crypto.expand(code_key, "pairing secret", device_id.encode())


def claim_proof[K](crypto: Crypto[K], code_key: Secret, device_id: str) -> Secret:
    """Return what proves to a key service that the label was seen."""
    return crypto.expand(code_key, "claim proof", device_id.encode())


def claim_hash[K](crypto: Crypto[K], device_id: str, proof: Secret) -> bytes:
    """Return what the key service keeps of the claim proof."""
    return crypto.hash("claim hash", device_id.encode(), proof.reveal())


# The negotiation


def context[K](crypto: Crypto[K], m1: bytes, m2: bytes, first_key: bytes) -> bytes:
    """Return ctx: request, challenge and first public key, as the bytes on the wire."""
    return crypto.hash("context", m1, m2, first_key)


def seal_authorization[K](
    crypto: Crypto[K],
    initial_key: Secret,
    ctx: bytes,
    first_data: bytes,
    grant: Grant,
    nonce: bytes,
) -> bytes:
    """Return F, the first encrypted data, 72 bytes: bound to ctx by key and aad."""
    return crypto.seal(
        crypto.expand(initial_key, "authorize", ctx),
        nonce,
        ctx,
        first_data,
        grant.epoch.to_bytes(8),
        grant.lifetime.to_bytes(4),
    )


def open_authorization[K](
    crypto: Crypto[K], initial_key: Secret, ctx: bytes, sealed: bytes
) -> tuple[bytes, Grant, bytes]:
    """Return first data, grant and nonce of F.

    Raises SecurePairError (authorization_rejected).
    """
    key = crypto.expand(initial_key, "authorize", ctx)
    try:
        nonce, fields = crypto.open(key, sealed, ctx, 32, 8, 4)
    except OpenError as error:
        raise SecurePairError(Failure.AUTHORIZATION_REJECTED) from error
    first_data, epoch, lifetime = fields
    return first_data, Grant(int.from_bytes(epoch), int.from_bytes(lifetime)), nonce


def ticket_key[K](crypto: Crypto[K], initial_key: Secret, ctx: bytes, nonce: bytes) -> Secret:
    """Return what lets the terminal take part; one for each answer of the service."""
    return crypto.expand(initial_key, "ticket", crypto.join(ctx, nonce))


def agree_session[K](
    crypto: Crypto[K],
    *,
    authority_key: Secret,
    ticket: Secret,
    pairing: Secret,
    ctx: bytes,
    first_encrypted_data: bytes,
    device_key: bytes,
) -> Agreement:
    """Derive all that the negotiation agrees on; the first or second authority key."""
    h = crypto.hash("transcript", ctx, first_encrypted_data, device_key)
    prk = crypto.extract(ticket, authority_key, pairing)
    return Agreement(
        session_key=crypto.expand(prk, "session key", h),
        session_id=crypto.expand(prk, "session id", h).reveal()[:16],
        device_confirmation=crypto.expand(prk, "device confirmation", h),
        terminal_confirmation=crypto.expand(prk, "terminal confirmation", h),
        traffic=TrafficKeys(
            crypto.expand(prk, "terminal to device", h),
            crypto.expand(prk, "device to terminal", h),
        ),
        transcript=h,
    )


# Later connections


def binder_key[K](crypto: Crypto[K], session_key: Secret) -> Secret:
    """Return the key that binds a Resume to the session."""
    return crypto.expand(session_key, "binder", b"")


def binder_text[K](
    crypto: Crypto[K],
    version: int,
    session_id: bytes,
    public_key: bytes,
    greeting_random: bytes,
) -> bytes:
    """Return what the binder is made over: all of Resume, and this connection's greeting."""
    return crypto.join(version.to_bytes(), session_id, public_key, greeting_random)


def agree_resumption[K](
    crypto: Crypto[K],
    *,
    session_key: Secret,
    agreed: Secret,
    version: int,
    session_id: bytes,
    terminal_key: bytes,
    device_key: bytes,
) -> ResumptionKeys:
    """Derive the keys of one later connection."""
    h = crypto.hash("resume", version.to_bytes(), session_id, terminal_key, device_key)
    prk = crypto.extract(crypto.expand(session_key, "resume", b""), agreed)
    return ResumptionKeys(
        device_confirmation=crypto.expand(prk, "resume device confirmation", h),
        terminal_confirmation=crypto.expand(prk, "resume terminal confirmation", h),
        traffic=TrafficKeys(
            crypto.expand(prk, "resume terminal to device", h),
            crypto.expand(prk, "resume device to terminal", h),
        ),
        transcript=h,
    )


# Records


def next_traffic_key[K](crypto: Crypto[K], last: Secret) -> Secret:
    """Return the key that follows after 2^20 records in one direction."""
    return crypto.expand(last, "next", b"")
