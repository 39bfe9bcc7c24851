"""A socket with a device at its end: frames, right or wrong ones (docs/protocol.md, section 2)."""

import asyncio
from contextlib import suppress
from typing import Self

from secure_pair_protocol import messages
from secure_pair_protocol.errors import SecurePairError
from secure_pair_protocol.framing import FrameReader, frame
from secure_pair_protocol.messages import Error, Greeting, Message

from .errors import EndedError, FoundError, RefusalError, SilentError

QUIET_SHARE = 1 / 16
"""How much of its time a device has to say what it should not say."""

OPEN_SHARE = 1 / 4
"""How much of its time a device has to end a connection for another one."""

_CHUNK = 1 << 16


class Line:
    """One connection; `patience`: how many seconds the device may take for anything."""

    greeting: Greeting

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float
    ) -> None:
        """Take a connection that is there; use `connect`."""
        self._reader = reader
        self._writer = writer
        self._patience = patience
        self.frames = FrameReader()

    @classmethod
    async def connect(cls, host: str, port: int, patience: float) -> Self:
        """Connect and read the greeting; raises FoundError, OSError, SecurePairError."""
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(host, port)
        line = cls(reader, writer, patience)
        try:
            line.greeting = messages.decode(Greeting, await line.answer())
        except BaseException:
            line.abort()
            raise
        return line

    def send(self, payload: bytes | Message) -> None:
        """Send one frame."""
        if isinstance(payload, Message):
            payload = messages.encode(payload)
        self.write(frame(payload))

    def write(self, data: bytes) -> None:
        """Send bytes, whatever they are."""
        self._writer.write(data)

    async def payload(self) -> bytes:
        """Return the next payload; raises EndedError, SilentError."""
        try:
            async with asyncio.timeout(self._patience):
                while (payload := self.frames.next()) is None:
                    if not (data := await self._reader.read(_CHUNK)):
                        raise EndedError
                    self.frames.feed(data)
        except TimeoutError as error:
            raise SilentError from error
        except ConnectionError as error:
            raise EndedError from error
        return payload

    async def answer(self) -> bytes:
        """Return the next payload; raises RefusalError where it is an Error frame."""
        payload = await self.payload()
        if (code := error_code(payload)) is not None:
            raise RefusalError(code)
        return payload

    async def ended(self) -> str | None:
        """Wait for the end; return the code of the one Error frame that may come before it.

        Raises FoundError where anything else comes, or nothing.
        """
        code = None
        while True:
            try:
                payload = await self.payload()
            except EndedError:
                return code
            refusal = error_code(payload)
            if code is not None or refusal is None:
                raise FoundError(f"the device sent {len(payload)} bytes that are no Error frame")
            code = refusal

    async def refused(self, code: str) -> None:
        """Demand an Error frame of this code, then the end; raises FoundError."""
        said = await self.ended()
        if said != code:
            raise FoundError(f"it ended with {said or 'no Error frame'} instead of {code}")

    async def quiet(self, share: float = QUIET_SHARE) -> None:
        """Demand that nothing comes for a share of the patience; raises FoundError."""
        if self.frames.is_unfinished:
            raise FoundError("the device spoke before its turn")
        try:
            async with asyncio.timeout(self._patience * share):
                data = await self._reader.read(_CHUNK)
        except TimeoutError:
            return
        except ConnectionError as error:
            raise EndedError from error
        if not data:
            raise EndedError
        raise FoundError("the device spoke before its turn")

    async def is_open(self) -> bool:
        """Tell, after a while, whether the device has left the connection alone."""
        try:
            await self.quiet(OPEN_SHARE)
        except FoundError:
            return False
        return True

    async def drained(self) -> None:
        """Wait until what was sent is on its way."""
        with suppress(ConnectionError):
            await self._writer.drain()

    def abort(self) -> None:
        """Cut it off."""
        self._writer.transport.abort()


def error_code(payload: bytes) -> str | None:
    """Return the code, if the payload is an Error frame."""
    try:
        return messages.decode(Error, payload).code
    except SecurePairError:
        return None
