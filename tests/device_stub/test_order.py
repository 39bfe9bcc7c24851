"""Commands of one entity: one behind the other, unless one interrupts."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import override

import pytest

from device_stub.device import Device
from device_stub.entity import Done, Ending, VirtualEntity
from device_stub.server import Server, running
from device_stub.store import Store
from secure_pair_protocol.envelope import Result
from secure_pair_protocol.model.access import Lock, LockAction, LockState

from .conftest import House
from .terminal import Wire

type Until = Callable[[Callable[[], object]], Awaitable[None]]


class Slow(VirtualEntity[Lock, LockState, LockAction]):
    """Says when it begins, and ends when it is let."""

    def __init__(self, key: str) -> None:
        super().__init__(Lock(key=key, max_age={"lock": 60_000}), LockState(key=key))
        self.began: list[str] = []
        self.go = asyncio.Semaphore(0)

    @override
    async def carry_out(self, action: LockAction, by: str) -> Ending:
        self.began.append(action.do)
        await self.go.acquire()
        if action.do == "open":
            msg = "a virtual device with a defect"
            raise RuntimeError(msg)
        return Done()


@pytest.fixture
async def two(
    house: House, tmp_path: Path, stack: AsyncExitStack
) -> tuple[Slow, Slow, Server, Wire]:
    left, right = Slow("left"), Slow("right")
    store = Store(tmp_path / "two", house.data.device_id)
    device = Device(house.data, [left, right], store, clock=house.clock)
    server = await stack.enter_async_context(running(device))
    wire = await house.terminal().negotiate(server.port)
    stack.push_async_callback(wire.close)
    return left, right, server, wire


async def test_each_entity_in_order(two: tuple[Slow, Slow, Server, Wire], until: Until) -> None:
    left, right, _, wire = two
    commands = [wire.command(do, entity="left") for do in ("unlock", "lock", "unlock")]
    for command in commands:
        wire.send(command)
    wire.send(wire.command("lock", entity="right"))
    # The one does not wait for the other.
    await until(lambda: left.began and right.began)
    assert (left.began, right.began) == (["unlock"], ["lock"])
    for number in (2, 3):
        left.go.release()
        await until(lambda number=number: len(left.began) == number)  # type: ignore[misc]
    left.go.release()
    for command in commands:
        assert (await wire.outcome(command.id)).result is Result.DONE
    assert left.began == ["unlock", "lock", "unlock"]


async def test_what_waited_too_long_does_not_run(
    house: House, two: tuple[Slow, Slow, Server, Wire], until: Until
) -> None:
    left, _, _, wire = two
    first = wire.command("lock", entity="left")
    stale, patient = wire.command("unlock", entity="left"), wire.command("lock", entity="left")
    for command in (first, stale, patient):
        wire.send(command)
    await until(lambda: left.began)
    await wire.outcome(patient.id, final=False)
    house.clock.pass_(10.1)
    left.go.release()
    assert (await wire.outcome(stale.id)).result is Result.VOID
    left.go.release()
    assert (await wire.outcome(patient.id)).result is Result.DONE
    assert left.began == ["lock", "lock"]
    wire.send(stale)
    assert (await wire.outcome(stale.id)).result is Result.VOID


async def test_defect_of_an_entity_is_an_outcome(two: tuple[Slow, Slow, Server, Wire]) -> None:
    left, _, _, wire = two
    command, next_one = wire.command("open", entity="left"), wire.command("lock", entity="left")
    wire.send(command)
    wire.send(next_one)
    left.go.release()
    left.go.release()
    outcome = await wire.outcome(command.id)
    assert (outcome.result, outcome.code) == (Result.FAILED, "internal_error")
    assert (await wire.outcome(next_one.id)).result is Result.DONE


class Stoppable(Slow):
    """Its `open` does not wait for what was before."""

    @override
    def interrupts(self, action: LockAction) -> bool:
        return action.do == "open"


async def test_an_action_that_interrupts(house: House, tmp_path: Path, until: Until) -> None:
    cover = Stoppable("cover")
    device = Device(house.data, [cover], Store(tmp_path / "cover", house.data.device_id))
    async with running(device) as server:
        wire = await house.terminal().negotiate(server.port)
        moving, waiting, stop, after = (
            wire.command(do, entity="cover") for do in ("lock", "unlock", "open", "lock")
        )
        wire.send(moving)
        await until(lambda: cover.began)
        for command in (waiting, stop, after):
            wire.send(command)
        outcome = await wire.outcome(waiting.id)
        assert outcome.result is Result.VOID
        outcome = await wire.outcome(moving.id)
        assert (outcome.result, outcome.code) == (Result.FAILED, "interrupted")
        await until(lambda: cover.began == ["lock", "open"])
        # What came behind it waits for it, as always.
        cover.go.release()
        await wire.outcome(stop.id)
        cover.go.release()
        assert (await wire.outcome(after.id)).result is Result.DONE
        await wire.close()
