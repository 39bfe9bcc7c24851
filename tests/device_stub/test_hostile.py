"""Whatever a peer sends at whatever stage ends its own connection, and nothing else."""

import asyncio
import os
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack

import msgspec
import pytest

from device_stub import admission
from device_stub.connection import DISCARD_LIMIT
from secure_pair_protocol import messages
from secure_pair_protocol.channel import Channel
from secure_pair_protocol.envelope import Ping, Pong
from secure_pair_protocol.framing import frame
from secure_pair_protocol.messages import (
    AuthenticationRequest,
    ChallengeResponse,
    Error,
    Identify,
    ResumeConfirmation,
    TerminalConfirmation,
)

from .conftest import House
from .terminal import Closed, Peer, Refused, Terminal, Wire, refused

type Until = Callable[[Callable[[], object]], Awaitable[None]]

STAGES = ["greeted", "challenged", "answered", "resuming"]


class Attacker:
    """Has come to a stage, with everything that a real terminal has."""

    def __init__(self, peer: Peer, next_message: bytes) -> None:
        self.peer = peer
        self.next_message = next_message


@pytest.fixture
async def others(house: House) -> AsyncGenerator[Wire]:
    """A terminal that is connected all the time, and works at the end."""
    terminal = house.terminal()
    wire = await terminal.negotiate(house.port)
    yield wire
    wire.send(Ping())
    command = wire.command(born=(await wire.until(Pong)).up)
    wire.send(command)
    assert (await wire.outcome(command.id)).result == "done"
    await wire.close()
    await (await terminal.resume(house.port)).close()


@pytest.fixture(params=STAGES)
async def attacker(
    request: pytest.FixtureRequest, house: House, others: Wire, stack: AsyncExitStack
) -> Attacker:
    terminal = house.terminal()
    match request.param:
        case "greeted":
            peer = await Peer.connect(house.port)
            attacker = Attacker(peer, messages.encode(AuthenticationRequest(1, os.urandom(16))))
        case "challenged":
            asked = await terminal.to_m2(house.port)
            attacker = Attacker(asked.peer, asked.m5)
        case "answered":
            attempt = await terminal.to_m6(house.port)
            attacker = Attacker(attempt.peer, attempt.m7)
        case _:
            await (await terminal.negotiate(house.port)).close()
            peer, _, r3 = await terminal.to_r2(house.port)
            attacker = Attacker(peer, r3)
    stack.push_async_callback(attacker.peer.close)
    return attacker


@pytest.mark.parametrize(
    "payload",
    [
        b"\xc1",
        b"\x91",
        b"\x90",
        b"\x80",
        b"\x91\x32",
        b"\x92\x01\x01",
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 4096,
        msgspec.msgpack.encode([1, 1, bytes(15)]),
        msgspec.msgpack.encode([1, 1, "sixteen letters!"]),
        msgspec.msgpack.encode([127, "x" * 65]),
        msgspec.msgpack.encode([3, bytes(71), bytes(32)]),
        msgspec.msgpack.encode([-1]),
    ],
    ids=range(13),
)
async def test_malformed(attacker: Attacker, payload: bytes) -> None:
    attacker.peer.send(payload)
    assert await attacker.peer.refusal() == "malformed"


async def test_each_message_cut_short(attacker: Attacker) -> None:
    attacker.peer.send(attacker.next_message[:-1])
    assert await attacker.peer.refusal() == "malformed"


async def test_empty_frame(attacker: Attacker) -> None:
    attacker.peer.writer.write(b"\0\0")
    assert await attacker.peer.refusal() == "malformed"


@pytest.mark.parametrize("size", [4097, 65535])
async def test_oversized(attacker: Attacker, size: int) -> None:
    attacker.peer.send(bytes(size))
    assert await attacker.peer.refusal() == "too_large"


async def test_oversized_is_refused_before_it_is_there(attacker: Attacker) -> None:
    attacker.peer.writer.write((4097).to_bytes(2))
    assert await attacker.peer.refusal() == "too_large"


async def test_frame_that_ends_in_the_middle(attacker: Attacker, house: House) -> None:
    attacker.peer.writer.write((40).to_bytes(2) + bytes(39))
    attacker.peer.writer.write_eof()
    assert await attacker.peer.refusal() == "connection_lost"


async def test_who_just_hangs_up_hears_nothing(house: House, others: Wire) -> None:
    for payloads in ((), (messages.encode(Identify()), messages.encode(Identify()))):
        peer = await Peer.connect(house.port)
        for payload in payloads:
            peer.send(payload)
        peer.writer.write_eof()
        with pytest.raises(Closed):
            await peer.answer()
        await peer.close()


async def test_byte_by_byte_is_fine(
    attacker: Attacker, house: House, request: pytest.FixtureRequest
) -> None:
    for byte in frame(attacker.next_message):
        attacker.peer.writer.write(bytes([byte]))
        await attacker.peer.writer.drain()
        await asyncio.sleep(0)
    await attacker.peer.payload()
    step = {"greeted": 2, "challenged": 6, "answered": 7, "resuming": "r3"}
    assert house.steps[-1]["step"] == step[request.node.callspec.params["attacker"]]
    assert "error" not in house.steps[-1]


