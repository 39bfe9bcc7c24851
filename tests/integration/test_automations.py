"""Home Assistant's own triggers and conditions work: each example of docs/automations.md."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from homeassistant.components.persistent_notification import (
    DOMAIN as NOTIFICATIONS,
)
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import parse_yaml

from device_stub.appliances.appliance import Appliance
from device_stub.appliances.camera import Surveillance
from device_stub.appliances.door import Door
from device_stub.appliances.gateway import Gateway
from device_stub.appliances.washing_machine import WashingMachine
from device_stub.appliances.water_heater import WaterHeating
from secure_pair_protocol.model.access import LockPosition
from tests.device_stub.terminal import Cloud, Terminal

from .conftest import InstallAppliance
from .home import Home
from .logs import complaints

DOCUMENT = Path(__file__).parents[2] / "docs" / "automations.md"


def examples() -> dict[str, dict[str, Any]]:
    """Return each automation of the document, by its alias."""
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    automations: list[Any] = [parse_yaml(block) for block in blocks]
    return {automation["alias"]: automation for automation in automations}


EXAMPLES = examples()


@dataclass
class Scene[A: Appliance]:
    """A device; what it does that shall not trigger anything, and what shall; what comes of it."""

    name: str
    make: Callable[[], A]
    before: Callable[[Home, A], Awaitable[None]]
    act: Callable[[Home, A], Awaitable[None]]
    seen: Callable[[Home, A], object]


def notified(home: Home, notification: str) -> str | None:
    """Return the text of a notification, if it is there."""
    notifications = home.hass.data.get(NOTIFICATIONS, {})
    return notifications[notification]["message"] if notification in notifications else None


async def nothing(home: Home, appliance: Appliance) -> None:
    pass


async def ring(home: Home, door: Door) -> None:
    door.ring()


async def break_open(home: Home, door: Door) -> None:
    door.break_open()


async def open_door(home: Home, door: Door) -> None:
    await home.call("lock.unlock", "lock")
    assert door.open()


async def close_door(home: Home, door: Door) -> None:
    door.close()


async def type_wrong(home: Home, door: Door) -> None:
    door.type_code("0000")


async def type_right(home: Home, door: Door) -> None:
    door.type_code("1234")


async def visit_unseen(home: Home, camera: Surveillance) -> None:
    """Somebody comes while the shutter is closed, and goes."""
    await home.call("switch.turn_on", "privacy")
    camera.visit()
    camera.advance(10)
    await home.call("switch.turn_off", "privacy")


async def visit(home: Home, camera: Surveillance) -> None:
    camera.visit()


async def start_washing(home: Home, machine: WashingMachine) -> None:
    await home.call("select.select_option", "programme", option="quick")
    await home.call("button.press", "start")


async def wash(home: Home, machine: WashingMachine) -> None:
    machine.advance(30 * 60)


async def shower(home: Home, heater: WaterHeating) -> None:
    await home.call("water_heater.turn_on", "water_heater")
    heater.draw(30)


async def leak(home: Home, heater: WaterHeating) -> None:
    heater.spring_leak()


async def come_by_the_back_door(home: Home, gateway: Gateway) -> None:
    gateway.locks["lock_2"].turn_by_hand(LockPosition.UNLOCKED)


async def come_by_the_front_door(home: Home, gateway: Gateway) -> None:
    gateway.locks["lock_1"].turn_by_hand(LockPosition.UNLOCKED)


async def leave(home: Home, gateway: Gateway) -> None:
    gateway.locks["lock_1"].turn_by_hand(LockPosition.LOCKED)


async def unlock_all(home: Home, gateway: Gateway) -> None:
    for key in gateway.locks:
        await home.call("lock.unlock", f"{key}_lock")


async def renew(home: Home, door: Door) -> None:
    """Let something happen to the pairing that is none of others' doing."""
    await home.call("button.press", entity_id="button.front_door_renew_session_key")


async def pair_another(home: Home, door: Door) -> None:
    data = home.device.data
    cloud = Cloud(data.initial_key, home.device.epoch)
    phone = Terminal(cloud, data.device_id, data.pairing_secret)
    await (await phone.negotiate(home.server.port)).close()


