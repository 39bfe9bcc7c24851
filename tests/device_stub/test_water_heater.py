"""Water heats and cools."""

from pathlib import Path
from typing import Any

import pytest

from device_stub.appliances.tank import BOOST_SECONDS
from device_stub.appliances.water_heater import WaterHeating

from .installed import Installed, installed

MINUTE = 60


def temperature(house: Installed[WaterHeating]) -> float:
    shown: Any = house.show("water_heater")["current_temperature"]
    return float(shown)


async def test_water_heats_and_cools(tmp_path: Path) -> None:
    async with installed(WaterHeating(), tmp_path) as house:
        begin = temperature(house)
        assert await house.do("water_heater", "set_temperature", temperature=50) is None
        assert house.show("heating") == {"on": True}
        assert house.show("power") == {"value": 1000}
        await house.pass_(15 * MINUTE)
        slow = temperature(house) - begin
        assert await house.do("water_heater", "set_operation", operation="performance") is None
        assert house.show("power") == {"value": 3000}
        await house.pass_(15 * MINUTE)
        assert temperature(house) - begin - slow > 2 * slow > 0
        await house.pass_(60 * MINUTE)
        assert 48 <= temperature(house) <= 50.1
        used = house.show("energy")["value"]

        # Away it lets the water cool, down to what it keeps then.
        assert await house.do("water_heater", "away_on") is None
        assert house.show("heating") == {"on": False}
        await house.pass_(24 * 60 * MINUTE)
        assert 33 <= temperature(house) < 48
        assert house.show("water_heater")["target_temperature"] == 50
        assert house.show("energy")["value"] == used
        assert await house.do("water_heater", "away_off") is None
        assert house.show("heating") == {"on": True}

        before = temperature(house)
        house.appliance.draw(60)
        await house.settle()
        assert temperature(house) == pytest.approx((before + 10) / 2, abs=0.1)

        assert await house.do("water_heater", "turn_off") is None
        assert house.show("heating") == {"on": False}
        assert await house.do("water_heater", "turn_on") is None
        assert house.show("water_heater")["operation"] == "performance"
        assert await house.do("water_heater", "set_temperature", temperature=99) == "out_of_range"
        assert house.show("water_heater")["target_temperature"] == 50


async def test_boost_ends_by_itself(tmp_path: Path) -> None:
    async with installed(WaterHeating(), tmp_path) as house:
        assert await house.do("boost", "turn_on") is None
        assert house.show("power") == {"value": 4500}
        await house.pass_(BOOST_SECONDS - 1)
        assert house.show("boost") == {"on": True}
        assert temperature(house) > 60
        await house.pass_(1)
        assert house.show("boost") == {"on": False}
        assert await house.do("boost", "turn_on") is None
        assert await house.do("boost", "turn_off") is None
        assert await house.do("water_heater", "turn_off") is None
        assert await house.do("boost", "turn_on") == "not_now"
        assert house.show("boost") == {"on": False}


async def test_leak(tmp_path: Path) -> None:
    async with installed(WaterHeating(), tmp_path) as house:
        assert await house.do("boost", "turn_on") is None
        house.appliance.spring_leak()
        await house.settle()
        assert house.show("leak") == {"on": True}
        assert house.show("heating") == {"on": False}
        assert house.show("boost") == {"on": False}
        assert house.show("water_heater")["operation"] == "off"
        assert await house.do("water_heater", "turn_on") == "leak"
        house.appliance.repair()
        assert await house.do("water_heater", "turn_on") is None
        assert house.show("leak") == {"on": False}
