"""What the demo keeps: one folder, and in it one file of what only its owner may know."""

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .process import DemoError

LOCK_FILE = ".lock"


@dataclass
class World:
    """The lock at its maker's, the account at the key service, the user of Home Assistant."""

    device_id: str
    device_file: str
    """Its name, in the lock's folder."""
    setup_code: str = field(repr=False)
    token: str = field(repr=False)
    lock_host: str = "127.0.0.1"
    lock_port: int = 8441
    key_service_port: int = 8440
    """Where Home Assistant knows them; where they would like to listen again."""
    username: str = ""
    password: str = field(default="", repr=False)
    entry_id: str | None = None


class Folder:
    """The folders of the three roles, their logs, and the file of the demo itself."""

    def __init__(self, path: Path) -> None:
        """Make it, for its owner only."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path
        self.key_service = path / "key-service"
        self.lock = path / "lock"
        self.home_assistant = path / "homeassistant"
        self.logs = path / "logs"
        self.file = path / "demo.json"

    @contextmanager
    def held(self) -> Generator[None]:
        """Keep other demos away; raises DemoError if one is here."""
        with (self.path / LOCK_FILE).open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise DemoError(f"another demo is running on {self.path}") from error
            yield

    def clear(self) -> None:
        """Throw everything away."""
        for path in self.path.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != LOCK_FILE:
                path.unlink()

    def read(self) -> World | None:
        """Return what an earlier run has made, or None where none has come that far."""
        try:
            return World(**json.loads(self.file.read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise DemoError(f"{self.file} cannot be read: start with --fresh") from error

    def write(self, world: World) -> None:
        """Keep it, wholly or not at all."""
        new = self.file.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(world), file, indent=2)
        new.replace(self.file)


def free_port(wanted: int) -> int:
    """Return this port of 127.0.0.1, or a free one if it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            # As servers do: what a former one has left behind does not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError, OverflowError:
                continue
            return int(probe.getsockname()[1])
    raise DemoError("no port is free")
