"""A maker's production as a file: CSV whose initial keys are sealed under a transfer key.

Columns device_id, sealed_initial_key, claim_hash, model; the seal is AES-256-GCM over the
initial key, and holds the other columns too: a claim hash cannot be put in another's place.
"""

import csv
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from secure_pair_protocol import base64url
from secure_pair_protocol.crypto import KEY_SIZE, NONCE_SIZE, PRIMITIVES, OpenError
from secure_pair_protocol.secret import Secret

from . import master_key
from .errors import OperatorError
from .registration import Registration, parse_registration, registration_of

HEADER = ("device_id", "sealed_initial_key", "claim_hash", "model")

LINE_LIMIT = 4096
"""Bytes of a line, with its end."""
_LABEL = b"secure_pair production"

type Parsed = tuple[int, Registration | str]
"""A line's number, from 1, and what it says, or why it says nothing."""


def transfer_key(path: Path, *, create: bool) -> Secret:
    """Read the transfer key, or make one where there is none; raises OperatorError."""
    key = master_key.load_file(path)
    if key is None and create:
        key = master_key.create(path)
    if key is None:
        raise OperatorError(f"there is no transfer key {path}")
    return key


def write_rows(rows: Iterable[Registration], key: Secret, *, header: bool = True) -> Iterator[str]:
    """Yield the lines of a file, each with its end."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow(HEADER)
    for row in rows:
        yield _taken(out)
        hashed = base64url.encode(row.claim_hash) if row.claim_hash is not None else ""
        sealed = PRIMITIVES.seal(
            key,
            os.urandom(NONCE_SIZE),
            _context(row.device_id, hashed, row.model),
            row.initial_key.reveal(),
        )
        writer.writerow([row.device_id, base64url.encode(sealed), hashed, row.model])
    yield _taken(out)


def read_rows(lines: Iterable[bytes], key: Secret | None) -> Iterator[Parsed]:
    """Yield what each line says: CSV behind its header, or else registration rows in JSON.

    Empty lines are passed over. `key` is for CSV. Raises OperatorError for a file that is
    CSV, but has another header, or whose transfer key was not given.
    """
    numbered = ((number, _text(line)) for number, line in enumerate(lines, start=1))
    filled = ((number, text) for number, text in numbered if text is None or text.strip())
    for number, text in filled:
        if text is None or text.lstrip().startswith(("{", "[")) or "," not in text:
            yield number, _json_row(text)
        elif number == 1 or text.startswith(HEADER[0]):
            columns = tuple(next(csv.reader([text.lstrip("\ufeff")])))
            if columns != HEADER:
                raise OperatorError(f"line {number} is not the header {','.join(HEADER)}")
            if key is None:
                raise OperatorError("the file is sealed: give --transfer-key")
            yield from ((place, _csv_row(row, key)) for place, row in filled)
        else:
            yield number, _json_row(text)


def _text(line: bytes) -> str | None:
    """Return a line as text, None for one that is too long or no UTF-8."""
    try:
        return line.decode().rstrip("\r\n") if len(line) <= LINE_LIMIT else None
    except UnicodeDecodeError:
        return None


def _json_row(text: str | None) -> Registration | str:
    if text is None:
        return "not a line of text, or too long"
    try:
        return parse_registration(text)
    except OperatorError as error:
        return str(error)


def _csv_row(text: str | None, key: Secret) -> Registration | str:
    if text is None:
        return "not a line of text, or too long"
    try:
        fields = next(csv.reader([text], strict=True))
    except csv.Error as error:
        return f"not CSV: {error}"
    if len(fields) != len(HEADER):
        return f"{len(fields)} fields and not {len(HEADER)}"
    device_id, sealed, hashed, model = fields
    try:
        opened = PRIMITIVES.open(
            key, base64url.decode(sealed), _context(device_id, hashed, model), KEY_SIZE
        )
    except ValueError, OpenError:
        return "the seal does not fit: another transfer key, or an altered row"
    try:
        return registration_of(
            device_id=device_id,
            initial_key=Secret(opened[1][0]),
            claim_hash=hashed or None,
            model=model,
        )
    except OperatorError as error:
        return str(error)


def _context(device_id: str, hashed: str, model: str) -> bytes:
    return PRIMITIVES.join(_LABEL, device_id.encode(), hashed.encode(), model.encode())


def _taken(out: io.StringIO) -> str:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text
