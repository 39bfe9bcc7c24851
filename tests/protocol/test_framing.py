"""Frames (docs/protocol.md, section 2)."""

from collections.abc import Iterator
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.framing import HANDSHAKE_LIMIT, RECORD_LIMIT, FrameReader, frame

from .failing import fails

payloads = st.lists(st.binary(min_size=1, max_size=300), max_size=6)


def drained(reader: FrameReader) -> Iterator[bytes]:
    while (payload := reader.next()) is not None:
        yield payload


def test_frame_is_length_and_payload() -> None:
    assert frame(b"abc") == b"\x00\x03abc"
    assert frame(bytes(RECORD_LIMIT))[:2] == b"\xff\xff"


@given(payloads, st.data())
def test_any_cutting_gives_the_same_payloads(payloads: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(frame, payloads))
    places = st.lists(st.integers(0, len(stream)), max_size=10).map(sorted)
    cuts = [0, *data.draw(places), len(stream)]
    ends = {0, *accumulate(2 + len(payload) for payload in payloads)}
    reader = FrameReader()
    received: list[bytes] = []
    for start, end in pairwise(cuts):
        reader.feed(stream[start:end])
        received += drained(reader)
        assert reader.is_unfinished == (end not in ends)
    assert received == payloads


def test_byte_by_byte() -> None:
    reader = FrameReader()
    received = []
    for byte in frame(b"first") + frame(b"second"):
        reader.feed(bytes([byte]))
        received.append(list(drained(reader)))
    assert [each for each in received if each] == [[b"first"], [b"second"]]
    assert received.index([b"first"]) == 6


@pytest.mark.parametrize("limit", [HANDSHAKE_LIMIT, RECORD_LIMIT, 1])
def test_largest_payload(limit: int) -> None:
    reader = FrameReader()
    reader.limit = limit
    reader.feed(frame(bytes(limit)))
    assert reader.next() == bytes(limit)


def test_begins_with_the_limit_of_the_handshake() -> None:
    assert HANDSHAKE_LIMIT == 4096
    assert FrameReader().limit == HANDSHAKE_LIMIT


@pytest.mark.parametrize("limit", [HANDSHAKE_LIMIT, 1])
def test_too_large_frame_is_refused_at_its_length(limit: int) -> None:
    reader = FrameReader()
    reader.limit = limit
    reader.feed((limit + 1).to_bytes(2))
    with fails(Failure.TOO_LARGE):
        reader.next()


def test_empty_frame() -> None:
    reader = FrameReader()
    reader.feed(b"\0\0")
    with fails(Failure.MALFORMED):
        reader.next()


@pytest.mark.parametrize("bad", [b"\0\0", b"\xff\xff"])
def test_payloads_before_a_bad_frame_are_read_and_none_behind_it(bad: bytes) -> None:
    reader = FrameReader()
    reader.feed(frame(b"good") + bad + frame(b"behind"))
    assert reader.next() == b"good"
    for _ in range(3):
        with fails(Failure.MALFORMED, Failure.TOO_LARGE):
            reader.next()


def test_limit_counts_from_the_next_frame_on() -> None:
    reader = FrameReader()
    reader.feed(frame(b"the last of the handshake") + frame(bytes(HANDSHAKE_LIMIT + 1)))
    assert reader.next() == b"the last of the handshake"
    reader.limit = RECORD_LIMIT
    assert reader.next() == bytes(HANDSHAKE_LIMIT + 1)


@given(st.lists(st.binary(min_size=1, max_size=64), max_size=60), st.integers(1, 100))
def test_keeps_at_most_one_unfinished_frame(chunks: list[bytes], limit: int) -> None:
    """Whatever comes, as long as it is read before more is fed."""
    reader = FrameReader()
    reader.limit = limit
    for chunk in chunks:
        reader.feed(chunk)
        try:
            for payload in drained(reader):
                assert 1 <= len(payload) <= limit
        except SecurePairError:
            return
        assert len(reader._buffer) < 2 + limit
