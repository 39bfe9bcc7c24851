"""Every message of the negotiation and the resumption (docs/protocol.md, sections 4 and 5).

The payload of a frame is one MessagePack array: the number of the message, then its fields
in the order that they have here.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from .errors import UNDECODABLE, Failure, SecurePairError

VERSION = 1
"""The one version that both ends know: it names all algorithms."""

FIRST_ENCRYPTED_DATA_SIZE = 72
"""Nonce, then first data, epoch and lifetime, sealed."""

type DeviceId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[!-~]+\Z")]
type TerminalId = Annotated[bytes, Meta(min_length=16, max_length=16)]
type SessionId = Annotated[bytes, Meta(min_length=16, max_length=16)]
type PublicKey = Annotated[bytes, Meta(min_length=32, max_length=32)]
type Tag = Annotated[bytes, Meta(min_length=32, max_length=32)]
type FirstData = Annotated[bytes, Meta(min_length=32, max_length=32)]
type Installation = Annotated[bytes, Meta(min_length=8, max_length=8)]
type FirstEncryptedData = Annotated[
    bytes, Meta(min_length=FIRST_ENCRYPTED_DATA_SIZE, max_length=FIRST_ENCRYPTED_DATA_SIZE)
]
type Version = Annotated[int, Meta(ge=0, le=255)]
type DisplayText = Annotated[str, Meta(max_length=64)]


class Message(Struct, frozen=True, array_like=True):
    """A message before the channel is encrypted."""


class Greeting(Message, frozen=True, tag=0):
    """0, D to T, at once: which device this is, and freshness for a resumption."""

    versions: Annotated[tuple[Version, ...], Meta(min_length=1, max_length=16)]
    device_id: DeviceId
    random: Annotated[bytes, Meta(min_length=16, max_length=16)]


class AuthenticationRequest(Message, frozen=True, tag=1):
    """m1, T to D."""

    version: Version
    terminal_id: TerminalId


class Challenge(Message, frozen=True, tag=2):
    """m2, D to T: the first data and the device identification."""

    device_id: DeviceId
    first_data: FirstData
    installation: Installation
    model: DisplayText
    name: DisplayText


class ChallengeResponse(Message, frozen=True, tag=3):
    """m5, T to D: the first encrypted data and the first public key."""

    first_encrypted_data: FirstEncryptedData
    first_public_key: PublicKey


class DeviceKey(Message, frozen=True, tag=4):
    """m6, D to T: the device public key, and the proof that it is the device's."""

    device_public_key: PublicKey
    confirmation: Tag


class TerminalConfirmation(Message, frozen=True, tag=5):
    """m7, T to D: the terminal has the same key, and has stored it."""

    confirmation: Tag


class Resume(Message, frozen=True, tag=6):
    """r1, T to D: a later connection of a session that both know."""

    version: Version
    session_id: SessionId
    public_key: PublicKey
    binder: Tag


class ResumeAnswer(Message, frozen=True, tag=7):
    """r2, D to T."""

    public_key: PublicKey
    confirmation: Tag


class ResumeConfirmation(Message, frozen=True, tag=8):
    """r3, T to D: only after it does the device send or act on anything."""

    confirmation: Tag


class Identify(Message, frozen=True, tag=9):
    """T to D, before pairing: show which device you are; one signal in 10 s."""


class Error(Message, frozen=True, tag=127):
    """Either way: a refusal with its code. Of this form in every version, for ever."""

    code: Annotated[str, Meta(max_length=64)]


type AnyMessage = (
    Greeting
    | AuthenticationRequest
    | Challenge
    | ChallengeResponse
    | DeviceKey
    | TerminalConfirmation
    | Resume
    | ResumeAnswer
    | ResumeConfirmation
    | Identify
    | Error
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)


def encode(message: Message) -> bytes:
    """Return the payload of the message's frame."""
    return _encoder.encode(message)


def decode_any(payload: bytes) -> AnyMessage:
    """Return whatever message it is; raises SecurePairError (malformed)."""
    try:
        return _decoder.decode(payload)
    except UNDECODABLE as error:
        raise SecurePairError(Failure.MALFORMED) from error


def decode[M: Message](kind: type[M], payload: bytes) -> M:
    """Return the message of the one kind that has a place here.

    Raises SecurePairError (malformed, out_of_order).
    """
    message = decode_any(payload)
    if not isinstance(message, kind):
        raise SecurePairError(Failure.OUT_OF_ORDER, type(message).__name__)
    return message
