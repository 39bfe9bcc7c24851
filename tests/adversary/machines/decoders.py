"""Everything of the product that reads somebody else's bytes, and what it may make of them.

The tests beside this file, the corpus and `./scripts/fuzz` all stand on `TARGETS`.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import msgspec
from msgspec import Raw
from yarl import URL

from custom_components.secure_pair.key_service import (
    KeyService,
    parse_fingerprint,
    parse_key_service_url,
    parse_token,
)
from custom_components.secure_pair.key_store import KeyStore
from custom_components.secure_pair.protocol.secret import Secret as TerminalSecret
from device_stub.appliances.zoo import Zoo
from device_stub.entity import AnyEntity
from device_stub.factory import read_device_file
from device_stub.store import Store
from secure_pair_protocol import envelope, messages, model
from secure_pair_protocol.channel import PLAINTEXT_LIMIT
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.framing import HANDSHAKE_LIMIT, FrameReader, frame
from secure_pair_protocol.label import parse_setup_code
from secure_pair_protocol.pieces import MESSAGE_LIMIT
from tests.protocol.test_envelope import FROM_DEVICE, FROM_TERMINAL
from tests.protocol.test_messages import MESSAGES

from .contract import Target
from .documents import JSON_SEEDS

FILE_BUFFER = 192 * 1024
"""More than what Python reads of a file at a time, in bytes."""

TABLES = 1024 * 1024
"""More than the tables of Unicode and of host names that yarl loads when it has to, in bytes."""

# The protocol


def _message(data: bytes) -> None:
    message = messages.decode_any(data)
    assert messages.decode_any(messages.encode(message)) == message


def _from_device(data: bytes) -> None:
    message = envelope.decode_from_device(data)
    assert envelope.decode_from_device(envelope.encode(message)) == message


def _from_terminal(data: bytes) -> None:
    message = envelope.decode_from_terminal(data)
    assert envelope.decode_from_terminal(envelope.encode(message)) == message


def _frames(data: bytes) -> None:
    reader, rest = FrameReader(), memoryview(data)
    while rest:
        # In chunks of what the stream itself says, so that each cutting is tried.
        size = 1 + rest[0] % 97
        chunk, rest = rest[:size], rest[size:]
        reader.feed(bytes(chunk))
        while (payload := reader.next()) is not None:
            assert 1 <= len(payload) <= reader.limit


def _label(data: bytes) -> None:
    code = parse_setup_code(data.decode(errors="replace"))
    assert parse_setup_code(code.text).text == code.text
    assert code.device_id != ""


# Entities, states, actions, events


@cache
def _zoo() -> tuple[AnyEntity, ...]:
    """Return virtual entities of every kind."""
    return tuple(Zoo().entities)


def _entity(data: bytes) -> None:
    entity = model.decode_entity(Raw(data))
    assert model.decode_entity(Raw(envelope.encode(entity))) == entity


def _each(data: bytes, read: Callable[[Raw, model.Entity], object]) -> None:
    """Read the bytes for an entity of each kind: it is enough if they fit one of them."""
    refused, fits = Failure.MALFORMED, False
    for entity in {model.kind_name(each.entity): each.entity for each in _zoo()}.values():
        try:
            read(Raw(data), entity)
        except SecurePairError as error:
            refused = error.failure
        else:
            fits = True
    if not fits:
        raise SecurePairError(refused)


def _event(data: bytes) -> None:
    model.decode_event(Raw(data))


def _further_device(data: bytes) -> None:
    model.decode_further_device(Raw(data))


def _seeds(values: Iterator[object]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(map(envelope.encode, values)))


# The key service's answers


@dataclass
class Answering:
    """Stands where aiohttp's session stands, with one answer to every request."""

    data: bytes
    status: int

    def request(self, *_: object, **__: object) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    @property
    def content(self) -> Self:
        return self

    async def readany(self) -> bytes:
        data, self.data = self.data, b""
        return data


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _answer(ask: Callable[[KeyService], Any], status: int = 200) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        session: Any = Answering(data, status)
        service = KeyService(session, URL("https://keys.example"), TerminalSecret(b"token"))
        _loop().run_until_complete(ask(service))

    return read


def _typed(data: bytes) -> None:
    """Read what a user types: address, token and fingerprint take any text."""
    text = data.decode(errors="replace")
    parse_key_service_url(text)
    parse_token(text)
    parse_fingerprint(text)


# Files


@cache
def _file() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="secure_pair_")
    # The folder goes when its object does: at the end of the process.
    _FOLDERS.append(folder)
    return Path(folder.name) / "file"


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


class _NoHomeAssistant:
    """What a key store needs of one to read its file."""

    async def async_add_executor_job(self, job: Callable[..., Any], *args: Any) -> Any:
        return job(*args)