async def test_out_of_order(attacker: Attacker, request: pytest.FixtureRequest) -> None:
    stage = request.node.callspec.params["attacker"]
    wrong = {
        "greeted": ChallengeResponse(bytes(72), bytes(32)),
        "challenged": AuthenticationRequest(1, bytes(16)),
        "answered": ChallengeResponse(bytes(72), bytes(32)),
        "resuming": TerminalConfirmation(bytes(32)),
    }[stage]
    attacker.peer.send(wrong)
    assert await attacker.peer.refusal() == "out_of_order"


@pytest.mark.parametrize(
    "message",
    [
        messages.Greeting((1,), "x", bytes(16)),
        messages.Challenge("x", bytes(32), bytes(8), "", ""),
        messages.DeviceKey(bytes(32), bytes(32)),
        messages.ResumeAnswer(bytes(32), bytes(32)),
    ],
    ids=lambda message: type(message).__name__,
)
async def test_what_only_a_device_says(attacker: Attacker, message: messages.Message) -> None:
    attacker.peer.send(message)
    assert await attacker.peer.refusal() == "out_of_order"


async def test_a_refusal_is_not_answered(attacker: Attacker) -> None:
    attacker.peer.send(Error("busy"))
    with pytest.raises(Closed):
        await attacker.peer.answer()


async def test_nothing_is_answered_after_a_refusal(house: House, others: Wire) -> None:
    attempt = await house.terminal().to_m2(house.port)
    attempt.peer.send(ResumeConfirmation(bytes(32)))
    attempt.peer.send(attempt.m5)
    assert await attempt.peer.refusal() == "out_of_order"


async def test_identify_has_no_place_later(house: House, others: Wire) -> None:
    attempt = await house.terminal().to_m2(house.port)
    attempt.peer.send(Identify())
    assert await attempt.peer.refusal() == "out_of_order"
    assert house.device.identified == 0


async def test_random_bytes(house: House, others: Wire) -> None:
    draw = random.Random(8441)
    for _ in range(60):
        peer = await Peer.connect(house.port)
        payload = draw.randbytes(draw.randint(1, 300))
        peer.send(payload)
        assert await peer.refusal() in {"malformed", "out_of_order"}
    for _ in range(30):
        peer = await Peer.connect(house.port)
        peer.writer.write(draw.randbytes(5000))
        peer.writer.write_eof()
        assert await peer.refusal() in {"malformed", "out_of_order", "too_large", "connection_lost"}


async def test_somebody_else_s_protocol(house: House, others: Wire) -> None:
    peer = await Peer.connect(house.port)
    peer.writer.write(b"GET / HTTP/1.1\r\nHost: lock\r\n\r\n")
    assert await peer.refusal() == "too_large"


async def test_silence(attacker: Attacker, house: House, request: pytest.FixtureRequest) -> None:
    seconds, code = {
        "greeted": (admission.SILENT_SECONDS, "timeout"),
        "challenged": (60, "challenge_expired"),
        "answered": (60, "challenge_expired"),
        "resuming": (10, "timeout"),
    }[request.node.callspec.params["attacker"]]
    await house.tick(seconds)
    assert len(house.server.admission) == 2
    await house.tick(0.01)
    assert await attacker.peer.refusal() == code


async def test_a_drip_of_identify_does_not_keep_a_connection(house: House, others: Wire) -> None:
    peer = await Peer.connect(house.port)
    for _ in range(5):
        peer.send(Identify())
        await house.tick(2)
    await house.tick(0.1)
    assert await peer.refusal() == "timeout"


async def test_who_does_not_go_is_cut_off(house: House, others: Wire, until: Until) -> None:
    polite, rude = await Peer.connect(house.port), await Peer.connect(house.port)
    for peer in (polite, rude):
        peer.send(b"\xc1")
        with refused("malformed"):
            await peer.answer()
    assert len(house.server.admission) == 3
    rude.writer.write(bytes(DISCARD_LIMIT + 1))
    await until(lambda: len(house.server.admission) == 2)
    await house.tick(admission.ENDING_SECONDS + 0.1)
    assert len(house.server.admission) == 1
    await polite.end()
    await rude.end()


async def test_nothing_is_kept_of_what_comes_behind_a_refusal(house: House, others: Wire) -> None:
    peer = await Peer.connect(house.port)
    peer.writer.write(frame(b"\xc1") + bytes(50_000))
    with refused("malformed"):
        await peer.answer()
    (ending,) = [
        place for place in house.server.admission if place.standing is admission.Standing.ENDING
    ]
    assert not ending.connection._reader.is_unfinished
    await peer.end()


