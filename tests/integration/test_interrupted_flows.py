"""Flows that are closed, doubled or left alone by their device, at each step."""

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry, ConfigEntryState, ConfigFlowResult
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.data_entry_flow import (
    EVENT_DATA_ENTRY_FLOW_PROGRESS_UPDATE,
    EVENT_DATA_ENTRY_FLOW_PROGRESSED,
    FlowResultType,
    UnknownFlow,
)

from custom_components.secure_pair import pairing, pairing_flow
from custom_components.secure_pair.const import DOMAIN
from custom_components.secure_pair.key_store import get_key_store
from custom_components.secure_pair.pairing import Stage

from .conftest import DEVICE_ID, Until, VirtualLock
from .flows import Answers, announce, pair, start, submit, submit_until, through_progress
from .key_services import AUTHORIZE, CLAIM, SILENT, KeyService

STEPS = ["user", "device", "new_key_service", "label"]


async def nothing_is_left(hass: HomeAssistant, virtual_lock: VirtualLock, until: Until) -> None:
    """Of a flow that has ended without an entry: neither here nor on the device."""
    store = get_key_store(hass)

    async def gone() -> bool:
        return not (
            await store.device(DEVICE_ID) or await store.key_services() or await store.tombstones()
        )

    async with asyncio.timeout(30):
        while not await gone() or virtual_lock.device.register.held:
            await asyncio.sleep(0.005)
    assert not hass.config_entries.async_entries(DOMAIN)
    assert not hass.config_entries.flow.async_progress()


# Closed


@pytest.mark.parametrize("step", STEPS)
async def test_closed_at_a_step(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, until: Until, step: str
) -> None:
    result = await submit_until(hass, await start(hass), answers, step)
    assert result["step_id"] == step
    hass.config_entries.flow.async_abort(result["flow_id"])
    await nothing_is_left(hass, virtual_lock, until)
    await pair(hass, answers)


@pytest.mark.parametrize("path", [CLAIM, AUTHORIZE])
async def test_closed_while_the_key_service_is_asked(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    key_service: KeyService,
    until: Until,
    path: str,
) -> None:
    key_service.trouble[path] = SILENT
    result = await submit_until(hass, await start(hass), answers, "label")
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], answers.for_step("label")
    )
    await until(lambda: path in key_service.asked)
    hass.config_entries.flow.async_abort(result["flow_id"])
    await nothing_is_left(hass, virtual_lock, until)
    key_service.trouble.clear()
    await pair(hass, answers)


