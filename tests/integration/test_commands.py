"""Commands: at most once, whatever happens to the connection on the way."""

import asyncio
from typing import Any, override

import msgspec
import pytest
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from custom_components.secure_pair import commander
from custom_components.secure_pair.protocol.envelope import Outcome
from custom_components.secure_pair.protocol.model import access
from device_stub.device import Device
from device_stub.entity import Ending, Failed
from device_stub.factory import FactoryData
from device_stub.lock import DoorLock
from device_stub.store import Store
from secure_pair_protocol.commands import CAPACITY, Verdict
from secure_pair_protocol.envelope import Command, Question, Result
from secure_pair_protocol.envelope import Outcome as Said
from secure_pair_protocol.model.access import LockAction, LockPosition

from ..device_stub.terminal import Cloud, Terminal, Wire
from .conftest import Install
from .home import Home
from .logs import complaints
from .relay import Toward


class SlowLock(DoorLock):
    """A lock whose bolt is on its way until a test lets it arrive."""

    def __init__(self, key: str = "lock", *, max_age: int | None = None) -> None:
        super().__init__(key=key, name=key.capitalize())
        if max_age is not None:
            ages = dict.fromkeys(("lock", "unlock"), max_age)
            self.entity = msgspec.structs.replace(self.entity, max_age=ages)
        self.arrives = asyncio.Event()
        self.began: list[str] = []
        self.ending: Ending | None = None

    @override
    async def carry_out(self, action: LockAction, by: str) -> Ending:
        self.began.append(action.do)
        ending = await super().carry_out(action, by)
        return self.ending or ending

    @override
    async def _pause(self) -> None:
        await self.arrives.wait()


class Door:
    """A device with such a lock; all commands and questions that it was sent are kept."""

    def __init__(self, *, max_age: int | None = None) -> None:
        self.lock = SlowLock(max_age=max_age)
        self.other = SlowLock("other")
        self.other.arrives.set()
        self.now: float | None = None
        self.sent: list[Command | Question] = []

    def make(self, data: FactoryData, store: Store) -> Device:
        loop = asyncio.get_running_loop()
        device = Device(data, [self.lock, self.other], store, clock=lambda: self.now or loop.time())
        receive = device.commands.receive

        def keep(terminal_id: bytes, message: Command | Question) -> Any:
            self.sent.append(message)
            return receive(terminal_id, message)

        device.commands.receive = keep  # type: ignore[method-assign]
        return device


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def home(install: Install, door: Door) -> Home:
    return await install(door.make)


def order(home: Home, action: str = "unlock", key: str = "lock") -> asyncio.Task[None]:
    """Give a command, and do not wait for its end."""
    return asyncio.create_task(home.call(f"lock.{action}", key))


async def under_way(home: Home, door: Door, action: str = "unlock") -> asyncio.Task[None]:
    """Give a command, and wait until the bolt is on its way."""
    task = order(home, action)
    await home.until(lambda: home.state("lock") == f"{action}ing")
    assert door.lock.motions == 1
    return task


async def refused(task: asyncio.Task[None]) -> str:
    """Return the translation key of the error that a command ends with."""
    with pytest.raises(HomeAssistantError) as caught:
        await task
    assert caught.value.translation_domain == "secure_pair"
    assert caught.value.translation_key is not None
    # It has a text of its own, which names the device.
    assert "Virtual device" in str(caught.value)
    return caught.value.translation_key


async def test_accepted_then_done(home: Home, door: Door) -> None:
    task = await under_way(home, door)
    await home.heard()
    assert not task.done()
    door.lock.arrives.set()
    await task
    assert home.state("lock") == "unlocked"
    assert not home.coordinator._commander._pending


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        (Failed("jammed", "The bolt is stuck."), "The bolt is stuck."),
        (Failed("door_open"), "door_open"),
    ],
)
async def test_accepted_then_failed(home: Home, door: Door, ending: Failed, says: str) -> None:
    door.lock.ending = ending
    task = await under_way(home, door)
    door.lock.arrives.set()
    with pytest.raises(HomeAssistantError, match=says):
        await task
    assert await refused(task) == "command_failed"