async def test_silent_connections_are_bounded(house: House, others: Wire, until: Until) -> None:
    peers = [await Peer.connect(house.port, "127.0.0.2") for _ in range(100)]
    silent = [
        place for place in house.server.admission if place.standing is admission.Standing.SILENT
    ]
    assert len(silent) == admission.SILENT_LIMIT
    assert len(house.server.admission) <= 1 + admission.SILENT_LIMIT + admission.ENDING_LIMIT
    # Somebody at another address gets in.
    await (await house.terminal().negotiate(house.port)).close()
    for peer in peers:
        await peer.close()
    await until(lambda: len(house.server.admission) == 1)


async def first_word(peer: Peer) -> str:
    try:
        await peer.answer()
    except Refused as error:
        return error.code
    except Closed:
        return "closed"
    return "challenge"


async def test_challenge_flood_while_somebody_pairs(house: House, others: Wire) -> None:
    honest = house.terminal()
    asked = await honest.to_m2(house.port)
    impersonated = AuthenticationRequest(1, honest.terminal_id)
    flood: list[Peer] = []
    for _ in range(100):
        peer = await Peer.connect(house.port, "127.0.0.2")
        peer.send(impersonated)
        flood.append(peer)
    answered = [await first_word(peer) for peer in flood]
    assert answered.count("challenge") >= admission.CHALLENGE_LIMIT
    assert set(answered) <= {"challenge", "busy", "closed"}
    assert len(house.server.admission) <= 1 + (
        admission.CHALLENGE_LIMIT + admission.SILENT_LIMIT + admission.ENDING_LIMIT
    )
    open_ones = [
        place for place in house.server.admission if place.standing is admission.Standing.CHALLENGED
    ]
    assert len(open_ones) == admission.CHALLENGE_LIMIT
    asked.peer.send(asked.m5)
    await asked.peer.answer()
    assert asked.responded is not None
    # Those that said they were this terminal went as its m5 opened.
    assert not [p for p in house.server.admission if p.standing is admission.Standing.CHALLENGED]
    await asked.peer.close()
    await (await honest.negotiate(house.port)).close()
    for peer in flood:
        await peer.close()


# Inside the channel


@pytest.fixture
async def insider(house: House, others: Wire, stack: AsyncExitStack) -> Wire:
    wire = await house.terminal().negotiate(house.port)
    stack.push_async_callback(wire.close)
    return wire


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b"\xc1",
        b"\x80",
        msgspec.msgpack.encode([99]),
        msgspec.msgpack.encode([0, bytes(15), bytes(8), 1, "lock", {}]),
        msgspec.msgpack.encode([0, bytes(16), bytes(8), -1, "lock", {}]),
        msgspec.msgpack.encode([0, bytes(16), bytes(8), 1, "LOCK", {}]),
        msgspec.msgpack.encode([0, bytes(16), bytes(8), 1 << 63, "lock", {}]),
    ],
    ids=range(8),
)
async def test_malformed_record(insider: Wire, plaintext: bytes) -> None:
    insider.send(plaintext)
    assert await insider.closing() == "malformed"


async def test_empty_record(insider: Wire) -> None:
    insider.peer.writer.write(b"\0\0")
    assert await insider.closing() == "malformed"


@pytest.mark.parametrize("record", [bytes(1), bytes(16), bytes(40), bytes(65535)], ids=len)
async def test_record_that_does_not_open(
    insider: Wire, house: House, record: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    insider.peer.send(record)
    # Nothing may be said on this channel any more.
    with pytest.raises(Closed):
        await insider.receive()
    assert "could not be sent" not in caplog.text


async def test_repeated_and_reordered_records(house: House, others: Wire) -> None:
    for order in ((0, 0), (1, 0), (1,)):
        wire = await house.terminal().negotiate(house.port)
        records = [wire.channel.seal(bytes([0x91, 2])) for _ in range(2)]
        for number in order:
            wire.peer.writer.write(records[number])
        pongs = 0
        try:
            while True:
                pongs += isinstance(await wire.receive(), Pong)
        except Closed:
            pass
        assert pongs == (1 if order[0] == 0 else 0)
        await wire.close()
        await house.server.revoke(house.device.register.held[-1].session.terminal_id)


async def test_record_cut_off(insider: Wire, house: House, until: Until) -> None:
    record = insider.channel.seal(bytes([0x91, 2]))
    insider.peer.writer.write(record[:-1])
    insider.peer.writer.write_eof()
    await insider.peer.end()
    await until(lambda: house.server.live_connections == 1)


async def test_records_before_the_first_record(house: House, others: Wire) -> None:
    """Nothing forbids a terminal to speak at once; it is heard behind m7 and r3."""
    terminal: Terminal = house.terminal()
    await (await terminal.negotiate(house.port)).close()
    peer, resumed, r3 = await terminal.to_r2(house.port)
    wire = Wire(peer, Channel.of_terminal(resumed.traffic))
    data = frame(r3) + wire.channel.seal(bytes([0x91, 2]))
    peer.writer.write(data)
    await wire.introduced()
    await wire.until(Pong)
    await wire.close()
