"""A door, its lock, and what people do there."""

from pathlib import Path

from device_stub.appliances.door import MOTIONS_PER_PERCENT, Door
from device_stub.entity import Done, Failed

from .installed import installed

MINUTE = 60


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