async def test_jam(home: Home, door: Door) -> None:
    door.lock.jam = True
    task = await under_way(home, door)
    door.lock.arrives.set()
    assert await refused(task) == "command_failed"
    assert home.state("lock") == "jammed"
    door.lock.jam = False
    await home.call("lock.lock", "lock")
    assert home.state("lock") == "locked"


async def test_not_connected(home: Home, door: Door) -> None:
    await home.cut()
    assert home.state("lock") == "unavailable"
    assert await refused(asyncio.create_task(carry_out(home))) == "not_connected"
    await home.back()
    assert not door.sent


async def carry_out(home: Home, key: str = "lock", do: Any = "unlock") -> None:
    """Command it as an entity does: Home Assistant asks nothing of one that is unavailable."""
    coordinator = home.coordinator
    await coordinator.carry_out(coordinator.mirror.entities[key], access.LockAction(do=do))


# The connection breaks


async def test_break_before_the_command_arrives(home: Home, door: Door) -> None:
    door.lock.arrives.set()
    home.relay.hold(Toward.DEVICE)
    task = order(home)
    await home.until(lambda: home.coordinator._commander._pending)
    await home.cut()
    assert not door.sent
    assert home.coordinator.unclear == {"lock"}
    await home.back()
    await task
    assert door.lock.motions == 1
    assert home.state("lock") == "unlocked"
    assert not home.coordinator.unclear


async def test_break_before_the_outcome_arrives(home: Home, door: Door) -> None:
    task = await under_way(home, door)
    home.relay.hold(Toward.HOME_ASSISTANT)
    door.lock.arrives.set()
    await home.until(lambda: door.lock.position is LockPosition.UNLOCKED)
    await home.cut()
    await home.back()
    await task
    first, second = door.sent
    assert first == second
    assert door.lock.began == ["unlock"]
    assert home.state("lock") == "unlocked"


