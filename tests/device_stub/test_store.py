"""The state file: whole or not at all, for its owner only, never overwritten when damaged."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_stub.private_file import write_private
from device_stub.store import StateError, Store
from secure_pair_protocol import base64url
from secure_pair_protocol.keys import Grant
from secure_pair_protocol.negotiation import Session
from secure_pair_protocol.secret import Secret
from secure_pair_protocol.sessions import HeldSession, Register

KEY = bytes(range(32))
REGISTER = Register(
    installation=b"12345678",
    epoch=(1 << 64) - 1,
    held=(HeldSession(Session(b"s" * 16, Secret(KEY), b"t" * 16, Grant(7, 3600)), 60),),
    revoked=frozenset({b"r" * 16, b"q" * 16}),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "state.json", "aabbccddeeff")
    store.acquire()
    yield store
    store.release()


def test_what_is_written_is_read(store: Store) -> None:
    assert store.read() is None
    store.write(REGISTER)
    read = store.read()
    assert read is not None
    assert (read.installation, read.epoch, read.revoked) == (
        REGISTER.installation,
        REGISTER.epoch,
        REGISTER.revoked,
    )
    (held,) = read.held
    assert held.spent == 60
    assert held.session.session_id == b"s" * 16
    assert held.session.terminal_id == b"t" * 16
    assert held.session.session_key.reveal() == KEY
    assert held.session.grant == Grant(7, 3600)


def test_only_the_owner_may_read_it(store: Store) -> None:
    mask = os.umask(0)
    try:
        store.write(REGISTER)
    finally:
        os.umask(mask)
    files = list(store.path.parent.iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize("fails", ["write", "fsync", "replace"])
def test_a_write_that_fails_leaves_the_former_file(
    store: Store, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    store.write(Register(b"original"))
    before = store.path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    match fails:
        case "write":
            store.write_fails = True
        case "fsync":
            monkeypatch.setattr(os, "fsync", full)
        case _:
            monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        store.write(REGISTER)
    assert store.path.read_bytes() == before
    assert not list(store.path.parent.glob("*.new"))


def test_order_of_a_write(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def seen_fsync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def seen_replace(path: Path, target: Path) -> Path:
        done.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    store.write(REGISTER)
    assert done == ["file", "rename", "folder"]


def test_what_a_power_cut_left_is_no_hindrance(store: Store) -> None:
    left = store.path.with_name(f".{store.path.name}.new")
    left.write_bytes(b"half a file")
    left.chmod(0o666)
    store.write(REGISTER)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert not left.exists()
    assert store.read() is not None


def damaged() -> list[bytes]:
    good = {
        "version": 1,
        "device_id": "aabbccddeeff",
        "installation": base64url.encode(b"12345678"),
        "epoch": 0,
        "held": [],
        "revoked": [],
    }
    held = {
        "session_id": base64url.encode(bytes(16)),
        "session_key": base64url.encode(KEY),
        "terminal_id": base64url.encode(bytes(16)),
        "epoch": 0,
        "lifetime": 0,
        "spent": 0,
    }
    return [
        json.dumps(state).encode()
        for state in (
            {**good, "version": 2},
            {**good, "installation": base64url.encode(b"short")},
            {**good, "epoch": -1},
            {**good, "held": [{**held, "session_key": base64url.encode(KEY)[:-1] + "!"}]},
            {**good, "held": [{**held, "session_key": base64url.encode(KEY[1:])}]},
            {**good, "held": [{**held, "spent": "0"}]},
            {**good, "more": 1},
            {key: value for key, value in good.items() if key != "held"},
        )
    ] + [b"", b"{", b"\xff\xfe", b"[]", json.dumps(good).encode()[:-1]]


@pytest.mark.parametrize("data", damaged())
def test_a_damaged_file_is_left_as_it_is(store: Store, data: bytes) -> None:
    store.path.write_bytes(data)
    with pytest.raises(StateError, match="damaged") as error:
        store.read()
    assert store.path.read_bytes() == data
    assert base64url.encode(KEY)[:20] not in str(error.value)
    assert error.value.__cause__ is None


def test_a_file_that_cannot_be_opened(store: Store) -> None:
    store.path.mkdir()
    with pytest.raises(StateError, match="cannot be read"):
        store.read()


def test_another_devices_file(store: Store, tmp_path: Path) -> None:
    store.write(REGISTER)
    with pytest.raises(StateError, match="belongs to the device aabbccddeeff"):
        Store(store.path, "112233445566").read()
    anybodys = Store(store.path, None)
    assert anybodys.read() is not None
    assert anybodys.device_id == "aabbccddeeff"


def test_one_device_at_a_time(store: Store) -> None:
    other = Store(store.path, "aabbccddeeff")
    with pytest.raises(StateError, match="in use"):
        other.acquire()
    with pytest.raises(RuntimeError, match="not acquired"):
        other.write(REGISTER)
    store.release()
    other.acquire()
    other.write(REGISTER)
    other.release()


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StateError):
        Store(tmp_path / "file" / "state.json", "x").acquire()


def test_without_replace_an_existing_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, b"first", replace=False)
    with pytest.raises(FileExistsError):
        write_private(path, b"second", replace=False)
    assert path.read_bytes() == b"first"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("size", range(70))
def test_base64url(size: int) -> None:
    value = os.urandom(size)
    text = base64url.encode(value)
    assert "=" not in text
    assert base64url.decode(text, size) == value
    with pytest.raises(ValueError, match="not"):
        base64url.decode(text, size + 1)
