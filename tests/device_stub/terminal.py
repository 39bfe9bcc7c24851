"""A small terminal, and a key service without its wire: the other ends of a test."""

import asyncio
import itertools
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import Raw

from secure_pair_protocol import envelope, messages, negotiation, resumption
from secure_pair_protocol.channel import Channel
from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.envelope import (
    Command,
    Description,
    FromDevice,
    FromTerminal,
    Outcome,
    Piece,
    Question,
    States,
    Welcome,
)
from secure_pair_protocol.errors import SecurePairError
from secure_pair_protocol.framing import HANDSHAKE_LIMIT, RECORD_LIMIT, FrameReader, frame
from secure_pair_protocol.keys import EMPTY_PAIRING_SECRET, Grant
from secure_pair_protocol.messages import Error, Greeting, Message
from secure_pair_protocol.pieces import Assembler
from secure_pair_protocol.secret import Secret

PATIENCE = 10
"""Seconds after which a test gives up; nothing here takes as long."""

_ids = itertools.count(1)


def terminal_id() -> bytes:
    """Return another one, unlike any secret that a generated test may draw."""
    return b"terminal" + next(_ids).to_bytes(8)


class Refused(Exception):  # noqa: N818
    """The device answered with an Error frame of this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def refused(code: str) -> pytest.RaisesExc[Refused]:
    """Expect an Error frame of just this code."""
    return pytest.raises(Refused, match=rf"\A{code}\Z")


class Closed(Exception):  # noqa: N818
    """The device closed without a word."""


class Peer:
    """Frames on a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.frames = FrameReader()
        self.greeting: Greeting

    @classmethod
    async def connect(cls, port: int, address: str = "127.0.0.1") -> Self:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
        peer = cls(reader, writer)
        peer.greeting = messages.decode(Greeting, await peer.payload())
        return peer

    async def payload(self) -> bytes:
        """Return the next payload; raises Closed."""
        async with asyncio.timeout(PATIENCE):
            while (payload := self.frames.next()) is None:
                try:
                    data = await self.reader.read(1 << 16)
                except ConnectionError as error:
                    raise Closed from error
                if not data:
                    raise Closed
                self.frames.feed(data)
        return payload

    async def answer(self) -> bytes:
        """Return the next payload; raises Refused for an Error, Closed."""
        payload = await self.payload()
        message = messages.decode_any(payload)
        if isinstance(message, Error):
            raise Refused(message.code)
        return payload

    def send(self, payload: bytes | Message) -> None:
        if isinstance(payload, Message):
            payload = messages.encode(payload)
        self.writer.write(frame(payload))

    async def refusal(self) -> str:
        """Return the code of the Error frame that the connection ends with."""
        try:
            while True:
                await self.answer()
        except Refused as refused:
            await self.end()
            return refused.code

    async def end(self) -> None:
        """Wait until the device has closed."""
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                while await self.reader.read(1 << 16):
                    pass
        await self.close()

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


class Wire:
    """An encrypted connection."""

    def __init__(self, peer: Peer, channel: Channel) -> None:
        self.peer = peer
        self.channel = channel
        self.assembler = Assembler()
        self.pieces = 0
        self.welcome: Welcome
        self.description: Description
        self.states: States
        peer.frames.limit = RECORD_LIMIT

    def send(self, message: FromTerminal | bytes) -> None:
        plaintext = message if isinstance(message, bytes) else envelope.encode(message)
        self.peer.writer.write(self.channel.seal(plaintext))

    async def receive(self) -> FromDevice:
        """Return the next message, a long one when its last piece has come."""
        while isinstance(message := await self.receive_record(), Piece):
            self.pieces += 1
            if (whole := self.assembler.take(message)) is not None:
                return envelope.decode_from_device(whole)
        return message

    async def receive_record(self) -> FromDevice:
        """Return what the next record holds."""
        return envelope.decode_from_device(self.channel.open(await self.peer.payload()))

    async def until[M: FromDevice](self, kind: type[M]) -> M:
        """Skip what is of another kind."""
        while not isinstance(message := await self.receive(), kind):
            pass
        return message

    async def outcome(self, command_id: bytes, *, final: bool = True) -> Outcome:
        """Return what became of a command, once it has ended."""
        while True:
            outcome = await self.until(Outcome)
            if outcome.id == command_id and not (
                final and outcome.result is envelope.Result.RUNNING
            ):
                return outcome

    async def introduced(self, first: bytes | None = None) -> Self:
        """Take what a connection begins with; its first record may be here already."""
        record = await self.peer.payload() if first is None else first
        welcome = envelope.decode_from_device(self.channel.open(record))
        assert isinstance(welcome, Welcome)
        self.welcome = welcome
        await self.described()
        return self

    async def described(self) -> None:
        """Take a description, and the full set of states behind it."""
        description, states = await self.receive(), await self.receive()
        assert isinstance(description, Description)
        assert isinstance(states, States)
        assert states.full
        self.description, self.states = description, states

    async def positions(self) -> str | None:
        """Return the position in the next States."""
        states = await self.until(States)
        return str(msgspec.msgpack.decode(states.states[0])["position"])

    def command(self, do: str = "unlock", **changes: object) -> Command:
        """Make a command, born now as the device sees it."""
        stamp: dict[str, object] = {
            "id": os.urandom(16),
            "boot": self.welcome.boot,
            "born": self.welcome.up,
            "entity": "lock",
            "action": Raw(msgspec.msgpack.encode({"do": do})),
        }
        return Command(**{**stamp, **changes})  # type: ignore[arg-type]

    async def closing(self) -> str | None:
        """Return the code of the authenticated close that the connection ends with."""
        code = (await self.until(envelope.Closing)).code
        await self.peer.end()
        return code

    async def close(self) -> None:
        await self.peer.close()


