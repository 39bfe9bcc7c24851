"""The maker's side: secrets are drawn, the label is printed, two files are written."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from urllib.parse import quote

import msgspec
import segno
from rich.console import Console
from rich.panel import Panel

from secure_pair_protocol.messages import DeviceId, DisplayText

from .factory import NewDevice, draw_device_id, make_device, write_device_file
from .private_file import write_private

_MAC = re.compile(r"[0-9A-Fa-f]{2}(?:[:-]?[0-9A-Fa-f]{2}){5}")


class MadeBeforeError(Exception):
    """A file of this device is there already, and was left as it is."""

    def __init__(self, path: str) -> None:
        """Name the file."""
        super().__init__(f"this device has been made before, and is left as it is: {path}")


@dataclass(frozen=True, slots=True, eq=False)
class Provisioned:
    """A new device, and where its two files are."""

    device: NewDevice
    device_file: Path
    registration_file: Path

    @property
    def setup_code(self) -> str | None:
        """What the label shows, and nothing else keeps."""
        code = self.device.setup_code
        return None if code is None else code.text

    @property
    def qr_text(self) -> str | None:
        """What the label's QR code says."""
        code = self.device.setup_code
        return None if code is None else code.qr_text(self.device.data.device_id)

    def to_json(self) -> str:
        """Return what a machine wants to know, the label included."""
        return json.dumps(
            {
                "device_id": self.device.data.device_id,
                "setup_code": self.setup_code,
                "qr_text": self.qr_text,
                "device_file": str(self.device_file),
                "registration_file": str(self.registration_file),
            }
        )


def provision(
    folder: Path,
    *,
    device_id: str | None = None,
    model: str,
    name: str | None = None,
    label: bool = True,
) -> Provisioned:
    """Make a device; takes some 0.1 s.

    Raises ValueError for an id or a text that the protocol cannot carry, MadeBeforeError,
    and OSError.
    """
    device_id = draw_device_id() if device_id is None else _check(device_id, DeviceId)
    if _MAC.fullmatch(device_id):
        device_id = re.sub("[:-]", "", device_id).lower()
    model = _check(model, DisplayText)
    new = make_device(device_id, model, _check(name or model, DisplayText), label=label)
    folder.mkdir(parents=True, exist_ok=True)
    stem = quote(device_id, safe="")
    device_file = folder / f"{stem}.device.json"
    registration_file = folder / f"{stem}.registration.jsonl"
    # Never over a former one: that device would lose its initial key.
    try:
        write_device_file(device_file, new.data)
        try:
            write_private(registration_file, new.registration, replace=False)
        except OSError:
            # Half a device is none: the next attempt shall not stumble over it.
            device_file.unlink()
            raise
    except FileExistsError as error:
        raise MadeBeforeError(error.filename2) from error
    return Provisioned(new, device_file, registration_file)


def print_label(console: Console, made: Provisioned) -> None:
    """Print the label as text and as a QR code, and where the files are."""
    data = made.device.data
    if made.setup_code is None or made.qr_text is None:
        console.print(f"{data.model}, device {data.device_id}: no label", highlight=False)
    else:
        text = f"{data.model}\nDevice      {data.device_id}\nSetup code  [bold]{made.setup_code}[/]"
        console.print(Panel.fit(text, title="Label"), highlight=False)
        for line in _qr_lines(made.qr_text):
            console.print(line, highlight=False, markup=False, no_wrap=True, crop=False)
        console.print(made.qr_text, highlight=False, markup=False, soft_wrap=True)
    console.print(f"device file        {made.device_file}", highlight=False, soft_wrap=True)
    console.print(f"registration file  {made.registration_file}", highlight=False, soft_wrap=True)


def _qr_lines(text: str) -> Iterator[str]:
    out = StringIO()
    segno.make(text, error="m", micro=False).terminal(out, compact=True)
    yield from out.getvalue().splitlines()


def _check(text: str, kind: object) -> str:
    try:
        return str(msgspec.convert(text, kind))
    except msgspec.ValidationError as error:
        raise ValueError(f"{text!r}: {error}") from error
