"""What a device says and takes before anybody has proved anything."""

import asyncio
import os

import msgspec

from secure_pair_protocol import messages
from secure_pair_protocol.errors import Failure
from secure_pair_protocol.framing import HANDSHAKE_LIMIT, frame
from secure_pair_protocol.messages import (
    VERSION,
    AuthenticationRequest,
    Challenge,
    ChallengeResponse,
    DeviceKey,
    Greeting,
    Identify,
    Message,
    ResumeAnswer,
    ResumeConfirmation,
    TerminalConfirmation,
)

from .bench import Bench
from .errors import FoundError
from .finding import Check
from .line import Line

UNKNOWN_VERSIONS = (0, VERSION + 1, 255)
OPEN_CHALLENGES = 8

GARBAGE = (
    b"\xc1",
    b"\x90",
    b"\x91\x32",
    b"\x80",
    b"\x91" * 200,
    b"GET / HTTP/1.1\r\n\r\n",
    msgspec.msgpack.encode([1, 1, bytes(15)]),
    msgspec.msgpack.encode([1, 1, "sixteen letters!"]),
    msgspec.msgpack.encode([1, 256, bytes(16)]),
    msgspec.msgpack.encode([1, 1]),
)
"""Payloads that are no message at all."""

FIRST_OUT_OF_ORDER: tuple[Message, ...] = (
    ChallengeResponse(bytes(72), bytes(32)),
    TerminalConfirmation(bytes(32)),
    ResumeConfirmation(bytes(32)),
    Greeting((VERSION,), "x", bytes(16)),
    Challenge("x", bytes(32), bytes(8), "", ""),
    DeviceKey(bytes(32), bytes(32)),
    ResumeAnswer(bytes(32), bytes(32)),
)
"""What has no place behind the greeting."""


async def _greets(bench: Bench) -> None:
    """The greeting itself was decoded by `Line.connect`."""
    first, second = await bench.connect(), await bench.connect()
    for line in (first, second):
        if VERSION not in line.greeting.versions:
            raise FoundError(f"it knows the versions {line.greeting.versions} only")
        if line.greeting.device_id != bench.device_id:
            raise FoundError(f"another device greets: {line.greeting.device_id}")
        await line.quiet()
    if first.greeting.random == second.greeting.random:
        raise FoundError("two greetings have the same random bytes")


async def _refuses_versions(bench: Bench) -> None:
    for version in UNKNOWN_VERSIONS:
        line = await bench.connect()
        line.send(AuthenticationRequest(version, bench.authority.terminal_id))
        await line.refused(Failure.VERSION_NOT_SUPPORTED)


async def _challenges(bench: Bench) -> None:
    first, second = await bench.to_m2(), await bench.to_m2()
    if first.challenge.first_data == second.challenge.first_data:
        raise FoundError("two challenges have the same first data")
    if first.challenge.installation != second.challenge.installation:
        raise FoundError("the installation changes by itself")


async def _ignores_further_fields(bench: Bench) -> None:
    line = await bench.connect()
    line.send(msgspec.msgpack.encode([1, VERSION, bench.authority.terminal_id, "more", [1]]))
    messages.decode(Challenge, await line.answer())


async def _takes_single_bytes(bench: Bench) -> None:
    line = await bench.connect()
    for byte in frame(messages.encode(AuthenticationRequest(VERSION, bench.authority.terminal_id))):
        line.write(bytes([byte]))
        await line.drained()
        await asyncio.sleep(0)
    messages.decode(Challenge, await line.answer())


async def _identifies(bench: Bench) -> None:
    line = await bench.connect()
    for _ in range(3):
        line.send(Identify())
    await line.quiet()
    line.send(AuthenticationRequest(VERSION, bench.authority.terminal_id))
    messages.decode(Challenge, await line.answer())
    line.send(Identify())
    await line.ended()


async def _ends(bench: Bench, data: bytes) -> None:
    line: Line = await bench.connect()
    line.write(data)
    await line.ended()


async def _ends_on_long_frames(bench: Bench) -> None:
    """The length alone says it: the rest never comes."""
    await _ends(bench, (HANDSHAKE_LIMIT + 1).to_bytes(2))
    await _ends(bench, frame(bytes(65535)))


async def _ends_on_an_empty_frame(bench: Bench) -> None:
    await _ends(bench, bytes(2))


async def _ends_on_garbage(bench: Bench) -> None:
    for payload in (*GARBAGE, os.urandom(64)):
        await _ends(bench, frame(payload))


async def _ends_out_of_order(bench: Bench) -> None:
    for message in FIRST_OUT_OF_ORDER:
        await _ends(bench, frame(messages.encode(message)))
    for message in (
        AuthenticationRequest(VERSION, bench.authority.terminal_id),
        TerminalConfirmation(bytes(32)),
        ResumeConfirmation(bytes(32)),
    ):
        asked = await bench.to_m2()
        asked.line.send(message)
        await asked.line.ended()


async def _is_challenged(line: Line) -> bool:
    """Tell whether m2 has come, and nothing behind it."""
    try:
        messages.decode(Challenge, await line.answer())
    except FoundError:
        return False
    return await line.is_open()


async def _bounds_challenges(bench: Bench) -> None:
    request = AuthenticationRequest(VERSION, bench.authority.terminal_id)
    lines = []
    for _ in range(OPEN_CHALLENGES + 4):
        try:
            line = await bench.connect()
        except FoundError:
            # It holds fewer, and says so by not listening.
            break
        line.send(request)
        lines.append(line)
    open_ones = sum(await asyncio.gather(*map(_is_challenged, lines)))
    if open_ones > OPEN_CHALLENGES:
        raise FoundError(f"{open_ones} challenges are open at the same time")


CHECKS = (
    Check("greets at once: version 1, its id, new random bytes", 4, _greets),
    Check("refuses a version that it does not know", 4, _refuses_versions),
    Check("draws new first data for each challenge", 4, _challenges),
    Check("ignores fields behind those that it knows", 2, _ignores_further_fields),
    Check("takes a frame that comes byte by byte", 2, _takes_single_bytes),
    Check("Identify has no answer, and no place behind m1", 2, _identifies),
    Check("ends a connection with too long a frame", 2, _ends_on_long_frames),
    Check("ends a connection with an empty frame", 2, _ends_on_an_empty_frame),
    Check("ends a connection with what is no message", 2, _ends_on_garbage),
    Check("ends a connection with a message out of order", 2, _ends_out_of_order),
    Check("keeps at most 8 challenges open", 9, _bounds_challenges),
)
