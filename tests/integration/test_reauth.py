"""Pairing again: a refused token, a lost key, a device that was reset."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_REAUTH,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir

from custom_components.secure_pair import key_store
from custom_components.secure_pair.const import DOMAIN
from custom_components.secure_pair.key_store import get_key_store

from .conftest import DEVICE_ID, Until, VirtualLock
from .flows import Answers, pair, submit, submit_until, waiting_flow
from .key_services import AUTHORIZE, SILENT, KeyService

LOCK = "lock.front_door"


def reauths(hass: HomeAssistant) -> list[Any]:
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    return [flow for flow in flows if flow["context"]["source"] == SOURCE_REAUTH]


def registered(hass: HomeAssistant, entry: ConfigEntry) -> dict[str, str]:
    """Return the entities by their ids."""
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return {entity.entity_id: entity.unique_id for entity in entities}


async def renew(hass: HomeAssistant, entry: ConfigEntry, error: str | None = None) -> None:
    """Renew a session key, or fail to."""
    if error is None:
        await entry.runtime_data.renew()
    else:
        with pytest.raises(HomeAssistantError) as caught:
            await entry.runtime_data.renew()
        assert caught.value.translation_key == error
    await hass.async_block_till_done()


def issue_of(hass: HomeAssistant, entry: ConfigEntry) -> ir.IssueEntry | None:
    """Return what asks the user to reauthenticate."""
    issue = f"config_entry_reauth_{DOMAIN}_{entry.entry_id}"
    return ir.async_get(hass).async_get_issue("homeassistant", issue)


async def lose_keys(hass: HomeAssistant, change: str) -> None:
    """Have the key file without the device, as after a restore; `change`: how."""
    for entry in hass.config_entries.async_entries(DOMAIN):
        await hass.config_entries.async_unload(entry.entry_id)
    del hass.data[key_store._KEY_STORE]
    file = Path(hass.config.path(".storage", DOMAIN))
    if change == "no file":
        file.unlink()
        return
    content = json.loads(file.read_text())
    if change == "no device":
        del content["devices"][DEVICE_ID]
    elif change == "no token":
        content["key_services"] = {}
    else:
        content["devices"][DEVICE_ID]["sessions"] = []
    file.write_text(json.dumps(content))


# The token


async def test_new_token_heals_every_device_of_its_key_service(
    hass: HomeAssistant,
    entry: ConfigEntry,
    key_service: KeyService,
    answers: Answers,
    virtual_lock: VirtualLock,
    other_answers: Answers,
    other_lock: VirtualLock,
) -> None:
    other = await pair(hass, other_answers)
    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_IGNORE},
        data={"unique_id": "001122334455", "title": "The neighbour's"},
    )
    await key_service.revoke()
    for each in (entry, other):
        await renew(hass, each, "token_refused")
        # The session that there is serves on.
        assert each.state is ConfigEntryState.LOADED
        assert each.runtime_data.connected
    assert len(reauths(hass)) == 2

    flow = waiting_flow(hass, entry, SOURCE_REAUTH)
    assert flow["step_id"] == "reauth_token"
    result = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert result["description_placeholders"] == {
        "name": "Front door",
        "url": f"{key_service.url}/",
    }
    # The old one once more, then something that is none.
    for token, error in ((answers.token, "token_refused"), ("schlüssel", "token_refused")):
        result = await submit(hass, result, replace(answers, token=token))
        assert (result["step_id"], result["errors"]) == ("reauth_token", {"base": error})

    issued = await key_service.issue()
    token = issued.token.reveal().decode()
    result = await submit(hass, result, replace(answers, token=token))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    await hass.async_block_till_done()
    # Nobody is asked for what was just given.
    assert not reauths(hass)

    for each, lock in ((entry, virtual_lock), (other, other_lock)):
        assert each.state is ConfigEntryState.LOADED
        before = {held.session.session_id for held in lock.device.register.held}
        await renew(hass, each)
        assert issued.terminal_id in {
            held.session.terminal_id
            for held in lock.device.register.held
            if held.session.session_id not in before
        }
    assert token not in json.dumps([dict(each.data) for each in (entry, other)])


async def test_token_is_lost(hass: HomeAssistant, entry: ConfigEntry, answers: Answers) -> None:
    """Whoever has edited the file, say: the session serves on, and the token is asked for."""
    await lose_keys(hass, "no token")
    await hass.config_entries.async_setup(entry.entry_id)
    await renew(hass, entry, "token_refused")
    assert entry.runtime_data.connected
    flow = waiting_flow(hass, entry, SOURCE_REAUTH)
    assert flow["step_id"] == "reauth_token"
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"token": answers.token}
    )
    assert (result["type"], result["reason"]) == ("abort", "reauth_successful")
    await hass.async_block_till_done()
    await renew(hass, entry)


async def test_new_token_while_the_key_service_is_in_trouble(
    hass: HomeAssistant,
    entry: ConfigEntry,
    key_service: KeyService,
    answers: Answers,
    virtual_lock: VirtualLock,
) -> None:
    await key_service.revoke()
    await renew(hass, entry, "token_refused")
    issued = await key_service.issue()
    right = replace(answers, token=issued.token.reveal().decode())
    flow = waiting_flow(hass, entry, SOURCE_REAUTH)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"])

    await key_service.stop()
    result = await submit(hass, result, right)
    assert (result["step_id"], result["errors"]) == (
        "reauth_token",
        {"base": "key_service_unreachable"},
    )
    await key_service.start()

    storage = Path(hass.config.path(".storage"))
    storage.rename(storage.with_name("away"))
    storage.symlink_to("/proc")
    result = await submit(hass, result, right)
    assert (result["step_id"], result["errors"]) == ("reauth_token", {"base": "storage_failed"})
    storage.unlink()
    storage.with_name("away").rename(storage)

    result = await submit(hass, result, right)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    await hass.async_block_till_done()
    await renew(hass, entry)


async def test_a_token_that_is_accepted_again(
    hass: HomeAssistant, entry: ConfigEntry, key_service: KeyService
) -> None:
    """The key service has mended it: nobody is asked any more."""
    key_service.trouble[AUTHORIZE] = 401
    await renew(hass, entry, "token_refused")
    assert len(reauths(hass)) == 1
    assert issue_of(hass, entry) is not None
    key_service.trouble.clear()
    await renew(hass, entry)
    assert not reauths(hass)
    assert issue_of(hass, entry) is None


async def test_token_of_another_terminal(
    hass: HomeAssistant,
    entry: ConfigEntry,
    key_service: KeyService,
    answers: Answers,
    virtual_lock: VirtualLock,
    until: Until,
) -> None:
    """The former terminal id does not keep its place at the device."""
    former = key_service.terminal.terminal_id
    await key_service.revoke()
    await renew(hass, entry, "token_refused")
    issued = await key_service.issue()
    result = await hass.config_entries.flow.async_configure(
        waiting_flow(hass, entry, SOURCE_REAUTH)["flow_id"]
    )
    token = issued.token.reveal().decode()
    result = await submit(hass, result, replace(answers, token=token))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    await hass.async_block_till_done()

    def terminals() -> list[bytes]:
        return [held.session.terminal_id for held in virtual_lock.device.register.held]

    # The session that there is has nothing to do with the token.
    assert terminals() == [former]
    await renew(hass, entry)
    await until(lambda: terminals() == [issued.terminal_id])
    await hass.services.async_call("lock", "unlock", {"entity_id": LOCK}, blocking=True)
    assert virtual_lock.lock.position == "unlocked"


# The key


@pytest.mark.parametrize("change", ["no file", "no device", "no session"])
async def test_key_is_lost(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    change: str,
) -> None:
    """Pair again: the same entry, the same entities under the same ids."""
    entity = er.async_get(hass).async_update_entity(LOCK, new_entity_id="lock.renamed")
    await hass.async_block_till_done()
    before = registered(hass, entry)
    assert entity.entity_id in before

    await lose_keys(hass, change)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.error_reason_translation_key == "session_not_stored"
    await hass.async_block_till_done()
    flow = waiting_flow(hass, entry, SOURCE_REAUTH)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert result["step_id"] == "reauth_lost"
    assert result["description_placeholders"] == {"name": "Front door"}

    result = await submit_until(hass, result, answers)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert hass.config_entries.async_entries(DOMAIN) == [entry]
    assert registered(hass, entry) == before
    assert hass.states.is_state("lock.renamed", "locked")
    assert not reauths(hass)
    # The same terminal as before has replaced its session.
    assert len(virtual_lock.device.register.held) == 1


async def test_key_is_lost_and_nothing_else_is_asked_for_than_what_is(
    hass: HomeAssistant, entry: ConfigEntry, answers: Answers, virtual_lock: VirtualLock
) -> None:
    """Token and pairing secret are still there: one click."""
    await lose_keys(hass, "no session")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    flow = waiting_flow(hass, entry, SOURCE_REAUTH)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"])
    result = await submit(hass, result, answers)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")


@pytest.mark.parametrize(
    ("trouble", "step", "error"),
    [
        (SILENT, "key_service", "key_service_unreachable"),
        (401, "key_service", "token_refused"),
        (429, "retry", "slow_down"),
        (503, "retry", "key_service_unavailable"),
    ],
)
async def test_trouble_while_pairing_again(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    key_service: KeyService,
    monkeypatch: pytest.MonkeyPatch,
    trouble: int,
    step: str,
    error: str,
) -> None:
    """Neither token nor label is asked for: both are known, and none is at fault."""
    await lose_keys(hass, "no session")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    key_service.trouble[AUTHORIZE] = trouble
    flow = waiting_flow(hass, entry, SOURCE_REAUTH)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"])
    with monkeypatch.context() as patch:
        if trouble == SILENT:
            patch.setattr("custom_components.secure_pair.key_service.REQUEST_SECONDS", 0.3)
        result = await submit(hass, result, answers)
    assert (result["step_id"], result["errors"]) == (step, {"base": error})
    key_service.trouble.clear()
    result = await submit(hass, result, answers)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")


async def test_key_service_is_away_from_the_beginning(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    key_service: KeyService,
) -> None:
    await lose_keys(hass, "no session")
    await key_service.stop()
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    flow = waiting_flow(hass, entry, SOURCE_REAUTH)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert result["step_id"] == "reauth_lost"
    result = await submit(hass, result, answers)
    assert (result["step_id"], result["errors"]) == (
        "key_service",
        {"base": "key_service_unreachable"},
    )
    await key_service.start()
    result = await submit(hass, result, answers)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")


async def test_device_is_elsewhere(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    other_answers: Answers,
    other_lock: VirtualLock,
) -> None:
    """Its address is asked for, and no other device's is taken."""
    await lose_keys(hass, "no session")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await virtual_lock.server.stop()
    flow = waiting_flow(hass, entry, SOURCE_REAUTH)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"])
    result = await submit(hass, result, answers)
    assert (result["step_id"], result["errors"]) == ("address", {"base": "cannot_connect"})
    result = await submit(hass, result, other_answers)
    assert (result["step_id"], result["errors"]) == ("address", {"base": "wrong_device"})
    assert not other_lock.device.register.held

    await virtual_lock.server.start("127.0.0.1", 0)
    result = await submit(hass, result, replace(answers, port=virtual_lock.server.port))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.data["port"] == virtual_lock.server.port


