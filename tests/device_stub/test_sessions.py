"""Which sessions the device keeps, and what happens on the wire when one goes."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from device_stub.device import Device
from device_stub.lock import DoorLock
from device_stub.server import Server, running
from device_stub.store import StateError, Store
from secure_pair_protocol import base64url, envelope
from secure_pair_protocol.envelope import Ping, Pong, RevokeTerminal, Terminals, Unpair, Unpaired
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.messages import Challenge, decode
from secure_pair_protocol.sessions import REVOKED

from .conftest import House, SlowStore
from .terminal import PATIENCE, Closed, Refused, Terminal, Wire, refused

type Until = Callable[[Callable[[], object]], Awaitable[None]]


async def works(wire: Wire) -> None:
    wire.send(Ping())
    await wire.until(Pong)


async def forgotten(terminal: Terminal, port: int) -> None:
    with refused("session_unknown"):
        await terminal.resume(port)


async def test_revoked_terminal(house: House) -> None:
    terminal, other = house.terminal(), house.terminal()
    wire, others = await terminal.negotiate(house.port), await other.negotiate(house.port)
    await house.server.revoke(terminal.terminal_id)
    assert await wire.closing() == "terminal_revoked"
    await forgotten(terminal, house.port)
    with refused("terminal_revoked"):
        await terminal.negotiate(house.port)
    await works(others)

    # It is durable, and holds until the owner's epoch rises.
    await house.server.restart()
    with refused("terminal_revoked"):
        await terminal.negotiate(house.port)
    house.cloud.epoch += 1
    await (await terminal.negotiate(house.port)).close()


async def test_revocations_are_bounded(house: House) -> None:
    """Whoever is paired could fill the device's memory with ids of nobody."""
    owner, guest = house.terminal(), house.terminal()
    wire, guests = await owner.negotiate(house.port), await guest.negotiate(house.port)
    for _ in range(REVOKED):
        await house.server.revoke(os.urandom(16))
    wire.send(RevokeTerminal(1, guest.terminal_id))
    answer = await wire.until(Terminals)
    assert (answer.request, answer.code, len(answer.terminals)) == (1, "busy", 2)
    await works(guests)
    # Logging everyone out makes room.
    house.cloud.epoch += 1
    wire = await owner.negotiate(house.port)
    wire.send(RevokeTerminal(2, guest.terminal_id))
    assert (await wire.until(Terminals)).code is None
    with refused("terminal_revoked"):
        await guest.negotiate(house.port)


async def test_revocation_that_cannot_be_stored(house: House) -> None:
    terminal = house.terminal()
    wire = await terminal.negotiate(house.port)
    house.device.store.write_fails = True
    with pytest.raises(SecurePairError) as error:
        await house.server.revoke(terminal.terminal_id)
    assert error.value.failure is Failure.STORAGE_FAILED
    await works(wire)
    await wire.close()


async def test_epoch_rise_drops_older_sessions(house: House) -> None:
    former, renewing, new = (house.terminal() for _ in range(3))
    wires = [await former.negotiate(house.port), await renewing.negotiate(house.port)]
    house.cloud.epoch += 5
    newest = await new.negotiate(house.port)
    for wire in wires:
        assert await wire.closing() == "epoch_refused"
    assert house.device.register.epoch == house.cloud.epoch
    assert len(house.device.register.held) == 1
    await forgotten(former, house.port)
    await (await renewing.negotiate(house.port)).close()
    await works(newest)
    await newest.close()


async def test_unpair(house: House) -> None:
    terminal, other = house.terminal(), house.terminal()
    wire, others = await terminal.negotiate(house.port), await other.negotiate(house.port)
    second = await terminal.resume(house.port)
    wire.send(Unpair())
    await wire.until(Unpaired)
    await wire.peer.end()
    assert await second.closing() == "session_unknown"
    assert [held.session.session_id for held in house.device.register.held] == [other.session_id]
    await forgotten(terminal, house.port)
    await house.server.restart()
    await forgotten(terminal, house.port)
    await (await other.resume(house.port)).close()
    # Nothing speaks against pairing it again.
    await (await terminal.negotiate(house.port)).close()
    await others.peer.end()


