"""Where the master key comes from: the environment, or a file that only its owner reads."""

import os
import stat
from pathlib import Path

from secure_pair_protocol.crypto import KEY_SIZE
from secure_pair_protocol.secret import Secret

from . import base64url
from .errors import OperatorError

VARIABLE = "SECURE_PAIR_MASTER_KEY"
"""Environment variable: 32 bytes as base64url; it goes before the file."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def load(path: Path) -> Secret | None:
    """Return the master key, or None where there is none yet; raises OperatorError."""
    if (text := os.environ.get(VARIABLE)) is not None:
        return _parse(text, f"the environment variable {VARIABLE}")
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            # Of the open file, so that nothing can be put in its place meanwhile.
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1024).strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}") from error
    if mode & _OTHERS:
        raise OperatorError(f"{path} is open to others (mode {stat.S_IMODE(mode):o}): chmod 600")
    return _parse(text, str(path))


def create(path: Path) -> Secret:
    """Draw a master key and write it durably, or return the one that is there already.

    Raises OperatorError.
    """
    drawn = base64url.encode(os.urandom(KEY_SIZE))
    # Whole or not there at all: a second process never reads half a key.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{drawn}\n")
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror}") from error
    key = load(path)
    if key is None:
        raise OperatorError(f"{path} has just vanished")
    return key


def _parse(text: str, place: str) -> Secret:
    try:
        key = base64url.decode(text)
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise OperatorError(f"{place} does not hold a master key: {KEY_SIZE} bytes as base64url")
    return Secret(key)
