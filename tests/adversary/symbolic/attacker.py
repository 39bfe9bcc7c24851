"""Everything that the attacker may say: the whole network is his.

A field that is only carried or compared is chosen out of all that he has seen of its sort and
one of his own. A field that is checked by cryptography (`BLANKS`) is left blank: the receiver
accepts one tag, or boxes with one key and context, and the backend tells which; so it is
enough to see whether the attacker can make that one. Nothing that he leaves out could be
accepted.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from msgspec.structs import replace

from secure_pair_protocol import keys, messages
from secure_pair_protocol.crypto import NONCE_SIZE
from secure_pair_protocol.keys import Grant
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
from secure_pair_protocol.secret import Secret

from .backend import Opening, Symbolic
from .knowledge import Knowledge
from .runs import MODEL, NAME, TerminalAt, Told
from .terms import TERMS, ZERO, Box, Point, fresh, named, point, redressed

HE = "the attacker"
TERMINAL = b"attacker's term."
"""The terminal id of his token."""
DEVICE = "attackers-device"
INITIAL_KEY = fresh("initial key", HE)
NONCE = fresh("nonce", HE, NONCE_SIZE)
PRIVATE_KEY = fresh("private key", HE)
PUBLIC_KEY = point(PRIVATE_KEY)
OWN = (
    PRIVATE_KEY,
    PUBLIC_KEY,
    fresh("first data", HE),
    fresh("installation", HE, 8),
    fresh("greeting's random", HE, 16),
    NONCE,
    INITIAL_KEY,
)
"""What he has drawn for himself, and the initial key of his device."""

NOTHING = b"nothing that anybody derives...."
"""In a blank field: right only where nobody looks."""
NO_BOX = NOTHING.ljust(messages.FIRST_ENCRYPTED_DATA_SIZE)
VERSIONS = (VERSION, VERSION + 1)

BLANKS: dict[type[Message], str] = {
    ChallengeResponse: "first_encrypted_data",
    DeviceKey: "confirmation",
    TerminalConfirmation: "confirmation",
    Resume: "binder",
    ResumeAnswer: "confirmation",
    ResumeConfirmation: "confirmation",
}


@dataclass(frozen=True, slots=True)
class Attacker:
    """What he chooses from; ids can be guessed, so he knows all of the scene's."""

    terminal_ids: tuple[bytes, ...]
    device_ids: tuple[str, ...]
    grants: tuple[Grant, ...]
    """What he may seal into a first encrypted data, once he has an initial key."""
    tokens: tuple[bytes, ...] = (TERMINAL,)
    """The terminals whose tokens he has: to a device he may be any of them."""

    def challenges(self, knowledge: Knowledge) -> Iterator[Challenge]:
        """Yield each m2 of what he has seen, and those that he has seen under another name."""
        fields = (
            self.device_ids,
            knowledge.drawn("first data"),
            knowledge.drawn("installation"),
        )
        for device_id, first_data, installation in product(*fields):
            yield Challenge(device_id, first_data, installation, MODEL, NAME)
        for seen in knowledge.messages(Challenge):
            yield replace(seen, name="Back door")

    def public_keys(self, knowledge: Knowledge) -> list[bytes]:
        """Return his own, and those that he has seen: as they were, in other clothes, multiplied.

        Multiplied by his private key both ways, two public keys still agree. And the zero point.
        """
        seen = [name for name in knowledge.public_keys if name != PUBLIC_KEY]
        return [PUBLIC_KEY, *seen, *map(redressed, seen), *map(multiplied, seen), ZERO]

    def drafts(
        self, kind: type[Message], knowledge: Knowledge, held: Iterable[bytes] = ()
    ) -> Iterator[Message]:
        """Yield each message of the kind that he may send, its blank not filled in.

        `held`: the ids of the sessions that the receiver holds.
        """
        if kind is Challenge:
            yield from self.challenges(knowledge)
            return
        public_keys = self.public_keys(knowledge)
        choices: dict[type[Message], tuple[Iterable[object], ...]] = {
            AuthenticationRequest: (VERSIONS, self.terminal_ids),
            ChallengeResponse: ((NO_BOX,), public_keys),
            DeviceKey: (public_keys, (NOTHING,)),
            TerminalConfirmation: ((NOTHING,),),
            Greeting: (((VERSION,),), self.device_ids[:1], knowledge.drawn("greeting's random")),
            Resume: (
                VERSIONS,
                [name for name in held if knowledge.derives(name)],
                public_keys,
                (NOTHING,),
            ),
            ResumeAnswer: (public_keys, (NOTHING,)),
            ResumeConfirmation: ((NOTHING,),),
        }
        for fields in product(*choices[kind]):
            yield kind(*fields)

    def boxes(self, opening: Opening, knowledge: Knowledge) -> Iterator[bytes]:
        """Yield each box that opens so: those that he has, and what he can seal himself."""
        yield from knowledge.boxes.get((opening.key, opening.aad), ())
        if knowledge.derives(opening.key):
            grant = self.grants[0]
            for first_data in knowledge.drawn("first data"):
                fields = first_data, grant.epoch.to_bytes(8), grant.lifetime.to_bytes(4)
                if opening.sizes == tuple(map(len, fields)):
                    yield seal(opening.key, opening.aad, fields)

    def answers(
        self,
        crypto: Symbolic,
        at: TerminalAt,
        initial_key: bytes,
        questions: Iterable[tuple[bytes, bytes]],
    ) -> Iterator[Told]:
        """Yield what he answers as the key service: to this question, or to another, or junk.

        The terminal looks at nothing of it, and it only gets on where a device derives the
        same: so the other `questions` are the m1 and m2 that a device is in. A ticket is
        right for its first encrypted data, or right for nothing.
        """
        assert at.challenged is not None
        key = Secret(initial_key)
        asked = at.requested.m1, at.challenged.m2
        for m1, m2 in dict.fromkeys((asked, *questions)):
            ctx = keys.context(crypto, m1, m2, at.challenged.first_public_key)
            ticket = keys.ticket_key(crypto, key, ctx, NONCE).reveal()
            first_data = crypto.decode(Challenge, m2).first_data
            for grant in self.grants if (m1, m2) == asked else self.grants[:1]:
                yield Told(
                    keys.seal_authorization(crypto, key, ctx, first_data, grant, NONCE), ticket
                )
        yield Told(NO_BOX, NOTHING)


def multiplied(public_key: bytes) -> bytes:
    term = TERMS[public_key]
    assert isinstance(term, Point)
    return point(PRIVATE_KEY, *term.private_keys)


def seal(key: bytes, aad: bytes, fields: tuple[bytes, ...]) -> bytes:
    return named(Box(key, NONCE, aad, fields), messages.FIRST_ENCRYPTED_DATA_SIZE)
