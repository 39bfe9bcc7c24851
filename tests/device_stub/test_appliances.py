"""Each appliance's story, as a terminal sees it."""

import asyncio
import io
import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from device_stub.appliances.appliance import TICK_SECONDS, Appliance, build_in
from device_stub.appliances.camera import Surveillance
from device_stub.appliances.door import MOTIONS_PER_PERCENT, Door
from device_stub.appliances.gateway import LOCK_LIMIT, Gateway
from device_stub.appliances.kinds import KINDS, KindName
from device_stub.appliances.tank import BOOST_SECONDS
from device_stub.appliances.washing_machine import WashingMachine
from device_stub.appliances.water_heater import WaterHeating
from device_stub.entity import Done, Failed
from device_stub.server import running
from device_stub.store import Store
from secure_pair_protocol.envelope import PIECE_SIZE, Outcome, Picture, PictureRequest, Piece
from secure_pair_protocol.model.access import LockPosition

from .conftest import make_data
from .installed import Installed, installed

MINUTE = 60


# The door lock


async def test_door(tmp_path: Path) -> None:
    users = {"Anna": "2468", "Ben": "1357"}
    async with installed(Door(latch=True, code="1234", users=users), tmp_path) as house:
        door = house.appliance
        assert await house.do("lock", "unlock", code="9999") == "wrong_code"
        assert not door.open()
        assert await house.do("lock", "unlock", code="1234") is None
        assert house.show("lock")["position"] == "unlocked"
        assert str(house.show("lock")["changed_by"]).startswith("terminal ")
        assert door.open()
        await house.settle()
        assert house.show("door") == {"on": True}
        door.close()
        assert await house.do("lock", "open", code="1234") is None
        assert "open" in house.past("lock", "position")
        assert await house.do("lock", "lock", code="1234") is None

        assert door.type_code("1111") == Failed("wrong_code", "This is not the code.")
        assert door.type_code("1357") == Done()
        await house.settle()
        assert house.show("lock") == {"position": "unlocking", "changed_by": "Ben"}
        await house.pass_(1)
        assert house.show("lock") == {"position": "unlocked", "changed_by": "Ben"}
        door.ring()
        door.break_open()
        await house.settle()
        assert [(event.key, event.type, event.attributes) for event in house.events] == [
            ("keypad", "refused", {}),
            ("keypad", "accepted", {"user": "Ben"}),
            ("doorbell", "ring", {}),
            ("tamper", "opened", {}),
        ]


async def test_door_locks_by_itself(tmp_path: Path) -> None:
    async with installed(Door(), tmp_path) as house:
        door = house.appliance
        assert await house.do("lock", "unlock") is None
        await house.pass_(10 * MINUTE)
        assert house.show("lock")["position"] == "unlocked"
        assert await house.do("auto_lock_delay", "set", value=601) == "out_of_range"
        assert await house.do("auto_lock_delay", "set", value=30) is None
        # It is over already: the bolt sets off at the next look, and then takes a second.
        await house.pass_(1)
        assert house.show("lock") == {"position": "locking", "changed_by": "auto_lock"}
        await house.pass_(1)
        assert house.show("lock") == {"position": "locked", "changed_by": "auto_lock"}

        # Not while the door is open, and from the beginning when it is closed.
        assert await house.do("lock", "unlock") is None
        assert door.open()
        await house.pass_(MINUTE)
        door.close()
        await house.pass_(29)
        assert house.show("lock")["position"] == "unlocked"
        door.lock.jam = True
        await house.pass_(2)
        assert house.show("lock") == {"position": "jammed", "changed_by": "auto_lock"}
        assert await house.do("lock", "lock") == "jammed"


async def test_command_comes_while_the_door_locks_by_itself(tmp_path: Path) -> None:
    async with installed(Door(), tmp_path) as house:
        assert await house.do("auto_lock_delay", "set", value=5) is None
        assert await house.do("lock", "unlock") is None
        await house.pass_(5)
        assert house.show("lock")["position"] == "locking"
        assert await house.do("lock", "unlock") is None
        await house.pass_(1)
        assert house.show("lock")["position"] == "unlocked"


async def test_bolt_takes_of_the_battery(tmp_path: Path) -> None:
    async with installed(Door(), tmp_path) as house:
        for _ in range(MOTIONS_PER_PERCENT):
            for do in ("unlock", "lock"):
                assert await house.do("lock", do) is None
        await house.pass_(1)
        assert house.show("battery") == {"value": 98}


# The washing machine


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


# The water heater


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


# The camera


async def picture(house: Installed[Surveillance], request: int = 1) -> Picture:
    house.wire.send(PictureRequest(request, "camera"))
    while not isinstance(message := await house.wire.receive(), Picture):
        house.see(message)
    assert message.request == request
    return message


async def test_pictures_move(tmp_path: Path) -> None:
    async with installed(Surveillance(), tmp_path) as house:
        shown = [await picture(house, number) for number in range(2)]
        assert house.wire.pieces >= 2
        images = []
        for one in shown:
            assert one.content_type == "image/jpeg"
            assert 10_000 < len(one.data) < 100_000
            images.append(Image.open(io.BytesIO(one.data)).convert("RGB"))
        assert images[0].size == (640, 480)
        assert ImageChops.difference(*images).getbbox() is not None


