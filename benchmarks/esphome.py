"""An ESPHome device on this machine: the server's side of the native API with Noise.

There is none for Python, so this is a small one, of the messages that ESPHome documents. It
does what a device does and as fast as it can: it takes all that has come in one pass, and
answers it with one write.
"""

import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast, override

from aioesphomeapi import APIClient, api_pb2
from aioesphomeapi._frame_helper.noise_encryption import (
    ESPHOME_NOISE_BACKEND,
    NOISE_PROTOCOL_NAME,
    DecryptCipher,
    EncryptCipher,
)
from aioesphomeapi.core import MESSAGE_TYPE_TO_PROTO
from noise.connection import NoiseConnection

ESPHOME = "esphome"
"""Its integration's domain."""

PROLOGUE = b"NoiseAPIInit\x00\x00"
KEY = 1
"""Of the one switch."""

_NUMBERS = {message: number for number, message in MESSAGE_TYPE_TO_PROTO.items()}


class Responder:
    """The device's side of the handshake."""

    def __init__(self, psk: bytes) -> None:
        """Take the key that both know."""
        self._noise = NoiseConnection.from_name(NOISE_PROTOCOL_NAME, backend=ESPHOME_NOISE_BACKEND)
        self._noise.set_as_responder()
        self._noise.set_psks(psk)
        self._noise.set_prologue(PROLOGUE)
        self._noise.start_handshake()

    def answer(self, message: bytes) -> bytes:
        """Take the client's message; return the device's."""
        self._noise.read_message(message)
        return bytes(self._noise.write_message())

    def ciphers(self) -> tuple[EncryptCipher, DecryptCipher]:
        """Return what encrypts from here on."""
        state = self._noise.noise_protocol
        return EncryptCipher(state.cipher_state_encrypt), DecryptCipher(state.cipher_state_decrypt)


class EspHome:
    """A device with one switch, and what else it is given."""

    def __init__(self, mac: str = "AA:BB:CC:DD:EE:01", name: str = "plug") -> None:
        """Draw its key."""
        self.mac = mac
        self.name = name
        self.psk = os.urandom(32)
        self.on = False
        self.further: list[tuple[Any, Any]] = []
        """What it has beside its switch: what says so, and the state."""
        self.port = 0
        self.connections: set[Connection] = set()
        self._answers: dict[type, Any] = {
            api_pb2.HelloRequest: api_pb2.HelloResponse(
                api_version_major=1, api_version_minor=10, server_info="virtual", name=name
            ),
            api_pb2.AuthenticationRequest: api_pb2.AuthenticationResponse(),
            api_pb2.DeviceInfoRequest: api_pb2.DeviceInfoResponse(
                name=name,
                friendly_name=name.capitalize(),
                mac_address=mac,
                esphome_version="2026.10.0",
                model="virtual",
                manufacturer="Espressif",
                api_encryption_supported=True,
            ),
            api_pb2.DeviceCapabilitiesRequest: api_pb2.DeviceCapabilitiesResponse(),
            api_pb2.PingRequest: api_pb2.PingResponse(),
            api_pb2.DisconnectRequest: api_pb2.DisconnectResponse(),
        }
        self._server: asyncio.Server | None = None

    @classmethod
    def of(cls, device_id: str) -> EspHome:
        """Return one of many, by 12 hex digits."""
        mac = ":".join(device_id[place : place + 2].upper() for place in range(0, 12, 2))
        return cls(mac, f"plug-{device_id}")

    @property
    def encoded_psk(self) -> str:
        """Return the key as a user enters it."""
        return b64encode(self.psk).decode()

    def client(self) -> APIClient:
        """Return a new client of the device."""
        return APIClient("127.0.0.1", self.port, None, noise_psk=self.encoded_psk)

    async def listen(self) -> None:
        """Take connections, at the same port as before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self), "127.0.0.1", self.port, backlog=1000
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def kill(self) -> None:
        """Be gone at once, as without power."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop_connections()

    def drop_connections(self) -> None:
        """Cut off all connections, as a broken network does."""
        for connection in tuple(self.connections):
            connection.transport.abort()

    def answers(self, request: Any) -> list[Any]:
        """Return what a device says to a message."""
        match request:
            case api_pb2.ListEntitiesRequest():
                return [
                    api_pb2.ListEntitiesSwitchResponse(object_id="switch", key=KEY, name="Switch"),
                    *(entity for entity, _ in self.further),
                    api_pb2.ListEntitiesDoneResponse(),
                ]
            case api_pb2.SubscribeStatesRequest():
                return [self.state(), *(state for _, state in self.further)]
            case api_pb2.SwitchCommandRequest():
                self.on = request.state
                return [self.state()]
        answer = self._answers.get(type(request))
        return [] if answer is None else [answer]

    def state(self) -> Any:
        """Return the switch's state."""
        return api_pb2.SwitchStateResponse(key=KEY, state=self.on)


class Connection(asyncio.Protocol):
    """Frames of the native API: 1, a length of two bytes, and what they hold."""

    def __init__(self, device: EspHome) -> None:
        """Be one of the device's."""
        self._device = device
        self._buffer = b""
        self._take: Callable[[bytes], list[bytes]] = self._take_hello
        self.transport: asyncio.Transport

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._device.connections.add(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._device.connections.discard(self)

    @override
    def data_received(self, data: bytes) -> None:
        buffer, start, out = self._buffer + data, 0, list[bytes]()
        while len(buffer) - start >= 3:  # noqa: PLR2004
            end = start + 3 + (buffer[start + 1] << 8 | buffer[start + 2])
            if end > len(buffer):
                break
            out.extend(map(_frame, self._take(buffer[start + 3 : end])))
            start = end
        self._buffer = buffer[start:]
        if out:
            self.transport.write(b"".join(out))

    def seal(self, message: Any) -> bytes:
        """Return the bytes of a message that the device sends by itself."""
        return _frame(self._seal(message))

    def _take_hello(self, _: bytes) -> list[bytes]:
        self._take = self._take_handshake
        device = self._device
        mac = device.mac.replace(":", "").lower()
        return [b"\x01" + device.name.encode() + b"\x00" + mac.encode() + b"\x00"]

    def _take_handshake(self, payload: bytes) -> list[bytes]:
        responder = Responder(self._device.psk)
        answer = responder.answer(payload[1:])
        self._encrypt, self._decrypt = responder.ciphers()
        self._take = self._take_message
        return [b"\x00" + answer]

    def _take_message(self, payload: bytes) -> list[bytes]:
        plaintext = self._decrypt.decrypt(payload)
        message = MESSAGE_TYPE_TO_PROTO[plaintext[0] << 8 | plaintext[1]]
        answers = self._device.answers(message.FromString(plaintext[4:]))
        return [self._seal(answer) for answer in answers]

    def _seal(self, message: Any) -> bytes:
        encoded = message.SerializeToString()
        head = _NUMBERS[type(message)].to_bytes(2) + len(encoded).to_bytes(2)
        sealed: bytes = self._encrypt.encrypt(head + encoded)
        return sealed


def _frame(payload: bytes) -> bytes:
    return b"\x01" + len(payload).to_bytes(2) + payload


@asynccontextmanager
async def running_esphome(*further: tuple[Any, Any]) -> AsyncGenerator[EspHome]:
    """Run a device on this loop; further: see there."""
    device = EspHome()
    device.further.extend(further)
    await device.listen()
    try:
        yield device
    finally:
        device.kill()
