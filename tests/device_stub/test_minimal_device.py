"""docs/minimal_device.py: a device that shares no line with the code that ships."""

import ast
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest
from msgspec import Raw

from device_stub.check.authority import Maker
from device_stub.check.bench import Bench, Wish
from device_stub.check.finding import Verdict
from device_stub.factory import write_device_file
from docs import minimal_device
from docs.minimal_device import Device
from secure_pair_protocol.envelope import (
    Ping,
    Pong,
    Result,
    RevokeTerminal,
    States,
    Terminals,
)

from .checking import ALL, checked, named
from .conftest import make_data
from .terminal import Cloud, Terminal, refused

SOURCE = Path(minimal_device.__file__)


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Not the plugin's: its debug mode makes a run take twice as long."""


class Running:
    """The device in this process, and what its maker knows."""

    def __init__(self, folder: Path) -> None:
        self.data = make_data()
        self.files = folder / "device.json", folder / "kept.json"
        write_device_file(self.files[0], self.data)
        self.device = Device(*self.files)
        self.cloud = Cloud(self.data.initial_key)
        self.port = 0

    def terminal(self) -> Terminal:
        return Terminal(self.cloud, self.data.device_id, self.data.pairing_secret)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncGenerator[Running]:
    running = Running(tmp_path)
    async with await minimal_device.listen(running.device, 0) as server:
        running.port = server.sockets[0].getsockname()[1]
        yield running


def test_it_imports_nothing_of_the_product() -> None:
    allowed = {*sys.stdlib_module_names, "cryptography", "msgspec"}
    for node in ast.walk(ast.parse(SOURCE.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= allowed
        if isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert node.level == 0
            assert node.module.partition(".")[0] in allowed


async def test_it_holds_every_check(running: Running) -> None:
    # So that a command can be too old.
    running.device.started -= 60
    bench = Bench(
        host="127.0.0.1",
        port=running.port,
        device_id=running.data.device_id,
        authority=Maker(running.data.initial_key),
        pairing_secret=running.data.pairing_secret,
        patience=2,
        may_log_out=True,
        wish=Wish("switch", Raw(msgspec.msgpack.encode({"do": "turn_on"}))),
    )
    found = await checked(bench)
    assert named(found, Verdict.HELD) == ALL, found
    assert running.device.on
    assert running.device.state["held"] == {}


async def test_switched_by_one_and_seen_by_all(running: Running) -> None:
    first, second = running.terminal(), running.terminal()
    one, other = await first.negotiate(running.port), await second.negotiate(running.port)
    command = one.command("turn_on", entity="switch")
    one.send(command)
    for wire in (one, other):
        (state,) = (await wire.until(States)).states
        assert msgspec.msgpack.decode(state) == {"key": "switch", "on": True}
    assert (await one.outcome(command.id)).result is Result.DONE
    for wire in (one, other):
        await wire.close()


async def test_sessions_outlive_a_power_cut(running: Running) -> None:
    terminal = running.terminal()
    wire = await terminal.negotiate(running.port)
    running.device = Device(*running.files)
    async with await minimal_device.listen(running.device, 0) as server:
        again = await terminal.resume(server.sockets[0].getsockname()[1])
        assert again.welcome.boot != wire.welcome.boot
        await again.close()
    await wire.close()


async def test_lifetime_is_of_powered_time(running: Running) -> None:
    """An hour that had begun is a whole one; what is over is unknown, and its connection ends."""
    running.cloud.lifetime = 10_000
    terminal = running.terminal()
    wire = await terminal.negotiate(running.port)
    assert wire.welcome.remaining == 10_000
    again = Device(*running.files)
    assert [session["left"] for session in again.held().values()] == [6_400]
    running.device.counted -= 10_000
    wire.send(Ping())
    assert await wire.closing() == "session_unknown"
    with refused("session_unknown"):
        await terminal.resume(running.port)


async def test_revoked_terminal_until_the_epoch_rises(running: Running) -> None:
    owner, guest = running.terminal(), running.terminal()
    wire, theirs = await owner.negotiate(running.port), await guest.negotiate(running.port)
    wire.send(RevokeTerminal(7, guest.terminal_id))
    answer = await wire.until(Terminals)
    assert [terminal.terminal_id for terminal in answer.terminals] == [owner.terminal_id]
    assert await theirs.closing() == "terminal_revoked"
    with refused("terminal_revoked"):
        await guest.negotiate(running.port)
    running.cloud.epoch += 1
    await (await guest.negotiate(running.port)).close()
    # Of a lower epoch.
    assert await wire.closing() == "epoch_refused"
    with refused("session_unknown"):
        await owner.resume(running.port)


async def test_ninth_terminal_finds_no_room(running: Running) -> None:
    terminals = [running.terminal() for _ in range(8)]
    for terminal in terminals:
        await (await terminal.negotiate(running.port)).close()
    with refused("table_full"):
        await running.terminal().negotiate(running.port)
    await (await terminals[0].negotiate(running.port)).close()


async def test_challenge_expires(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minimal_device, "CHALLENGE_SECONDS", 0)
    with refused("challenge_expired"):
        await running.terminal().negotiate(running.port)


async def test_disk_that_fails_stores_nothing(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = running.terminal()
    await (await terminal.negotiate(running.port)).close()
    monkeypatch.setattr(running.device, "kept", running.device.kept / "no folder")
    with refused("storage_failed"):
        await terminal.negotiate(running.port)
    await (await terminal.resume(running.port)).close()


async def test_table_of_commands_is_bounded(running: Running) -> None:
    """What was evicted and may have run is unknown, never void."""
    wire = await running.terminal().negotiate(running.port)
    first = wire.command("turn_on", entity="switch")
    for command in (first, *(wire.command(entity="switch") for _ in range(1023))):
        wire.send(command)
        await wire.outcome(command.id)
    late = wire.command(entity="switch")
    wire.send(late)
    assert (await wire.outcome(late.id)).result is Result.BUSY
    running.device.started -= 60
    wire.send(Ping())
    new = wire.command(entity="switch", born=(await wire.until(Pong)).up)
    wire.send(new)
    assert (await wire.outcome(new.id)).result is Result.FAILED
    wire.send(first)
    assert (await wire.outcome(first.id)).result is Result.UNKNOWN
    await wire.close()