async def test_nothing_is_heard_behind_unpair(house: House, another: House, until: Until) -> None:
    store = another.device.store
    assert isinstance(store, SlowStore)
    wire = await house.terminal().negotiate(another.port)
    store.gate.clear()
    writes = store.writes
    wire.send(Unpair())
    wire.send(wire.command())
    await until(lambda: store.writes > writes)
    store.gate.set()
    assert isinstance(await wire.receive(), Unpaired)
    await wire.peer.end()
    assert house.lock.motions == 0


async def test_unpair_that_cannot_be_stored(house: House) -> None:
    terminal = house.terminal()
    wire = await terminal.negotiate(house.port)
    house.device.store.write_fails = True
    wire.send(Unpair())
    assert await wire.closing() == "storage_failed"
    await (await terminal.resume(house.port)).close()


async def test_factory_reset(house: House) -> None:
    terminal, other = house.terminal(), house.terminal()
    wire = await terminal.negotiate(house.port)
    before = house.device.register.installation
    asked, pending = await other.to_m2(house.port), await house.terminal().to_m6(house.port)
    await house.server.factory_reset()
    assert await wire.closing() == "device_reset"
    register = house.device.register
    assert register.held == ()
    assert register.epoch == 0
    assert register.installation != before
    # What was begun with the device as it was before cannot be ended with it as it is now.
    asked.peer.send(asked.m5)
    assert await asked.peer.refusal() == "device_reset"
    pending.peer.send(pending.m7)
    assert await pending.peer.refusal() == "device_reset"
    await forgotten(terminal, house.port)

    # Initial key and pairing secret have stayed.
    attempt = await terminal.to_m6(house.port)
    assert decode(Challenge, attempt.m2).installation == register.installation
    await (await terminal.finish(attempt)).close()


async def test_reset_that_cannot_be_stored(house: House) -> None:
    wire = await house.terminal().negotiate(house.port)
    before = house.device.register
    house.device.store.write_fails = True
    with pytest.raises(SecurePairError):
        await house.server.factory_reset()
    assert house.device.register.installation == before.installation
    await works(wire)
    await wire.close()


async def test_restart(house: House) -> None:
    terminal = house.terminal()
    wire = await terminal.negotiate(house.port)
    boot, port = wire.welcome.boot, house.port
    house.clock.pass_(50)
    attempt = await house.terminal().to_m6(house.port)
    await house.server.restart()
    assert house.server.live_connections == 0
    assert house.port == port
    for peer in (wire.peer, attempt.peer):
        with pytest.raises(Closed):
            await peer.answer()
        await peer.close()
    resumed = await terminal.resume(house.port)
    assert resumed.welcome.boot == house.device.boot != boot
    assert resumed.welcome.up == 0
    await resumed.close()


async def test_restart_while_terminals_knock(house: House) -> None:
    terminal = house.terminal()
    await (await terminal.negotiate(house.port)).close()

    async def knock() -> None:
        with suppress(Closed, Refused, ConnectionError):
            await (await terminal.resume(house.port)).close()

    for _ in range(5):
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(house.server.restart(), *(knock() for _ in range(10)))
    await (await terminal.resume(house.port)).close()


async def test_port_that_is_taken_leaves_nothing_behind(house: House, tmp_path: Path) -> None:
    store = Store(tmp_path / "state", house.data.device_id)
    server = Server(Device(house.data, [DoorLock()], store))
    with pytest.raises(OSError, match="address already in use"):
        await server.start(port=house.port)
    other = Store(store.path, None)
    other.acquire()
    other.release()


async def test_dropped_connections_are_an_interruption(house: House) -> None:
    terminal = house.terminal()
    wire = await terminal.negotiate(house.port)
    house.server.drop_connections()
    assert house.server.live_connections == 0
    with pytest.raises(Closed):
        await wire.receive()
    await wire.close()
    await (await terminal.resume(house.port)).close()


async def test_authenticated_close_when_the_server_stops(house: House) -> None:
    terminal = house.terminal()
    store = Store(house.device.store.path.with_name("other"), house.data.device_id)
    async with running(Device(house.data, [DoorLock()], store)) as server:
        wire = await terminal.negotiate(server.port)
        silent = await terminal.to_m2(server.port)
    assert await wire.closing() is None
    with pytest.raises(Closed):
        await silent.peer.answer()
    await silent.peer.close()


