"""What the maker puts into a device: its file, and its row for the key service."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from secure_pair_protocol import base64url
from secure_pair_protocol.crypto import KEY_SIZE, PRIMITIVES
from secure_pair_protocol.keys import EMPTY_PAIRING_SECRET, claim_hash
from secure_pair_protocol.label import CHARACTERS, SetupCode, draw_setup_code
from secure_pair_protocol.messages import DeviceId, DisplayText
from secure_pair_protocol.secret import Secret

from .private_file import write_private


class DeviceFileError(Exception):
    """The device's file cannot be used; the text names the file and nothing in it."""


@dataclass(frozen=True, slots=True, eq=False)
class FactoryData:
    """What a device is made with; a factory reset leaves it alone."""

    device_id: str
    initial_key: Secret
    pairing_secret: Secret
    """Empty: a device without a label."""
    model: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class NewDevice:
    """A device at its maker's: only the label gets to see the setup code."""

    data: FactoryData
    setup_code: SetupCode | None
    claim_hash: bytes | None

    @property
    def registration(self) -> bytes:
        """Return the row for the key service: one line of JSON."""
        row = {
            "device_id": self.data.device_id,
            "initial_key": base64url.encode(self.data.initial_key.reveal()),
            "claim_hash": self.claim_hash and base64url.encode(self.claim_hash),
            "model": self.data.model,
        }
        return json.dumps(row).encode() + b"\n"


def make_device(device_id: str, model: str, name: str, *, label: bool = True) -> NewDevice:
    """Draw a device's secrets; with a label that takes some 0.1 s (docs/protocol.md, section 3)."""
    initial_key = Secret(secrets.token_bytes(KEY_SIZE))
    if not label:
        data = FactoryData(device_id, initial_key, EMPTY_PAIRING_SECRET, model, name)
        return NewDevice(data, None, None)
    code = draw_setup_code(secrets.token_bytes(CHARACTERS))
    keys = code.stretch(device_id)
    return NewDevice(
        FactoryData(device_id, initial_key, keys.pairing_secret, model, name),
        code,
        claim_hash(PRIMITIVES, device_id, keys.claim_proof),
    )


def draw_device_id() -> str:
    """Return a random MAC, locally administered: 12 lower-case hex digits."""
    first, *rest = secrets.token_bytes(6)
    return bytes([first & 0xFC | 0x02, *rest]).hex()


class _Row(Struct, frozen=True):
    """The device's file. Lives only while it is read or written: its repr shows secrets."""

    device_id: DeviceId
    initial_key: str
    pairing_secret: str
    model: DisplayText
    name: DisplayText


def write_device_file(path: Path, data: FactoryData) -> None:
    """Write the device's file, 0600; raises OSError, FileExistsError if there is one."""
    row = _Row(
        data.device_id,
        base64url.encode(data.initial_key.reveal()),
        base64url.encode(data.pairing_secret.reveal()),
        data.model,
        data.name,
    )
    write_private(path, msgspec.json.encode(row) + b"\n", replace=False)


def read_device_file(path: Path) -> FactoryData:
    """Return what the maker wrote; raises DeviceFileError."""
    try:
        row = msgspec.json.decode(path.read_bytes(), type=_Row)
        pairing_secret = (
            Secret(base64url.decode(row.pairing_secret, KEY_SIZE))
            if row.pairing_secret
            else EMPTY_PAIRING_SECRET
        )
        initial_key = Secret(base64url.decode(row.initial_key, KEY_SIZE))
    except OSError as error:
        raise DeviceFileError(f"{path}: {error.strerror}") from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise DeviceFileError(f"{path} is not a device's file: {error}") from None
    return FactoryData(row.device_id, initial_key, pairing_secret, row.model, row.name)
