"""Devices behind a gateway, and parts of it; they come and go while it runs."""

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import ChildDeviceEntry, DeviceEntry, DeviceRegistry
from msgspec.structs import replace

from custom_components.secure_pair.const import DOMAIN
from device_stub.appliances.gateway import Gateway, Socket

from .conftest import DEVICE_ID, InstallAppliance
from .home import Home
from .logs import complaints


def far(registry: DeviceRegistry, home: Home) -> dict[str, DeviceEntry]:
    """Return the devices by their keys in the description; the gateway's own is empty."""
    devices = dr.async_entries_for_config_entry(registry, home.entry.entry_id)
    return {_key(device): device for device in devices}


def parts(registry: DeviceRegistry, home: Home) -> dict[str, ChildDeviceEntry]:
    """Return the gateway's parts by their keys."""
    children = dr.async_child_entries_for_config_entry(registry, home.entry.entry_id)
    return {_key(child): child for child in children}


def _key(device: DeviceEntry | ChildDeviceEntry) -> str:
    [(domain, identifier)] = device.identifiers
    assert domain == DOMAIN
    return identifier.removeprefix(DEVICE_ID).removeprefix("_")


def entities_at(home: Home, device: DeviceEntry | ChildDeviceEntry) -> set[str]:
    """Return the ids of the entities that belong to a device."""
    registry = er.async_get(home.hass)
    return {entity.entity_id for entity in er.async_entries_for_device(registry, device.id)}


