"""The symbolic backend by itself, and what an attacker derives with it."""

import pytest

from secure_pair_protocol import keys
from secure_pair_protocol.crypto import PRIMITIVES, Crypto, InvalidPublicKeyError, OpenError
from secure_pair_protocol.errors import Failure
from secure_pair_protocol.keys import Grant
from secure_pair_protocol.messages import (
    AuthenticationRequest,
    ChallengeResponse,
    DeviceKey,
    TerminalConfirmation,
)
from secure_pair_protocol.secret import Secret

from ...protocol.failing import fails
from . import attacker
from .backend import Opening, Symbolic
from .knowledge import Knowledge
from .terms import ZERO, fresh, point, redressed

CRYPTO = Symbolic()
X, Y, Z = (fresh("private key", whose) for whose in "XYZ")
KEY, OTHER = Secret(fresh("key", "one")), Secret(fresh("key", "other"))
NONCE = fresh("nonce", "one", 12)
FIRST_DATA = fresh("first data", "one")


def agreed(private_key: bytes, public_key: bytes) -> bytes:
    return CRYPTO.agree(private_key, public_key).reveal()


class TestDiffieHellman:
    def test_both_ends_agree(self) -> None:
        assert agreed(X, point(Y)) == agreed(Y, point(X))

    def test_nobody_else_does(self) -> None:
        assert agreed(X, point(Y)) not in {agreed(X, point(Z)), agreed(Z, point(Y)), point(X)}

    def test_three_in_any_order(self) -> None:
        """An agreed secret is a point as well, with which one can agree on."""
        assert agreed(X, agreed(Y, point(Z))) == agreed(Z, agreed(X, point(Y)))

    def test_other_bytes_for_the_same_point(self) -> None:
        assert redressed(point(Y)) != point(Y)
        assert agreed(X, redressed(point(Y))) == agreed(X, point(Y))

    def test_what_is_no_point(self) -> None:
        assert agreed(X, FIRST_DATA) not in {agreed(Y, FIRST_DATA), agreed(X, point(Y))}

    def test_zero_is_refused(self) -> None:
        with pytest.raises(InvalidPublicKeyError):
            CRYPTO.agree(X, ZERO)


class TestTagsAndBoxes:
    def test_only_the_tag_itself_is_accepted(self) -> None:
        tag = CRYPTO.hmac(KEY, b"text")
        assert CRYPTO.verify(KEY, b"text", tag)
        for forged in (CRYPTO.hmac(OTHER, b"text"), CRYPTO.hmac(KEY, b"other"), FIRST_DATA):
            CRYPTO.missed = None
            assert not CRYPTO.verify(KEY, b"text", forged)
            assert CRYPTO.missed == tag

    def test_a_box_opens_with_its_key_and_context(self) -> None:
        sealed = CRYPTO.seal(KEY, NONCE, b"aad", FIRST_DATA, bytes(8))
        assert CRYPTO.open(KEY, sealed, b"aad", 32, 8) == (NONCE, (FIRST_DATA, bytes(8)))

    @pytest.mark.parametrize(
        ("key", "aad", "sizes"),
        [(OTHER, b"aad", (32, 8)), (KEY, b"other", (32, 8)), (KEY, b"aad", (8, 32))],
        ids=["key", "context", "sizes"],
    )
    def test_and_with_no_other(self, key: Secret, aad: bytes, sizes: tuple[int, ...]) -> None:
        sealed = CRYPTO.seal(KEY, NONCE, b"aad", FIRST_DATA, bytes(8))
        with pytest.raises(OpenError):
            CRYPTO.open(key, sealed, aad, *sizes)
        assert CRYPTO.missed == Opening(key.reveal(), aad, sizes)

    def test_what_is_no_box(self) -> None:
        with pytest.raises(OpenError):
            CRYPTO.open(KEY, bytes(72), b"", 32, 8, 4)

    def test_an_empty_input_key_leaves_no_trace(self) -> None:
        """As in the bytes: one is behind the other."""
        for crypto in (CRYPTO, PRIMITIVES):
            one = crypto.extract(Secret(b"salt"), Secret(b"key"), Secret(b"")).reveal()
            assert one == crypto.extract(Secret(b"salt"), Secret(b"key")).reveal()


class TestMessages:
    def test_what_was_encoded(self) -> None:
        message = AuthenticationRequest(1, attacker.TERMINAL)
        assert CRYPTO.decode(AuthenticationRequest, CRYPTO.encode(message)) == message

    def test_another_message(self) -> None:
        payload = CRYPTO.encode(AuthenticationRequest(1, attacker.TERMINAL))
        with fails(Failure.OUT_OF_ORDER):
            CRYPTO.decode(DeviceKey, payload)

    def test_a_term_that_is_no_message(self) -> None:
        with fails(Failure.MALFORMED):
            CRYPTO.decode(DeviceKey, CRYPTO.hash("label", FIRST_DATA))

    def test_a_field_of_another_size(self) -> None:
        with fails(Failure.MALFORMED):
            CRYPTO.decode(TerminalConfirmation, CRYPTO.encode(TerminalConfirmation(NONCE)))


