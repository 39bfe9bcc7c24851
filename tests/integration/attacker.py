"""Somebody on the network between Home Assistant and a device, who sees every frame."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from secure_pair_protocol import messages
from secure_pair_protocol.errors import Failure
from secure_pair_protocol.framing import RECORD_LIMIT, FrameReader, frame
from secure_pair_protocol.messages import (
    AuthenticationRequest,
    Message,
    Resume,
    TerminalConfirmation,
)


@dataclass(frozen=True)
class Frame:
    """One frame on its way."""

    connection: int
    to_device: bool
    number: int
    """Of this direction of this connection, from 0."""
    payload: bytes

    def is_a(self, *kinds: type[Message]) -> bool:
        """Tell whether it is one of these messages of the handshake."""
        return isinstance(self.message, kinds)

    @property
    def message(self) -> Message | None:
        """The message of the handshake that it is; a record is none."""
        with suppress(Exception):
            return messages.decode_any(self.payload)
        return None


@dataclass(frozen=True)
class Back:
    """An answer of the attacker's own, to whoever sent the frame; the frame is lost."""

    payload: bytes


@dataclass(frozen=True)
class Raw:
    """Bytes that go on, and back, as they are: their lengths are the attacker's business too."""

    onward: bytes = b""
    back: bytes = b""
    end: bool = False
    """Then the connection is closed, to either side as if by the other."""


class Cut(Exception):  # noqa: N818
    """The attacker resets the connection."""


type Passed = bytes | Back | Raw | None
"""What goes on instead of a frame's payload; None: nothing."""

type Tamper = Callable[[Frame], Awaitable[Passed]]


class Attacker:
    """A TCP proxy; without `tamper` it only looks."""

    def __init__(self, device_port: int) -> None:
        self.device_port = device_port
        self.port = 0
        self.tamper: Tamper | None = None
        self.frames: list[Frame] = []
        self.connections = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def behave(self) -> None:
        """Only look again."""
        self.tamper = None

    def seen(self, kind: type[Message]) -> list[Frame]:
        """Return the messages of this kind that Home Assistant or the device has sent."""
        return [frame for frame in self.frames if frame.is_a(kind)]

    @property
    def negotiations(self) -> int:
        """How often Home Assistant has sent m1."""
        return len(self.seen(AuthenticationRequest))

    @property
    def resumed_ids(self) -> list[bytes]:
        """The session ids of every r1, in their order."""
        return [
            message.session_id
            for frame in self.frames
            if isinstance(message := frame.message, Resume)
        ]

    def cut(self) -> None:
        """Reset all connections."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        number, self.connections = self.connections, self.connections + 1
        self._writers.add(writer)
        try:
            device_reader, device_writer = await asyncio.open_connection(
                "127.0.0.1", self.device_port
            )
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(device_writer)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(number, reader, device_writer, writer, to_device=True))
                group.create_task(
                    self._pass(number, device_reader, writer, device_writer, to_device=False)
                )
        except* Cut, ConnectionError:
            pass
        finally:
            for each in (writer, device_writer):
                self._writers.discard(each)
                each.transport.abort()
            self._tasks.discard(task)

    async def _pass(
        self,
        connection: int,
        reader: asyncio.StreamReader,
        onward: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        *,
        to_device: bool,
    ) -> None:
        frames, number = FrameReader(), 0
        frames.limit = RECORD_LIMIT
        while data := await reader.read(1 << 16):
            frames.feed(data)
            while (payload := frames.next()) is not None:
                seen = Frame(connection, to_device, number, payload)
                number += 1
                self.frames.append(seen)
                passed = payload if self.tamper is None else await self.tamper(seen)
                match passed:
                    case Back(payload=answer):
                        back.write(frame(answer))
                    case Raw():
                        _put(onward, passed.onward)
                        _put(back, passed.back)
                        if passed.end:
                            onward.close()
                            back.close()
                            return
                    case bytes():
                        onward.write(frame(passed))
        with suppress(OSError):
            onward.write_eof()

    async def end(self) -> None:
        """Leave nothing behind."""
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)


def _put(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write, unless there is nothing to write or this direction has ended."""
    if data:
        with suppress(RuntimeError):
            writer.write(data)


@asynccontextmanager
async def attacking(device_port: int) -> AsyncGenerator[Attacker]:
    """Listen in front of a device."""
    attacker = Attacker(device_port)
    server = await asyncio.start_server(attacker.serve, "127.0.0.1", 0)
    attacker.port = server.sockets[0].getsockname()[1]
    try:
        yield attacker
    finally:
        server.close()
        await attacker.end()
        await server.wait_closed()


# What an attacker may do


def refusing(failure: Failure, *kinds: type[Message]) -> Tamper:
    """Answer these messages in the device's place."""

    async def tamper(seen: Frame) -> Passed:
        if seen.is_a(*kinds):
            return Back(messages.encode(messages.Error(failure)))
        return seen.payload

    return tamper


def cutting(*kinds: type[Message]) -> Tamper:
    """Reset the connection when one of these messages comes."""

    async def tamper(seen: Frame) -> Passed:
        if seen.is_a(*kinds):
            raise Cut
        return seen.payload

    return tamper


def swallowing(*kinds: type[Message]) -> Tamper:
    """Let these messages get lost."""

    async def tamper(seen: Frame) -> Passed:
        return None if seen.is_a(*kinds) else seen.payload

    return tamper


def flipping(*kinds: type[Message]) -> Tamper:
    """Flip the last bit of these messages: of their confirmation."""

    async def tamper(seen: Frame) -> Passed:
        return flipped(seen.payload) if seen.is_a(*kinds) else seen.payload

    return tamper


def losing_the_first_record() -> Tamper:
    """Reset the connection when the device has accepted m7, before anybody hears of it."""
    confirmed: set[int] = set()

    async def tamper(seen: Frame) -> Passed:
        if seen.is_a(TerminalConfirmation):
            confirmed.add(seen.connection)
        elif not seen.to_device and seen.connection in confirmed:
            raise Cut
        return seen.payload

    return tamper


def flipped(payload: bytes) -> bytes:
    """Return the payload with its last bit flipped."""
    return payload[:-1] + bytes([payload[-1] ^ 1])