def _written(read: Callable[[Path], object]) -> Callable[[bytes], None]:
    def write_and_read(data: bytes) -> None:
        path = _file()
        path.write_bytes(data)
        read(path)

    return write_and_read


def _key_store(path: Path) -> None:
    hass: Any = _NoHomeAssistant()
    _loop().run_until_complete(KeyStore(hass, path).tombstones())


def _json(name: str) -> tuple[bytes, ...]:
    return (msgspec.json.encode(JSON_SEEDS[name]),)


MALFORMED = frozenset({"malformed"})
INVALID = frozenset({"key_service_invalid"})
REFUSED = INVALID | {
    "token_refused",
    "not_yours",
    "owned_by_another",
    "claim_refused",
    "wrong_setup_code",
    "slow_down",
    "version_not_supported",
    "key_service_unavailable",
}

_TOKEN: Callable[[KeyService], Any] = KeyService.terminal

TARGETS: dict[str, Target] = {
    "message": Target(
        _message, tuple(map(messages.encode, MESSAGES)), MALFORMED, HANDSHAKE_LIMIT, 4
    ),
    # Its entities, states and pieces are kept as they came, and at most 4096 of them.
    "from_device": Target(_from_device, _seeds(iter(FROM_DEVICE)), MALFORMED, MESSAGE_LIMIT, 32),
    "from_terminal": Target(
        _from_terminal, _seeds(iter(FROM_TERMINAL)), MALFORMED, PLAINTEXT_LIMIT, 8
    ),
    "entity": Target(
        _entity,
        _seeds(each.entity for each in _zoo()),
        MALFORMED | {"unknown_kind"},
        PLAINTEXT_LIMIT,
        64,
    ),
    "state": Target(
        lambda data: _each(data, model.decode_state),
        _seeds(each.state for each in _zoo() if each.state is not None),
        MALFORMED | {"out_of_range"},
        PLAINTEXT_LIMIT,
        8,
    ),
    "action": Target(
        lambda data: _each(data, model.decode_action),
        _seeds(
            iter(
                (
                    model.access.LockAction(do="unlock", code="1234"),
                    model.climate.ClimateAction(do="set_temperature", temperature=21.5),
                    model.switching.LightAction(do="turn_on", rgb=(1, 2, 3), transition=1.5),
                )
            )
        ),
        MALFORMED,
        PLAINTEXT_LIMIT,
        8,
    ),
    "event": Target(
        _event,
        _seeds(iter((model.Event(key="bell", type="ring", attributes={"times": 2}),))),
        MALFORMED,
        PLAINTEXT_LIMIT,
        64,
    ),
    "further_device": Target(
        _further_device,
        _seeds(iter((envelope.FurtherDevice(key="lock", name="Lock", part=True),))),
        MALFORMED,
        PLAINTEXT_LIMIT,
        8,
    ),
    "frames": Target(
        _frames,
        (b"".join(frame(messages.encode(message)) for message in MESSAGES), frame(bytes(4096))),
        MALFORMED | {"too_large"},
        2 * HANDSHAKE_LIMIT,
        8,
    ),
    "label": Target(
        _label,
        (b"SP1:2867fa12a3d8:0000-0000-0000-0000", b"0000 0000 oooo llli", b"SP1::0"),
        frozenset({"mistyped_setup_code"}),
    ),
    "typed": Target(
        _typed,
        (
            b"https://keys.example:8443/base",
            b"//\xdb:0/",
            b"https://[\x91\x91:1]",
            b"http://[::1]:80",
            b"AB:" * 31 + b"AB",
        ),
        frozenset(
            {
                "key_service_invalid",
                "key_service_insecure",
                "token_refused",
                "invalid_fingerprint",
            }
        ),
        multiple=128,
        slack=TABLES,
    ),
    "terminal_answer": Target(_answer(_TOKEN), _json("terminal"), INVALID),
    "claim_answer": Target(
        _answer(lambda service: service.claim("2867fa12a3d8", TerminalSecret(bytes(32)))),
        _json("claim"),
        INVALID,
    ),
    "authorization_answer": Target(
        _answer(lambda service: service.authorize(b"m1", b"m2", bytes(32))),
        _json("authorization"),
        INVALID,
    ),
    "problem": Target(_answer(_TOKEN, status=403), _json("problem"), REFUSED),
    "key_store": Target(
        _written(_key_store),
        _json("key store"),
        frozenset({"storage_unreadable"}),
        multiple=64,
        slack=FILE_BUFFER,
    ),
    "device_state": Target(
        _written(lambda path: Store(path, None).read()),
        _json("device state"),
        frozenset({"StateError"}),
        multiple=64,
        slack=FILE_BUFFER,
    ),
    "device_file": Target(
        _written(read_device_file),
        _json("device file"),
        frozenset({"DeviceFileError"}),
        slack=FILE_BUFFER,
    ),
}