def sizes[K](crypto: Crypto[K]) -> list[int]:
    ctx = keys.context(crypto, b"m1", b"m2", bytes(32))
    grant = Grant(7, 0)
    return [
        len(ctx),
        len(keys.seal_authorization(crypto, Secret(bytes(32)), ctx, bytes(32), grant, bytes(12))),
        len(keys.ticket_key(crypto, Secret(bytes(32)), ctx, bytes(12)).reveal()),
        len(crypto.hmac(Secret(bytes(32)), ctx)),
        len(crypto.join(ctx, b"", b"a")),
    ]


def test_names_are_as_long_as_what_they_stand_for() -> None:
    assert sizes(CRYPTO) == sizes(PRIMITIVES)


class TestKnowledge:
    def knows(self, *names: bytes) -> Knowledge:
        return Knowledge({}).learning(*names)

    def test_what_is_in_no_table_is_public(self) -> None:
        assert self.knows().derives(b"an id")
        assert self.knows().derives(b"")

    def test_what_somebody_else_drew_is_not(self) -> None:
        assert not self.knows().derives(FIRST_DATA)
        assert self.knows(FIRST_DATA).derives(FIRST_DATA)

    @pytest.mark.parametrize("missing", [0, 1])
    def test_a_derivation_needs_all_that_it_is_made_from(self, missing: int) -> None:
        parts = [KEY.reveal(), FIRST_DATA]
        derived = CRYPTO.expand(KEY, "label", FIRST_DATA).reveal()
        assert self.knows(*parts).derives(derived)
        parts.pop(missing)
        assert not self.knows(*parts).derives(derived)

    def test_nothing_comes_back_out_of_a_derivation(self) -> None:
        tag, digest = CRYPTO.hmac(KEY, FIRST_DATA), CRYPTO.hash("label", FIRST_DATA)
        derived = CRYPTO.expand(KEY, "label", FIRST_DATA).reveal()
        knows = self.knows(tag, digest, derived)
        assert not knows.derives(KEY.reveal())
        assert not knows.derives(FIRST_DATA)

    def test_a_prefix_tells_nothing_of_the_rest(self) -> None:
        derived = CRYPTO.expand(KEY, "session id", FIRST_DATA).reveal()
        assert self.knows(derived).derives(derived[:16])
        assert not self.knows(derived[:16]).derives(derived)

    def test_messages_come_apart(self) -> None:
        m5 = CRYPTO.encode(ChallengeResponse(bytes(72), point(X)))
        assert self.knows(m5).derives(point(X))
        assert not self.knows(m5).derives(X)

    def test_a_box_comes_apart_with_its_key_only(self) -> None:
        sealed = CRYPTO.seal(KEY, NONCE, b"", FIRST_DATA)
        assert self.knows(sealed).derives(NONCE)
        assert not self.knows(sealed, OTHER.reveal()).derives(FIRST_DATA)
        assert self.knows(sealed, KEY.reveal()).derives(FIRST_DATA)

    def test_a_box_comes_apart_when_its_key_comes_later(self) -> None:
        """Even out of another box, and where the key has to be derived first."""
        derived = CRYPTO.expand(KEY, "label", b"")
        inner = CRYPTO.seal(derived, NONCE, b"", FIRST_DATA)
        outer = CRYPTO.seal(OTHER, NONCE, b"", KEY.reveal())
        before = self.knows(inner, outer)
        assert not before.derives(FIRST_DATA)
        assert before.learning(OTHER.reveal()).derives(FIRST_DATA)

    def test_points(self) -> None:
        secret = agreed(X, point(Y))
        assert self.knows(X, point(Y)).derives(secret)
        assert self.knows(Y, redressed(point(X))).derives(secret)
        assert not self.knows(point(X), point(Y)).derives(secret)
        assert not self.knows(point(X), point(Y), Z).derives(secret)
        # He divides as well: the group's order is known.
        assert self.knows(X, secret).derives(point(Y))

    def test_answers_of_the_key_service(self) -> None:
        told = fresh("ticket", "one")
        knows = Knowledge({told: [(FIRST_DATA, point(X)), (NONCE,)]})
        assert not knows.derives(told)
        assert not knows.learning(FIRST_DATA).derives(told)
        assert knows.learning(FIRST_DATA, X).derives(told)
        assert knows.learning(NONCE).derives(told)
