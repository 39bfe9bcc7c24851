"""Every message before the channel is encrypted (docs/protocol.md, section 2)."""

import threading
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.framing import HANDSHAKE_LIMIT
from secure_pair_protocol.messages import (
    AuthenticationRequest,
    Challenge,
    ChallengeResponse,
    DeviceKey,
    Error,
    Greeting,
    Identify,
    Message,
    Resume,
    ResumeAnswer,
    ResumeConfirmation,
    TerminalConfirmation,
    decode,
    decode_any,
    encode,
)

from .failing import fails

LONGEST_ID = "~" * 64

MESSAGES: tuple[Message, ...] = (
    Greeting((1, 2, 255), LONGEST_ID, b"r" * 16),
    AuthenticationRequest(0, b"t" * 16),
    Challenge("!", b"d" * 32, b"i" * 8, "", "n" * 64),
    ChallengeResponse(b"F" * 72, b"k" * 32),
    DeviceKey(b"k" * 32, b"c" * 32),
    TerminalConfirmation(b"c" * 32),
    Resume(255, b"s" * 16, b"k" * 32, b"b" * 32),
    ResumeAnswer(b"k" * 32, b"c" * 32),
    ResumeConfirmation(b"c" * 32),
    Identify(),
    Error("c" * 64),
)
each_message = pytest.mark.parametrize(
    "message", MESSAGES, ids=lambda message: type(message).__name__
)

