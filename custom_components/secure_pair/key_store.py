"""Session keys in Home Assistant's storage: one private, atomic, versioned file.

Every secret of this integration is in here and nowhere else: sessions and pairing secrets
by device, terminal tokens by key service. A change is durable when its call returns; one
that fails changes nothing. A file that cannot be read is never overwritten.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util.file import WriteError, write_utf8_file_atomic
from homeassistant.util.hass_dict import HassKey
from msgspec import Struct

from .const import DOMAIN
from .protocol.errors import UNDECODABLE, Failure, SecurePairError
from .protocol.keys import EMPTY_PAIRING_SECRET
from .protocol.secret import Secret
from .protocol.sessions import PairedDevice
from .pulse import Pulse
from .reconnect import Losses
from .turns import Turns

VERSION: Final = 1

type Rule = Callable[[PairedDevice], PairedDevice]
"""What is to be kept of a device, from what is kept of it at that moment."""

_KEY_STORE: HassKey[KeyStore] = HassKey(f"{DOMAIN}.key_store")


@dataclass(frozen=True, slots=True, eq=False)
class TerminalToken:
    """What a key service issued to this Home Assistant."""

    token: Secret
    terminal_id: bytes
    fingerprint: bytes | None = None
    """SHA-256 of the key service's own certificate, where no authority has signed it."""


@dataclass(frozen=True, slots=True, eq=False)
class Tombstone:
    """A device that is still to be told that this terminal has gone."""

    device: PairedDevice
    host: str
    port: int
    tried_at: float = 0.0
    """When it was tried last, as Unix time."""
    tried_for: float = 0.0
    """For how many seconds it has been tried in vain, as far as that was seen."""


@dataclass(frozen=True, slots=True, eq=False)
class _Content:
    version: int = VERSION
    key_services: dict[str, TerminalToken] = field(default_factory=dict)
    devices: dict[str, PairedDevice] = field(default_factory=dict)
    tombstones: dict[str, Tombstone] = field(default_factory=dict)


class _Head(Struct, frozen=True):
    version: int


@callback
def get_key_store(hass: HomeAssistant) -> KeyStore:
    """Return this Home Assistant's key store; it reads its file at the first use."""
    if (store := hass.data.get(_KEY_STORE)) is None:
        path = Path(hass.config.path(STORAGE_DIR, DOMAIN))
        store = hass.data[_KEY_STORE] = KeyStore(hass, path)
    return store