async def test_forms_are_shown_again_as_they_were(
    hass: HomeAssistant, entry: ConfigEntry, answers: Answers, virtual_lock: VirtualLock
) -> None:
    """The browser may ask for a step without an answer, as after a reload of the page."""
    await lose_keys(hass, "no device")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    flow = waiting_flow(hass, entry, SOURCE_REAUTH)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"])

    async def is_shown_again(result: ConfigFlowResult, step: str) -> None:
        assert result["step_id"] == step
        again = await hass.config_entries.flow.async_configure(result["flow_id"])
        assert (again["step_id"], again["type"]) == (step, FlowResultType.FORM)

    await is_shown_again(result, "reauth_lost")
    result = await submit(hass, result, answers)
    await is_shown_again(result, "label")
    await virtual_lock.server.stop()
    result = await submit(hass, result, answers)
    await is_shown_again(result, "address")
    await virtual_lock.server.start("127.0.0.1", answers.port)
    result = await submit(hass, result, answers)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")


async def test_store_that_cannot_be_read(
    hass: HomeAssistant, entry: ConfigEntry, answers: Answers, virtual_lock: VirtualLock
) -> None:
    """A new session would be lost with it: the flow says so, and touches nothing."""
    await hass.config_entries.async_unload(entry.entry_id)
    del hass.data[key_store._KEY_STORE]
    file = Path(hass.config.path(".storage", DOMAIN))
    content = file.read_bytes()
    file.write_bytes(b"{")
    entry.async_start_reauth(hass, data={"reason": "session_unknown"})
    await hass.async_block_till_done()
    flow = waiting_flow(hass, entry, SOURCE_REAUTH)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"])
    result = await submit_until(hass, result, answers)
    assert (result["step_id"], result["errors"]) == ("label", {"base": "storage_unreadable"})
    assert file.read_bytes() == b"{"

    file.write_bytes(content)
    result = await submit(hass, result, answers)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")