DEEP = HANDSHAKE_LIMIT - 8
HOSTILE = (
    # Nested as deep as a frame allows: in the place of a message, a field, a field too many.
    b"\x91" * HANDSHAKE_LIMIT,
    b"\x81" * HANDSHAKE_LIMIT,
    b"\x92\x7f" + b"\x91" * DEEP,
    b"\x93\x7f\xa1a" + b"\x91" * DEEP + b"\xc0",
    b"\x93\x7f\xa1a" + b"\x81\xc0" * (DEEP // 2) + b"\xc0",
    # Lengths of gigabytes, in each place.
    b"\xdd\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff\x7f\xa1a",
    b"\xdf\xff\xff\xff\xff",
    b"\x94\x00\xdd\xff\xff\xff\xff",
    b"\x94\x00\xdd\x00\x00\xff\xff" + b"\x01" * 4000,
    b"\x93\x01\x01\xc6\xff\xff\xff\xff",
    b"\x92\x7f\xdb\xff\xff\xff\xff",
    b"\x93\x7f\xa1a\xdd\xff\xff\xff\xff",
    b"\x93\x7f\xa1a\xdf\xff\xff\xff\xff",
    b"\x93\x7f\xa1a\xc9\xff\xff\xff\xff\x01",
    # No UTF-8, no message of this number, no MessagePack.
    b"\x92\x7f\xa1\xff",
    b"\x92\x7f\xa3\xed\xa0\x80",
    b"\x91\x0a",
    b"\x91\xff",
    b"\xc1",
    b"",
)


def altered(message: Message) -> st.SearchStrategy[bytes]:
    """Return the message with a few bytes that are not its own."""
    payload = encode(message)
    places = st.dictionaries(
        st.integers(0, len(payload) - 1), st.integers(0, 255), min_size=1, max_size=3
    )

    def put(bytes_at: dict[int, int]) -> bytes:
        return bytes(bytes_at.get(place, byte) for place, byte in enumerate(payload))

    return places.map(put)


def assert_decodes_or_fails(payload: bytes) -> None:
    """Hold that nothing but a message or a SecurePairError comes of it."""
    try:
        message = decode_any(payload)
    except SecurePairError as error:
        assert error.failure is Failure.MALFORMED  # noqa: PT017
    else:
        assert decode_any(encode(message)) == message


@given(st.binary(max_size=200) | st.sampled_from(MESSAGES).flatmap(altered))
def test_any_bytes_are_a_message_or_malformed(payload: bytes) -> None:
    assert_decodes_or_fails(payload)


@pytest.mark.parametrize("payload", HOSTILE, ids=lambda payload: payload[:12].hex() or "nothing")
def test_hostile_bytes_cost_little(payload: bytes) -> None:
    tracemalloc.start()
    try:
        assert_decodes_or_fails(payload)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(payload) + 8192


def test_nesting_does_not_overflow_the_stack_of_a_thread() -> None:
    """A stack too short for Python to go on is a malformed message too, not a crash."""
    results: list[object] = []

    def decode_all() -> None:
        for payload in HOSTILE:
            assert_decodes_or_fails(payload)
        results.append(None)

    before = threading.stack_size(128 * 1024)
    try:
        thread = threading.Thread(target=decode_all)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert results == [None]


# Form


@each_message
def test_round_trip(message: Message) -> None:
    payload = encode(message)
    assert decode(type(message), payload) == message
    assert len(payload) <= HANDSHAKE_LIMIT


@each_message
def test_payload_is_number_and_fields(message: Message) -> None:
    number, *fields = msgspec.msgpack.decode(encode(message))
    assert number == message.__struct_config__.tag
    assert tuple(fields) == tuple(
        list(value) if isinstance(value, tuple) else value
        for value in (getattr(message, name) for name in message.__struct_fields__)
    )


def test_numbers_are_those_of_the_table() -> None:
    assert [encode(message)[1] for message in MESSAGES] == [*range(10), 127]


@each_message
def test_only_the_kind_that_has_a_place(message: Message) -> None:
    for other in MESSAGES:
        if other is not message:
            with fails(Failure.OUT_OF_ORDER):
                decode(type(other), encode(message))


@each_message
def test_bytes_behind_a_message_are_malformed(message: Message) -> None:
    with fails(Failure.MALFORMED):
        decode_any(encode(message) + b"\xc0")


def wrong_values(value: object) -> list[object]:
    """Return values of another type or size than this one of the largest size."""
    match value:
        case bytes():
            return [b"", value[:-1], value + b"\0", value.decode(), list(value), None, 1]
        case str():
            return ["x" * 65, value.encode(), [value], None, 1]
        case int():
            return [-1, 256, 2**64 - 1, 1.0, True, "1", b"\1", None]
        case [*_]:
            return [[], list(range(17)), [256], [-1], ["1"], 1, None, {}]
    raise TypeError(value)


@each_message
def test_wrong_fields(message: Message) -> None:
    fields = msgspec.msgpack.decode(encode(message))
    assert len(fields) > 1 or isinstance(message, Identify)
    for place, value in enumerate(fields[1:], 1):
        for wrong in wrong_values(value):
            payload = msgspec.msgpack.encode([*fields[:place], wrong, *fields[place + 1 :]])
            with fails(Failure.MALFORMED):
                decode_any(payload)
        with fails(Failure.MALFORMED):
            decode_any(msgspec.msgpack.encode(fields[:place]))


@each_message
def test_fields_of_a_later_version_are_ignored(message: Message) -> None:
    """Tolerated on purpose: what is hashed are the bytes on the wire, with them in it."""
    fields = msgspec.msgpack.decode(encode(message))
    for further in (None, 1, "later", b"later", [1, [2]], {"later": 1}):
        payload = msgspec.msgpack.encode([*fields, further, further])
        assert decode(type(message), payload) == message


def device_ids(device_id: Any) -> list[bytes]:
    """Return the two messages that carry a device id, with this one."""
    return [
        msgspec.msgpack.encode([0, [1], device_id, bytes(16)]),
        msgspec.msgpack.encode([2, device_id, bytes(32), bytes(8), "", ""]),
    ]


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64))
@example("!")
@example(LONGEST_ID)
def test_device_id(device_id: str) -> None:
    for payload in device_ids(device_id):
        message = decode_any(payload)
        assert isinstance(message, Greeting | Challenge)
        assert message.device_id == device_id


@pytest.mark.parametrize(
    "device_id",
    [
        "",
        "x" * 65,
        "a b",
        "ab ",
        "a\tb",
        "a\0",
        "\x7f",
        "ä",
        "\N{FULLWIDTH DIGIT ONE}",
        "\nab",
        "a\nb",
        "ab\n",
    ],
)
def test_no_device_id(device_id: str) -> None:
    for payload in device_ids(device_id):
        with fails(Failure.MALFORMED):
            decode_any(payload)


# Error, of one form for ever


def test_error_of_every_failure() -> None:
    for failure in Failure:
        code = failure.value.encode()
        assert len(code) <= 31
        payload = b"\x92\x7f" + bytes([0xA0 | len(code)]) + code
        assert encode(Error(failure)) == payload
        assert decode(Error, payload).code == failure


@pytest.mark.parametrize(
    "payload",
    [
        b"\x92\x7f\xa4busy",
        b"\x92\x7f\xd9\x04busy",
        b"\x92\x7f\xda\x00\x04busy",
        b"\x92\x7f\xdb\x00\x00\x00\x04busy",
    ],
)
def test_error_in_every_way_to_write_a_text(payload: bytes) -> None:
    assert decode_any(payload) == Error("busy")


def test_error_with_a_code_of_another_version() -> None:
    assert decode_any(b"\x92\x7f\xa3\xe2\x82\xac") == Error("€")
