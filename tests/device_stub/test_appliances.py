"""What all appliances have in common: time, power, surprises."""

import asyncio
import math
from pathlib import Path

import pytest

from device_stub.appliances.appliance import TICK_SECONDS, Appliance, build_in
from device_stub.appliances.door import Door
from device_stub.appliances.gateway import Gateway
from device_stub.appliances.kinds import KINDS, KindName
from device_stub.appliances.washing_machine import WashingMachine
from device_stub.server import running
from device_stub.store import Store

from .conftest import make_data
from .installed import installed


@pytest.mark.parametrize("name", KINDS)
async def test_goes_on_while_it_has_power(tmp_path: Path, name: KindName) -> None:
    appliance, data = KINDS[name].make(), make_data()
    assert isinstance(appliance, Appliance)
    now = 0.0
    device = build_in(appliance, data, Store(tmp_path / "s", data.device_id), clock=lambda: now)
    appliance.set_speed(128)
    tasks = asyncio.all_tasks()
    async with running(device):
        now += 0.5
        while not appliance.seconds:
            await asyncio.sleep(TICK_SECONDS / 10)
        assert appliance.seconds == 64
    now += 1000
    async with running(device) as server:
        await server.restart()
        now += 0.125
        while appliance.seconds == 64:
            await asyncio.sleep(TICK_SECONDS / 10)
        assert appliance.seconds == 80
    assert appliance._timer is None
    assert asyncio.all_tasks() == tasks
    appliance.set_speed(math.inf)
    for speed in (0, -1, math.nan):
        with pytest.raises(ValueError, match="speed"):
            appliance.set_speed(speed)


async def test_infinitely_fast_goes_by_hand(tmp_path: Path) -> None:
    async with installed(WashingMachine(), tmp_path) as house:
        assert await house.do("start", "press") is None
        await asyncio.sleep(2 * TICK_SECONDS)
        assert house.appliance.seconds == 0
        await house.pass_(0.4)
        assert house.appliance.seconds == 0
        await house.pass_(0.6)
        assert house.appliance.seconds == 1


async def test_surprises(tmp_path: Path) -> None:
    async with installed(Door(), tmp_path) as house:
        for _ in house.appliance.happenings:
            house.appliance.surprise()
        await house.settle()
        assert [event.key for event in house.events] == ["doorbell", "tamper"]
    (tmp_path / "gateway").mkdir()
    async with installed(Gateway(), tmp_path / "gateway") as gateway:
        for count in (4, 3, 4):
            gateway.appliance.surprise()
            await gateway.settle()
            assert len(gateway.devices) == count + 4