async def test_closed_without_an_answer(
    hass: HomeAssistant, entry: ConfigEntry, answers: Answers, virtual_lock: VirtualLock
) -> None:
    """The entry keeps what it has: a session that the flow made, too."""
    entry.async_start_reauth(hass, data={"reason": "session_unknown"})
    await hass.async_block_till_done()
    virtual_lock.device.store.write_fails = True
    flow = waiting_flow(hass, entry, SOURCE_REAUTH)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"])
    result = await submit_until(hass, result, answers)
    assert (result["step_id"], result["errors"]) == ("retry", {"base": "storage_failed"})
    virtual_lock.device.store.write_fails = False
    hass.config_entries.flow.async_abort(result["flow_id"])
    await hass.async_block_till_done()
    device = await get_key_store(hass).device(DEVICE_ID)
    assert device is not None
    assert len(device.sessions) == 2
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED


# The device


async def test_device_was_reset(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    until: Until,
) -> None:
    """Both ways to pair again are offered, and go together; see test_repairs for the other."""
    before = registered(hass, entry)
    await virtual_lock.server.factory_reset()
    issues = ir.async_get(hass)
    await until(lambda: issues.async_get_issue(DOMAIN, f"{entry.entry_id}_device_reset"))
    await until(lambda: hass.states.is_state(LOCK, "unavailable"))
    assert not virtual_lock.device.register.held

    flow = waiting_flow(hass, entry, SOURCE_REAUTH)
    assert flow["step_id"] == "reauth_reset"
    result = await hass.config_entries.flow.async_configure(flow["flow_id"])
    result = await submit_until(hass, result, answers)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert hass.states.is_state(LOCK, "locked")
    assert registered(hass, entry) == before
    assert issues.async_get_issue(DOMAIN, f"{entry.entry_id}_device_reset") is None


async def test_device_reset_and_wiped_before_a_reauthentication(
    hass: HomeAssistant, entry: ConfigEntry, answers: Answers, virtual_lock: VirtualLock
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    await virtual_lock.server.factory_reset()
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.error_reason_translation_key == "device_reset"
    await hass.async_block_till_done()
    flow = waiting_flow(hass, entry, SOURCE_REAUTH)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"])
    result = await submit_until(hass, result, answers)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    device = await get_key_store(hass).device(DEVICE_ID)
    assert device is not None
    assert device.installation == virtual_lock.device.register.installation
