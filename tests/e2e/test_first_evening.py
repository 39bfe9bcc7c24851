"""A stranger's first evening: what he does on the pages, the API says as well."""

import json
from dataclasses import replace
from typing import Any

import pytest

from scripts.demo_app import ROOT
from scripts.demo_app.cast import HOME_ASSISTANT
from scripts.demo_app.story import check_log

from .desk import Desk
from .house import CAMERA, LOCK, USERNAME, WASHING_MACHINE, WATER_HEATER, House
from .pages import Device, Dialog, Integration, Integrations, ask

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

TEXTS = json.loads(
    (ROOT / "custom_components" / "secure_pair" / "translations" / "en.json").read_bytes()
)
ERRORS, PROGRESS = TEXTS["config"]["error"], TEXTS["config"]["progress"]
ENTRIES = "/api/config/config_entries/entry"

FRONT_DOOR = "lock.front_door"
SECURITY = "event.front_door_security"
RESET = TEXTS["issues"]["device_reset"]["title"].format(device=LOCK.name)


async def entries(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await house.api.get(f"{ENTRIES}?domain=secure_pair")
    return found


async def until_loaded(house: House, name: str) -> str:
    """Wait until the device's entry works, and return its id."""

    async def loaded() -> str | None:
        for entry in await entries(house):
            if (entry["title"], entry["state"]) == (name, "loaded"):
                return str(entry["entry_id"])
        return None

    return await house.until(loaded, f"the entry of {name} is loaded")


async def test_log_in(house: House, desk: Desk) -> None:
    await desk.open("/")
    name = await desk.see(desk.page.locator("input[name=username]"), "the login form")
    await name.fill(USERNAME)
    await desk.page.locator("input[name=password]").fill(house.password)
    await desk.click(desk.page.get_by_role("button", name="Log in"), "'Log in'")
    await desk.see(desk.page.locator("ha-sidebar").get_by_text(USERNAME), "the sidebar")
    tokens = await desk.page.evaluate("JSON.parse(localStorage.hassTokens)")
    browser = replace(house.api, token=tokens["access_token"])
    assert await browser.get("/api/") == {"message": "API running."}


async def test_the_lock_is_discovered(house: House, desk: Desk) -> None:
    integrations = Integrations(desk)
    await integrations.open()
    if not house.network.finds_devices:
        pytest.skip("there is no network on which it could be found")
    for kind, model in ((LOCK, "Virtual door lock"), (CAMERA, "Virtual camera")):
        card = integrations.card(kind.name)
        await desk.see(card.get_by_text(f"{kind.name} ({model})"), f"the card of {kind.name}")
    await desk.picture("discovered")
    flows = await ask(desk, "config_entries/flow/progress")
    found = {flow["context"]["unique_id"] for flow in flows if flow["handler"] == "secure_pair"}
    assert house.made[LOCK].device_id in found


async def test_it_shows_which_one_it_is(house: House, desk: Desk) -> None:
    integrations = Integrations(desk)
    if house.network.finds_devices:
        dialog = await integrations.add_discovered(LOCK.name)
    else:
        dialog = await integrations.add(others_were_discovered=False)
        await dialog.submit(host=house.network.host, port=str(house.ports[LOCK]))
    await dialog.sees(f"Device {house.made[LOCK].device_id} answers at {house.network.host}.")

    async def blinked() -> bool | None:
        return house.shows_itself(LOCK)

    await dialog.choose("Show me which one it is")
    await house.until(blinked, "the lock shows itself")
    assert not house.shows_itself(WATER_HEATER)
    await dialog.sees("Pair it")


async def test_a_mistyped_setup_code(house: House, desk: Desk) -> None:
    dialog = Dialog(desk)
    await dialog.choose("Pair it")
    await dialog.submit(url=house.key_service_url, token=house.token)
    code = house.made[LOCK].setup_code
    another = "A" if code[-1] != "A" else "B"
    await dialog.submit(setup_code=code[:-1] + another)
    await dialog.complains(ERRORS["mistyped_setup_code"])
    await desk.picture("setup-code")
    assert await entries(house) == []


async def test_a_wrong_setup_code(house: House, desk: Desk) -> None:
    dialog = Dialog(desk)
    await dialog.submit(setup_code=house.made[WATER_HEATER].setup_code)
    await dialog.complains(ERRORS["claim_refused"])
    assert await entries(house) == []
    assert house.sessions(LOCK) == 0


async def test_pairing(house: House, desk: Desk) -> None:
    dialog = Dialog(desk)
    # It takes less than a second: too short to be looked at.
    with house.slow_key_service():
        await dialog.submit(setup_code=house.made[LOCK].setup_code)
        await dialog.sees(PROGRESS["claiming"])
        await desk.picture("pairing")
    await dialog.finish("Skip and finish")
    await desk.see(Device(desk).title(LOCK.name), "the page of the lock")
    await until_loaded(house, LOCK.name)
    assert house.sessions(LOCK) == 1


async def test_the_page_of_the_lock(house: House, desk: Desk) -> None:
    device = Device(desk)
    for kind, name in (
        ("lock", LOCK.name),
        ("simple", "Door"),
        ("event", "Doorbell"),
        ("event", "Keypad"),
        ("event", "Tampering"),
        ("number", "Auto-lock delay"),
        ("button", "Renew session key"),
        ("sensor", "Battery"),
        ("sensor", "Last negotiation"),
    ):
        await desk.see(device.row(kind, name), f"the row of {name}")
    security = device.row("event", "Security")
    await desk.see(security.get_by_text("Paired"), "the security event 'Paired'")
    await desk.picture("device")
    assert (await house.state(SECURITY))["attributes"]["event_type"] == "paired"

    await desk.see(desk.page.get_by_text("Download diagnostics"), "'Download diagnostics'")
    entry_id = await until_loaded(house, LOCK.name)
    diagnostics = await house.api.get(f"/api/diagnostics/config_entry/{entry_id}")
    assert diagnostics["data"]
    for secret in (house.token, house.made[LOCK].setup_code):
        assert secret not in json.dumps(diagnostics)


async def unlock_and_lock(house: House, desk: Desk) -> None:
    device = Device(desk)
    for button, state in (("Unlock", "unlocked"), ("Lock", "locked")):
        await device.press("lock", LOCK.name, button)
        await house.until_state(FRONT_DOOR, state)
    await desk.see(
        device.row("lock", LOCK.name).get_by_text("Unlock", exact=True), "'Unlock' once more"
    )


async def test_unlock_and_lock(house: House, desk: Desk) -> None:
    await unlock_and_lock(house, desk)


async def test_a_second_device_by_host_and_port(house: House, desk: Desk) -> None:
    integrations = Integrations(desk)
    await integrations.open()
    dialog = await integrations.add(others_were_discovered=house.network.finds_devices)
    await dialog.submit(host=house.network.host, port=str(house.ports[WATER_HEATER]))
    await dialog.choose("Pair it")
    await dialog.sees(house.key_service_url)
    await dialog.submit()
    await dialog.submit(setup_code=house.made[WATER_HEATER].setup_code)
    await dialog.finish("Skip and finish")
    await desk.see(Device(desk).title(WATER_HEATER.name), "the page of the water heater")
    await until_loaded(house, WATER_HEATER.name)


async def test_the_water_heaters_temperature(house: House, desk: Desk) -> None:
    entity = "water_heater.water_heater"
    before = (await house.state(entity))["attributes"]["temperature"]
    more = await Device(desk).look_into("climate", WATER_HEATER.name)
    warmer = more.locator("ha-outlined-icon-button").last
    for _ in range(4):
        await desk.click(warmer, "'+' of the water heater")

    async def is_warmer() -> bool | None:
        temperature = (await house.state(entity))["attributes"]["temperature"]
        return temperature == before + 2 or None

    await house.until(is_warmer, "the water heater's target is 2 °C higher")
    await desk.see(
        more.locator("ha-big-number").get_by_text(f"{before + 2:.0f}", exact=True), "the new target"
    )


async def test_the_cameras_picture(house: House, desk: Desk) -> None:
    await house.pair(CAMERA)
    house.lets_something_happen(CAMERA)
    await house.until_state("binary_sensor.garden_camera_motion", "on")
    device = Device(desk)
    await device.open(CAMERA.name)
    more = await device.look_into("simple", CAMERA.name)
    shown = await desk.see(more.locator("ha-camera-stream img"), "the camera's picture")

    async def is_there() -> bool | None:
        return await shown.evaluate("image => image.naturalWidth") > 0 or None

    await house.until(is_there, "the camera's picture has been loaded")
    still = (await house.state("camera.garden_camera"))["attributes"]["entity_picture"]
    answer = await desk.page.request.get(f"{house.api.url}{still}")
    assert (await answer.body()).startswith(b"\xff\xd8")


async def test_the_washing_machine_runs_down(house: House, desk: Desk) -> None:
    await house.pair(WASHING_MACHINE)
    device = Device(desk)
    await device.open(WASHING_MACHINE.name)
    phase = device.row("sensor", "Phase")
    await desk.see(phase.get_by_text("Idle"), "the phase 'Idle'")
    await device.press("button", "Start", "Press")
    await desk.see(phase.get_by_text("Washing"), "the phase 'Washing'")
    await desk.see(phase.get_by_text("Rinsing"), "the phase 'Rinsing'")
    await desk.picture("washing-machine")
    await desk.see(phase.get_by_text("Finished"), "the phase 'Finished'")
    await house.until_state("sensor.washing_machine_phase", "finished")
    assert (await house.state("sensor.washing_machine_remaining_time"))["state"] == "0"
    programme = await house.state("event.washing_machine_programme")
    assert programme["attributes"]["event_type"] == "finished"


async def test_an_automation_on_the_doorbell(house: House, desk: Desk) -> None:
    message = "Somebody is at the front door."
    automation = {
        "alias": "Somebody is at the door",
        "triggers": [
            {
                "trigger": "doorbell.rang",
                "target": {"entity_id": "event.front_door_doorbell"},
            }
        ],
        "actions": [{"action": "persistent_notification.create", "data": {"message": message}}],
    }
    await house.api.post("/api/config/automation/config/doorbell", automation)
    entity = "automation.somebody_is_at_the_door"
    await house.until_state(entity, "on")
    house.lets_something_happen(LOCK)

    async def has_fired() -> str | None:
        fired: str | None = (await house.state(entity))["attributes"]["last_triggered"]
        return fired

    await house.until(has_fired, "the automation has fired")
    await desk.click(
        desk.page.locator("ha-sidebar").get_by_text("Notifications"), "'Notifications'"
    )
    await desk.see(desk.page.get_by_text(message), "the notification")


async def test_renew_the_key(house: House, desk: Desk) -> None:
    device = Device(desk)
    await device.open(LOCK.name)
    before = await house.state("sensor.front_door_last_negotiation")
    await device.press("button", "Renew session key", "Press")
    renewed = device.row("event", "Security").get_by_text("Session key renewed")
    await desk.see(renewed, "the security event 'Session key renewed'")
    assert (await house.state(SECURITY))["attributes"]["event_type"] == "renewed"
    assert await house.state("sensor.front_door_last_negotiation") != before


async def test_without_the_key_service(house: House, desk: Desk) -> None:
    await house.stop_key_service()
    # The lock loses its power; then Home Assistant forgets the connection.
    await house.stop_device(LOCK)
    await house.until_state(FRONT_DOOR, "unavailable")
    await house.start_device(LOCK)
    await house.until_state(FRONT_DOOR, "locked")
    integration = Integration(desk)
    await integration.open()
    await integration.choose(LOCK.name, "reload")
    await desk.see(
        desk.page.get_by_text("The integration was reloaded").first, "the end of the reload"
    )
    await house.until_state(FRONT_DOOR, "locked")
    await Device(desk).open(LOCK.name)
    await unlock_and_lock(house, desk)


async def repairs(desk: Desk) -> set[str]:
    listed = await ask(desk, "repairs/list_issues")
    return {
        issue["translation_key"] for issue in listed["issues"] if issue["domain"] == "secure_pair"
    }


async def test_a_repair(house: House, desk: Desk) -> None:
    await house.start_key_service()
    house.resets(LOCK)
    await desk.open("/config/repairs")
    await desk.click(desk.page.get_by_text(RESET, exact=True), "the repair")
    dialog = Dialog(desk)
    await dialog.sees("pair it again: nothing has to be entered")
    await desk.picture("repair")
    assert await repairs(desk) == {"device_reset"}
    assert house.sessions(LOCK) == 0
    await dialog.submit()
    await dialog.sees("The issue is repaired!")
    await dialog.finish("Finish")
    await desk.see(desk.page.get_by_text("There are currently no repairs pending"), "no repair")
    assert await repairs(desk) == set()
    await house.until_state(FRONT_DOOR, "locked")
    assert house.sessions(LOCK) == 1


async def test_removal(house: House, desk: Desk) -> None:
    integration = Integration(desk)
    await integration.open()
    await integration.choose(LOCK.name, "delete")
    confirm = desk.page.locator("dialog-box").get_by_role("button", name="Delete", exact=True)
    await desk.click(confirm, "'Delete'")
    await desk.see_no_more(integration.entry(LOCK.name), "the entry of the lock")

    async def is_forgotten() -> bool | None:
        return house.sessions(LOCK) == 0 or None

    await house.until(is_forgotten, "the lock holds no session")
    names = {entry["title"] for entry in await entries(house)}
    assert names == {WATER_HEATER.name, CAMERA.name, WASHING_MACHINE.name}


async def test_nothing_is_in_the_log(house: House) -> None:
    check_log(house.cast.log(HOME_ASSISTANT))
