"""Where the master key comes from: the environment, or a file that only its owner reads."""

import os
import stat
from pathlib import Path

from secure_pair_protocol import base64url
from secure_pair_protocol.crypto import KEY_SIZE
from secure_pair_protocol.secret import Secret

from .errors import OperatorError

VARIABLE = "SECURE_PAIR_MASTER_KEY"
"""Environment variable: 32 bytes as base64url; it goes before the file."""

NEXT_VARIABLE = "SECURE_PAIR_NEXT_MASTER_KEY"
"""Environment variable: the key that `rotate-master-key` introduces."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def next_to(path: Path) -> Path:
    """Return where the next master key lies while it is introduced."""
    return path.with_name(f"{path.name}.next")


def load(path: Path) -> Secret | None:
    """Return the master key, or None where there is none yet; raises OperatorError."""
    return _load(path, VARIABLE)


def load_next(path: Path) -> Secret | None:
    """Return the next master key, which lies beside `path`; raises OperatorError."""
    return _load(next_to(path), NEXT_VARIABLE)


def promote(path: Path) -> Path | None:
    """Put the next master key in the place of the last one, which is kept; raises OSError.

    Return where the last one is now, None where there is no file to move.
    """
    following = next_to(path)
    if not following.exists():
        return None
    previous = path.with_name(f"{path.name}.previous")
    if path.exists():
        os.link(path, draft := path.with_name(f"{path.name}.{os.getpid()}"))
        draft.replace(previous)
    following.replace(path)
    _sync(path.parent)
    return previous


def load_file(path: Path) -> Secret | None:
    """Return a key from a file that only its owner reads, or None; raises OperatorError."""
    return _read(path)


def _load(path: Path, variable: str) -> Secret | None:
    if (text := os.environ.get(variable)) is not None:
        return _parse(text, f"the environment variable {variable}")
    return _read(path)


def _read(path: Path) -> Secret | None:
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
        _sync(path.parent)
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror}") from error
    key = _read(path)
    if key is None:
        raise OperatorError(f"{path} has just vanished")
    return key


def _sync(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _parse(text: str, place: str) -> Secret:
    try:
        key = base64url.decode(text)
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise OperatorError(f"{place} does not hold a key: {KEY_SIZE} bytes as base64url")
    return Secret(key)
