"""The seven steps through a real socket, and each way in which the device refuses."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from device_stub.admission import Standing
from secure_pair_protocol import model
from secure_pair_protocol.envelope import Ping, Pong
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.messages import (
    AuthenticationRequest,
    Challenge,
    Identify,
    TerminalConfirmation,
    decode,
)
from secure_pair_protocol.secret import Secret

from .conftest import House, SlowStore
from .terminal import Cloud, Peer, Refused, refused

type Until = Callable[[Callable[[], object]], Awaitable[None]]


async def test_negotiation_end_to_end(house: House) -> None:
    terminal = house.terminal()
    house.cloud.lifetime = 7200
    attempt = await terminal.to_m6(house.port)

    challenge = decode(Challenge, attempt.m2)
    assert attempt.peer.greeting.device_id == challenge.device_id == house.data.device_id
    assert challenge.installation == house.device.register.installation
    assert (challenge.model, challenge.name) == ("Virtual door lock", "Front door")
    assert attempt.proven is not None
    assert house.device.find(attempt.proven.session_id) is None

    wire = await terminal.finish(attempt)
    (held,) = house.device.register.held
    assert held.session.session_id == terminal.session_id
    assert held.session.session_key.reveal() == terminal.session_key.reveal()
    assert held.session.terminal_id == terminal.terminal_id
    assert house.device.register.epoch == house.cloud.epoch
    assert wire.welcome.boot == house.device.boot
    assert wire.welcome.remaining == 7200
    assert house.server.live_connections == 1
    await wire.close()


async def test_description_and_states_follow(house: House) -> None:
    wire = await house.terminal().negotiate(house.port)
    entity = model.decode_entity(wire.description.entities[0])
    assert entity == house.lock.entity
    assert model.decode_state(wire.states.states[0], entity) == house.lock.state
    assert wire.description.device.name == "Front door"
    assert wire.description.device.serial == house.data.device_id
    await wire.close()


async def test_steps_are_named_as_in_the_method(house: House) -> None:
    terminal = house.terminal()
    wire = await terminal.negotiate(house.port)
    await (await terminal.resume(house.port)).close()
    await wire.close()
    assert [(step["step"], step["name"]) for step in house.steps] == [
        (1, "authentication request"),
        (2, "first data and device identification"),
        (5, "first encrypted data and first public key"),
        (6, "device public key"),
        (7, "terminal confirmation"),
        ("r1", "resumption request"),
        ("r2", "resumption answer"),
        ("r3", "resumption confirmation"),
    ]
    assert [step["connection"] for step in house.steps] == [1] * 5 + [2] * 3
    assert all(isinstance(step["ms"], float) for step in house.steps)


async def test_transcript_is_told_once_the_session_is_stored(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    terminal, told = house.terminal(), set[str]()
    for _ in range(2):
        attempt = await terminal.to_m6(house.port)
        assert attempt.proven is not None
        transcript = attempt.proven.transcript.hex()
        assert transcript not in caplog.text + repr(house.steps)

        await (await terminal.finish(attempt)).close()
        assert f"terminal {terminal.terminal_id.hex()}, transcript {transcript}" in caplog.text
        assert house.steps[-1]["transcript"] == transcript
        told.add(transcript)
    assert len(told) == 2


async def test_no_secret_leaves(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    terminal, broken = house.terminal(), house.terminal()
    wire = await terminal.negotiate(house.port)
    broken.cloud = Cloud(Secret(bytes(32)))
    with pytest.raises(Refused):
        await broken.negotiate(house.port)
    house.device.store.write_fails = True
    with pytest.raises(Refused):
        await house.terminal().negotiate(house.port)
    house.device.store.write_fails = False
    wire.command()
    await house.server.revoke(terminal.terminal_id)
    await wire.peer.end()

    said = caplog.text + json.dumps(house.steps) + repr(vars(house.device)) + repr(house)
    assert "storage_failed" in said
    for secret in (house.data.initial_key, house.data.pairing_secret, terminal.session_key):
        value = secret.reveal()
        assert value.hex() not in said
        assert repr(value)[2:-1] not in said


async def test_wrong_initial_key(house: House) -> None:
    terminal = house.terminal()
    terminal.cloud = Cloud(Secret(bytes(32)))
    with refused("authorization_rejected"):
        await terminal.negotiate(house.port)
    assert house.steps[-1]["error"] == "authorization_rejected"
    assert house.steps[-1]["step"] == 5


async def test_wrong_pairing_secret_is_seen_by_the_terminal(house: House) -> None:
    terminal = house.terminal()
    terminal.pairing_secret = Secret(bytes(32))
    with pytest.raises(SecurePairError) as error:
        await terminal.to_m6(house.port)
    assert error.value.failure is Failure.DEVICE_UNPROVEN


async def test_wrong_pairing_secret_is_seen_by_the_device(house: House) -> None:
    attempt = await house.terminal().to_m6(house.port)
    attempt.peer.send(TerminalConfirmation(bytes(32)))
    assert await attempt.peer.refusal() == "terminal_unproven"
    assert house.device.register.held == ()


async def test_a_good_m7_of_another_connection_is_none(house: House) -> None:
    terminal, other = house.terminal(), house.terminal()
    one, two = await terminal.to_m6(house.port), await other.to_m6(house.port)
    two.peer.send(one.m7)
    assert await two.peer.refusal() == "terminal_unproven"
    await (await terminal.finish(one)).close()


async def test_m5_of_another_challenge_is_refused(house: House) -> None:
    one, two = [await house.terminal().to_m2(house.port) for _ in range(2)]
    one.peer.send(two.m5)
    assert await one.peer.refusal() == "authorization_rejected"
    await two.peer.close()


async def test_unknown_version(house: House) -> None:
    peer = await Peer.connect(house.port)
    peer.send(AuthenticationRequest(2, bytes(16)))
    assert await peer.refusal() == "version_not_supported"


async def test_a_challenge_holds_for_a_minute(house: House) -> None:
    in_time, late = [await house.terminal().to_m2(house.port) for _ in range(2)]
    house.clock.pass_(60)
    in_time.peer.send(in_time.m5)
    await in_time.peer.answer()
    await house.tick(0.1)
    assert await late.peer.refusal() == "challenge_expired"
    assert await in_time.peer.refusal() == "challenge_expired"


async def test_a_late_answer_is_refused_before_the_device_looks_at_the_clock(house: House) -> None:
    attempt = await house.terminal().to_m2(house.port)
    house.clock.pass_(60.1)
    attempt.peer.send(attempt.m5)
    assert await attempt.peer.refusal() == "challenge_expired"


async def test_lower_epoch_is_refused(house: House) -> None:
    wire = await house.terminal().negotiate(house.port)
    house.cloud.epoch -= 1
    with refused("epoch_refused"):
        await house.terminal().negotiate(house.port)
    wire.send(Ping())
    await wire.until(Pong)
    await wire.close()


async def test_epoch_that_rises_between_m5_and_m7(house: House) -> None:
    slow = house.terminal()
    attempt = await slow.to_m6(house.port)
    house.cloud.epoch += 1
    wire = await house.terminal().negotiate(house.port)
    with refused("epoch_refused"):
        await slow.finish(attempt)
    await wire.close()


async def test_ninth_terminal_is_refused_and_disturbs_nobody(house: House) -> None:
    wires = [await house.terminal().negotiate(house.port) for _ in range(8)]
    with refused("table_full"):
        await house.terminal().negotiate(house.port)
    assert (house.steps[-1]["step"], house.steps[-1]["error"]) == (7, "table_full")
    assert house.server.live_connections == 8
    for wire in wires:
        wire.send(Ping())
        await wire.until(Pong)
        await wire.close()


async def test_renewal_replaces_the_session_and_ends_its_connections(house: House) -> None:
    terminal = house.terminal()
    former = await terminal.negotiate(house.port)
    second = await terminal.resume(house.port)
    old_session = terminal.session_id
    renewed = await terminal.negotiate(house.port)
    assert await former.closing() is None
    assert await second.closing() is None
    assert [held.session.session_id for held in house.device.register.held] == [terminal.session_id]
    new_session, terminal.session_id = terminal.session_id, old_session
    with refused("session_unknown"):
        await terminal.resume(house.port)
    terminal.session_id = new_session
    await (await terminal.resume(house.port)).close()
    await renewed.close()


async def test_m5_ends_this_terminals_other_negotiations_only(house: House) -> None:
    terminal, other = house.terminal(), house.terminal()
    challenged = await terminal.to_m2(house.port)
    answered = await terminal.to_m6(house.port)
    # The first m5 that opened has ended the challenge; a newer one now ends that one.
    assert await challenged.peer.refusal() == "busy"
    others = await other.to_m6(house.port)
    newest = await terminal.to_m6(house.port)
    assert await answered.peer.refusal() == "busy"
    await (await terminal.finish(newest)).close()
    await (await other.finish(others)).close()


async def test_full_disk_at_m7(house: House) -> None:
    terminal, other = house.terminal(), house.terminal()
    wire, others = await terminal.negotiate(house.port), await other.negotiate(house.port)
    before = house.device.store.path.read_bytes()
    house.device.store.write_fails = True
    with refused("storage_failed"):
        await terminal.negotiate(house.port)
    assert house.device.store.path.read_bytes() == before
    for former in (wire, others):
        former.send(Ping())
        await former.until(Pong)
        await former.close()
    await (await terminal.resume(house.port)).close()

    house.device.store.write_fails = False
    await (await terminal.negotiate(house.port)).close()


async def test_nothing_on_the_wire_before_the_write_returned(
    house: House, another: House, until: Until
) -> None:
    server, store = another.server, another.device.store
    assert isinstance(store, SlowStore)
    terminal, other = house.terminal(), house.terminal()
    wire = await other.negotiate(server.port)
    former = await terminal.negotiate(server.port)
    attempt = await terminal.to_m6(server.port)
    store.gate.clear()
    writes = store.writes
    later = replace(terminal)
    finishing = asyncio.create_task(terminal.finish(attempt))
    await until(lambda: store.writes > writes)
    # m7 again, on the same connection, while the first is being written.
    attempt.peer.send(attempt.m7)
    for _ in range(5):
        wire.send(Ping())
        await wire.until(Pong)
    assert not finishing.done()
    assert attempt.peer.reader._buffer == b""  # type: ignore[attr-defined]
    assert [place.standing for place in server.admission].count(Standing.STORING) == 1
    # Nobody goes on with a session that is about to be replaced.
    with refused("busy"):
        await later.resume(server.port)

    store.gate.set()
    renewed = await finishing
    assert await former.closing() is None
    assert store.writes == writes + 1
    # The second m7 is no record: the channel ends without another word.
    await renewed.peer.end()
    assert len(another.device.register.held) == 2
    await (await terminal.resume(server.port)).close()
    await wire.close()


async def test_a_connection_that_breaks_after_m7(
    house: House, another: House, until: Until
) -> None:
    server, store = another.server, another.device.store
    assert isinstance(store, SlowStore)
    terminal = house.terminal()
    attempt = await terminal.to_m6(server.port)
    store.gate.clear()
    writes = store.writes
    attempt.peer.send(attempt.m7)
    await until(lambda: store.writes > writes)
    server.drop_connections()
    await attempt.peer.end()
    store.gate.set()
    await until(lambda: another.device.register.held)
    assert server.live_connections == 0
    assert attempt.proven is not None
    terminal.session_id = attempt.proven.session_id
    terminal.session_key = attempt.proven.session_key
    await (await terminal.resume(server.port)).close()


async def test_m7_behind_a_factory_reset(house: House, another: House, until: Until) -> None:
    server, store = another.server, another.device.store
    assert isinstance(store, SlowStore)
    terminal = house.terminal()
    attempt = await terminal.to_m6(server.port)
    store.gate.clear()
    resetting = asyncio.create_task(server.factory_reset())
    finishing = asyncio.create_task(terminal.finish(attempt))
    await until(lambda: any(place.standing is Standing.STORING for place in server.admission))
    store.gate.set()
    await resetting
    with refused("device_reset"):
        await finishing
    assert another.device.register.held == ()


async def test_identify_signals_once_in_ten_seconds(house: House, until: Until) -> None:
    peer = await Peer.connect(house.port)
    for _ in range(3):
        peer.send(Identify())
    await until(lambda: house.device.identified == 1)
    house.clock.pass_(9.5)
    peer.send(Identify())
    # The same connection goes on to pair: by its answer all of them were seen.
    peer.send(AuthenticationRequest(1, bytes(16)))
    await peer.answer()
    assert house.device.identified == 1
    await peer.close()

    house.clock.pass_(0.6)
    peer = await Peer.connect(house.port)
    peer.send(Identify())
    await until(lambda: house.device.identified == 2)
    await peer.close()
