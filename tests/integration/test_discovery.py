"""Devices announce themselves; anybody on the network can announce anything."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_IGNORE, ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from custom_components.secure_pair.const import DOMAIN
from custom_components.secure_pair.key_store import get_key_store
from device_stub.announce import service_info
from device_stub.factory import NewDevice
from secure_pair_protocol import sessions
from tests.device_stub.terminal import Cloud, Terminal

from .attacker import Attacker, Frame, attacking
from .conftest import DEVICE_ID, OTHER_ID, Until, VirtualLock, running_lock
from .flows import Answers, announce, pair, start, submit, submit_until
from .relay import Relay

LOCK = "lock.front_door"


@pytest.fixture
async def relay(virtual_lock: VirtualLock) -> AsyncGenerator[Relay]:
    """Another address of the same lock."""
    relay = Relay(virtual_lock.server.port)
    await relay.mend()
    yield relay
    await relay.cut()


@pytest.fixture
async def forger(other_lock: VirtualLock) -> AsyncGenerator[Attacker]:
    """A device of an attacker's."""
    async with attacking(other_lock.server.port) as attacker:
        yield attacker


def flows(hass: HomeAssistant) -> list[Any]:
    return list(hass.config_entries.flow.async_progress_by_handler(DOMAIN))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait long between two tries."""
    monkeypatch.setattr("custom_components.secure_pair.reconnect.MAX_SECONDS", 0.01)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever waits between two tries wait until something wakes him."""
    monkeypatch.setattr("custom_components.secure_pair.reconnect.GROWTH", 0)
    monkeypatch.setattr("custom_components.secure_pair.reconnect.Backoff.delay", lambda *_: 3600)


# A new device


async def test_what_a_device_announces_is_understood(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock
) -> None:
    """The device's own announcement, and not one that only a test makes."""
    info = service_info(virtual_lock.server)
    assert info.port is not None
    properties: dict[str, Any] = info.decoded_properties
    result = await announce(hass, info.port, **properties)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "device")

    result = await submit_until(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    entry: ConfigEntry = result["result"]
    assert (entry.title, entry.unique_id) == ("Front door", DEVICE_ID)
    assert (entry.data["host"], entry.data["port"]) == ("127.0.0.1", answers.port)
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    ("properties", "shown"),
    [
        ({}, "Front door (Virtual door lock)"),
        ({"model": ...}, "Front door"),
        ({"name": "Virtual door lock"}, "Virtual door lock"),
        ({"name": ""}, "Virtual door lock"),
        ({"name": ..., "model": ...}, DEVICE_ID),
        ({"name": None, "model": None}, DEVICE_ID),
    ],
)
async def test_its_name_is_shown(
    hass: HomeAssistant, properties: dict[str, Any], shown: str
) -> None:
    result = await announce(hass, 8441, **properties)
    assert result["type"] is FlowResultType.MENU
    (flow,) = flows(hass)
    assert flow["context"]["title_placeholders"] == {"name": shown}
    assert flow["context"]["unique_id"] == DEVICE_ID


@pytest.mark.parametrize(
    "properties",
    [
        {"id": ...},
        {"id": None},
        {"id": ""},
        {"id": "a" * 65},
        {"id": "aa bb"},
        {"id": "schloß"},
        {"version": ...},
        {"version": None},
        {"version": ""},
    ],
)
async def test_something_is_missing(hass: HomeAssistant, properties: dict[str, Any]) -> None:
    result = await announce(hass, 8441, **properties)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "invalid_discovery")
    assert not flows(hass)


async def test_no_port(hass: HomeAssistant) -> None:
    result = await announce(hass, None)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "invalid_discovery")


@pytest.mark.parametrize(("versions", "taken"), [("2", False), ("11", False), ("1,2", True)])
async def test_version(hass: HomeAssistant, versions: str, taken: bool) -> None:
    result = await announce(hass, 8441, version=versions)
    if taken:
        assert result["type"] is FlowResultType.MENU
    else:
        assert (result["type"], result["reason"]) == (
            FlowResultType.ABORT,
            "version_not_supported",
        )


