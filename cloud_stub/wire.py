"""The bodies of requests and answers: JSON (docs/protocol.md, section 11)."""

from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
)

from secure_pair_protocol.crypto import KEY_SIZE
from secure_pair_protocol.framing import HANDSHAKE_LIMIT
from secure_pair_protocol.secret import Secret

from . import base64url


def _secret32(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    secret = base64url.decode(value)
    if len(secret) != KEY_SIZE:
        raise ValueError(f"not {KEY_SIZE} bytes")
    return Secret(secret)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else base64url.decode(value)


def _reveal(secret: Secret) -> str:
    return base64url.encode(secret.reveal())


type Bytes = Annotated[
    bytes,
    BeforeValidator(_bytes),
    PlainSerializer(base64url.encode, return_type=str),
]
type Secret32 = Annotated[
    Secret, PlainValidator(_secret32), PlainSerializer(_reveal, return_type=str)
]
type Payload = Annotated[Bytes, Field(min_length=1, max_length=HANDSHAKE_LIMIT)]
type PublicKey = Annotated[Bytes, Field(min_length=32, max_length=32)]
type DeviceId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern="^[!-~]+$"),
]


class Body(BaseModel):
    """Members that this version does not know are passed over."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class AuthorizeRequest(Body):
    """Step 3, T to C: both messages as they were sent and received."""

    m1: Payload
    m2: Payload
    first_public_key: PublicKey


class AuthorizeAnswer(Body):
    """Step 4, C to T."""

    first_encrypted_data: Bytes
    ticket_key: Secret32
    lifetime: int
    """Seconds of the device's powered time; 0: no end."""


class ClaimRequest(Body):
    """Before the first authorization of a device with a label."""

    device_id: DeviceId
    claim_proof: Secret32


class ClaimAnswer(Body):
    """The device is the account's."""

    device_id: DeviceId


class TerminalAnswer(Body):
    """Whom the token was issued to."""

    terminal_id: Bytes
    account: str


class HealthAnswer(Body):
    """The service works, and so does its database."""

    status: str
