"""The conformance run at the virtual lock: all holds, and however it ends, it unpairs."""

import asyncio
import os
import signal
from io import StringIO
from typing import Any, override

import pytest
from rich.console import Console

from device_stub.check import commanding, run
from device_stub.check.authority import Maker
from device_stub.check.bench import Bench
from device_stub.check.command import Exit
from device_stub.check.command import run as run_and_leave
from device_stub.check.errors import CannotCheckError
from device_stub.check.finding import Check, Verdict
from device_stub.check.report import Report
from secure_pair_protocol import envelope, negotiation, sessions
from secure_pair_protocol.secret import Secret

from .checking import ALL, UNLOCK, checked, named, on_bench
from .conftest import House


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Not the plugin's: its debug mode makes a run take twice as long."""


@pytest.fixture
def bench(house: House) -> Bench:
    return on_bench(house)


async def test_virtual_lock_holds_all(house: House, bench: Bench) -> None:
    bench.wish = UNLOCK
    found = await checked(bench)
    assert named(found, Verdict.HELD) == ALL, found
    assert house.lock.motions == 1
    assert house.device.identified == 1
    assert house.device.register.held == ()


async def test_clock_that_stands_still_is_found(
    house: House, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.clock.pass_(-60)
    monkeypatch.setattr(commanding, "SLACK", 0)
    monkeypatch.setattr(commanding, "TOO_OLD", 1)
    found = await checked(bench)
    assert named(found, Verdict.BROKEN) == {"does not carry out what is too old"}
    assert "`up`" in found["does not carry out what is too old"].detail


async def test_nothing_is_commanded_that_nobody_named(house: House, bench: Bench) -> None:
    bench.may_log_out = False
    found = await checked(bench)
    assert named(found, Verdict.NOT_TRIED) == {
        "carries out the named command, once",
        "ends older sessions and revocations at a higher epoch",
    }
    assert house.lock.motions == 0


@pytest.mark.parametrize("epoch", [0, 1, 1_790_000_000, (1 << 64) - 1])
async def test_epoch_is_found_and_left_alone(house: House, bench: Bench, epoch: int) -> None:
    house.cloud.epoch = epoch
    wire = await house.terminal().negotiate(house.port)
    assert isinstance(bench.authority, Maker)
    await bench.find_epoch()
    assert bench.authority.epoch == max(epoch, 1)
    assert house.device.epoch == epoch
    await wire.close()


async def test_others_keep_their_sessions(house: House, bench: Bench) -> None:
    bench.may_log_out = False
    terminal = house.terminal()
    wire = await terminal.negotiate(house.port)
    found = await checked(bench)
    assert not named(found, Verdict.BROKEN), found
    held = [held.session.terminal_id for held in house.device.register.held]
    assert held == [terminal.terminal_id]
    wire.send(envelope.Ping())
    await wire.until(envelope.Pong)
    await wire.close()


# However it ends


def report() -> tuple[Report, StringIO]:
    out = StringIO()
    return Report(Console(file=out, width=200)), out


async def test_exit_code_of_a_run(
    house: House, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.may_log_out = False
    shown, out = report()
    assert await run_and_leave(shown, bench) is Exit.HELD
    lines = out.getvalue().splitlines()
    assert "held          §4   greets at once: version 1, its id, new random bytes" in lines
    assert lines[-1] == f"{len(ALL) - 2} held, 0 did not hold, 2 not tried"

    monkeypatch.setattr(negotiation, "check_epoch", lambda *_: None)
    shown, out = report()
    assert await run_and_leave(shown, bench) is Exit.BROKEN
    lines = out.getvalue().splitlines()
    place = lines.index("DID NOT HOLD  §4   refuses a lower epoch")
    assert "no Error frame" in lines[place + 1]


async def test_interrupted_run_unpairs(house: House, bench: Bench) -> None:
    shown, out = report()
    task = asyncio.create_task(run_and_leave(shown, bench))
    while "replaces this terminal" not in out.getvalue():
        await asyncio.sleep(0.01)
    assert house.device.register.held
    os.kill(os.getpid(), signal.SIGTERM)
    assert await task is Exit.NOT_CHECKED
    assert house.device.register.held == ()
    assert "interrupted" in out.getvalue()


async def test_run_that_fails_itself_unpairs(
    house: House, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(bench: Bench) -> None:
        await bench.pair()
        raise ZeroDivisionError

    monkeypatch.setattr(run, "CHECKS", (Check("a mistake of the check's own", 4, fail),))
    with pytest.raises(ZeroDivisionError):
        await run_and_leave(report()[0], bench)
    assert house.device.register.held == ()


async def test_device_that_does_not_forget(
    house: House, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, with the terminal's id, and is no success."""
    monkeypatch.setattr(sessions, "unpaired", lambda register, _: register)
    bench.patience = 0.5
    shown, out = report()
    assert await run_and_leave(shown, bench) is Exit.BROKEN
    assert house.device.register.held
    assert "DID NOT HOLD  §9   forgets the session at Unpair" in out.getvalue()
    terminal_id = bench.authority.terminal_id.hex()
    assert f"STILL PAIRED with the terminal {terminal_id}" in out.getvalue()


async def test_another_initial_key(house: House, bench: Bench) -> None:
    bench.authority = Maker(Secret(bytes(32)))
    with pytest.raises(CannotCheckError, match="authorization_rejected"):
        await run_and_leave(report()[0], bench)


async def test_authority_that_goes_away_is_no_success(house: House, bench: Bench) -> None:
    """What was paired before is unpaired, and the run does not end as if all had held."""
    shown, out = report()

    class GoesAway(Maker):
        @override
        async def authorize(self, *arguments: bytes, **more: Any) -> negotiation.Authorization:
            if "pairs: " in out.getvalue():
                raise CannotCheckError("the key service: slow_down")
            return await super().authorize(*arguments, **more)

    bench.authority = GoesAway(house.data.initial_key)
    with pytest.raises(CannotCheckError, match="slow_down"):
        await run_and_leave(shown, bench)
    assert house.device.register.held == ()
    assert "STILL PAIRED" not in out.getvalue()