async def test_no_room_for_another_terminal(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock
) -> None:
    """It is not offered before there is: pairing would only be refused."""
    device, server = virtual_lock.device, virtual_lock.server
    cloud = Cloud(device.data.initial_key, device.epoch)
    for _ in range(sessions.TERMINALS):
        terminal = Terminal(cloud, DEVICE_ID, device.data.pairing_secret)
        await (await terminal.negotiate(server.port)).close()

    async def found() -> Any:
        info = service_info(server)
        properties: dict[str, Any] = info.decoded_properties
        return await announce(hass, info.port, **properties)

    result = await found()
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "table_full")
    assert not flows(hass)

    gone = device.register.held[0].session.session_id
    await device.ledger.change(lambda register: sessions.unpaired(register, gone))
    result = await submit_until(hass, await found(), answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_announced_twice(hass: HomeAssistant) -> None:
    await announce(hass, 8441)
    result = await announce(hass, 8442)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_in_progress")
    assert len(flows(hass)) == 1


async def test_address_has_to_be_corrected(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock
) -> None:
    """It was announced where it is not any more, and what else was typed stays."""
    result = await announce(hass, 9)
    result = await submit_until(hass, result, answers)
    assert (result["step_id"], result["errors"]) == ("user", {"base": "cannot_connect"})
    result = await submit(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_ignored_and_paired_later_by_address(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock
) -> None:
    result = await announce(hass, answers.port)
    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_IGNORE},
        data={"unique_id": DEVICE_ID, "title": "Front door"},
    )
    assert not flows(hass)
    result = await announce(hass, answers.port)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")

    entry = await pair(hass, answers)
    assert hass.config_entries.async_entries(DOMAIN) == [entry]
    assert entry.state is ConfigEntryState.LOADED
    assert hass.states.is_state(LOCK, "locked")


async def test_given_up_although_another_entry_ignores_it(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, until: Until
) -> None:
    """An ignored device is as good as none: what the flow has stored goes."""
    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_IGNORE},
        data={"unique_id": DEVICE_ID, "title": "Front door"},
    )
    virtual_lock.device.store.write_fails = True
    result = await submit_until(hass, await start(hass), answers)
    assert result["errors"] == {"base": "storage_failed"}
    assert await get_key_store(hass).device(DEVICE_ID) is not None
    virtual_lock.device.store.write_fails = False
    hass.config_entries.flow.async_abort(result["flow_id"])
    await hass.async_block_till_done(wait_background_tasks=True)
    assert await get_key_store(hass).device(DEVICE_ID) is None


# A known device


async def test_known_and_connected(
    hass: HomeAssistant, entry: ConfigEntry, answers: Answers, virtual_lock: VirtualLock
) -> None:
    link = entry.runtime_data.keeper.link
    result = await announce(hass, answers.port)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    await hass.async_block_till_done()
    assert entry.runtime_data.keeper.link is link
    assert not flows(hass)


@pytest.mark.parametrize("pairing", ["1", "0"])
async def test_moved_and_connects_at_once(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    relay: Relay,
    until: Until,
    patient: None,
    pairing: str,
) -> None:
    """It does not wait for the next try, and keeps the address where a session was resumed."""
    async with attacking(virtual_lock.server.port) as before:
        entry = await pair(hass, replace(answers, port=before.port))
    await until(lambda: hass.states.is_state(LOCK, "unavailable"))
    assert entry.data["port"] == before.port

    result = await announce(hass, relay.port, pairing=pairing)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    await until(lambda: hass.states.is_state(LOCK, "locked"))
    assert entry.data["port"] == relay.port
    assert entry.state is ConfigEntryState.LOADED

    # And there it is after a restart.
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED


