"""Later connections through a real socket, without the cloud."""

import os

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from secure_pair_protocol import keys, messages, resumption
from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.envelope import Ping, Pong
from secure_pair_protocol.messages import Resume, ResumeConfirmation
from secure_pair_protocol.secret import Secret

from .conftest import House
from .terminal import Peer, refused


async def test_resumption(house: House) -> None:
    terminal = house.terminal()
    await (await terminal.negotiate(house.port)).close()
    for _ in range(2):
        wire = await terminal.resume(house.port)
        assert wire.welcome.boot == house.device.boot
        wire.send(Ping())
        await wire.until(Pong)
        await wire.close()


async def test_one_refusal_for_every_reason(house: House) -> None:
    terminal = house.terminal()
    await (await terminal.negotiate(house.port)).close()
    _, _, recorded = await terminal.to_r1(house.port)
    good = messages.decode(Resume, recorded)

    async def refusal(r1: bytes | Resume) -> str:
        peer = await Peer.connect(house.port)
        peer.send(r1)
        return await peer.refusal()

    # A session that nobody knows; another key; r1 for another greeting.
    unknown = Resume(1, os.urandom(16), good.public_key, good.binder)
    assert await refusal(unknown) == "session_unknown"
    right_key, terminal.session_key = terminal.session_key, Secret(bytes(32))
    with refused("session_unknown"):
        await terminal.resume(house.port)
    assert await refusal(recorded) == "session_unknown"
    terminal.session_key = right_key
    await (await terminal.resume(house.port)).close()


async def test_unknown_version(house: House) -> None:
    peer = await Peer.connect(house.port)
    peer.send(Resume(9, bytes(16), bytes(32), bytes(32)))
    assert await peer.refusal() == "version_not_supported"


async def test_wrong_r3(house: House) -> None:
    terminal = house.terminal()
    wire = await terminal.negotiate(house.port)
    peer, _, _ = await terminal.to_r2(house.port)
    peer.send(ResumeConfirmation(bytes(32)))
    assert await peer.refusal() == "terminal_unproven"
    wire.send(Ping())
    await wire.until(Pong)
    await wire.close()


async def test_all_zero_agreement_is_refused(house: House) -> None:
    terminal = house.terminal()
    await (await terminal.negotiate(house.port)).close()
    peer = await Peer.connect(house.port)
    resuming, r1 = resumption.resume(
        PRIMITIVES,
        terminal.session_id,
        terminal.session_key,
        peer.greeting,
        X25519PrivateKey.generate(),
    )
    # Whoever holds the session key may bind whatever point it likes.
    key = keys.binder_key(PRIMITIVES, terminal.session_key)
    text = keys.binder_text(PRIMITIVES, 1, terminal.session_id, bytes(32), peer.greeting.random)
    assert resuming.session_id == messages.decode(Resume, r1).session_id
    peer.send(Resume(1, terminal.session_id, bytes(32), PRIMITIVES.hmac(key, text)))
    assert await peer.refusal() == "terminal_unproven"


async def test_third_connection_closes_the_oldest(house: House) -> None:
    terminal = house.terminal()
    first = await terminal.negotiate(house.port)
    second = await terminal.resume(house.port)
    peer, _, _ = await terminal.to_r2(house.port)
    # r2 alone costs nobody the connection.
    first.send(Ping())
    await first.until(Pong)
    third = await terminal.resume(house.port)
    assert await first.closing() is None
    for wire in (second, third):
        wire.send(Ping())
        await wire.until(Pong)
        await wire.close()
    await peer.close()


async def test_at_most_two_half_open(house: House) -> None:
    terminal = house.terminal()
    await (await terminal.negotiate(house.port)).close()
    oldest, older, newest = [await terminal.to_r2(house.port) for _ in range(3)]
    assert await oldest[0].refusal() == "busy"
    for peer, _, r3 in (older, newest):
        peer.send(r3)
        await peer.payload()
        await peer.close()


async def test_half_open_for_ten_seconds(house: House) -> None:
    terminal = house.terminal()
    await (await terminal.negotiate(house.port)).close()
    (early, _, _), (late, _, r3) = [await terminal.to_r2(house.port) for _ in range(2)]
    house.clock.pass_(10.1)
    late.send(r3)
    assert await late.refusal() == "timeout"
    await house.tick(0)
    assert await early.refusal() == "timeout"


async def test_r3_ends_this_terminals_negotiations_only(house: House) -> None:
    terminal, other = house.terminal(), house.terminal()
    wire = await terminal.negotiate(house.port)
    own, others = await terminal.to_m6(house.port), await other.to_m6(house.port)
    resumed = await terminal.resume(house.port)
    assert await own.peer.refusal() == "busy"
    await (await other.finish(others)).close()
    await resumed.close()
    await wire.close()


async def test_m7_ends_this_terminals_resumptions(house: House) -> None:
    terminal, other = house.terminal(), house.terminal()
    await (await terminal.negotiate(house.port)).close()
    await (await other.negotiate(house.port)).close()
    own, _, _ = await terminal.to_r2(house.port)
    others, _, others_r3 = await other.to_r2(house.port)
    await (await terminal.negotiate(house.port)).close()
    assert await own.refusal() == "busy"
    others.send(others_r3)
    await others.payload()
    await others.close()


async def test_session_that_goes_between_r2_and_r3(house: House) -> None:
    terminal = house.terminal()
    await (await terminal.negotiate(house.port)).close()
    peer, _, r3 = await terminal.to_r2(house.port)
    await house.server.revoke(terminal.terminal_id)
    peer.send(r3)
    assert await peer.refusal() == "session_unknown"
