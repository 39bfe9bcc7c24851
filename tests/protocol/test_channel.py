"""The encrypted channel (docs/protocol.md, section 7)."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_pair_protocol import channel as channel_module
from secure_pair_protocol.channel import PLAINTEXT_LIMIT, RECORDS_PER_KEY, Channel
from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.errors import Failure
from secure_pair_protocol.framing import RECORD_LIMIT, FrameReader
from secure_pair_protocol.keys import TrafficKeys

from .failing import fails
from .roles import secret

TRAFFIC = TrafficKeys(secret("t"), secret("d"))


class Ends(NamedTuple):
    terminal: Channel
    device: Channel


def ends() -> Ends:
    return Ends(Channel.of_terminal(TRAFFIC), Channel.of_device(TRAFFIC))


def record(frame: bytes) -> bytes:
    """Return the payload of exactly one frame."""
    reader = FrameReader()
    reader.limit = RECORD_LIMIT
    reader.feed(frame)
    payload = reader.next()
    assert payload is not None
    assert reader.next() is None
    return payload


def records(channel: Channel, *plaintexts: bytes) -> list[bytes]:
    return [record(channel.seal(plaintext)) for plaintext in plaintexts]


def assert_ended(channel: Channel, record: bytes) -> None:
    """Hold that a record fails, and that nothing works any more."""
    for _ in range(2):
        with fails(Failure.RECORD_FAILED):
            channel.open(record)
    with fails(Failure.RECORD_FAILED):
        channel.seal(b"")


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=100)), max_size=20))
def test_both_directions_interleaved(messages: list[tuple[bool, bytes]]) -> None:
    terminal, device = ends()
    for to_device, plaintext in messages:
        sender, receiver = (terminal, device) if to_device else (device, terminal)
        frame = sender.seal(plaintext)
        assert plaintext not in frame or len(plaintext) < 4
        assert receiver.open(record(frame)) == plaintext


def test_directions_have_different_keys() -> None:
    terminal, device = ends()
    to_device = record(terminal.seal(b"the same"))
    assert to_device != record(device.seal(b"the same"))
    # A record that is sent back to where it came from.
    assert_ended(terminal, to_device)


def test_connections_have_different_keys() -> None:
    other = TrafficKeys(secret("u"), secret("e"))
    assert_ended(Channel.of_device(other), record(ends().terminal.seal(b"")))


def lost(sent: list[bytes]) -> bytes:
    return sent[2]


def repeated(sent: list[bytes]) -> bytes:
    return sent[0]


def truncated(sent: list[bytes]) -> bytes:
    return sent[1][:-1]


def extended(sent: list[bytes]) -> bytes:
    return sent[1] + b"\0"


def without_tag(sent: list[bytes]) -> bytes:
    return sent[1][:-16]


def nothing(sent: list[bytes]) -> bytes:
    return b""


@pytest.mark.parametrize("second", [lost, repeated, truncated, extended, without_tag, nothing])
def test_second_record_that_is_not_the_one_sent(second: Callable[[list[bytes]], bytes]) -> None:
    """Lost and reordered are the same to a receiver: the third comes as the second."""
    terminal, device = ends()
    sent = records(terminal, b"first", b"second", b"third")
    assert device.open(sent[0]) == b"first"
    assert_ended(device, second(sent))
    # Nor does the right one come too late to be refused.
    assert_ended(device, sent[1])


def test_every_flipped_bit_is_noticed() -> None:
    sent = record(ends().terminal.seal(b"unlock"))
    for bit in range(8 * len(sent)):
        altered = bytearray(sent)
        altered[bit // 8] ^= 1 << bit % 8
        with fails(Failure.RECORD_FAILED):
            ends().device.open(bytes(altered))


# Sizes


def test_largest_plaintext() -> None:
    terminal, device = ends()
    plaintext = b"x" * PLAINTEXT_LIMIT
    sent = record(terminal.seal(plaintext))
    assert len(sent) == RECORD_LIMIT
    assert device.open(sent) == plaintext


def test_too_large_plaintext_is_refused_before_anything_is_sent() -> None:
    terminal, device = ends()
    with fails(Failure.TOO_LARGE):
        terminal.seal(b"x" * (PLAINTEXT_LIMIT + 1))
    # No counter was used up.
    assert device.open(record(terminal.seal(b"next"))) == b"next"


def test_empty_plaintext() -> None:
    terminal, device = ends()
    assert device.open(record(terminal.seal(b""))) == b""


# Key update


def test_key_follows_key_after_2_to_the_20_records() -> None:
    """Against the bare primitives, from the last record of the first key on."""
    terminal, device = ends()
    for direction in (terminal._send, device._receive):
        direction._counter = 2**20 - 1
    sent = records(terminal, b"last", b"first", b"second")
    assert [device.open(each) for each in sent] == [b"last", b"first", b"second"]

    first_key = TRAFFIC.terminal_to_device
    second_key = PRIMITIVES.expand(first_key, "next", b"")
    for each, key, counter, plaintext in (
        (sent[0], first_key, 2**20 - 1, b"last"),
        (sent[1], second_key, 0, b"first"),
        (sent[2], second_key, 1, b"second"),
    ):
        nonce = bytes(4) + counter.to_bytes(8)
        assert AESGCM(key.reveal()).decrypt(nonce, each, None) == plaintext


def test_one_direction_moves_on_by_itself() -> None:
    terminal, device = ends()
    for direction in (terminal._send, device._receive):
        direction._counter = RECORDS_PER_KEY
    assert device.open(record(terminal.seal(b"there"))) == b"there"
    back = record(device.seal(b"and back"))
    assert terminal.open(back) == b"and back"
    nonce, key = bytes(12), TRAFFIC.device_to_terminal.reveal()
    assert AESGCM(key).decrypt(nonce, back, None) == b"and back"


def test_record_of_the_former_key_is_not_accepted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "RECORDS_PER_KEY", 2)
    terminal, device = ends()
    sent = records(terminal, b"0", b"1")
    for each in sent:
        device.open(each)
    assert_ended(device, sent[0])


def test_no_nonce_is_used_twice_with_one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[tuple[bytes, bytes]] = []

    class Recording:
        def __init__(self, key: bytes) -> None:
            self._key, self._cipher = key, AESGCM(key)

        def encrypt(self, nonce: bytes, plaintext: bytes, aad: None) -> bytes:
            used.append((self._key, nonce))
            return self._cipher.encrypt(nonce, plaintext, aad)

        decrypt = property(lambda self: self._cipher.decrypt)

    monkeypatch.setattr(channel_module, "AESGCM", Recording)
    monkeypatch.setattr(channel_module, "RECORDS_PER_KEY", 5)
    terminal, device = ends()
    for number in range(23):
        plaintext = number.to_bytes()
        assert device.open(record(terminal.seal(plaintext))) == plaintext
        assert terminal.open(record(device.seal(plaintext))) == plaintext
        with fails(Failure.TOO_LARGE):
            terminal.seal(bytes(PLAINTEXT_LIMIT + 1))
    assert len(used) == len(set(used)) == 46
    assert len({key for key, _ in used}) == 10
