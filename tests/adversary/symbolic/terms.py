"""Terms: what was made from what, by name.

The shipping code handles bytes, so each term goes by a *name* of bytes, as long as the real
value would be, and `TERMS` says what is behind a name. Two terms are equal if and only if
their names are. Bytes that are in no table (ids, integers, texts, the empty string) are
public: whoever forgets to enter a secret makes the attacker stronger, not weaker.
"""

from dataclasses import dataclass
from hashlib import shake_128

from secure_pair_protocol import messages
from secure_pair_protocol.messages import Message

ZERO = bytes(32)
"""The point of low order: agreed with any key it gives itself."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A value that somebody drew at random, or was made with."""

    what: str
    whose: str


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the curve: the base point, multiplied by each of these private keys.

    A public key has one of them, an agreed secret two, in whatever order they came: that is
    the equation of Diffie-Hellman. X25519 takes several encodings of a point for the same,
    so a point comes in more clothes than one, and nothing that is agreed depends on them.
    """

    private_keys: tuple[bytes, ...]
    clothes: int = 0
    base: bytes = b""
    """Other bytes than a point, used as a public key; empty: the base point itself."""


@dataclass(frozen=True, slots=True)
class Hash:
    label: str
    parts: tuple[bytes, ...]

    @property
    def made_from(self) -> tuple[bytes, ...]:
        return self.parts


@dataclass(frozen=True, slots=True)
class Expand:
    key: bytes
    label: str
    context: bytes

    @property
    def made_from(self) -> tuple[bytes, ...]:
        return self.key, self.context


@dataclass(frozen=True, slots=True)
class Extract:
    salt: bytes
    inputs: tuple[bytes, ...]

    @property
    def made_from(self) -> tuple[bytes, ...]:
        return self.salt, *self.inputs


@dataclass(frozen=True, slots=True)
class Tag:
    key: bytes
    message: bytes

    @property
    def made_from(self) -> tuple[bytes, ...]:
        return self.key, self.message


@dataclass(frozen=True, slots=True)
class Box:
    """What is sealed: the nonce can be read, the fields only with the key."""

    key: bytes
    nonce: bytes
    aad: bytes
    fields: tuple[bytes, ...]

    @property
    def made_from(self) -> tuple[bytes, ...]:
        return self.key, self.nonce, self.aad, *self.fields


@dataclass(frozen=True, slots=True)
class Join:
    """Parts behind their lengths: anybody takes them apart again."""

    parts: tuple[bytes, ...]

    @property
    def made_from(self) -> tuple[bytes, ...]:
        return self.parts


@dataclass(frozen=True, slots=True)
class Prefix:
    """The first 16 bytes: they tell nothing of the rest."""

    of: bytes

    @property
    def made_from(self) -> tuple[bytes, ...]:
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Payload:
    """A message in the shipping codec's bytes: anybody makes it from its fields, and reads it."""

    message: Message

    @property
    def made_from(self) -> tuple[bytes, ...]:
        """Return the fields that are bytes; numbers and texts are public."""
        values = (getattr(self.message, field) for field in self.message.__struct_fields__)
        return tuple(value for value in values if isinstance(value, bytes))


type Term = Fresh | Point | Hash | Expand | Extract | Tag | Box | Join | Prefix | Payload

TERMS: dict[bytes, Term] = {}
"""Each term by its name. It only grows, and what a name stands for never changes."""

_NAMES: dict[Term, bytes] = {}


def named(term: Term, size: int = 32) -> bytes:
    """Return the term's name."""
    if (name := _NAMES.get(term)) is None:
        name = _NAMES[term] = shake_128(repr(term).encode()).digest(size)
        TERMS[name] = term
    return name


def fresh(what: str, whose: str, size: int = 32) -> bytes:
    return named(Fresh(what, whose), size)


def point(*private_keys: bytes, clothes: int = 0, base: bytes = b"") -> bytes:
    return named(Point(tuple(sorted(private_keys)), clothes, base))


def redressed(public_key: bytes) -> bytes:
    """Return other bytes that X25519 takes for the same point."""
    term = TERMS[public_key]
    assert isinstance(term, Point)
    return point(*term.private_keys, clothes=term.clothes + 1, base=term.base)


def payload(message: Message) -> bytes:
    name = messages.encode(message)
    TERMS[name] = Payload(message)
    return name
