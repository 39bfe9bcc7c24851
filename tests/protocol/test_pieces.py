"""Messages that are longer than a piece (docs/protocol.md, section 8)."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_pair_protocol.channel import PLAINTEXT_LIMIT
from secure_pair_protocol.envelope import PIECE_SIZE, Piece, decode_from_device
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.pieces import MESSAGE_LIMIT, OPEN_TRANSFERS, Assembler, pieces

from .failing import fails


def cut(message: bytes, transfer: int = 0) -> list[Piece]:
    """Return the pieces as they come out of the other end's channel."""
    up = count()
    received = []
    for plaintext in pieces(message, transfer, lambda: next(up)):
        assert len(plaintext) <= PLAINTEXT_LIMIT
        piece = decode_from_device(plaintext)
        assert isinstance(piece, Piece)
        received.append(piece)
    return received


@pytest.mark.parametrize(
    ("size", "number"),
    [(1, 1), (PIECE_SIZE, 1), (PIECE_SIZE + 1, 2), (3 * PIECE_SIZE, 3), (MESSAGE_LIMIT, 256)],
)
def test_round_trip(size: int, number: int) -> None:
    message = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assembler = Assembler()
    received = cut(message, transfer=7)
    assert len(received) == number
    assert [piece.up for piece in received] == [*range(number)]
    assert {piece.transfer for piece in received} == {7}
    assert [assembler.take(piece) for piece in received] == [None] * (number - 1) + [message]
    # And the same number again, for another message.
    assert assembler.take(Piece(0, 7, last=True, data=b"next")) == b"next"


@given(st.data())
def test_messages_side_by_side(data: st.DataObject) -> None:
    messages = data.draw(
        st.lists(st.lists(st.binary(max_size=4), min_size=1, max_size=4), max_size=OPEN_TRANSFERS)
    )
    waiting = {
        transfer: [
            Piece(0, transfer, last=place == len(parts), data=part)
            for place, part in enumerate(parts, 1)
        ]
        for transfer, parts in enumerate(messages)
    }
    assembler = Assembler()
    finished = {}
    while waiting:
        transfer = data.draw(st.sampled_from(sorted(waiting)))
        message = assembler.take(waiting[transfer].pop(0))
        if not waiting[transfer]:
            finished[transfer] = message
            del waiting[transfer]
        else:
            assert message is None
    assert finished == {place: b"".join(parts) for place, parts in enumerate(messages)}


def test_too_long_is_said_once_and_the_rest_thrown_away() -> None:
    assembler = Assembler(limit=4)
    assert assembler.take(Piece(0, 1, last=False, data=b"1234")) is None
    with fails(Failure.TOO_LARGE):
        assembler.take(Piece(0, 1, last=False, data=b"5"))
    assert assembler.take(Piece(0, 1, last=False, data=b"6")) is None
    assert assembler.take(Piece(0, 1, last=True, data=b"7")) is None
    assert assembler.take(Piece(0, 1, last=True, data=b"next")) == b"next"


def test_too_long_with_its_last_piece() -> None:
    assembler = Assembler(limit=4)
    with fails(Failure.TOO_LARGE):
        assembler.take(Piece(0, 1, last=True, data=b"12345"))
    assert assembler.take(Piece(0, 1, last=True, data=b"1234")) == b"1234"


def test_one_transfer_too_many_is_against_the_rules() -> None:
    assembler = Assembler()
    for transfer in range(OPEN_TRANSFERS):
        assert assembler.take(Piece(0, transfer, last=False, data=b"begun ")) is None
    with fails(Failure.OUT_OF_ORDER):
        assembler.take(Piece(0, OPEN_TRANSFERS, last=False, data=b"begun "))
    assert assembler.take(Piece(0, 1, last=True, data=b"done")) == b"begun done"


@given(
    st.lists(st.builds(Piece, st.just(0), st.integers(0, 9), st.booleans(), st.binary(max_size=9)))
)
def test_memory_is_bounded_whatever_comes(received: list[Piece]) -> None:
    assembler = Assembler(limit=20)
    for piece in received:
        try:
            assembler.take(piece)
        except SecurePairError as error:
            assert error.failure in {Failure.TOO_LARGE, Failure.OUT_OF_ORDER}  # noqa: PT017
        assert len(assembler._open) <= OPEN_TRANSFERS
        assert all(len(message or b"") <= 20 for message in assembler._open.values())
