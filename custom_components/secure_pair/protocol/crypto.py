"""The small interface between the steps of the protocol and cryptography.

The step functions of `negotiation` and `resumption` reach every primitive, and the codec
of the messages, through `Crypto`: `Primitives` is the one that ships, and a symbolic one can
stand in its place, so that an adversary drives the very functions that ship.
"""

from dataclasses import dataclass
from typing import Protocol, override

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from . import messages
from .secret import Secret

P = b"secure_pair/1 "
"""The constant in front of every label (docs/protocol.md, section 6)."""

KEY_SIZE = 32
NONCE_SIZE = 12

_SHA256 = SHA256()


class InvalidPublicKeyError(ValueError):
    """A public key that is none, or with which the agreed secret would be all zero."""


class OpenError(ValueError):
    """A sealed message that was not made with this key for this context."""


def lp(value: bytes) -> bytes:
    """Return the value behind its length in two big-endian bytes."""
    return len(value).to_bytes(2) + value


class Crypto[PrivateKey](Protocol):
    """What the steps need of cryptography. Docs: section 6, whose notation it follows."""

    def join(self, *parts: bytes) -> bytes:
        """Return lp of each part: parts that cannot be shifted into each other."""

    def hash(self, label: str, *parts: bytes) -> bytes:
        """Return H(label, a, …), 32 bytes."""

    def expand(self, key: Secret, label: str, context: bytes) -> Secret:
        """Return X(key, label, context), 32 bytes."""

    def extract(self, salt: Secret, *input_key: Secret) -> Secret:
        """Extract from the salt and the input keys, one behind the other: 32 bytes."""

    def hmac(self, key: Secret, message: bytes) -> bytes:
        """Return HMAC(key, message), 32 bytes."""

    def verify(self, key: Secret, message: bytes, tag: bytes) -> bool:
        """Tell in constant time whether the tag is HMAC(key, message)."""

    def equal(self, expected: bytes, received: bytes) -> bool:
        """Compare in constant time."""

    def seal(self, key: Secret, nonce: bytes, aad: bytes, *fields: bytes) -> bytes:
        """Return nonce, then AES-256-GCM of the fields one behind the other."""

    def open(
        self, key: Secret, sealed: bytes, aad: bytes, *sizes: int
    ) -> tuple[bytes, tuple[bytes, ...]]:
        """Return nonce and fields of these sizes; raises OpenError."""

    def public_key(self, private_key: PrivateKey) -> bytes:
        """Return the public key, 32 bytes."""

    def agree(self, private_key: PrivateKey, public_key: bytes) -> Secret:
        """Return the agreed secret; raises InvalidPublicKeyError if it is all zero."""

    def encode(self, message: messages.Message) -> bytes:
        """Return the payload of a frame."""

    def decode[M: messages.Message](self, kind: type[M], payload: bytes) -> M:
        """Return the message; raises SecurePairError (malformed, out_of_order)."""


@dataclass(frozen=True, slots=True)
class Primitives(Crypto[X25519PrivateKey]):
    """The one version's algorithms: X25519, HKDF and HMAC with SHA-256, AES-256-GCM."""

    @override
    def join(self, *parts: bytes) -> bytes:
        return b"".join(map(lp, parts))

    @override
    def hash(self, label: str, *parts: bytes) -> bytes:
        digest = Hash(_SHA256)
        digest.update(self.join(P + label.encode(), *parts))
        return digest.finalize()

    @override
    def expand(self, key: Secret, label: str, context: bytes) -> Secret:
        info = self.join(P + label.encode(), context)
        return Secret(HKDFExpand(_SHA256, KEY_SIZE, info).derive(key.reveal()))

    @override
    def extract(self, salt: Secret, *input_key: Secret) -> Secret:
        joined = b"".join(key.reveal() for key in input_key)
        return Secret(HKDF.extract(_SHA256, salt.reveal(), joined))

    @override
    def hmac(self, key: Secret, message: bytes) -> bytes:
        mac = HMAC(key.reveal(), _SHA256)
        mac.update(message)
        return mac.finalize()

    @override
    def verify(self, key: Secret, message: bytes, tag: bytes) -> bool:
        mac = HMAC(key.reveal(), _SHA256)
        mac.update(message)
        try:
            mac.verify(tag)
        except InvalidSignature:
            return False
        return True

    @override
    def equal(self, expected: bytes, received: bytes) -> bool:
        return bytes_eq(expected, received)

    @override
    def seal(self, key: Secret, nonce: bytes, aad: bytes, *fields: bytes) -> bytes:
        return nonce + AESGCM(key.reveal()).encrypt(nonce, b"".join(fields), aad)

    @override
    def open(
        self, key: Secret, sealed: bytes, aad: bytes, *sizes: int
    ) -> tuple[bytes, tuple[bytes, ...]]:
        nonce, box = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
        try:
            rest = AESGCM(key.reveal()).decrypt(nonce, box, aad)
        except (InvalidTag, ValueError) as error:
            raise OpenError from error
        if len(rest) != sum(sizes):
            raise OpenError
        fields = []
        for size in sizes:
            fields.append(rest[:size])
            rest = rest[size:]
        return nonce, tuple(fields)

    @override
    def public_key(self, private_key: X25519PrivateKey) -> bytes:
        return private_key.public_key().public_bytes_raw()

    @override
    def agree(self, private_key: X25519PrivateKey, public_key: bytes) -> Secret:
        try:
            # An all-zero result is refused in here, in constant time.
            shared = private_key.exchange(X25519PublicKey.from_public_bytes(public_key))
        except ValueError as error:
            raise InvalidPublicKeyError from error
        return Secret(shared)

    @override
    def encode(self, message: messages.Message) -> bytes:
        return messages.encode(message)

    @override
    def decode[M: messages.Message](self, kind: type[M], payload: bytes) -> M:
        return messages.decode(kind, payload)


PRIMITIVES = Primitives()
