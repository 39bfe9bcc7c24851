"""No secret ever leaves the key file: everything that can be seen of a life is searched."""

import base64
import json
import logging
import traceback
from collections.abc import Iterator
from inspect import isawaitable
from pathlib import Path
from typing import Any

import pytest
from homeassistant.const import MATCH_ALL
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import get_system_health_info
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from cloud_stub.ownership import release
from custom_components.secure_pair.const import DOMAIN
from secure_pair_protocol.messages import DeviceKey, ResumeAnswer, TerminalConfirmation
from secure_pair_protocol.secret import Secret
from tests.secret_search import Secrets

from .attacker import Frame, cutting, flipped, flipping
from .conftest import KeyService, VirtualLock
from .flows import Answers, pair, through_progress
from .house import House
from .test_repairs import Scene, another_initial_key, as_it_was_made


@pytest.fixture
def secrets() -> Iterator[Secrets]:
    secrets = Secrets()
    with secrets.watching():
        yield secrets


def test_forms() -> None:
    """The search finds what there is to find."""
    secrets = Secrets()
    with secrets.watching():
        value = bytes(range(200, 232))
        secret = Secret(value)
    for text in (value.hex(), base64.b64encode(value).decode(), f"{value!r}", f"{[*value]}"):
        assert secrets.found_in(f"before {text} after")
    assert not secrets.found_in(f"{secret!r} {secret}")


async def test_a_whole_life(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    secrets: Secrets,
    house: House,
    answers: Answers,
    key_service: KeyService,
    virtual_lock: VirtualLock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    @callback
    def keep(event: Event) -> None:
        seen.append(repr(event.as_dict()))

    hass.bus.async_listen(MATCH_ALL, keep)
    await life(house, Scene(house, key_service, virtual_lock), answers, seen)

    diagnostics: Any = await get_diagnostics_for_config_entry(hass, hass_client, house.entry)
    assert diagnostics["connected"] is True
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), house.entry.entry_id)
    assert devices
    for device in devices:
        of_device: Any = await get_diagnostics_for_device(hass, hass_client, house.entry, device)
        seen.append(json.dumps(of_device))
    seen.append(json.dumps(diagnostics))
    assert await async_setup_component(hass, "system_health", {})
    health = await get_system_health_info(hass, DOMAIN)
    seen.append(repr({name: await v if isawaitable(v) else v for name, v in health.items()}))
    seen.append(caplog.text)
    seen.append(repr([entry.as_dict() for entry in hass.config_entries.async_entries()]))
    seen.append(repr([state.as_dict() for state in hass.states.async_all()]))
    seen.append(repr([issue.to_json() for issue in ir.async_get(hass).issues.values()]))
    seen.append(repr([device.dict_repr for device in devices]))
    seen.append(repr([entry.extended_dict for entry in er.async_get(hass).entities.values()]))
    coordinator = house.entry.runtime_data
    seen.append(repr((vars(coordinator), vars(coordinator.keeper), coordinator.keeper.session)))
    seen.append(repr(vars(coordinator.troubles)))
    seen += [
        path.read_text()
        for path in Path(hass.config.config_dir).rglob("*")
        if path.is_file() and path != house.file
    ]

    # What was typed, and what the three have drawn and derived.
    code = virtual_lock.made.setup_code
    assert code is not None
    label = code.stretch(house.device.data.device_id)
    assert key_service.terminal.token.reveal() in secrets.values
    assert label.pairing_secret.reveal() in secrets.values
    assert label.claim_proof.reveal() in secrets.values
    stored = json.loads(house.file.read_text())["devices"][house.device.data.device_id]
    for kept in (stored["pairing_secret"], stored["sessions"][0]["session_key"]):
        assert base64.b64decode(kept) in secrets.values
    secrets.add(house.device.data.initial_key.reveal())
    secrets.add(code.text.encode())
    secrets.add(code.text.replace("-", "").encode())
    assert len(secrets.values) > 100

    # The log was on, and of all that happened.
    for said in ("negotiation: agreeing", "record_failed", "Pairing failed"):
        assert said in caplog.text
    for text in seen:
        assert not secrets.found_in(text)


async def life(  # noqa: PLR0915 - a life is long
    house: House, scene: Scene, answers: Answers, seen: list[str]
) -> None:
    """Have everything happen that happens to a device."""
    hass, attacker, service = house.hass, house.attacker, scene.key_service

    async def fails(key: str) -> None:
        with pytest.raises(HomeAssistantError) as caught:
            await house.renew()
        assert caught.value.translation_key == key
        seen.append("".join(traceback.format_exception(caught.value)))

    await house.works()
    seen.append(repr(await house.act("list_terminals")))
    await house.renew()
    # Everything that goes wrong in a renewal.
    for tamper, key in (
        (flipping(DeviceKey), "device_unproven"),
        (flipping(TerminalConfirmation), "terminal_unproven"),
        (cutting(DeviceKey), "connection_lost"),
    ):
        attacker.tamper = tamper
        await fails(key)
    attacker.behave()
    await service.stop()
    await fails("key_service_unreachable")
    await service.start()
    await another_initial_key(scene)
    flow = await house.fix("authorization_rejected")
    assert await flow.submit() == "authorization_rejected"
    await as_it_was_made(scene)
    assert await flow.submit() is None
    storage = house.file.parent
    storage.rename(storage.with_name("away"))
    storage.symlink_to("/proc")
    await fails("storage_failed")
    storage.unlink()
    storage.with_name("away").rename(storage)

    # And on the connection.
    unlucky = iter([True])

    async def flip(frame: Frame) -> bytes:
        if not frame.to_device and frame.number > 2 and next(unlucky, False):
            return flipped(frame.payload)
        return frame.payload

    attacker.tamper = flip
    await house.reconnected(attacker.cut)
    attacker.tamper = flipping(ResumeAnswer)
    attacker.cut()
    await house.tries()
    attacker.behave()
    await house.until(lambda: house.keeper.link is not None)
    first = house.session_id
    await house.forget()
    await house.until(lambda: house.keeper.link is not None and house.session_id != first)

    # A new token, as the key service has issued it.
    await service.revoke()
    await fails("token_refused")
    (flow_shown,) = house.reauths
    token = (await service.issue()).token.reveal().decode()
    result = await hass.config_entries.flow.async_configure(flow_shown["flow_id"], {"token": token})
    result = await through_progress(hass, result)
    assert (result["type"], result["reason"]) == ("abort", "reauth_successful")
    await hass.async_block_till_done()
    await house.renew()
    await release(service.store, house.device.data.device_id)
    await fails("not_yours")

    # Removed, and paired again: with a code that is somebody else's, then with the right one.
    await hass.config_entries.async_remove(house.entry.entry_id)
    await hass.async_block_till_done()
    through = Answers(**{**vars(answers), "port": attacker.port, "token": token})
    attacker.tamper = flipping(DeviceKey)
    with pytest.raises(AssertionError, match="device_unproven"):
        await pair(hass, through)
    (unfinished,) = hass.config_entries.flow.async_progress()
    hass.config_entries.flow.async_abort(unfinished["flow_id"])
    attacker.behave()
    house.entry = await pair(hass, through)
    await house.works()
    other = await house.terminal().negotiate(house.server.port)
    terminal_id = house.device.register.held[-1].session.terminal_id.hex()
    seen.append(repr(await house.act("revoke_terminal", terminal_id=terminal_id)))
    await other.close()
