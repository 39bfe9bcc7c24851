"""Files that hold secrets: readable by their owner only, and whole or not there at all."""

import os
from contextlib import suppress
from pathlib import Path

MODE = 0o600


def write_private(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Write the whole file durably, mode 0600; blocks until the disk has it.

    Without `replace` an existing file stays as it is. Raises OSError (FileExistsError).
    """
    # One name for all attempts: what a power cut leaves behind, the next write takes away.
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, MODE)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        if replace:
            new.replace(path)
        else:
            # A link, unlike a rename, fails where the name is taken.
            os.link(new, path)
            new.unlink()
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename in this folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
