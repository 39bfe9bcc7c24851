"""The `Crypto` of the shipping steps, on terms: what derives alike is equal, nothing else is."""

from dataclasses import dataclass
from typing import ClassVar, override

from secure_pair_protocol import messages
from secure_pair_protocol.crypto import NONCE_SIZE, Crypto, InvalidPublicKeyError, OpenError
from secure_pair_protocol.secret import Secret

from .terms import (
    TERMS,
    ZERO,
    Box,
    Expand,
    Extract,
    Hash,
    Join,
    Point,
    Prefix,
    Tag,
    named,
    payload,
    point,
)

TAG_SIZE = 16


@dataclass(frozen=True, slots=True)
class Opening:
    """What a box must have been sealed with, to be opened."""

    key: bytes
    aad: bytes
    sizes: tuple[int, ...]


class Symbolic(Crypto[bytes]):
    """Perfect cryptography. A private key is the name of a fresh term.

    It remembers what the last comparison that failed would have accepted: one tag and no
    other, or a box with this key and context.
    """

    refuses_zero: ClassVar[bool] = True

    def __init__(self) -> None:
        self.missed: bytes | Opening | None = None

    @override
    def join(self, *parts: bytes) -> bytes:
        return named(Join(parts), sum(map(len, parts)) + 2 * len(parts))

    @override
    def hash(self, label: str, *parts: bytes) -> bytes:
        return named(Hash(label, parts))

    @override
    def expand(self, key: Secret, label: str, context: bytes) -> Secret:
        name = named(Expand(key.reveal(), label, context))
        # The steps take the first 16 bytes of one as the session id.
        TERMS[name[:16]] = Prefix(name)
        return Secret(name)

    @override
    def extract(self, salt: Secret, *input_key: Secret) -> Secret:
        inputs = (key.reveal() for key in input_key)
        # One behind the other: an empty one leaves no trace.
        return Secret(named(Extract(salt.reveal(), tuple(filter(None, inputs)))))

    @override
    def hmac(self, key: Secret, message: bytes) -> bytes:
        return named(Tag(key.reveal(), message))

    @override
    def verify(self, key: Secret, message: bytes, tag: bytes) -> bool:
        expected = self.hmac(key, message)
        if tag != expected:
            self.missed = expected
        return tag == expected

    @override
    def equal(self, expected: bytes, received: bytes) -> bool:
        return expected == received

    @override
    def seal(self, key: Secret, nonce: bytes, aad: bytes, *fields: bytes) -> bytes:
        size = NONCE_SIZE + sum(map(len, fields)) + TAG_SIZE
        return named(Box(key.reveal(), nonce, aad, fields), size)

    @override
    def open(
        self, key: Secret, sealed: bytes, aad: bytes, *sizes: int
    ) -> tuple[bytes, tuple[bytes, ...]]:
        match TERMS.get(sealed):
            case Box(key=sealed_with, nonce=nonce, aad=bound, fields=fields) if (
                sealed_with == key.reveal() and bound == aad and sizes == tuple(map(len, fields))
            ):
                return nonce, fields
        self.missed = Opening(key.reveal(), aad, sizes)
        raise OpenError

    @override
    def public_key(self, private_key: bytes) -> bytes:
        return point(private_key)

    @override
    def agree(self, private_key: bytes, public_key: bytes) -> Secret:
        if public_key == ZERO:
            if self.refuses_zero:
                raise InvalidPublicKeyError
            return Secret(ZERO)
        match TERMS.get(public_key):
            case Point(private_keys=others, base=base):
                return Secret(point(private_key, *others, base=base))
        return Secret(point(private_key, base=public_key))

    @override
    def encode(self, message: messages.Message) -> bytes:
        return payload(message)

    @override
    def decode[M: messages.Message](self, kind: type[M], payload: bytes) -> M:
        # The codec that ships: names are as long as what they stand for.
        return messages.decode(kind, payload)