async def test_terminal_closes_on_purpose(house: House, until: Until) -> None:
    wire = await house.terminal().negotiate(house.port)
    wire.send(envelope.Close())
    await wire.peer.end()
    await until(lambda: not len(house.server.admission))


# Lifetime: powered time


async def test_expiry(house: House) -> None:
    terminal, endless = house.terminal(), house.terminal()
    forever = await endless.negotiate(house.port)
    house.cloud.lifetime = 80
    wire = await terminal.negotiate(house.port)
    house.clock.pass_(30)
    second = await terminal.resume(house.port)
    assert second.welcome.remaining == 50
    await works(forever)
    await works(wire)
    await house.tick(49)
    await works(wire)
    # Over, but the device has not looked yet: what comes now is not carried out.
    house.clock.pass_(1)
    wire.send(wire.command(born=wire.welcome.up + 80_000))
    assert await wire.closing() == "session_unknown"
    assert house.lock.motions == 0
    await house.tick(0)
    assert await second.closing() == "session_unknown"
    await forgotten(terminal, house.port)
    assert [h["terminal_id"] for h in _held(house)] == [base64url.encode(endless.terminal_id)]
    await works(forever)
    await forever.close()


async def test_a_new_session_does_not_pay_for_the_time_before_it(house: House) -> None:
    house.cloud.lifetime = 7200
    await (await house.terminal().negotiate(house.port)).close()
    house.clock.pass_(3000)
    wire = await house.terminal().negotiate(house.port)
    assert wire.welcome.remaining == 7200
    assert [held.remaining for held in house.device.register.held] == [4200, 7200]
    await wire.close()


async def test_powered_time_is_saved_as_each_hour_of_a_session_begins(house: House) -> None:
    house.cloud.lifetime = 10_000
    await (await house.terminal().negotiate(house.port)).close()
    await house.tick(1800)
    await (await house.terminal().negotiate(house.port)).close()
    assert _spent(house) == [1800, 0]
    await house.tick(1799)
    assert _spent(house) == [1800, 0]
    await house.tick(1)
    assert _spent(house) == [3600, 1800]
    await house.tick(1800)
    assert _spent(house) == [5400, 3600]


async def test_an_hour_that_had_begun_counts_at_a_start(house: House) -> None:
    house.cloud.lifetime = 7201
    terminal = house.terminal()
    await (await terminal.negotiate(house.port)).close()
    await house.server.restart()
    # Durable at once: many short runs add up.
    assert _spent(house) == [3600]
    await house.server.restart()
    assert _spent(house) == [7200]
    wire = await terminal.resume(house.port)
    assert wire.welcome.remaining == 1
    await wire.close()
    await house.server.restart()
    await forgotten(terminal, house.port)
    assert _spent(house) == []


async def test_only_powered_time_counts(house: House) -> None:
    house.cloud.lifetime = 10_000
    terminal = house.terminal()
    await (await terminal.negotiate(house.port)).close()
    house.clock.pass_(30)
    await house.server.restart()
    wire = await terminal.resume(house.port)
    assert wire.welcome.remaining == 6400
    await wire.close()


async def test_powered_time_that_cannot_be_saved_is_saved_later(house: House) -> None:
    house.cloud.lifetime = 10_000
    await (await house.terminal().negotiate(house.port)).close()
    house.device.store.write_fails = True
    await house.tick(3600)
    house.device.store.write_fails = False
    assert _spent(house) == [0]
    await house.tick(59)
    assert _spent(house) == [0]
    await house.tick(1)
    assert _spent(house) == [3660]


async def test_device_does_not_start_on_a_file_that_it_cannot_read(house: House) -> None:
    path = house.device.store.path.with_name("damaged")
    path.write_bytes(b"{")
    server = Server(Device(house.data, [], Store(path, house.data.device_id)))
    with pytest.raises(StateError, match="is damaged"):
        await server.start()
    # It has let go of the file.
    other = Store(path, None)
    other.acquire()
    other.release()
    await server.stop()
    assert path.read_bytes() == b"{"


def _held(house: House) -> list[dict[str, object]]:
    """Return what the file says."""
    state = json.loads(house.device.store.path.read_bytes())
    held: list[dict[str, object]] = state["held"]
    return held


def _spent(house: House) -> list[object]:
    return [held["spent"] for held in _held(house)]
