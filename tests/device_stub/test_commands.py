"""Commands through a real socket: at most once, in order, with their outcomes."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from msgspec import Raw

from device_stub.commands import TABLES
from device_stub.device import Device
from device_stub.entity import VirtualEntity
from device_stub.lock import DoorLock
from device_stub.server import running
from device_stub.store import Store
from secure_pair_protocol.commands import CAPACITY
from secure_pair_protocol.envelope import Command, Outcome, Ping, Pong, Question, Result, States
from secure_pair_protocol.model import decode_entity
from secure_pair_protocol.model.access import Lock, LockPosition, LockState

from .conftest import House
from .terminal import Wire, question

type Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
async def wire(house: House, stack: AsyncExitStack) -> Wire:
    wire = await house.terminal().negotiate(house.port)
    stack.push_async_callback(wire.close)
    return wire


async def test_unlock_and_lock(house: House, wire: Wire) -> None:
    for do, way in (("unlock", ["unlocking", "unlocked"]), ("lock", ["locking", "locked"])):
        command = wire.command(do)
        wire.send(command)
        assert await wire.positions() == way[0]
        running_ = await wire.receive()
        assert isinstance(running_, Outcome)
        assert (running_.id, running_.result) == (command.id, Result.RUNNING)
        assert await wire.positions() == way[1]
        assert (await wire.outcome(command.id)).result is Result.DONE
    assert house.lock.position is LockPosition.LOCKED
    assert house.lock.state.changed_by is not None


async def test_who_did_it(house: House, wire: Wire) -> None:
    command = wire.command()
    wire.send(command)
    await wire.outcome(command.id)
    terminal_id = house.device.register.held[0].session.terminal_id
    assert house.lock.state.changed_by == f"terminal {terminal_id[:4].hex()}"
    house.lock.turn_by_hand(LockPosition.LOCKED)
    states = await wire.until(States)
    state = msgspec.msgpack.decode(states.states[0])
    assert (state["position"], state["changed_by"]) == ("locked", "key")
    assert not states.full


async def test_reached_already(house: House, wire: Wire) -> None:
    command = wire.command("lock")
    wire.send(command)
    assert (await wire.outcome(command.id)).result is Result.DONE
    assert house.lock.motions == 0


async def test_jam(house: House, wire: Wire) -> None:
    house.lock.jam = True
    command = wire.command()
    wire.send(command)
    outcome = await wire.outcome(command.id)
    assert (outcome.result, outcome.code) == (Result.FAILED, "jammed")
    assert outcome.text
    assert house.lock.state.position is LockPosition.JAMMED
    # What is recorded is what happened, also when the reason has gone.
    house.lock.jam = False
    wire.send(command)
    assert (await wire.outcome(command.id)).code == "jammed"
    again = wire.command()
    wire.send(again)
    assert (await wire.outcome(again.id)).result is Result.DONE
    assert house.lock.position is LockPosition.UNLOCKED


async def test_latch(house: House, wire: Wire, tmp_path: Path) -> None:
    command = wire.command("open")
    wire.send(command)
    assert (await wire.outcome(command.id)).code == "not_supported"

    lock = DoorLock(latch=True)
    lock.set_speed(float("inf"))
    device = Device(house.data, [lock], Store(tmp_path / "latch", house.data.device_id))
    async with running(device) as server:
        other = await house.terminal().negotiate(server.port)
        other.send(other.command("open"))
        way = [await other.positions() for _ in range(3)]
        assert way == ["opening", "open", "unlocked"]
        await other.close()


async def test_code(house: House, tmp_path: Path) -> None:
    lock = DoorLock(code="0815")
    lock.set_speed(float("inf"))
    device = Device(house.data, [lock], Store(tmp_path / "code", house.data.device_id))
    async with running(device) as server:
        wire = await house.terminal().negotiate(server.port)
        entity = decode_entity(wire.description.entities[0])
        assert isinstance(entity, Lock)
        assert re.match(str(entity.code_format), "0815")
        for code, result in (("0816", "wrong_code"), (None, "wrong_code"), ("0815", None)):
            action = msgspec.msgpack.encode({"do": "unlock", "code": code})
            command = wire.command(action=Raw(action))
            wire.send(command)
            assert (await wire.outcome(command.id)).code == result
        assert lock.motions == 1
        await wire.close()


async def test_repetition_runs_once(house: House, wire: Wire) -> None:
    unlock, lock = wire.command("unlock"), wire.command("lock")
    for command in (unlock, unlock, lock, unlock):
        wire.send(command)
    assert (await wire.outcome(lock.id)).result is Result.DONE
    wire.send(unlock)
    assert (await wire.outcome(unlock.id)).result is Result.DONE
    assert house.lock.motions == 2
    assert house.lock.position is LockPosition.LOCKED


async def test_question_bars_a_copy(house: House, wire: Wire) -> None:
    command = wire.command()
    wire.send(question(command))
    assert (await wire.outcome(command.id)).result is Result.VOID
    wire.send(command)
    assert (await wire.outcome(command.id)).result is Result.VOID
    assert house.lock.motions == 0


async def test_question_about_what_was_done(house: House, wire: Wire) -> None:
    command = wire.command()
    wire.send(command)
    await wire.outcome(command.id)
    wire.send(question(command))
    assert (await wire.outcome(command.id)).result is Result.DONE


async def test_command_of_another_boot(house: House, wire: Wire) -> None:
    command = wire.command(boot=bytes(8))
    for message in (command, question(command)):
        wire.send(message)
        assert (await wire.outcome(command.id)).result is Result.RESTARTED
    assert house.lock.motions == 0


async def test_command_that_ran_before_a_restart(house: House) -> None:
    terminal = house.terminal()
    wire = await terminal.negotiate(house.port)
    command = wire.command()
    wire.send(command)
    await wire.outcome(command.id)
    await house.server.restart()
    resumed = await terminal.resume(house.port)
    resumed.send(command)
    assert (await resumed.outcome(command.id)).result is Result.RESTARTED
    assert house.lock.motions == 1
    await wire.close()
    await resumed.close()


async def test_too_old_and_too_early(house: House, wire: Wire) -> None:
    old, early = wire.command(), wire.command(born=wire.welcome.up + 11_012)
    house.clock.pass_(10.01)
    for command in (old, early):
        wire.send(command)
        assert (await wire.outcome(command.id)).result is Result.VOID
    assert house.lock.motions == 0
    # A second of tolerance, for clocks that drift apart.
    young = wire.command(born=wire.welcome.up + 11_009)
    wire.send(young)
    assert (await wire.outcome(young.id)).result is Result.DONE


async def test_table_full_of_young_ones(house: House, wire: Wire) -> None:
    for _ in range(CAPACITY):
        wire.send(question(wire.command()))
    command = wire.command()
    wire.send(command)
    assert (await wire.outcome(command.id)).result is Result.BUSY
    # Each terminal has a table of its own.
    other = await house.terminal().negotiate(house.port)
    others = other.command()
    other.send(others)
    assert (await other.outcome(others.id)).result is Result.DONE
    # The same bytes, once there is room.
    house.clock.pass_(5)
    younger = wire.command(born=wire.welcome.up + 5000)
    house.clock.pass_(5.1)
    wire.send(younger)
    assert (await wire.outcome(younger.id)).result is Result.DONE
    await other.close()


async def test_unknown_entity_and_unknown_action(house: House, wire: Wire) -> None:
    for changes, code in (
        ({"entity": "window"}, "unknown_entity"),
        ({"action": Raw(msgspec.msgpack.encode({"do": "toggle"}))}, "invalid_action"),
        ({"action": Raw(msgspec.msgpack.encode(7))}, "invalid_action"),
    ):
        command = wire.command(**changes)
        wire.send(command)
        outcome = await wire.outcome(command.id)
        assert (outcome.result, outcome.code) == (Result.FAILED, code)
        wire.send(command)
        assert (await wire.outcome(command.id)).code == code
    # It has cost only itself.
    good = wire.command()
    wire.send(good)
    assert (await wire.outcome(good.id)).result is Result.DONE


async def test_two_terminals_see_the_same(house: House, wire: Wire) -> None:
    other = await house.terminal().negotiate(house.port)
    command = wire.command()
    wire.send(command)
    assert [await other.positions() for _ in range(2)] == ["unlocking", "unlocked"]
    # The other one's ids are no business of this one's.
    other.send(question(command))
    assert (await other.until(Outcome)).result is Result.VOID
    assert (await wire.outcome(command.id)).result is Result.DONE
    await other.close()


async def test_table_and_outcome_outlive_connection_and_session(house: House) -> None:
    terminal = house.terminal()
    wire = await terminal.negotiate(house.port)
    done = wire.command("lock")
    wire.send(done)
    await wire.outcome(done.id)
    house.lock.set_speed(20)
    running_ = wire.command()
    wire.send(running_)
    await wire.outcome(running_.id, final=False)
    renewed = await terminal.negotiate(house.port)
    renewed.send(question(done))
    assert (await renewed.outcome(done.id)).result is Result.DONE
    # The outcome comes where the terminal is now.
    assert (await renewed.outcome(running_.id)).result is Result.DONE
    assert house.lock.motions == 1
    await wire.close()
    await renewed.close()


async def test_power_cut_on_the_way(house: House, until: Until) -> None:
    terminal = house.terminal()
    wire = await terminal.negotiate(house.port)
    house.lock.set_speed(0.01)
    for do in ("unlock", "lock"):
        wire.send(wire.command(do))
    await until(lambda: house.lock.position is LockPosition.UNLOCKING)
    await house.server.restart()
    assert house.lock.position is None
    house.lock.set_speed(float("inf"))
    resumed = await terminal.resume(house.port)
    command = resumed.command("lock")
    resumed.send(command)
    assert (await resumed.outcome(command.id)).result is Result.DONE
    assert house.lock.motions == 2
    await wire.close()
    await resumed.close()


async def test_entities_need_keys_of_their_own(house: House, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lock"):
        Device(house.data, [DoorLock(), DoorLock()], Store(tmp_path / "x", "x"))
    with pytest.raises(ValueError, match="left"):
        VirtualEntity.__init__(DoorLock(), Lock(key="left"), LockState(key="right"))


async def test_tables_are_bounded(house: House, wire: Wire) -> None:
    """One goes only when nothing in it could run again, or be said not to have run."""
    commands, terminal_id = house.device.commands, os.urandom(16)
    command = wire.command("lock")

    def asked(terminal_id: bytes, message: Command | Question) -> Result | None:
        verdict = commands.receive(terminal_id, message)
        return None if verdict is None else verdict.result

    # It is locked: there is nothing to wait for.
    assert asked(terminal_id, command) is None
    for _ in range(TABLES):
        other = asked(os.urandom(16), question(wire.command()))
    assert other is Result.BUSY
    assert asked(terminal_id, command) is Result.DONE
    assert len(commands._tables) == TABLES
    house.device._started_at -= 60
    for _ in range(TABLES):
        asked(os.urandom(16), question(wire.command(born=house.device.up)))
    assert len(commands._tables) == TABLES
    assert asked(terminal_id, question(command)) is Result.BUSY
    house.device._started_at -= 60
    assert asked(terminal_id, question(command)) is Result.UNKNOWN


async def test_terminal_that_does_not_listen(house: House, wire: Wire, until: Until) -> None:
    """It costs a bounded amount of memory, and gets the newest states when it listens again."""
    deaf = await house.terminal().negotiate(house.port)
    deaf.peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    (place,) = [
        place for place in house.server.admission if place.connection._live is house.device.live[-1]
    ]
    transport = place.connection._transport
    while transport.is_reading():
        for _ in range(200):
            house.lock.turn_by_hand(LockPosition.UNLOCKED, "somebody with a long name" * 10)
        await asyncio.sleep(0)
    size = transport.get_write_buffer_size()
    for _ in range(500):
        house.lock.turn_by_hand(LockPosition.UNLOCKED, "somebody with a long name" * 10)
    house.lock.turn_by_hand(LockPosition.LOCKED, "the last one")
    await asyncio.sleep(0)
    assert transport.get_write_buffer_size() <= size
    deaf.peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
    while True:
        states = await deaf.until(States)
        if msgspec.msgpack.decode(states.states[0])["changed_by"] == "the last one":
            break
    deaf.send(Ping())
    await deaf.until(Pong)
    await deaf.close()


def test_speed_is_positive() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        DoorLock().set_speed(0)