async def test_moved_while_its_former_address_is_tried(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    relay: Relay,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What accepts there says nothing: the announcement comes meanwhile, and is not forgotten."""
    delays = iter([0])
    monkeypatch.setattr(
        "custom_components.secure_pair.reconnect.Backoff.delay", lambda *_: next(delays, 3600)
    )
    monkeypatch.setattr("custom_components.secure_pair.connection.GREETING_SECONDS", 0.2)

    async def say_nothing(_: Frame) -> None:
        return None

    async with attacking(virtual_lock.server.port) as before:
        entry = await pair(hass, replace(answers, port=before.port))
        before.tamper = say_nothing
        tries = before.connections
        before.cut()
        await until(lambda: before.connections > tries)
        await announce(hass, relay.port)
        await until(lambda: hass.states.is_state(LOCK, "locked"))
    assert entry.data["port"] == relay.port


async def test_moved_while_the_entry_waits_to_be_set_up(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, relay: Relay, until: Until
) -> None:
    async with attacking(virtual_lock.server.port) as before:
        entry = await pair(hass, replace(answers, port=before.port))
        await hass.config_entries.async_unload(entry.entry_id)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY

    setups = []
    entry.async_on_state_change(lambda: setups.append(entry.state))
    await announce(hass, relay.port)
    await hass.async_block_till_done()
    await until(lambda: entry.state is ConfigEntryState.LOADED)
    assert entry.data["port"] == relay.port
    # Set up once, and not torn down again.
    assert setups.count(ConfigEntryState.LOADED) == 1
    assert ConfigEntryState.UNLOAD_IN_PROGRESS not in setups


async def test_forged_announcement_of_a_connected_lock(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    forger: Attacker,
    until: Until,
) -> None:
    """No reload, no other address, not even a look at it."""
    data, coordinator = dict(entry.data), entry.runtime_data
    link = coordinator.keeper.link
    for host, port in (("127.0.0.1", forger.port), ("192.0.2.66", 8441), ("127.0.0.1", 1)):
        result = await announce(hass, port, host=host)
        assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    await hass.async_block_till_done()
    assert entry.runtime_data is coordinator
    assert coordinator.keeper.link is link
    assert entry.data == data
    assert forger.connections == 0
    await hass.services.async_call("lock", "unlock", {"entity_id": LOCK}, blocking=True)
    assert hass.states.is_state(LOCK, "unlocked")


@pytest.mark.parametrize("imitates", [False, True], ids=["another_device", "same_id"])
async def test_forged_announcement_while_it_is_away(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    made: NewDevice,
    made_other: NewDevice,
    tmp_path: Any,
    until: Until,
    impatient: None,
    imitates: bool,
) -> None:
    """What answers there cannot resume: the entry keeps its address, and the lock comes back."""
    data = dict(entry.data)
    await virtual_lock.server.stop()
    await until(lambda: hass.states.is_state(LOCK, "unavailable"))
    secrets = made_other.data
    forged = (
        replace(made_other, data=replace(secrets, device_id=DEVICE_ID)) if imitates else made_other
    )
    async with (
        running_lock(forged, tmp_path / "forged.json") as lock,
        attacking(lock.server.port) as attacker,
    ):
        await announce(hass, attacker.port)
        await until(lambda: attacker.connections >= 3)
        assert hass.states.is_state(LOCK, "unavailable")
        assert entry.data == data
        assert not lock.device.register.held

        await virtual_lock.server.start("127.0.0.1", answers.port)
        await until(lambda: hass.states.is_state(LOCK, "locked"))
    assert entry.data == data
    assert len(virtual_lock.device.register.held) == 1
    assert not flows(hass)


async def test_somebody_else_at_the_former_address(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    made_other: NewDevice,
    tmp_path: Any,
    relay: Relay,
    until: Until,
    impatient: None,
) -> None:
    """The lock has moved; what has its address now calls itself the lock, and cannot prove it."""
    forged = replace(made_other, data=replace(made_other.data, device_id=DEVICE_ID))
    async with (
        running_lock(forged, tmp_path / "forged.json") as lock,
        attacking(virtual_lock.server.port) as former,
    ):
        entry = await pair(hass, replace(answers, port=former.port))
        former.device_port = lock.server.port
        former.cut()
        await until(lambda: hass.states.is_state(LOCK, "unavailable"))
        await announce(hass, relay.port)
        await until(lambda: hass.states.is_state(LOCK, "locked"))
    assert entry.data["port"] == relay.port
    assert not flows(hass)


async def test_forged_announcement_after_the_true_one(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    relay: Relay,
    forger: Attacker,
    until: Until,
    impatient: None,
) -> None:
    """The lock has moved, and a forger speaks up before it was tried: its next word counts."""
    async with attacking(virtual_lock.server.port) as before:
        entry = await pair(hass, replace(answers, port=before.port))
    await until(lambda: hass.states.is_state(LOCK, "unavailable"))
    await announce(hass, forger.port)
    await until(lambda: forger.connections >= 2)
    assert entry.data["port"] == before.port
    await announce(hass, relay.port)
    await until(lambda: hass.states.is_state(LOCK, "locked"))
    assert entry.data["port"] == relay.port


async def test_another_device_at_the_address_of_a_known_one(
    hass: HomeAssistant,
    entry: ConfigEntry,
    answers: Answers,
    virtual_lock: VirtualLock,
    made_other: NewDevice,
    tmp_path: Any,
    until: Until,
    impatient: None,
) -> None:
    """It is known by its id: no key is doubted, nobody is asked to pair again."""
    session_id = virtual_lock.device.register.held[0].session.session_id
    await virtual_lock.server.stop()
    await until(lambda: hass.states.is_state(LOCK, "unavailable"))
    async with running_lock(made_other, tmp_path / "squatter.json") as squatter:
        await squatter.server.stop()
        await squatter.server.start("127.0.0.1", answers.port)
        await until(lambda: entry.runtime_data.keeper.failure == "wrong_device")
        state = hass.states.get("event.front_door_security")
        assert state is not None
        assert state.attributes["event_type"] == "wrong_device"

        await hass.config_entries.async_reload(entry.entry_id)
        assert entry.state is ConfigEntryState.SETUP_RETRY
        assert entry.error_reason_translation_key == "wrong_device"
        assert not flows(hass)

        # The squatter is a new device, and the other one is found where it is now.
        result = await announce(hass, answers.port, id=OTHER_ID)
        assert result["type"] is FlowResultType.MENU
        await virtual_lock.server.start("127.0.0.1", 0)
        await announce(hass, virtual_lock.server.port)
        await until(lambda: entry.state is ConfigEntryState.LOADED)
    assert entry.data["port"] == virtual_lock.server.port
    (held,) = virtual_lock.device.register.held
    assert held.session.session_id == session_id
