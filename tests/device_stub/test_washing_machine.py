"""A wash runs down, and refuses what cannot be."""

from pathlib import Path

from device_stub.appliances.washing_machine import WashingMachine

from .installed import installed

MINUTE = 60


async def test_wash_runs_down(tmp_path: Path) -> None:
    async with installed(WashingMachine(), tmp_path) as house:
        machine = house.appliance
        assert await house.do("programme", "select", option="quick") is None
        assert house.show("remaining_time") == {"value": 30}
        assert machine.open_door()
        assert await house.do("start", "press") == "door_open"
        machine.close_door()
        assert await house.do("start", "press") is None
        assert house.show("phase") == {"value": "washing"}
        assert house.show("door") == {"on": False}
        assert house.show("power") == {"value": 600}
        assert not machine.open_door()
        await house.pass_(10 * MINUTE)
        assert house.show("remaining_time") == {"value": 20}
        assert house.show("energy") == {"value": 0.1}

        assert await house.do("programme", "select", option="wool") == "not_now"
        assert await house.do("programme", "select", option="lava") == "out_of_range"
        assert await house.do("delayed_start", "set", value=30) == "not_now"
        assert house.show("programme") == {"option": "quick"}

        assert await house.do("pause", "press") is None
        await house.pass_(60 * MINUTE)
        assert house.show("phase") == {"value": "paused"}
        assert house.show("remaining_time") == {"value": 20}
        assert await house.do("start", "press") is None
        # A state to reach, not a toggle.
        assert await house.do("start", "press") is None
        assert house.show("phase") == {"value": "washing"}

        await house.pass_(5 * MINUTE)
        assert house.show("phase") == {"value": "rinsing"}
        assert await house.do("spin_speed", "select", option="400") is None
        await house.pass_(8 * MINUTE)
        assert house.show("phase") == {"value": "spinning"}
        assert house.show("power") == {"value": 114}
        assert await house.do("spin_speed", "select", option="1400") == "not_now"
        await house.pass_(7 * MINUTE - 1)
        assert house.show("remaining_time") == {"value": 1}
        await house.pass_(1)
        assert house.show("phase") == {"value": "finished"}
        assert house.show("remaining_time") == {"value": 0}
        assert await house.do("pause", "press") == "not_now"
        left = house.past("remaining_time", "value")
        assert {20, 15, 7, 1, 0} < {*left}
        types = [event.type for event in house.events]
        assert types == ["started", "paused", "resumed", "finished"]

        assert machine.open_door()
        await house.settle()
        assert house.show("phase") == {"value": "idle"}
        assert house.show("remaining_time") == {"value": 30}


async def test_delayed_start(tmp_path: Path) -> None:
    async with installed(WashingMachine(), tmp_path) as house:
        assert await house.do("delayed_start", "set", value=60) is None
        assert house.show("remaining_time") == {"value": 170}
        assert await house.do("start", "press") is None
        assert house.show("phase") == {"value": "waiting"}
        assert await house.do("delayed_start", "set", value=0) == "not_now"
        await house.pass_(30 * MINUTE)
        assert house.show("remaining_time") == {"value": 140}
        # Somebody puts one more sock in.
        assert house.appliance.open_door()
        house.appliance.close_door()
        assert await house.do("start", "press") is None
        await house.pass_(30 * MINUTE)
        assert house.show("phase") == {"value": "washing"}
        await house.pass_(110 * MINUTE)
        assert house.show("phase") == {"value": "finished"}
        assert [event.type for event in house.events] == ["paused", "started", "finished"]
