"""Locks behind a gateway come and go."""

from pathlib import Path

import pytest

from device_stub.appliances.appliance import build_in
from device_stub.appliances.gateway import LOCK_LIMIT, Gateway
from device_stub.store import Store

from .conftest import make_data
from .installed import installed


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
