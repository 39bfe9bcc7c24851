"""Which one is it? A device shows itself before anybody pairs it."""

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from .conftest import DEVICE_ID, Until, VirtualLock
from .flows import Answers, announce, choose, start, submit, submit_until


async def test_the_device_signals_and_the_menu_stays(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, until: Until
) -> None:
    menu = await submit(hass, await start(hass), answers)
    assert (menu["type"], menu["step_id"]) == (FlowResultType.MENU, "device")
    assert menu["menu_options"] == ["continue", "identify"]
    assert menu["description_placeholders"] == {"device_id": DEVICE_ID, "host": "127.0.0.1"}
    assert virtual_lock.device.identified == 0

    menu = await choose(hass, menu, "identify")
    assert (menu["type"], menu["step_id"]) == (FlowResultType.MENU, "device")
    await until(lambda: virtual_lock.device.identified == 1)

    result = await submit_until(hass, menu, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_discovered_device(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, until: Until
) -> None:
    menu = await announce(hass, answers.port)
    assert menu["description_placeholders"] == {"device_id": DEVICE_ID, "host": "127.0.0.1"}
    await choose(hass, menu, "identify")
    await until(lambda: virtual_lock.device.identified == 1)


async def test_the_device_has_gone(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, until: Until
) -> None:
    menu = await announce(hass, answers.port)
    await virtual_lock.server.stop()
    result = await choose(hass, menu, "identify")
    assert (result["step_id"], result["errors"]) == ("user", {"base": "cannot_connect"})
    await virtual_lock.server.start("127.0.0.1", answers.port)

    menu = await submit(hass, result, answers)
    menu = await choose(hass, menu, "identify")
    await until(lambda: virtual_lock.device.identified == 1)
    result = await submit_until(hass, menu, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_another_device_answers(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    other_answers: Answers,
    other_lock: VirtualLock,
) -> None:
    """Nobody shall be led to pair the one that blinks for the other."""
    menu = await announce(hass, other_answers.port)
    result = await choose(hass, menu, "identify")
    assert (result["step_id"], result["errors"]) == ("user", {"base": "wrong_device"})
    assert virtual_lock.device.identified == other_lock.device.identified == 0
