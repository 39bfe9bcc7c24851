"""What comes out of the channel is somebody else's, too (docs/protocol.md, section 8)."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from secure_pair_protocol import envelope
from secure_pair_protocol.envelope import (
    PIECE_SIZE,
    AnyFromDevice,
    AnyFromTerminal,
    Close,
    Closing,
    Command,
    Description,
    DeviceInfo,
    Event,
    FromDevice,
    FromTerminal,
    ListTerminals,
    Notice,
    NoticeKind,
    Outcome,
    Picture,
    PictureRequest,
    Piece,
    Ping,
    Pong,
    Question,
    Result,
    RevokeTerminal,
    States,
    Terminal,
    Terminals,
    Unpair,
    Unpaired,
    Welcome,
    decode_from_device,
    decode_from_terminal,
)
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.framing import RECORD_LIMIT

from .failing import fails

UP = 2**63 - 1
RAW = Raw(msgspec.msgpack.encode({"key": "lock"}))
STAMP = (b"c" * 16, b"b" * 8, UP, "lock", RAW)

FROM_DEVICE: tuple[FromDevice, ...] = (
    Welcome(0, b"b" * 8, None),
    Welcome(UP, b"b" * 8, 2**32 - 1),
    Description(0, DeviceInfo(model="m" * 255, name=""), (RAW, RAW)),
    States(0, full=True, states=()),
    Outcome(0, b"c" * 16, Result.FAILED, "jammed", "t" * 255),
    Outcome(0, b"c" * 16, Result.VOID),
    Event(0, RAW),
    Pong(0),
    Unpaired(0),
    Closing(0, "busy"),
    Piece(0, 2**32 - 1, last=True, data=bytes(PIECE_SIZE)),
    Picture(0, 1, "image/jpeg", b""),
    Terminals(0, 1, (Terminal(b"t" * 16, connected=True, remaining=None),), "storage_failed"),
    Notice(0, NoticeKind.REVOKED, b"t" * 16),
)
FROM_TERMINAL: tuple[FromTerminal, ...] = (
    Command(*STAMP),
    Question(*STAMP),
    Ping(),
    Unpair(),
    Close(),
    PictureRequest(1, "camera"),
    ListTerminals(2**32 - 1),
    RevokeTerminal(1, b"t" * 16),
)

type Decode = Callable[[bytes], AnyFromDevice | AnyFromTerminal]
each_decoder = pytest.mark.parametrize("decode", [decode_from_device, decode_from_terminal])

DEEP = RECORD_LIMIT - 64
HOSTILE = (
    b"",
    b"\xc1",
    b"\x91" * RECORD_LIMIT,
    b"\x81" * RECORD_LIMIT,
    b"\xdd\xff\xff\xff\xff",
    # One of the entities, an action, a field too many: as deep as a record allows.
    b"\x94\x01\x00\x82\xa5model\xa0\xa4name\xa0\x91" + b"\x91" * DEEP + b"\xc0",
    b"\x96\x00\xc4\x10" + bytes(16) + b"\xc4\x08" + bytes(8) + b"\x00\xa1e" + b"\x91" * DEEP,
    b"\x93\x05\x00" + b"\x91" * DEEP + b"\xc0",
    # Lengths of gigabytes.
    b"\x94\x01\x00\x82\xa5model\xa0\xa4name\xa0\xdd\xff\xff\xff\xff",
    b"\x94\x01\x00\xdf\xff\xff\xff\xff",
    b"\x94\x02\x00\xc3\xdd\xff\xff\xff\xff" + b"\xc0" * 1000,
    b"\x96\x00\xc6\xff\xff\xff\xff",
    b"\x92\x7f\xdb\xff\xff\xff\xff",
)


@pytest.mark.parametrize("message", FROM_DEVICE, ids=lambda message: type(message).__name__)
def test_round_trip_from_device(message: FromDevice) -> None:
    assert decode_from_device(envelope.encode(message)) == message


@pytest.mark.parametrize("message", FROM_TERMINAL, ids=lambda message: type(message).__name__)
def test_round_trip_from_terminal(message: FromTerminal) -> None:
    assert decode_from_terminal(envelope.encode(message)) == message


def test_no_message_is_missing_here() -> None:
    for messages, union in ((FROM_DEVICE, AnyFromDevice), (FROM_TERMINAL, AnyFromTerminal)):
        assert {type(message) for message in messages} == {*union.__value__.__args__}


@each_decoder
@given(
    payload=st.binary(max_size=200)
    | st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers(-1, 300) | st.binary(max_size=17) | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
            max_leaves=6,
        ),
        max_size=7,
    ).map(msgspec.msgpack.encode)
)
def test_anything_is_a_message_or_malformed(decode: Decode, payload: bytes) -> None:
    try:
        decode(payload)
    except SecurePairError as error:
        assert error.failure is Failure.MALFORMED  # noqa: PT017


@each_decoder
@pytest.mark.parametrize("payload", HOSTILE, ids=lambda payload: payload[:12].hex() or "nothing")
def test_hostile_bytes(decode: Decode, payload: bytes) -> None:
    try:
        decode(payload)
    except SecurePairError as error:
        assert error.failure is Failure.MALFORMED  # noqa: PT017


@pytest.mark.parametrize("time", [-1, 2**63, 1.5, None])
def test_time_out_of_range(time: object) -> None:
    with fails(Failure.MALFORMED):
        decode_from_device(msgspec.msgpack.encode([5, time]))
    with fails(Failure.MALFORMED):
        decode_from_terminal(msgspec.msgpack.encode([0, bytes(16), bytes(8), time, "lock", {}]))


@pytest.mark.parametrize(
    "entity",
    [
        "",
        "Lock",
        "a b",
        "x" * 65,
        "a-b",
        "lock\n",
    ],
)
def test_no_entity_key(entity: str) -> None:
    for number in (0, 1):
        with fails(Failure.MALFORMED):
            decode_from_terminal(
                msgspec.msgpack.encode([number, bytes(16), bytes(8), 0, entity, {}])
            )


@pytest.mark.parametrize("place", ["entities", "devices", "states"])
def test_no_more_parts_than_a_reader_has_memory_for(place: str) -> None:
    """The shortest is one byte on the wire, and some seventy in memory."""

    def message(count: int) -> bytes:
        parts = (Raw(b"\xc0"),) * count
        if place == "states":
            return envelope.encode(States(0, full=True, states=parts))
        info = DeviceInfo(model="m", name="n")
        return envelope.encode(
            Description(0, info, parts) if place == "entities" else Description(0, info, (), parts)
        )

    decode_from_device(message(4096))
    with fails(Failure.MALFORMED):
        decode_from_device(message(4097))


def test_one_that_is_wrong_costs_only_itself() -> None:
    """Entities, states and actions are not looked into while the message is decoded."""
    wrong = Raw(msgspec.msgpack.encode([b"no", {"entity": None}]))
    description = Description(0, DeviceInfo(model="m", name="n"), (RAW, wrong, RAW))
    decoded = decode_from_device(envelope.encode(description))
    assert isinstance(decoded, Description)
    assert [bytes(entity) for entity in decoded.entities] == [
        bytes(entity) for entity in (RAW, wrong, RAW)
    ]
