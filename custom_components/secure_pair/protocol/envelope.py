"""What travels inside the channel, once it is encrypted (docs/protocol.md, section 8).

A record's plaintext is one MessagePack array: the number of the message, then its fields.
Entities, states, actions and events travel undecoded (`Raw`), so that one that is unknown
or wrong costs only itself.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from .errors import UNDECODABLE, Failure, SecurePairError
from .messages import TerminalId

PING_SECONDS = 30
"""How often the terminal pings."""

DEAD_SECONDS = 90
"""After so long without a record a connection is dead."""

PIECE_SIZE = 16 * 1024
"""What a longer message is cut into, in bytes."""

PARTS = 4096
"""How many entities, further devices or states one message holds at most: each costs the
reader some seventy bytes, however short it is on the wire."""

type Number = Annotated[int, Meta(ge=0, lt=1 << 32)]
type Milliseconds = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
type Boot = Annotated[bytes, Meta(min_length=8, max_length=8)]
type CommandId = Annotated[bytes, Meta(min_length=16, max_length=16)]
type EntityKey = Annotated[str, Meta(pattern=r"\A[a-z0-9_]{1,64}\Z")]
type Text = Annotated[str, Meta(max_length=255)]
type Parts = Annotated[tuple[Raw, ...], Meta(max_length=PARTS)]


class Result(StrEnum):
    """What became of a command."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    VOID = "void"
    """It did not run, and never will."""
    RESTARTED = "restarted"
    """The device has started anew since; this id is not carried out any more."""
    UNKNOWN = "unknown"
    """Too long ago: it may have run."""
    BUSY = "busy"
    """Not now; the same bytes may be sent again."""


class DeviceInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the device says of itself; a map."""

    model: Text
    name: Text
    manufacturer: Text | None = None
    firmware: Text | None = None
    hardware: Text | None = None
    serial: Text | None = None


class FurtherDevice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A device behind this one, or a logical part of it; a map."""

    key: EntityKey
    """Unique in the device, and the same for ever; entities name it."""
    part: bool = False
    """A part has no firmware of its own; else it is a device that this one is the way to."""
    name: Text
    model: Text | None = None
    manufacturer: Text | None = None
    firmware: Text | None = None
    hardware: Text | None = None
    serial: Text | None = None


class NoticeKind(StrEnum):
    """What may happen to a device's terminals."""

    PAIRED = "paired"
    REVOKED = "revoked"
    UNPAIRED = "unpaired"


class Terminal(Struct, frozen=True, array_like=True):
    """A terminal that is paired with the device; an array."""

    terminal_id: TerminalId
    connected: bool
    remaining: Annotated[int, Meta(ge=0)] | None
    """Seconds of powered time left in its session's lifetime; nil: no end."""


class FromDevice(Struct, frozen=True, array_like=True):
    """A message of the device. `up`: milliseconds since its start, monotonic."""

    up: Milliseconds


class Welcome(FromDevice, frozen=True, tag=0):
    """The first record of a connection."""

    boot: Boot
    """Drawn at each start of the device."""
    remaining: Annotated[int, Meta(ge=0)] | None
    """Seconds of powered time left in the session's lifetime; nil: no end."""


class Description(FromDevice, frozen=True, tag=1):
    """The device and all of its entities, after each connection and each change."""

    device: DeviceInfo
    entities: Parts
    devices: Parts = ()
    """Each a FurtherDevice."""


class States(FromDevice, frozen=True, tag=2):
    """New states; `full`: of every entity, after each Description."""

    full: bool
    states: Parts


class Outcome(FromDevice, frozen=True, tag=3):
    """What became of a command: at once when it was accepted, again when it ended."""

    id: CommandId
    result: Result
    code: Text | None = None
    """Why it failed, as a key for a translated text."""
    text: Text | None = None
    """Why it failed, in the device's words."""


class Event(FromDevice, frozen=True, tag=4):
    """Something happened, once."""

    event: Raw


