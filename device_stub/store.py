"""The state file: what a device keeps of its terminals, through restarts and power cuts."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from secure_pair_protocol import base64url
from secure_pair_protocol.crypto import KEY_SIZE
from secure_pair_protocol.keys import Grant
from secure_pair_protocol.negotiation import Session
from secure_pair_protocol.secret import Secret
from secure_pair_protocol.sessions import HeldSession, Register

from .private_file import MODE, write_private


class StateError(Exception):
    """The state file cannot be used, and was left as it is; the text holds no secret."""


class _Held(Struct, frozen=True, forbid_unknown_fields=True):
    session_id: str
    session_key: str
    terminal_id: str
    epoch: Annotated[int, Meta(ge=0)]
    lifetime: Annotated[int, Meta(ge=0, lt=1 << 32)]
    spent: Annotated[int, Meta(ge=0)]


class _State(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. Lives only while it is read or written: its repr shows secrets."""

    version: Literal[1]
    device_id: str
    installation: str
    epoch: Annotated[int, Meta(ge=0)]
    held: tuple[_Held, ...]
    revoked: tuple[str, ...]


class Store:
    """One state file, for one process at a time. Its calls block; none is thread-safe."""

    def __init__(self, path: Path, device_id: str | None) -> None:
        """Name the file; `device_id` None: whichever device's it is."""
        self.path = path
        self.device_id = device_id
        self.write_fails = False
        """Fault injection: every write fails, as on a full disk."""
        self._lock: int | None = None

    def acquire(self) -> None:
        """Keep other processes away from the file; raises StateError if one has it."""
        if self._lock is not None:
            return
        lock = self.path.with_name(f".{self.path.name}.lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, MODE)
        except OSError as error:
            raise StateError(f"{error.filename}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise StateError(
                f"{self.path} is in use by a running device (SIGUSR1 resets that one)"
            ) from error
        self._lock = descriptor

    def release(self) -> None:
        """Let others have the file."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self) -> Register | None:
        """Return what was written last, or None where there is no file yet.

        Raises StateError for a file that cannot be read or is another device's.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"{self.path} cannot be read: {error.strerror}") from error
        try:
            state = msgspec.json.decode(data, type=_State)
            register = _to_register(state)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            # Not chained: the cause's traceback would carry the file's content.
            raise StateError(f"{self.path} is damaged, and is left as it is: {error}") from None
        if self.device_id is None:
            self.device_id = state.device_id
        elif state.device_id != self.device_id:
            raise StateError(f"{self.path} belongs to the device {state.device_id}")
        return register

    def write(self, register: Register) -> None:
        """Make the register durable, wholly or not at all; raises OSError."""
        if self.write_fails:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self._lock is None or self.device_id is None:
            msg = "the state file is not acquired"
            raise RuntimeError(msg)
        state = _from_register(self.device_id, register)
        write_private(self.path, msgspec.json.format(msgspec.json.encode(state)) + b"\n")


def _from_register(device_id: str, register: Register) -> _State:
    return _State(
        version=1,
        device_id=device_id,
        installation=base64url.encode(register.installation),
        epoch=register.epoch,
        held=tuple(
            _Held(
                session_id=base64url.encode(held.session.session_id),
                session_key=base64url.encode(held.session.session_key.reveal()),
                terminal_id=base64url.encode(held.session.terminal_id),
                epoch=held.session.grant.epoch,
                lifetime=held.session.grant.lifetime,
                spent=held.spent,
            )
            for held in register.held
        ),
        revoked=tuple(sorted(map(base64url.encode, register.revoked))),
    )


def _to_register(state: _State) -> Register:
    return Register(
        installation=base64url.decode(state.installation, 8),
        epoch=state.epoch,
        held=tuple(
            HeldSession(
                Session(
                    base64url.decode(held.session_id, 16),
                    Secret(base64url.decode(held.session_key, KEY_SIZE)),
                    base64url.decode(held.terminal_id, 16),
                    Grant(held.epoch, held.lifetime),
                ),
                held.spent,
            )
            for held in state.held
        ),
        revoked=frozenset(base64url.decode(terminal, 16) for terminal in state.revoked),
    )