async def test_devices_and_parts(
    install_appliance: InstallAppliance,
    device_registry: DeviceRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    home = await install_appliance(Gateway())
    devices, children = far(device_registry, home), parts(device_registry, home)
    assert set(devices) == {"", "lock_1", "lock_2", "lock_3"}
    gateway = devices[""]
    assert (gateway.via_device_id, gateway.name) == (None, "Virtual device")
    for key, name in (("lock_1", "Front door"), ("lock_2", "Back door"), ("lock_3", "Garage")):
        lock = devices[key]
        assert lock.via_device_id == gateway.id
        assert (lock.name, lock.manufacturer, lock.model, lock.sw_version, lock.serial_number) == (
            name,
            "Secure Pair",
            "Virtual door lock",
            "virtual",
            f"far-{key[-1]}",
        )
        entity_id = f"lock.{name.lower().replace(' ', '_')}"
        battery = entity_id.replace("lock.", "sensor.") + "_battery"
        assert entities_at(home, lock) == {entity_id, battery}
        assert home.entity_id(f"{key}_lock") == entity_id
    assert set(children) == {"socket_1", "socket_2", "socket_3", "socket_4"}
    for key, child in children.items():
        assert child.parent_device_id == gateway.id
        assert child.name == f"Socket {key[-1]}"
        assert entities_at(home, child) == {
            home.entity_id(f"{key}_switch"),
            home.entity_id(f"{key}_power"),
        }

    await home.call("lock.unlock", "lock_2_lock")
    await home.call("switch.turn_on", "socket_3_switch")
    await home.settle()
    assert [home.state(f"lock_{number}_lock") for number in (1, 2, 3)] == [
        "locked",
        "unlocked",
        "locked",
    ]
    assert [home.state(f"socket_{number}_power") for number in (1, 2, 3, 4)] == [
        "0",
        "0",
        "60",
        "0",
    ]
    assert not complaints(caplog)


async def test_locks_come_and_go(
    hass: HomeAssistant,
    install_appliance: InstallAppliance,
    device_registry: DeviceRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = Gateway()
    home = await install_appliance(gateway)
    coordinator, boot = home.coordinator, home.device.boot
    gateway.pair_another("Shed")
    await home.settle()
    assert far(device_registry, home)["lock_4"].name == "Shed"
    await home.call("lock.unlock", "lock_4_lock")
    assert home.state("lock_4_lock") == "unlocked"
    assert home.state("lock_4_battery") == "100"

    entity_id = home.entity_id("lock_2_lock")
    gateway.remove("lock_2")
    await home.settle()
    assert "lock_2" not in far(device_registry, home)
    assert home.find("lock_2_lock") is home.find("lock_2_battery") is None
    assert hass.states.get(entity_id) is None
    assert home.state("lock_4_lock") == "unlocked"

    # By a button of the gateway's own.
    await home.call("button.press", "permit_join")
    await home.settle()
    assert home.state("lock_5_lock") == "locked"

    # All of it without a reload or a new connection.
    assert (home.coordinator, home.device.boot) == (coordinator, boot)
    assert home.entry.state is ConfigEntryState.LOADED
    assert not complaints(caplog)


async def test_parts_come_and_go(
    hass: HomeAssistant,
    install_appliance: InstallAppliance,
    device_registry: DeviceRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    home = await install_appliance(Gateway())
    device, socket = home.device, Socket(5)
    device.further_devices += (socket.device,)
    device.add(socket.switch, socket.power)
    await home.settle()
    assert parts(device_registry, home)["socket_5"].name == "Socket 5"
    await home.call("switch.turn_on", "socket_5_switch")
    await home.settle()
    assert home.state("socket_5_power") == "60"

    entity_id = home.entity_id("socket_1_switch")
    device.further_devices = tuple(
        further for further in device.further_devices if further.key != "socket_1"
    )
    device.remove("socket_1_switch", "socket_1_power")
    await home.settle()
    assert set(parts(device_registry, home)) == {"socket_2", "socket_3", "socket_4", "socket_5"}
    assert hass.states.get(entity_id) is None
    assert home.find("socket_1_switch") is None
    assert not complaints(caplog)


@pytest.mark.parametrize("loaded", [True, False])
async def test_come_and_gone_while_away(
    hass: HomeAssistant,
    install_appliance: InstallAppliance,
    device_registry: DeviceRegistry,
    loaded: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = Gateway()
    home = await install_appliance(gateway)
    if loaded:
        await home.cut()
    else:
        await hass.config_entries.async_unload(home.entry.entry_id)
    gateway.remove("lock_1")
    gateway.pair_another("Shed")
    device = home.device
    device.further_devices = tuple(
        further for further in device.further_devices if further.key != "socket_1"
    )
    device.remove("socket_1_switch", "socket_1_power")
    if loaded:
        await home.back()
        await home.settle()
    else:
        await hass.config_entries.async_setup(home.entry.entry_id)
        await hass.async_block_till_done()
    assert set(far(device_registry, home)) == {"", "lock_2", "lock_3", "lock_4"}
    assert set(parts(device_registry, home)) == {"socket_2", "socket_3", "socket_4"}
    gone = ("lock_1_lock", "lock_1_battery", "socket_1_switch", "socket_1_power")
    assert [home.find(key) for key in gone] == [None] * len(gone)
    assert home.state("lock_4_lock") == "locked"
    assert not complaints(caplog)


async def test_renamed_and_moved(
    install_appliance: InstallAppliance,
    device_registry: DeviceRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = Gateway()
    home = await install_appliance(gateway)
    names = {"lock_1": "Cellar", "socket_1": "Coffee machine"}
    home.device.further_devices = tuple(
        replace(further, name=names.get(further.key, further.name))
        for further in home.device.further_devices
    )
    home.device.describe()
    await home.settle()
    assert far(device_registry, home)["lock_1"].name == "Cellar"
    assert parts(device_registry, home)["socket_1"].name == "Coffee machine"

    # An entity that moves to another device goes on there.
    power = gateway.sockets[3].power
    power.entity = replace(power.entity, device="socket_2")
    home.device.describe()
    await home.settle()
    entity_id = home.entity_id("socket_4_power")
    assert entity_id in entities_at(home, parts(device_registry, home)["socket_2"])
    assert home.state("socket_4_power") == "0"
    assert not complaints(caplog)


async def test_part_becomes_a_device_and_back(
    install_appliance: InstallAppliance,
    device_registry: DeviceRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    home = await install_appliance(Gateway())
    before = home.device.further_devices
    for part in (False, True):
        home.device.further_devices = tuple(
            replace(further, part=part) if further.key == "socket_1" else further
            for further in before
        )
        home.device.describe()
        await home.settle()
        assert ("socket_1" in parts(device_registry, home)) is part
        assert ("socket_1" in far(device_registry, home)) is not part
        await home.call("switch.toggle", "socket_1_switch")
    assert not complaints(caplog)