class Pong(FromDevice, frozen=True, tag=5):
    """The answer to a ping; also sent by itself, that `up` is never older than 60 s."""


class Unpaired(FromDevice, frozen=True, tag=6):
    """The session is forgotten; the connection ends."""


class Closing(FromDevice, frozen=True, tag=7):
    """The device ends the connection on purpose."""

    code: Text | None = None


class Piece(FromDevice, frozen=True, tag=8):
    """A part of a message that is longer than a piece; others may go in between."""

    transfer: Number
    """Which message it belongs to; its pieces come in their order."""
    last: bool
    data: Annotated[bytes, Meta(max_length=PIECE_SIZE)]


class Answer(FromDevice, frozen=True):
    """The answer to one request."""

    request: Number


class Picture(Answer, frozen=True, tag=9):
    """The answer to PictureRequest; without data: there is none at the moment."""

    content_type: Text
    data: bytes


class Terminals(Answer, frozen=True, tag=10):
    """The answer to ListTerminals and RevokeTerminal: who is paired now."""

    terminals: tuple[Terminal, ...]
    code: Text | None = None
    """Why a terminal could not be revoked."""


class Notice(FromDevice, frozen=True, tag=11):
    """Something that the owner's other terminals should know of."""

    what: NoticeKind
    terminal_id: TerminalId


class FromTerminal(Struct, frozen=True, array_like=True):
    """A message of the terminal."""


class Stamped(FromTerminal, frozen=True):
    """A command, or a question about it: these fields are fixed for ever with the id."""

    id: CommandId
    boot: Boot
    born: Milliseconds
    """In the device's `up`: when the user wished it."""
    entity: EntityKey
    action: Raw


class Command(Stamped, frozen=True, tag=0):
    """Reach this state, at most once."""


class Question(Stamped, frozen=True, tag=1):
    """What became of this command? If it is not known, it shall never run."""


class Ping(FromTerminal, frozen=True, tag=2):
    """Ask for a sign of life."""


class Unpair(FromTerminal, frozen=True, tag=3):
    """Forget this terminal's session."""


class Close(FromTerminal, frozen=True, tag=4):
    """The terminal ends the connection on purpose."""


class Request(FromTerminal, frozen=True):
    """Something that has one answer; the terminal counts its requests."""

    request: Number


class PictureRequest(Request, frozen=True, tag=5):
    """Send one picture of a camera."""

    entity: EntityKey


class ListTerminals(Request, frozen=True, tag=6):
    """Say who is paired."""


class RevokeTerminal(Request, frozen=True, tag=7):
    """Forget a terminal, and refuse it until the owner epoch rises."""

    terminal_id: TerminalId


type AnyFromDevice = (
    Welcome
    | Description
    | States
    | Outcome
    | Event
    | Pong
    | Unpaired
    | Closing
    | Piece
    | Picture
    | Terminals
    | Notice
)
type AnyFromTerminal = (
    Command | Question | Ping | Unpair | Close | PictureRequest | ListTerminals | RevokeTerminal
)

_encoder = msgspec.msgpack.Encoder()
_from_device: msgspec.msgpack.Decoder[AnyFromDevice] = msgspec.msgpack.Decoder(AnyFromDevice)
_from_terminal: msgspec.msgpack.Decoder[AnyFromTerminal] = msgspec.msgpack.Decoder(AnyFromTerminal)

encode = _encoder.encode


def decode_from_device(plaintext: bytes) -> AnyFromDevice:
    """Return the device's message; raises SecurePairError (malformed)."""
    return _decode(_from_device, plaintext)


def decode_from_terminal(plaintext: bytes) -> AnyFromTerminal:
    """Return the terminal's message; raises SecurePairError (malformed)."""
    return _decode(_from_terminal, plaintext)


def _decode[M](decoder: msgspec.msgpack.Decoder[M], plaintext: bytes) -> M:
    try:
        return decoder.decode(plaintext)
    except UNDECODABLE as error:
        raise SecurePairError(Failure.MALFORMED) from error
