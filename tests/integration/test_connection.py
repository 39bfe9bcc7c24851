"""The ends of a connection that no well-behaved device brings about."""

import asyncio
import os
from collections.abc import AsyncGenerator

import msgspec
import pytest
from msgspec import Raw

from custom_components.secure_pair.connection import Connection
from custom_components.secure_pair.protocol.envelope import Command
from custom_components.secure_pair.protocol.errors import Failure, SecurePairError
from custom_components.secure_pair.protocol.keys import TrafficKeys
from custom_components.secure_pair.protocol.secret import Secret
from secure_pair_protocol.framing import frame
from secure_pair_protocol.messages import VERSION, Greeting, encode

from .conftest import Until

KEYS = TrafficKeys(Secret(os.urandom(32)), Secret(os.urandom(32)))


class Peer:
    """Greets whoever comes, and then does what a test says."""

    def __init__(self) -> None:
        self.port = 0
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        writer.write(frame(encode(Greeting((VERSION,), "aabbccddeeff", bytes(16)))))


@pytest.fixture
async def peer() -> AsyncGenerator[Peer]:
    peer = Peer()
    server = await asyncio.start_server(peer.greet, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    yield peer
    peer.writer.transport.abort()
    server.close()
    await server.wait_closed()


async def test_nobody_takes_the_farewell(peer: Peer) -> None:
    """A device that does not read any more cannot keep a connection from being closed."""
    connection = await Connection.open("127.0.0.1", peer.port)
    ended: list[SecurePairError] = []
    connection.encrypt(KEYS, lambda _: None, ended.append)
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    action = Raw(msgspec.msgpack.encode({"x": bytes(60_000)}))
    message = Command(bytes(16), bytes(8), 0, "lock", action)
    transport = connection._transport
    assert transport is not None
    while transport.get_write_buffer_size() == 0:
        connection.send(message)
    await connection.close()
    assert transport.is_closing()
    assert transport.get_write_buffer_size() == 0
    # On purpose: nobody is told of a loss.
    assert ended == []
    with pytest.raises(SecurePairError):
        connection.send(message)


async def test_it_ends_before_it_is_encrypted(peer: Peer, until: Until) -> None:
    connection = await Connection.open("127.0.0.1", peer.port)
    peer.writer.close()
    await until(lambda: connection._error is not None)
    ended: list[SecurePairError] = []
    connection.encrypt(KEYS, lambda _: None, ended.append)
    assert [error.failure for error in ended] == [Failure.CONNECTION_LOST]
    with pytest.raises(SecurePairError) as caught:
        connection.send_payload(b"late")
    assert caught.value.failure is Failure.CONNECTION_LOST