async def test_lock_command_between_two_pieces(tmp_path: Path) -> None:
    """One device with a camera and a lock: a big picture does not hold the lock up."""
    camera, door = Surveillance(), Door()
    camera.entities += (door.lock,)
    async with installed(camera, tmp_path) as house:
        camera.camera.least_bytes = 2 << 20
        house.wire.send(PictureRequest(1, "camera"))
        house.wire.send(house.wire.command("unlock"))
        pieces_before_end = 0
        done = False
        while True:
            record = await house.wire.receive_record()
            if isinstance(record, Outcome) and record.result == "done":
                done = True
            if isinstance(record, Piece):
                pieces_before_end += done
                if (whole := house.wire.assembler.take(record)) is not None:
                    break
        assert door.lock.position is LockPosition.UNLOCKED
        assert pieces_before_end > 64
        assert (2 << 20) <= len(whole) < (2 << 20) + PIECE_SIZE


async def test_big_and_wrong_pictures(tmp_path: Path) -> None:
    async with installed(Surveillance(), tmp_path) as house:
        camera = house.appliance.camera
        for size in (60_000, 2 << 20):
            camera.least_bytes = size
            shown = await picture(house)
            assert len(shown.data) >= size
            with Image.open(io.BytesIO(shown.data)) as image:
                image.load()
                assert image.size == (640, 480)
        camera.replacement = "text/html", b"<html>"
        shown = await picture(house)
        assert (shown.content_type, shown.data) == camera.replacement


async def test_privacy_and_motion(tmp_path: Path) -> None:
    async with installed(Surveillance(), tmp_path) as house:
        await house.pass_(59)
        assert house.show("motion") == {"on": False}
        await house.pass_(1)
        assert house.show("motion") == {"on": True}
        assert house.show("camera")["recording"] is True
        await house.pass_(10)
        assert house.show("motion") == {"on": False}
        assert [(event.key, event.type) for event in house.events] == [("detection", "person")]

        assert await house.do("privacy", "turn_on") is None
        assert (await picture(house)).data == b""
        house.appliance.visit()
        await house.settle()
        assert len(house.events) == 1
        assert await house.do("privacy", "turn_off") is None
        assert (await picture(house)).data
        await house.settle()
        assert len(house.events) == 2

        assert await house.do("camera", "turn_off") is None
        assert (await picture(house)).data == b""
        assert await house.do("camera", "turn_on") is None
        assert await house.do("camera", "disable_motion_detection") is None
        await house.pass_(10 * MINUTE)
        assert len(house.events) == 2
        assert house.show("motion") == {"on": False}


async def test_siren_of_the_camera(tmp_path: Path) -> None:
    async with installed(Surveillance(), tmp_path) as house:
        assert await house.do("siren", "turn_on", duration=20, tone="chime") is None
        assert await house.do("siren", "turn_on", tone="song") == "out_of_range"
        await house.pass_(19)
        assert house.show("siren") == {"on": True}
        await house.pass_(1)
        assert house.show("siren") == {"on": False}


# The gateway


async def test_gateway(tmp_path: Path) -> None:
    async with installed(Gateway(), tmp_path) as house:
        parts = {key for key, device in house.devices.items() if device.part}
        assert parts == {"socket_1", "socket_2", "socket_3", "socket_4"}
        assert {*house.devices} - parts == {"lock_1", "lock_2", "lock_3"}
        for key in house.devices:
            belonging = [entity for entity in house.entities.values() if entity.device == key]
            assert len(belonging) == 2
        for key in ("lock_1", "lock_2", "lock_3"):
            assert await house.do(f"{key}_lock", "unlock") is None
            assert house.show(f"{key}_lock")["position"] == "unlocked"
        assert await house.do("socket_2_switch", "turn_on") is None
        assert house.show("socket_2_power") == {"value": 60}
        assert house.show("socket_1_power") == {"value": 0}
        assert await house.do("socket_2_switch", "turn_off") is None
        assert house.show("socket_2_power") == {"value": 0}


async def test_gateway_grows_and_shrinks(tmp_path: Path) -> None:
    async with installed(Gateway(), tmp_path) as house:
        gateway = house.appliance
        key = gateway.pair_another("Shed")
        assert key == "lock_4"
        await house.settle()
        assert house.devices[key].name == "Shed"
        assert await house.do("lock_4_lock", "unlock") is None
        gateway.remove("lock_2")
        await house.settle()
        assert {*house.devices} >= {"lock_1", "lock_3", "lock_4"}
        assert not {key for key in (*house.devices, *house.entities) if key.startswith("lock_2")}
        assert house.show("lock_4_lock")["position"] == "unlocked"
        assert await house.do("lock_2_lock", "unlock") == "unknown_entity"
        with pytest.raises(KeyError):
            gateway.remove("lock_2")
        # A key is never used again.
        while await house.do("permit_join", "press") is None:
            await house.settle()
        assert await house.do("permit_join", "press") == "full"
        assert "lock_2" not in house.devices
        assert len(gateway.locks) == LOCK_LIMIT
        assert await house.do("lock_17_lock", "unlock") is None
        await house.pass_(1)
        assert house.show("lock_17_battery") == {"value": 100}


async def test_gateway_changes_while_it_is_off(tmp_path: Path) -> None:
    gateway, data = Gateway(), make_data()
    device = build_in(gateway, data, Store(tmp_path / "s", data.device_id))
    gateway.remove("lock_1")
    gateway.pair_another()
    assert {"lock_2_lock", "lock_4_lock"} < {*device.entities}
    assert "lock_1_lock" not in device.entities
    assert [further.key for further in device.further_devices][-1] == "lock_4"


# All of them


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
        for _ in range(4):
            house.appliance.surprise()
        await house.settle()
        assert [event.key for event in house.events] == ["doorbell", "tamper"]
    (tmp_path / "gateway").mkdir()
    async with installed(Gateway(), tmp_path / "gateway") as gateway:
        for count in (4, 3, 4):
            gateway.appliance.surprise()
            await gateway.settle()
            assert len(gateway.devices) == count + 4
