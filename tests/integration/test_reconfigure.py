"""What can be changed about a paired device: its address, its key service, itself."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from custom_components.secure_pair.const import DOMAIN
from custom_components.secure_pair.key_store import get_key_store
from custom_components.secure_pair.protocol.errors import Failure, SecurePairError
from device_stub.factory import NewDevice

from .attacker import losing_the_first_record
from .conftest import DEVICE_ID, OTHER_ID, Until, VirtualLock
from .flows import Answers, announce, choose, pair, submit, submit_until
from .house import House
from .key_services import KeyService, running_key_service
from .relay import Relay

LOCK = "lock.front_door"
DONE = (FlowResultType.ABORT, "reconfigure_successful")


async def reconfigure(hass: HomeAssistant, entry: ConfigEntry, option: str) -> ConfigFlowResult:
    """Open the menu, and choose."""
    menu = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    )
    assert menu["menu_options"] == ["new_address", "change_key_service", "replacement"]
    return await choose(hass, menu, option)


def identity(hass: HomeAssistant, entry: ConfigEntry) -> tuple[object, ...]:
    """Return all by which automations, dashboards and histories know a device."""
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return (
        sorted((each.entity_id, each.unique_id, each.id) for each in entities),
        [(device.id, device.identifiers) for device in devices],
    )


def typed(result: ConfigFlowResult) -> dict[str, Any]:
    """Return what a form has in its fields."""
    assert result["data_schema"] is not None
    return {
        str(key): (key.description or {}).get("suggested_value")
        for key in result["data_schema"].schema
    }


# The address


@pytest.fixture
async def relay(virtual_lock: VirtualLock) -> AsyncGenerator[Relay]:
    """Another address of the same lock."""
    relay = Relay(virtual_lock.server.port)
    await relay.mend()
    yield relay
    await relay.cut()


async def test_new_address(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    other_answers: Answers,
    other_lock: VirtualLock,
    relay: Relay,
) -> None:
    """Nothing is paired anew, and another device is not taken for it."""
    before = virtual_lock.device.register.held
    result = await reconfigure(hass, entry, "new_address")
    assert (result["step_id"], result["errors"]) == ("new_address", {})
    assert typed(result) == {"host": "127.0.0.1", "port": answers.port}

    for wrong, error in ((9, "cannot_connect"), (other_answers.port, "wrong_device")):
        result = await submit(hass, result, replace(answers, port=wrong))
        assert (result["step_id"], result["errors"]) == ("new_address", {"base": error})
        assert typed(result)["port"] == wrong

    result = await submit(hass, result, replace(answers, host=" 127.0.0.1 ", port=relay.port))
    assert (result["type"], result["reason"]) == DONE
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert (entry.data["host"], entry.data["port"]) == ("127.0.0.1", relay.port)
    assert len(relay.ends) == 2
    assert [held.session.session_id for held in virtual_lock.device.register.held] == [
        held.session.session_id for held in before
    ]
    assert not other_lock.device.register.held


async def test_new_address_without_the_key_service(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    key_service: KeyService,
    relay: Relay,
) -> None:
    asked = list(key_service.asked)
    result = await reconfigure(hass, entry, "new_address")
    result = await submit(hass, result, replace(answers, port=relay.port))
    assert (result["type"], result["reason"]) == DONE
    assert key_service.asked == asked


# The key service


async def test_another_key_service(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    key_service: KeyService,
    virtual_lock: VirtualLock,
    made: NewDevice,
    tmp_path: Path,
) -> None:
    """The device is paired anew; the label is asked for, because it is to be claimed there."""
    before = identity(hass, entry)
    async with running_key_service(tmp_path / "another") as another:
        await another.register(made)
        result = await reconfigure(hass, entry, "change_key_service")
        assert (result["step_id"], result["errors"]) == ("key_service", {})
        result = await submit(hass, result, replace(answers, url="other"))
        right = replace(answers, url=another.url, token=another.token)

        wrong = replace(right, token="wrong")
        result = await submit(hass, result, wrong)
        assert (result["step_id"], result["errors"]) == (
            "new_key_service",
            {"base": "token_refused"},
        )
        result = await submit(hass, result, right)
        assert (result["step_id"], result["errors"]) == ("label", {"base": "not_yours"})
        result = await submit(hass, result, right)
        assert (result["type"], result["reason"]) == DONE
        await hass.async_block_till_done()
        assert entry.state is ConfigEntryState.LOADED
        assert entry.data["key_service"] == f"{another.url}/"
        assert identity(hass, entry) == before

        await key_service.stop()
        await entry.runtime_data.renew()
        newest = virtual_lock.device.register.held[-1]
        assert newest.session.terminal_id == another.terminal.terminal_id


@pytest.mark.parametrize("needed", [False, True])
async def test_token_of_the_former_key_service(
    hass: HomeAssistant,
    house: House,
    answers: Answers,
    other_answers: Answers,
    key_service: KeyService,
    made: NewDevice,
    tmp_path: Path,
    needed: bool,
) -> None:
    """It goes when its last device has moved to another one, and not before."""
    former = house.entry.data["key_service"]
    if needed:
        await pair(hass, other_answers)
    key_store = get_key_store(hass)
    async with running_key_service(tmp_path / "another") as another:
        await another.register(made)
        right = replace(answers, port=house.attacker.port, url=another.url, token=another.token)
        result = await reconfigure(hass, house.entry, "change_key_service")
        for step in (replace(right, url="other"), right):
            result = await submit(hass, result, step)
        house.attacker.tamper = losing_the_first_record()
        result = await submit(hass, result, right)
        assert (result["step_id"], result["errors"]) == ("label", {"base": "connection_lost"})
        # The user may go back to it still.
        assert set(await key_store.key_services()) == {former, f"{another.url}/"}

        house.attacker.behave()
        result = await submit(hass, result, right)
        assert (result["type"], result["reason"]) == DONE
        await hass.async_block_till_done()
        left = {former} if needed else set()
        assert set(await key_store.key_services()) == {f"{another.url}/"} | left
        await house.renew()


async def test_same_key_service_once_more(
    hass: HomeAssistant, entry: ConfigEntry, answers: Answers, virtual_lock: VirtualLock
) -> None:
    """Neither token nor label is asked for."""
    (before,) = virtual_lock.device.register.held
    result = await reconfigure(hass, entry, "change_key_service")
    result = await submit(hass, result, answers)
    assert (result["type"], result["reason"]) == DONE
    await hass.async_block_till_done()
    (held,) = virtual_lock.device.register.held
    assert held.session.session_id != before.session.session_id
    assert entry.state is ConfigEntryState.LOADED


async def test_device_has_moved_while_the_key_service_is_changed(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
) -> None:
    result = await reconfigure(hass, entry, "change_key_service")
    await virtual_lock.server.stop()
    result = await submit(hass, result, answers)
    assert (result["step_id"], result["errors"]) == ("address", {"base": "cannot_connect"})
    await virtual_lock.server.start("127.0.0.1", 0)
    result = await submit(hass, result, replace(answers, port=virtual_lock.server.port))
    assert (result["type"], result["reason"]) == DONE
    assert entry.data["port"] == virtual_lock.server.port


# Another device in its place


async def test_replaced(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    other_answers: Answers,
    other_lock: VirtualLock,
    until: Until,
) -> None:
    """All ids stay, the former device is told to forget, the new one answers."""
    er.async_get(hass).async_update_entity(LOCK, new_entity_id="lock.my_door")
    await hass.async_block_till_done()
    before = identity(hass, entry)
    # The new device announces itself, of course.
    discovered = await announce(hass, other_answers.port, id=OTHER_ID)
    assert discovered["type"] is FlowResultType.MENU

    result = await reconfigure(hass, entry, "replacement")
    assert (result["step_id"], result["errors"]) == ("replacement", {})
    for wrong, error in ((9, "cannot_connect"), (answers.port, "wrong_device")):
        result = await submit(hass, result, replace(answers, port=wrong))
        assert (result["step_id"], result["errors"]) == ("replacement", {"base": error})
    # The label of the one that it replaces is none of its.
    result = await submit_until(hass, result, replace(other_answers, setup_code=answers.setup_code))
    assert (result["step_id"], result["errors"]) == ("label", {"base": "claim_refused"})
    result = await submit_until(hass, result, other_answers)
    assert (result["type"], result["reason"]) == DONE
    await hass.async_block_till_done()

    assert entry.state is ConfigEntryState.LOADED
    assert entry.unique_id == OTHER_ID
    assert entry.data["device_id"] == OTHER_ID
    assert identity(hass, entry) == before
    await hass.services.async_call("lock", "unlock", {"entity_id": "lock.my_door"}, blocking=True)
    assert other_lock.lock.position == "unlocked"
    assert virtual_lock.lock.position == "locked"

    await until(lambda: not virtual_lock.device.register.held)
    store = get_key_store(hass)
    assert await store.device(DEVICE_ID) is None
    # Nobody is asked anything any more: neither about the former device nor the new one.
    assert not hass.config_entries.flow.async_progress()

    # And once more, through a restart.
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    assert identity(hass, entry) == before


async def test_only_the_same_model_takes_its_place(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    other_answers: Answers,
    other_lock: VirtualLock,
) -> None:
    identity_before = identity(hass, entry)
    device = other_lock.device
    genuine, device.data = device.data, replace(device.data, model="Virtual camera")
    result = await reconfigure(hass, entry, "replacement")
    result = await submit_until(hass, result, other_answers)
    assert (result["step_id"], result["errors"]) == ("replacement", {"base": "another_model"})
    assert not device.register.held
    assert await get_key_store(hass).device(OTHER_ID) is None
    assert entry.runtime_data.connected

    device.data = genuine
    result = await submit_until(hass, result, other_answers)
    assert (result["type"], result["reason"]) == DONE
    await hass.async_block_till_done()
    assert entry.unique_id == OTHER_ID
    assert identity(hass, entry) == identity_before


async def test_replaced_and_paired_elsewhere(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    other_answers: Answers,
    other_lock: VirtualLock,
    until: Until,
) -> None:
    """The former device finds a new place, beside the entities that began with it."""
    result = await reconfigure(hass, entry, "replacement")
    result = await submit_until(hass, result, other_answers)
    assert (result["type"], result["reason"]) == DONE
    await until(lambda: not virtual_lock.device.register.held)
    await hass.async_block_till_done()
    before = identity(hass, entry)

    again = await pair(hass, answers)
    assert again.unique_id == DEVICE_ID
    assert identity(hass, entry) == before
    assert len(identity(hass, again)[0]) == len(before[0])  # type: ignore[arg-type]
    assert hass.states.is_state("lock.front_door_2", "locked")
    # And back again: each entry goes on with its own.
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    third = await pair(hass, other_answers)
    assert third.state is again.state is ConfigEntryState.LOADED


async def test_replaced_by_one_that_is_paired_already(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    other_answers: Answers,
    other_lock: VirtualLock,
) -> None:
    other = await pair(hass, other_answers)
    result = await reconfigure(hass, entry, "replacement")
    result = await submit(hass, result, other_answers)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    await hass.async_block_till_done()
    assert (entry.unique_id, other.unique_id) == (DEVICE_ID, OTHER_ID)
    assert entry.runtime_data.connected
    assert other.runtime_data.connected
    assert len(other_lock.device.register.held) == 1


async def test_replacement_given_up(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    other_answers: Answers,
    other_lock: VirtualLock,
    until: Until,
) -> None:
    """What was stored of the new device goes, and the former one stays as it was."""
    result = await reconfigure(hass, entry, "replacement")
    other_lock.device.store.write_fails = True
    result = await submit_until(hass, result, other_answers)
    assert (result["step_id"], result["errors"]) == ("label", {"base": "storage_failed"})
    store = get_key_store(hass)
    assert await store.device(OTHER_ID) is not None
    other_lock.device.store.write_fails = False
    hass.config_entries.flow.async_abort(result["flow_id"])
    await hass.async_block_till_done(wait_background_tasks=False)
    assert await store.device(OTHER_ID) is None
    assert entry.runtime_data.connected
    assert await store.device(DEVICE_ID) is not None


@pytest.mark.parametrize("goes_on", [True, False], ids=["goes_on", "gives_up"])
async def test_disk_fails_at_the_end_of_a_replacement(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    other_answers: Answers,
    other_lock: VirtualLock,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    goes_on: bool,
) -> None:
    """The new device is paired, but the former one cannot be let go yet."""
    store = get_key_store(hass)
    really = store.bury_device

    async def fail(device_id: str, host: str, port: int) -> None:
        if device_id == DEVICE_ID:
            raise SecurePairError(Failure.STORAGE_FAILED)
        await really(device_id, host, port)

    monkeypatch.setattr(store, "bury_device", fail)
    result = await reconfigure(hass, entry, "replacement")
    result = await submit_until(hass, result, other_answers)
    assert result["errors"] == {"base": "storage_failed"}
    assert entry.unique_id == DEVICE_ID
    assert entry.runtime_data.connected
    monkeypatch.undo()
    if goes_on:
        result = await submit_until(hass, result, other_answers)
        assert (result["type"], result["reason"]) == DONE
        await hass.async_block_till_done()
        assert entry.unique_id == OTHER_ID
        await until(lambda: not virtual_lock.device.register.held)
    else:
        hass.config_entries.flow.async_abort(result["flow_id"])
        await until(lambda: not other_lock.device.register.held)
        assert await store.device(OTHER_ID) is None
        assert entry.runtime_data.connected


async def test_replaced_while_the_former_one_is_broken(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    other_answers: Answers,
    other_lock: VirtualLock,
) -> None:
    """It cannot be told, so that is still to be done."""
    await virtual_lock.server.stop()
    result = await reconfigure(hass, entry, "replacement")
    result = await submit_until(hass, result, other_answers)
    assert (result["type"], result["reason"]) == DONE
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert list(await get_key_store(hass).tombstones()) == [DEVICE_ID]
    assert not hass.config_entries.flow.async_progress()