async def test_claims_nothing_until_it_is_cleared_up(
    home: Home, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connected again, but not answered yet: neither locked nor unlocked."""
    task = await under_way(home, door)
    home.relay.hold(Toward.HOME_ASSISTANT)
    await home.relay.cut()
    await home.until(lambda: not home.coordinator.connected)

    # The device is heard again, but it does not hear yet what became of the command.
    seen: list[tuple[str, str]] = []
    receive = home.coordinator._commander.receive

    def note(outcome: Outcome) -> None:
        seen.append((outcome.result, home.state("lock")))
        receive(outcome)

    monkeypatch.setattr(home.coordinator._commander, "receive", note)
    await home.back()
    assert seen == [("running", "unknown")]
    assert home.state("lock") == "unlocking"
    assert home.state("other") == "locked"
    door.lock.arrives.set()
    await task
    assert home.state("lock") == "unlocked"
    assert len(door.sent) == 2
    assert door.sent[0] == door.sent[1]


async def test_patience_ends(home: Home, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits is told that nobody knows; and it is cleared up all the same, later."""
    monkeypatch.setattr(commander, "PATIENCE_SECONDS", 0.01)
    task = await under_way(home, door)
    await home.cut()
    assert await refused(task) == "command_unknown"
    assert home.coordinator.unclear == {"lock"}
    door.lock.arrives.set()
    await home.until(lambda: door.lock.position is LockPosition.UNLOCKED)
    await home.back()
    assert not home.coordinator.unclear
    assert not home.coordinator._commander._pending
    assert home.state("lock") == "unlocked"


async def test_busy_when_nobody_waits_any_more(
    home: Home, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has not run, and is not sent again: whoever wished it was told that nobody knows."""
    monkeypatch.setattr(commander, "PATIENCE_SECONDS", 0.01)
    home.relay.hold(Toward.DEVICE)
    task = order(home)
    await home.until(lambda: home.coordinator._commander._pending)
    await home.cut()
    assert await refused(task) == "command_unknown"
    heard: list[bytes] = []

    def busy(_: bytes, message: Command | Question) -> Verdict:
        heard.append(message.id)
        return Verdict(Result.BUSY)

    monkeypatch.setattr(home.device.commands, "receive", busy)
    await home.back()
    assert not home.coordinator.unclear
    assert not home.coordinator._commander._pending
    assert home.state("lock") == "locked"
    assert len(heard) == 1


async def test_of_two_that_nobody_waits_for_the_newest_is_cleared_up(
    home: Home, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the lock has come to depends on that one."""
    monkeypatch.setattr(commander, "PATIENCE_SECONDS", 0.01)
    door.lock.arrives.set()
    home.relay.hold(Toward.DEVICE)
    tasks = [order(home, action) for action in ("lock", "unlock")]
    await home.until(lambda: len(home.coordinator._commander._pending) == 2)
    await home.cut()
    assert [await refused(task) for task in tasks] == ["command_unknown"] * 2
    assert len(home.coordinator._commander._pending) == 1
    await home.back()
    assert door.lock.began == ["unlock"]
    assert not home.coordinator.unclear
    assert not home.coordinator._commander._pending
    assert home.state("lock") == "unlocked"


async def test_unloaded_in_between(hass: HomeAssistant, home: Home, door: Door) -> None:
    task = await under_way(home, door)
    await hass.config_entries.async_unload(home.entry.entry_id)
    assert await refused(task) == "command_unknown"


# The device restarts


async def test_restart_in_between(home: Home, door: Door) -> None:
    task = await under_way(home, door)
    await home.server.restart()
    assert await refused(task) == "command_restarted"
    await home.connected()
    # Half way: the lock itself does not know.
    assert home.state("lock") == "unknown"
    assert door.lock.began == ["unlock"]
    door.lock.turn_by_hand(LockPosition.LOCKED)
    await home.until(lambda: home.state("lock") == "locked")
    door.lock.arrives.set()
    await home.call("lock.unlock", "lock")
    assert home.state("lock") == "unlocked"


async def test_restart_before_the_command_arrives(home: Home, door: Door) -> None:
    home.relay.hold(Toward.DEVICE)
    task = order(home)
    await home.until(lambda: home.coordinator._commander._pending)
    await home.cut()
    await home.server.restart()
    await home.back()
    assert await refused(task) == "command_restarted"
    assert door.lock.began == []
    assert home.state("lock") == "locked"


# Nothing stale is carried out


async def test_away_longer_than_the_wish_is_fresh(install: Install) -> None:
    """By Home Assistant's clock: it asks only, and what it asked for is barred."""
    door = Door(max_age=50)
    home = await install(door.make)
    home.relay.hold(Toward.DEVICE)
    task = order(home)
    await home.until(lambda: home.coordinator._commander._pending)
    await home.cut()
    deadline = asyncio.get_running_loop().time() + 0.1
    await home.until(lambda: asyncio.get_running_loop().time() > deadline)
    await home.back()
    assert await refused(task) == "command_void"
    [question] = door.sent
    assert isinstance(question, Question)
    assert door.lock.began == []
    assert home.state("lock") == "locked"
    assert not home.coordinator.unclear


async def test_away_too_long_by_the_clock_of_the_device(home: Home, door: Door) -> None:
    home.relay.hold(Toward.DEVICE)
    task = order(home)
    await home.until(lambda: home.coordinator._commander._pending)
    await home.cut()
    door.now = asyncio.get_running_loop().time() + 11
    await home.back()
    assert await refused(task) == "command_void"
    [command] = door.sent
    assert isinstance(command, Command)
    assert door.lock.began == []
    assert home.state("lock") == "locked"


async def test_delayed_on_the_way(home: Home, door: Door) -> None:
    """The network keeps a command back until nobody wishes it any more."""
    home.relay.hold(Toward.DEVICE)
    task = order(home)
    await home.until(lambda: home.coordinator._commander._pending)
    door.now = asyncio.get_running_loop().time() + 11
    home.relay.release()
    assert await refused(task) == "command_void"
    assert door.lock.began == []


async def test_busy_then_carried_out(home: Home, door: Door) -> None:
    """A full table: the same bytes come again, until there is room."""
    [live] = home.device.live
    table = home.device.commands._table(live.session.terminal_id)
    assert table is not None
    up = home.device.up
    for number in range(CAPACITY):
        stamp = number.to_bytes(16), home.device.boot, up, 60_000
        assert table.command(*stamp, up).result is Result.RUNNING
        table.finish(stamp[0], Result.DONE)
    door.lock.arrives.set()
    task = order(home)
    await home.until(lambda: door.sent)
    await home.heard()
    assert door.lock.began == []
    table._entries.popitem()
    await task
    assert len(door.sent) >= 2
    assert all(again == door.sent[0] for again in door.sent)
    assert door.lock.began == ["unlock"]
    assert home.state("lock") == "unlocked"


# Several at once


@pytest.fixture
async def wire(home: Home) -> Wire:
    """A second terminal of the same owner."""
    data, device = home.device.data, home.device
    cloud = Cloud(data.initial_key, epoch=device.epoch)
    terminal = Terminal(cloud, data.device_id, data.pairing_secret)
    return await terminal.negotiate(home.server.port)


async def test_two_terminals_at_once(home: Home, door: Door, wire: Wire) -> None:
    """Each gets its own answer, in the order in which they came."""
    task = await under_way(home, door)
    command = wire.command("lock")
    wire.send(command)
    await home.until(lambda: len(door.sent) == 2)
    again = order(home)
    await home.until(lambda: len(door.sent) == 3)
    assert door.lock.began == ["unlock"]
    door.lock.arrives.set()
    await task
    assert (await wire.outcome(command.id)).result is Result.DONE
    await again
    assert door.lock.began == ["unlock", "lock", "unlock"]
    assert home.state("lock") == "unlocked"
    await wire.close()


async def test_what_the_other_terminal_does_is_shown(home: Home, door: Door, wire: Wire) -> None:
    door.lock.arrives.set()
    command = wire.command("unlock")
    wire.send(command)
    assert (await wire.outcome(command.id)).result is Result.DONE
    await home.heard()
    assert home.state("lock") == "unlocked"
    assert str(home.show("lock").attributes["changed_by"]).startswith("terminal ")
    await wire.close()


async def test_commands_to_two_entities_do_not_wait_for_each_other(home: Home, door: Door) -> None:
    task = await under_way(home, door)
    await home.call("lock.unlock", "other")
    assert home.state("other") == "unlocked"
    assert not task.done()
    door.lock.arrives.set()
    await task


async def test_breaks_again_and_again(
    home: Home, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    """Each break in another moment; the bolt moves once for each command."""
    door.lock.arrives.set()
    for number, action in enumerate(("unlock", "lock", "unlock", "lock")):
        toward = list(Toward)[number % 2]
        home.relay.hold(toward)
        task = order(home, action)
        await home.until(lambda: home.coordinator._commander._pending)
        if toward is Toward.HOME_ASSISTANT:
            await home.until(lambda count=number: len(door.lock.began) > count)  # type: ignore[misc]
        await home.cut()
        await home.back()
        await task
        assert home.state("lock") == f"{action}ed"
    assert door.lock.began == ["unlock", "lock", "unlock", "lock"]
    assert door.lock.motions == 4
    assert not complaints(caplog)


async def test_entity_goes_while_it_is_commanded(home: Home, door: Door) -> None:
    task = await under_way(home, door)
    entity = home.coordinator.mirror.entities["lock"]
    home.device.remove("lock")
    await home.heard()
    assert home.find("lock") is None
    door.lock.arrives.set()
    await task
    # The device refuses whatever is still sent.
    with pytest.raises(HomeAssistantError, match="unknown_entity"):
        await home.coordinator.carry_out(entity, access.LockAction(do="unlock"))


async def test_no_answer_makes_it_unclear(
    home: Home, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that only swallows: the lock claims nothing, until the device is heard."""
    monkeypatch.setattr(commander, "ANSWER_SECONDS", 0.01)
    door.lock.arrives.set()
    home.relay.hold(Toward.HOME_ASSISTANT)
    task = order(home)
    await home.until(lambda: home.state("lock") == "unknown")
    assert home.state("other") == "locked"
    home.relay.release()
    await task
    assert home.state("lock") == "unlocked"
    assert not home.coordinator.unclear


async def test_no_answer_at_all(home: Home, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection lives, but the device never says what became of it."""
    monkeypatch.setattr(commander, "ANSWER_SECONDS", 0.01)
    monkeypatch.setattr(commander, "PATIENCE_SECONDS", 0.05)
    heard: list[bytes] = []

    def hear(_: bytes, message: Command | Question) -> Verdict:
        heard.append(message.id)
        return Verdict(Result.RUNNING)

    monkeypatch.setattr(home.device.commands, "receive", hear)
    for live in home.device.live:
        monkeypatch.setattr(live._outbox, "say", lambda _: None)  # type: ignore[attr-defined]
    assert await refused(order(home)) == "command_unknown"
    assert home.state("lock") == "unknown"
    # It was asked once more, about the same.
    assert len(heard) == 2
    assert len(set(heard)) == 1


async def test_busy_for_ever(home: Home, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked while the wish is fresh, and not without a pause for long behind that."""
    monkeypatch.setattr(commander, "BUSY_SECONDS", 0.01)
    monkeypatch.setattr(commander, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(type(door.lock.entity), "age_limit", lambda *_: 100)
    heard: list[type] = []

    def hear(_: bytes, message: Command | Question) -> Verdict:
        heard.append(type(message))
        return Verdict(Result.BUSY)

    monkeypatch.setattr(home.device.commands, "receive", hear)
    assert await refused(order(home)) == "command_unknown"
    assert home.state("lock") == "unknown"
    assert len(heard) > 2
    assert heard.count(Question) <= 1


async def test_runs_for_ever(home: Home, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device is asked now and then, and nobody waits for longer than that."""
    monkeypatch.setattr(commander, "RUNNING_SECONDS", 0.01)
    monkeypatch.setattr(commander, "LONGEST_SECONDS", 0.3)
    assert await refused(order(home)) == "command_unknown"
    assert len([message for message in door.sent if message.entity == "lock"]) > 2
    assert len(door.lock.began) == 1
    assert not home.coordinator._commander._pending
    door.lock.arrives.set()
    await home.until(lambda: home.state("lock") == "unlocked")


async def test_one_of_two_is_cleared_up(home: Home, door: Door) -> None:
    """The lock claims nothing while either is unclear."""
    first = await under_way(home, door)
    second = order(home, "lock")
    await home.until(lambda: len(door.sent) == 2)
    silent = door.sent[1].id
    receive = home.device.commands.receive

    def only_the_first(terminal_id: bytes, message: Command | Question) -> Any:
        verdict = receive(terminal_id, message)
        return Verdict(Result.BUSY) if message.id == silent else verdict

    home.device.commands.receive = only_the_first  # type: ignore[method-assign]
    await home.cut()
    await home.back()
    await home.heard()
    assert home.state("lock") == "unknown"
    home.device.commands.receive = receive  # type: ignore[method-assign]
    door.lock.arrives.set()
    await asyncio.gather(first, second)
    assert home.state("lock") == "locked"


async def test_outcomes_of_nobodys_commands(home: Home, door: Door) -> None:
    for result in Result:
        for live in home.device.live:
            live.send(Said(home.device.up, bytes(16), result, None, None))
    await home.heard()
    assert home.state("lock") == "locked"
    door.lock.arrives.set()
    await home.call("lock.unlock", "lock")
    assert home.state("lock") == "unlocked"


@pytest.mark.parametrize("result", [Result.UNKNOWN, Result.VOID, Result.RESTARTED])
async def test_every_other_end_of_a_command(
    home: Home, door: Door, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the device answers, it is said in words, and the lock shows its own state."""
    monkeypatch.setattr(home.device.commands, "receive", lambda *_: Verdict(result))
    assert await refused(order(home)) == f"command_{result}"
    assert home.state("lock") == "locked"
    assert not home.coordinator._commander._pending