def _door() -> Door:
    return Door(users={"Ann": "1234"})


SCENES: dict[str, Scene[Any]] = {
    "Somebody is at the door": Scene(
        "Front door",
        _door,
        break_open,
        ring,
        lambda home, _: notified(home, "doorbell") == "Somebody is at the front door.",
    ),
    "Lock when the door is closed": Scene(
        "Front door",
        _door,
        open_door,
        close_door,
        lambda home, door: (
            door.lock.position is LockPosition.LOCKED and home.state("lock") == "locked"
        ),
    ),
    "Tell who has come home": Scene(
        "Front door",
        _door,
        type_wrong,
        type_right,
        lambda home, _: notified(home, "keypad") == "Ann has come home.",
    ),
    "Chime when somebody walks into the garden": Scene(
        "Garden camera",
        Surveillance,
        visit_unseen,
        visit,
        lambda home, camera: camera.siren.tone == "chime" and home.state("siren") == "on",
    ),
    "The laundry is ready": Scene(
        "Washing machine",
        WashingMachine,
        start_washing,
        wash,
        lambda home, _: notified(home, "laundry") == "quick is finished.",
    ),
    "The water heater leaks": Scene(
        "Water heater",
        WaterHeating,
        shower,
        leak,
        lambda home, heater: (
            notified(home, "leak") is not None and home.state("water_heater") == "off"
        ),
    ),
    "Light in the hall": Scene(
        "Gateway",
        Gateway,
        come_by_the_back_door,
        come_by_the_front_door,
        lambda home, gateway: (
            gateway.sockets[0].switch.on and home.state("socket_1_switch") == "on"
        ),
    ),
    "Lock the garage with the house": Scene(
        "Gateway",
        Gateway,
        unlock_all,
        leave,
        lambda home, gateway: (
            gateway.locks["lock_3"].position is LockPosition.LOCKED
            and home.state("lock_3_lock") == "locked"
        ),
    ),
    "Another terminal at the front door": Scene(
        "Front door",
        _door,
        renew,
        pair_another,
        lambda home, _: re.fullmatch(
            r"Terminal [0-9a-f]{32} has come or gone\.", notified(home, "terminal") or ""
        ),
    ),
}


def test_each_example_is_played() -> None:
    assert EXAMPLES.keys() == SCENES.keys()
    headings = re.findall(r"^## (.*)$", DOCUMENT.read_text(), re.MULTILINE)
    devices = ["Door lock", "Camera", "Washing machine", "Water heater", "Gateway"]
    assert headings == [*devices, "Security"]


@pytest.mark.parametrize("alias", EXAMPLES)
async def test_example(
    hass: HomeAssistant,
    install_appliance: InstallAppliance,
    alias: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = SCENES[alias]
    appliance = scene.make()
    home = await install_appliance(appliance, scene.name)
    assert await async_setup_component(hass, NOTIFICATIONS, {})
    assert await async_setup_component(
        hass, "automation", {"automation": [{"id": "example", **EXAMPLES[alias]}]}
    )
    await hass.async_block_till_done()
    automation = hass.states.async_entity_ids("automation")
    assert len(automation) == 1
    state = hass.states.get(automation[0])
    assert state is not None
    assert state.state == "on"
    # All that the example names is there.
    for entity_id in named(EXAMPLES[alias]):
        assert hass.states.get(entity_id) is not None, entity_id

    await scene.before(home, appliance)
    # The device is away for a moment: nothing has happened.
    await home.cut()
    await home.back()
    await home.settle()
    assert not scene.seen(home, appliance)

    await scene.act(home, appliance)
    await home.until(lambda: scene.seen(home, appliance))
    await home.settle()
    assert not complaints(caplog)


def named(value: Any) -> set[str]:
    """Return all entity ids in a configuration."""
    if isinstance(value, dict):
        ids = {str(value["entity_id"])} if "entity_id" in value else set[str]()
        return ids.union(*map(named, value.values()))
    return set[str]().union(*map(named, value)) if isinstance(value, list) else set()