@pytest.mark.parametrize("stage", [Stage.STORING, Stage.CONFIRMING])
async def test_closed_when_the_session_is_stored_already(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    stage: Stage,
) -> None:
    """At the very moment; the device is told whatever it has stored."""
    closed = asyncio.Event()
    set_stage = pairing_flow.PairingFlow._set_stage

    def close(flow: pairing_flow.PairingFlow, now: Stage) -> None:
        set_stage(flow, now)
        if now is stage and not closed.is_set():
            closed.set()
            hass.loop.call_soon(hass.config_entries.flow.async_abort, flow.flow_id)

    monkeypatch.setattr(pairing_flow.PairingFlow, "_set_stage", close)
    result = await submit_until(hass, await start(hass), answers, "label")
    await hass.config_entries.flow.async_configure(result["flow_id"], answers.for_step("label"))
    await asyncio.wait_for(closed.wait(), 30)
    await until(lambda: not hass.config_entries.flow.async_progress())
    # At once: the former one may still be clearing up.
    result = await submit_until(hass, await start(hass), answers)
    if result.get("errors"):
        # The device was about to store what the former one had confirmed, which ends all else.
        assert result["errors"] == {"base": "connection_lost"}
        result = await submit_until(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    entry: ConfigEntry = result["result"]
    assert entry.state is ConfigEntryState.LOADED
    (held,) = virtual_lock.device.register.held
    device = await get_key_store(hass).device(DEVICE_ID)
    assert device is not None
    assert [session.session_id for session in device.sessions] == [held.session.session_id]


async def test_closed_with_a_session_that_the_device_has(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The flow fails in its very last step, and is closed then: the device is told."""

    async def negotiate(*args: Any, **kwargs: Any) -> Any:
        paired = await pairing.negotiate(*args, **kwargs)
        await paired.link.close()
        raise RuntimeError("in the very last step")

    with monkeypatch.context() as patch:
        patch.setattr(pairing_flow, "negotiate", negotiate)
        result = await submit_until(hass, await start(hass), answers)
    assert (result["step_id"], result["errors"]) == ("retry", {"base": "unknown"})
    assert len(virtual_lock.device.register.held) == 1
    hass.config_entries.flow.async_abort(result["flow_id"])
    await nothing_is_left(hass, virtual_lock, until)
    await pair(hass, answers)


async def test_unexpected_error_and_again(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(pairing_flow, "negotiate", broken)
        result = await submit_until(hass, await start(hass), answers)
    assert (result["step_id"], result["errors"]) == ("retry", {"base": "unknown"})
    assert "Unexpected error while pairing" in caplog.text
    result = await hass.config_entries.flow.async_configure(result["flow_id"])
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "retry")
    result = await submit(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_disk_fails_while_a_closed_flow_clears_up(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, until: Until
) -> None:
    """Nothing can be done, nothing is lost: the session stays provisional."""
    virtual_lock.device.store.write_fails = True
    result = await submit_until(hass, await start(hass), answers)
    assert result["errors"] == {"base": "storage_failed"}
    virtual_lock.device.store.write_fails = False
    storage = Path(hass.config.path(".storage"))
    storage.rename(storage.with_name("away"))
    storage.symlink_to("/proc")
    hass.config_entries.flow.async_abort(result["flow_id"])
    await hass.async_block_till_done()
    storage.unlink()
    storage.with_name("away").rename(storage)
    assert await get_key_store(hass).device(DEVICE_ID) is not None
    await pair(hass, answers)


# Doubled


async def test_discovered_while_the_user_pairs_it_by_its_address(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, until: Until
) -> None:
    """The discovery that waits goes, and takes nothing with it."""
    discovered = await announce(hass, answers.port)
    assert discovered["type"] is FlowResultType.MENU
    entry = await pair(hass, answers)
    assert not hass.config_entries.flow.async_progress()
    await hass.async_block_till_done(wait_background_tasks=False)
    store = get_key_store(hass)
    device = await store.device(DEVICE_ID)
    assert device is not None
    assert not await store.tombstones()
    assert len(virtual_lock.device.register.held) == 1
    # It is really so: the session is good for the next connection.
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED


async def test_two_users_pair_it(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, until: Until
) -> None:
    first = await submit_until(hass, await start(hass), answers, "label")
    second = await submit_until(hass, await start(hass), answers, "label")
    first = await submit_until(hass, first, answers)
    assert first["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    with pytest.raises(UnknownFlow):
        await hass.config_entries.flow.async_configure(second["flow_id"], answers.for_step("label"))
    entry: ConfigEntry = first["result"]
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    assert len(virtual_lock.device.register.held) == 1


async def test_the_other_flow_has_stored_a_session_before(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, until: Until
) -> None:
    """It goes with the first flow's success, and does not take the newer session with it."""
    virtual_lock.device.store.write_fails = True
    failed = await submit_until(hass, await start(hass), answers)
    assert failed["errors"] == {"base": "storage_failed"}
    virtual_lock.device.store.write_fails = False
    entry = await pair(hass, answers)
    assert not hass.config_entries.flow.async_progress()
    await hass.async_block_till_done()
    assert len(virtual_lock.device.register.held) == 1
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED


# Left alone by the device


@pytest.mark.parametrize("step", STEPS)
async def test_device_goes_away_before_a_step(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, step: str
) -> None:
    result = await submit_until(hass, await start(hass), answers, step)
    await virtual_lock.server.stop()
    result = await submit_until(hass, result, answers)
    assert (result["step_id"], result["errors"]) == ("user", {"base": "cannot_connect"})
    await virtual_lock.server.start("127.0.0.1", answers.port)
    result = await submit_until(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("path", [CLAIM, AUTHORIZE])
async def test_connection_breaks_while_the_key_service_is_asked(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    key_service: KeyService,
    path: str,
) -> None:
    async def drop() -> None:
        virtual_lock.server.drop_connections()

    key_service.hooks[path] = drop
    result = await submit_until(hass, await start(hass), answers)
    assert (result["step_id"], result["errors"]) == ("label", {"base": "connection_lost"})
    key_service.hooks.clear()
    result = await submit_until(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_another_device_has_taken_its_address(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    other_lock: VirtualLock,
) -> None:
    result = await submit_until(hass, await start(hass), answers, "label")
    await virtual_lock.server.stop()
    await other_lock.server.stop()
    await other_lock.server.start("127.0.0.1", answers.port)
    result = await submit(hass, result, answers)
    assert (result["step_id"], result["errors"]) == ("user", {"base": "wrong_device"})
    assert not other_lock.device.register.held

    await virtual_lock.server.start("127.0.0.1", 0)
    right = replace(answers, port=virtual_lock.server.port)
    result = await submit_until(hass, result, right)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_the_user_goes_on_with_another_device(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    other_answers: Answers,
    other_lock: VirtualLock,
) -> None:
    """What was said of the first one's label does not hold for it."""
    result = await submit_until(hass, await start(hass), answers, "label")
    await virtual_lock.server.stop()
    result = await submit(hass, result, answers)
    assert result["step_id"] == "user"
    result = await submit(hass, result, other_answers)
    assert (result["step_id"], result["errors"]) == ("label", {})
    result = await submit(hass, result, other_answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert len(other_lock.device.register.held) == 1
    assert not virtual_lock.device.register.held


# Progress


async def test_progress_by_name_and_percentage(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    key_service: KeyService,
    until: Until,
) -> None:
    shares: list[float] = []

    @callback
    def keep(event: Event) -> None:
        shares.append(event.data["progress"])

    hass.bus.async_listen(EVENT_DATA_ENTRY_FLOW_PROGRESS_UPDATE, keep)
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    key_service.hooks = {CLAIM: wait, AUTHORIZE: wait}
    result = await submit_until(hass, await start(hass), answers, "label")
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], answers.for_step("label")
    )
    flow_id = result["flow_id"]

    async def show() -> Any:
        return await hass.config_entries.flow.async_configure(flow_id)

    for path, stage in ((CLAIM, Stage.CLAIMING), (AUTHORIZE, Stage.AUTHORIZING)):
        await until(partial(key_service.asked.__contains__, path))
        while result["progress_action"] != stage:
            await asyncio.sleep(0.005)
            result = await show()
            assert (result["type"], result["step_id"]) == (FlowResultType.SHOW_PROGRESS, "pair")
        assert result["description_placeholders"] == {"device_id": DEVICE_ID}
        # Still running: the same again.
        assert (await show())["progress_action"] == stage
        former = gate
        gate = asyncio.Event()
        former.set()
    gate.set()
    result = await through_progress(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert shares == [number / 7 for number in range(7)]


@pytest.mark.parametrize("setup_code_is_right", [True, False])
async def test_a_slow_browser_sees_how_it_ends(
    hass: HomeAssistant,
    answers: Answers,
    other_answers: Answers,
    virtual_lock: VirtualLock,
    until: Until,
    *,
    setup_code_is_right: bool,
) -> None:
    """It asks for each stage that it hears of, and shows whatever it is answered last."""
    seen: list[ConfigFlowResult] = []

    async def ask(flow_id: str) -> None:
        await asyncio.sleep(0.2)
        seen.append(await hass.config_entries.flow.async_configure(flow_id))

    @callback
    def hear(event: Event) -> None:
        asking.append(asyncio.create_task(ask(event.data["flow_id"])))

    asking: list[asyncio.Task[None]] = []
    label = answers if setup_code_is_right else other_answers
    result = await submit_until(hass, await start(hass), answers, "label")
    hass.bus.async_listen(EVENT_DATA_ENTRY_FLOW_PROGRESSED, hear)
    await hass.config_entries.flow.async_configure(result["flow_id"], label.for_step("label"))
    await until(lambda: seen and seen[-1]["type"] is not FlowResultType.SHOW_PROGRESS)
    await asyncio.gather(*asking)
    last = seen.pop()
    assert {result["type"] for result in seen} <= {FlowResultType.SHOW_PROGRESS}
    if setup_code_is_right:
        assert last["type"] is FlowResultType.CREATE_ENTRY
    else:
        assert (last["step_id"], last["errors"]) == ("label", {"base": "claim_refused"})


async def test_a_closed_browser_does_not_stop_the_stages(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It never asks; whoever opens the dialog again finds the end."""
    monkeypatch.setattr(pairing_flow, "LOOK_SECONDS", 0.01)
    result = await submit_until(hass, await start(hass), answers, "label")
    flow_id = result["flow_id"]
    await hass.config_entries.flow.async_configure(flow_id, answers.for_step("label"))
    await until(lambda: hass.config_entries.flow.async_get(flow_id)["step_id"] == "paired")
    result = await hass.config_entries.flow.async_configure(flow_id)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_asked_twice_at_the_end(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock
) -> None:
    """Home Assistant's own call and the browser's may both come when the pairing is over."""
    result = await submit_until(hass, await start(hass), answers, "label")
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], answers.for_step("label")
    )
    flow: Any = hass.config_entries.flow._progress[result["flow_id"]]
    pairing, flow._pairing = flow._pairing, None
    shown = await flow.async_step_paired()
    assert (shown["type"], shown["step_id"]) == (FlowResultType.FORM, "retry")
    flow._pairing = pairing
    result = await through_progress(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
