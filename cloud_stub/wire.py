"""The bodies of requests and answers: JSON (docs/protocol.md, section 11)."""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

from secure_pair_protocol import base64url
from secure_pair_protocol.crypto import KEY_SIZE
from secure_pair_protocol.framing import HANDSHAKE_LIMIT
from secure_pair_protocol.secret import Secret

from .tables import DEVICE_ID_LENGTH, NAME_LENGTH

TERMINAL_ID_SIZE = 16
_LAST = {0: "", 1: "[AEIMQUYcgkosw048]", 2: "[AQgw]"}
"""Of a text for so many bytes short of a multiple of three: its last character."""


def _schema(size: int) -> WithJsonSchema:
    """Describe exactly `size` bytes."""
    last = _LAST[-size % 3]
    length = -(-size * 4 // 3) - bool(last)
    return WithJsonSchema({"type": "string", "pattern": f"^[A-Za-z0-9_-]{{{length}}}{last}$"})


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


def _printable(name: str) -> str:
    if not name.isprintable() or not name.strip():
        raise ValueError("not printable")
    return name


type Bytes = Annotated[
    bytes,
    BeforeValidator(_bytes),
    PlainSerializer(base64url.encode, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]*$"}),
]
type Secret32 = Annotated[
    Secret,
    PlainValidator(_secret32),
    PlainSerializer(_reveal, return_type=str),
    _schema(KEY_SIZE),
]
type Payload = Annotated[
    bytes,
    BeforeValidator(_bytes),
    Field(min_length=1, max_length=HANDSHAKE_LIMIT),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[A-Za-z0-9_-]+$",
            "minLength": 2,
            "maxLength": HANDSHAKE_LIMIT * 4 // 3 + 1,
        }
    ),
]
type PublicKey = Annotated[
    bytes, BeforeValidator(_bytes), Field(min_length=32, max_length=32), _schema(32)
]
type TerminalId = Annotated[
    bytes,
    BeforeValidator(_bytes),
    Field(min_length=TERMINAL_ID_SIZE, max_length=TERMINAL_ID_SIZE),
    PlainSerializer(base64url.encode, return_type=str),
    _schema(TERMINAL_ID_SIZE),
]
type DeviceId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=DEVICE_ID_LENGTH, pattern="^[!-~]+$"),
]
type Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=NAME_LENGTH),
    AfterValidator(_printable),
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

    terminal_id: TerminalId
    account: str


class TerminalEntry(Body):
    """One of the account's terminals."""

    terminal_id: TerminalId
    name: str
    revoked: bool


class TerminalsAnswer(Body):
    """All of the account's terminals."""

    terminals: list[TerminalEntry]


class IssueRequest(Body):
    """A new terminal."""

    name: Name


class IssuedAnswer(Body):
    """A terminal's token, which is shown this once."""

    terminal_id: TerminalId
    token: str


class DeviceEntry(Body):
    """One of the account's devices."""

    device_id: DeviceId
    model: str
    labelled: bool
    """Whether it has a label: its initial key can be exported with the setup code."""
    owner_epoch: int


class DevicesAnswer(Body):
    """A part of the account's devices, in the order of their ids."""

    devices: list[DeviceEntry]
    after: DeviceId | None
    """What to ask with for the next part; null: this was the last."""


class ReleaseRequest(Body):
    """The device is to be the account's no longer."""

    device_id: DeviceId


class ReleaseAnswer(Body):
    """The device has no owner."""

    device_id: DeviceId


class LogOutAnswer(Body):
    """Every session ends with its device's next negotiation."""

    devices: int
    """How many the account has."""


class ExportAnswer(Body):
    """A registration row: what another key service needs of the device."""

    device_id: DeviceId
    initial_key: Secret32
    claim_hash: Bytes | None
    model: str


class AuditEntryAnswer(Body):
    """One thing that was asked for, and what came of it."""

    entry: int
    at: float
    """Unix time in seconds."""
    action: str
    actor: Literal["terminal", "account", "operator"]
    by: Literal["you", "another account", "operator"]
    outcome: str
    """``ok``, or the failure's code."""
    device_id: str | None
    terminal_id: TerminalId | None
    """Only of one's own."""
    address: str | None
    """Only of one's own."""


class AuditAnswer(Body):
    """A part of the audit, the newest entries first."""

    entries: list[AuditEntryAnswer]
    before: int | None
    """What to ask with for the next part; null: this was the last."""


class StatusAnswer(Body):
    """The service works."""

    status: Literal["ok"] = "ok"


class Problem(Body):
    """Problem details (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str | None = None
    code: str | None = None
    """The failure's code (docs/protocol.md, section 12)."""