class KeyStore:
    """The file, and what is in it.

    Every method raises SecurePairError (storage_failed, storage_unreadable).
    """

    def __init__(self, hass: HomeAssistant, path: Path) -> None:
        """Know the file; nothing is read yet."""
        self._hass = hass
        self._path = path
        self._lock = asyncio.Lock()
        self._content: _Content | None = None
        self._handshakes: dict[str, asyncio.Lock] = {}
        self.turns = Turns()
        """Of all devices, to begin a connection."""
        self.pulse = Pulse()
        """Of all devices' links."""
        self.losses: dict[str, Losses] = {}
        """Of each device, and not stored: while Home Assistant runs, however often an entry
        is set up meanwhile."""

    async def key_services(self) -> Mapping[str, TerminalToken]:
        """Return the tokens by their key service's URL."""
        return (await self._read()).key_services

    async def device(self, device_id: str) -> PairedDevice | None:
        """Return what is kept of a device."""
        return (await self._read()).devices.get(device_id)

    async def tombstones(self) -> Mapping[str, Tombstone]:
        """Return the devices that are still to be told, by device id."""
        return (await self._read()).tombstones

    async def pair_device(
        self, device: PairedDevice, rule: Rule, token: TerminalToken
    ) -> PairedDevice:
        """Apply a rule to a device that is being paired; return what is kept of it now.

        It is as given, but what the device itself has said stays as it was kept before, be it
        in a tombstone, which has no more meaning. Its token is kept too; as soon as the device
        is heard, those that no device needs any more go.
        """
        changed = device

        def change(content: _Content) -> _Content:
            nonlocal changed
            known = content.devices.get(device.device_id, device)
            if (tombstone := content.tombstones.get(device.device_id)) is not None:
                # Until this pairing has come to its end the device holds one of those.
                known = tombstone.device
            changed = rule(
                replace(
                    device,
                    model=known.model,
                    installation=known.installation,
                    sessions=known.sessions,
                )
            )
            content = _with_token(content, device.key_service, token)
            return _with_tokens_in_use(
                replace(
                    content,
                    devices={**content.devices, device.device_id: changed},
                    tombstones=_without(content.tombstones, device.device_id),
                )
            )

        await self._change(change)
        return changed

    def handshake(self, device_id: str) -> asyncio.Lock:
        """Return the lock that lets one handshake with a device happen at a time."""
        return self._handshakes.setdefault(device_id, asyncio.Lock())

    async def change_device(self, device_id: str, rule: Rule) -> PairedDevice:
        """Apply a rule to what is kept of a device at that moment; return what is now.

        Raises SecurePairError (session_not_stored) also where the device was removed.
        """
        changed: PairedDevice | None = None

        def change(content: _Content) -> _Content:
            nonlocal changed
            if (device := content.devices.get(device_id)) is None:
                raise SecurePairError(Failure.SESSION_NOT_STORED)
            if (changed := rule(device)) is device:
                return content
            return replace(content, devices={**content.devices, device_id: changed})

        await self._change(change)
        assert changed is not None  # noqa: S101
        return changed

    async def put_token(self, url: str, token: TerminalToken) -> None:
        """Keep a new token of a key service, for all of its devices."""
        await self._change(lambda content: _with_token(content, url, token))
        for device_id, device in (await self._read()).devices.items():
            if device.key_service == url:
                # The user has mended why a negotiation failed: the next may come at once.
                self.losses.pop(device_id, None)

    async def bury_device(self, device_id: str, host: str, port: int) -> None:
        """Keep of a device only what it takes to tell it that this terminal has gone.

        The token of a key service goes with its last device.
        """

        def bury(content: _Content) -> _Content:
            if (device := content.devices.get(device_id)) is None:
                return content
            tombstones = content.tombstones
            if device.sessions:
                to_tell = replace(device, pairing_secret=EMPTY_PAIRING_SECRET)
                tombstone = Tombstone(to_tell, host, port, time.time())
                tombstones = {**tombstones, device_id: tombstone}
            devices = _without(content.devices, device_id)
            return _with_tokens_in_use(replace(content, devices=devices, tombstones=tombstones))

        await self._change(bury)

    async def change_tombstone(self, tombstone: Tombstone, by: Tombstone | None) -> None:
        """Put another in its place, or None, unless the device was buried anew meanwhile."""
        device_id = tombstone.device.device_id

        def change(content: _Content) -> _Content:
            if content.tombstones.get(device_id) is not tombstone:
                return content
            tombstones = _without(content.tombstones, device_id)
            if by is not None:
                tombstones[device_id] = by
            return replace(content, tombstones=tombstones)

        await self._change(change)

    async def _read(self) -> _Content:
        async with self._lock:
            return await self._read_once()

    async def _read_once(self) -> _Content:
        if self._content is None:
            content = await self._hass.async_add_executor_job(_read_file, self._path)
            if content is None:
                # Not kept in memory: a file that is restored now shall not be overwritten.
                return _Content()
            self._content = content
        return self._content

    async def _change(self, change: Callable[[_Content], _Content]) -> None:
        # A caller may be cancelled; what is in memory has to follow the file all the same.
        await asyncio.shield(
            self._hass.async_create_task(self._apply(change), "secure_pair key store")
        )

    async def _apply(self, change: Callable[[_Content], _Content]) -> None:
        async with self._lock:
            before = await self._read_once()
            if (content := change(before)) is before:
                return
            await self._hass.async_add_executor_job(_write_file, self._path, content)
            self._content = content


def _with_token(content: _Content, url: str, token: TerminalToken) -> _Content:
    """Return it with a token, which may make this Home Assistant another terminal."""
    devices = {
        device_id: replace(device, terminal_id=token.terminal_id)
        if device.key_service == url
        else device
        for device_id, device in content.devices.items()
    }
    key_services = {**content.key_services, url: token}
    return replace(content, key_services=key_services, devices=devices)


def _with_tokens_in_use(content: _Content) -> _Content:
    """Return it without the tokens of key services that no device is paired by.

    While a device has not been heard on its newest session, all stay: the user may go back
    to the key service that it was paired by before.
    """
    devices = content.devices.values()
    if any(session.provisional for device in devices for session in device.sessions):
        return content
    in_use = {device.key_service for device in devices}
    tokens = {url: token for url, token in content.key_services.items() if url in in_use}
    return replace(content, key_services=tokens)


def _without[V](mapping: dict[str, V], key: str) -> dict[str, V]:
    return {name: value for name, value in mapping.items() if name != key}


def _read_file(path: Path) -> _Content | None:
    """Return what is in the file, or None where there is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecurePairError(Failure.STORAGE_UNREADABLE) from error
    try:
        version = msgspec.json.decode(data, type=_Head).version
        if version == VERSION:
            return msgspec.json.decode(data, type=_Content, dec_hook=_decode_secret)
    except UNDECODABLE:
        # The error's own text may quote the file.
        raise SecurePairError(Failure.STORAGE_UNREADABLE) from None
    raise SecurePairError(Failure.STORAGE_UNREADABLE, f"it has version {version}")


def _write_file(path: Path, content: _Content) -> None:
    data = msgspec.json.encode(content, enc_hook=_encode_secret)
    try:
        path.parent.mkdir(exist_ok=True)
        write_utf8_file_atomic(str(path), data, private=True, mode="wb")
    except (WriteError, OSError) as error:
        raise SecurePairError(Failure.STORAGE_FAILED) from error


def _encode_secret(value: Any) -> bytes:
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError


def _decode_secret(kind: type, value: Any) -> Any:
    if kind is Secret:
        return Secret(msgspec.convert(value, bytes))
    raise NotImplementedError