def question(command: Command) -> Question:
    return Question(command.id, command.boot, command.born, command.entity, command.action)


@dataclass
class Cloud:
    """The key service's part in a negotiation."""

    initial_key: Secret
    epoch: int = 1000
    lifetime: int = 0

    def authorize(
        self, m1: bytes, m2: bytes, public_key: bytes, token_owner: bytes
    ) -> negotiation.Authorization:
        return negotiation.authorize(
            PRIMITIVES,
            negotiation.parse_authorization_request(PRIMITIVES, m1, m2),
            m1=m1,
            m2=m2,
            first_public_key=public_key,
            token_terminal_id=token_owner,
            initial_key=self.initial_key,
            grant=Grant(self.epoch, self.lifetime),
            nonce=os.urandom(12),
        )


@dataclass
class Attempt:
    """A negotiation that waits at some step."""

    peer: Peer
    m1: bytes = b""
    m2: bytes = b""
    m5: bytes = b""
    m6: bytes = b""
    responded: negotiation.Responded[X25519PrivateKey] | None = None
    proven: negotiation.Proven | None = None

    @property
    def m7(self) -> bytes:
        assert self.proven is not None
        return messages.encode(self.proven.confirmation)


@dataclass
class Terminal:
    """A terminal that keeps its newest session only."""

    cloud: Cloud
    device_id: str
    pairing_secret: Secret = EMPTY_PAIRING_SECRET
    terminal_id: bytes = field(default_factory=terminal_id)
    session_id: bytes = b""
    session_key: Secret = EMPTY_PAIRING_SECRET

    # The negotiation, step by step

    async def to_m2(self, port: int, address: str = "127.0.0.1") -> Attempt:
        attempt = Attempt(await Peer.connect(port, address))
        requested, attempt.m1 = negotiation.request_authentication(
            PRIMITIVES,
            device_id=self.device_id,
            terminal_id=self.terminal_id,
            private_key=X25519PrivateKey.generate(),
            pairing_secret=self.pairing_secret,
        )
        attempt.peer.send(attempt.m1)
        attempt.m2 = await attempt.peer.answer()
        challenged = negotiation.receive_challenge(PRIMITIVES, requested, attempt.m2)
        granted = self.cloud.authorize(
            attempt.m1, attempt.m2, challenged.first_public_key, self.terminal_id
        )
        attempt.responded, attempt.m5 = negotiation.respond(
            PRIMITIVES,
            challenged,
            granted.first_encrypted_data,
            granted.ticket_key,
            granted.lifetime,
        )
        return attempt

    async def to_m6(self, port: int, address: str = "127.0.0.1") -> Attempt:
        attempt = await self.to_m2(port, address)
        attempt.peer.send(attempt.m5)
        attempt.m6 = await attempt.peer.answer()
        assert attempt.responded is not None
        attempt.proven = negotiation.receive_device_key(PRIMITIVES, attempt.responded, attempt.m6)
        return attempt

    async def finish(self, attempt: Attempt) -> Wire:
        """Send m7, and wait for the first record; raises Refused."""
        proven = attempt.proven
        assert proven is not None
        former = self.session_id, self.session_key
        self.session_id, self.session_key = proven.session_id, proven.session_key
        attempt.peer.send(attempt.m7)
        attempt.peer.frames.limit = HANDSHAKE_LIMIT
        payload = await attempt.peer.payload()
        with suppress(SecurePairError):
            code = messages.decode(Error, payload).code
            self.session_id, self.session_key = former
            raise Refused(code)
        return await Wire(attempt.peer, Channel.of_terminal(proven.traffic)).introduced(payload)

    async def negotiate(self, port: int, address: str = "127.0.0.1") -> Wire:
        return await self.finish(await self.to_m6(port, address))

    # Later connections

    async def to_r1(self, port: int) -> tuple[Peer, resumption.Resuming[X25519PrivateKey], bytes]:
        peer = await Peer.connect(port)
        resuming, r1 = resumption.resume(
            PRIMITIVES,
            self.session_id,
            self.session_key,
            peer.greeting,
            X25519PrivateKey.generate(),
        )
        return peer, resuming, r1

    async def to_r2(self, port: int) -> tuple[Peer, resumption.Resumed, bytes]:
        peer, resuming, r1 = await self.to_r1(port)
        peer.send(r1)
        resumed, r3 = resumption.receive_resume_answer(PRIMITIVES, resuming, await peer.answer())
        return peer, resumed, r3

    async def resume(self, port: int) -> Wire:
        """Connect with the session; raises Refused."""
        peer, resumed, r3 = await self.to_r2(port)
        peer.send(r3)
        return await Wire(peer, Channel.of_terminal(resumed.traffic)).introduced()
