"""Other terminals of the same device, and what Home Assistant tells of them."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from homeassistant.const import STATE_UNKNOWN, EntityCategory
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockUser

from cloud_stub.settings import Settings
from secure_pair_protocol.envelope import Unpair, Unpaired
from tests.device_stub.terminal import refused

from .attacker import Frame
from .conftest import KeyService
from .house import House


async def test_listed(house: House, key_service: KeyService) -> None:
    own = key_service.terminal.terminal_id.hex()
    alone = {"terminal_id": own, "this_one": True, "connected": True, "remaining": None}
    assert await house.act("list_terminals") == {"terminals": [alone]}

    phone = house.terminal()
    wire = await phone.negotiate(house.server.port)
    await wire.close()
    await house.until(lambda: len(house.device.live) == 1)
    answer = await house.act("list_terminals")
    assert answer["terminals"] == [
        alone,
        {
            "terminal_id": phone.terminal_id.hex(),
            "this_one": False,
            "connected": False,
            "remaining": None,
        },
    ]


async def test_another_pairs_and_unpairs(house: House) -> None:
    phone = house.terminal()
    wire = await phone.negotiate(house.server.port)
    await house.until(lambda: house.events == [("terminal_paired", phone.terminal_id.hex())])
    wire.send(Unpair())
    await wire.until(Unpaired)
    await wire.close()
    await house.until(lambda: len(house.events) == 2)
    assert house.events[1] == ("terminal_unpaired", phone.terminal_id.hex())
    # A renewal of its own is none of that.
    await house.renew()
    assert [event for event, _ in house.events] == [
        "terminal_paired",
        "terminal_unpaired",
        "renewed",
    ]
    await house.works()


async def test_revoked_by_home_assistant(house: House) -> None:
    phone, tablet = house.terminal(), house.terminal()
    for terminal in (phone, tablet):
        wire = await terminal.negotiate(house.server.port)
        await wire.close()
    answer = await house.act("revoke_terminal", terminal_id=phone.terminal_id.hex())
    assert [terminal["this_one"] for terminal in answer["terminals"]] == [True, False]
    assert answer["terminals"][1]["terminal_id"] == tablet.terminal_id.hex()

    with refused("session_unknown"):
        await phone.resume(house.server.port)
    with refused("terminal_revoked"):
        await phone.negotiate(house.server.port)
    await (await tablet.resume(house.server.port)).close()
    await house.until(lambda: ("terminal_revoked", phone.terminal_id.hex()) in house.events)
    await house.works()


async def test_only_an_administrator_revokes(house: House, hass_read_only_user: MockUser) -> None:
    phone = house.terminal()
    await (await phone.negotiate(house.server.port)).close()
    with pytest.raises(Unauthorized):
        await house.hass.services.async_call(
            "secure_pair",
            "revoke_terminal",
            {"device_id": house.registry_id, "terminal_id": phone.terminal_id.hex()},
            blocking=True,
            context=Context(user_id=hass_read_only_user.id),
        )
    await (await phone.resume(house.server.port)).close()


async def test_a_device_that_cannot_revoke(house: House) -> None:
    phone = house.terminal()
    await (await phone.negotiate(house.server.port)).close()
    house.device.store.write_fails = True
    with pytest.raises(HomeAssistantError) as caught:
        await house.act("revoke_terminal", terminal_id=phone.terminal_id.hex())
    assert caught.value.translation_key == "command_failed"
    assert caught.value.translation_placeholders == {
        "device": "Front door",
        "reason": "storage_failed",
    }
    house.device.store.write_fails = False
    await (await phone.resume(house.server.port)).close()


async def test_without_a_connection(house: House) -> None:
    house.attacker.tamper = silence
    house.attacker.cut()
    await house.until(lambda: not house.entry.runtime_data.connected)
    with pytest.raises(HomeAssistantError) as caught:
        await house.act("list_terminals")
    assert caught.value.translation_key == "not_connected"
    registry_id = house.registry_id
    await house.unload()
    with pytest.raises(ServiceValidationError) as invalid:
        await house.hass.services.async_call(
            "secure_pair",
            "list_terminals",
            {"device_id": registry_id},
            blocking=True,
            return_response=True,
        )
    assert invalid.value.translation_key == "not_connected"


async def test_it_revokes_itself(house: House, key_service: KeyService) -> None:
    """The device ends the connection at once: there is no answer, but a repair."""
    with pytest.raises(HomeAssistantError) as caught:
        await house.act("revoke_terminal", terminal_id=key_service.terminal.terminal_id.hex())
    assert caught.value.translation_key == "connection_lost"
    assert "terminal_revoked" in house.repairs
    assert not house.held


# Diagnostic sensors

SENSORS = "sensor.front_door_"


async def silence(_: Frame) -> bytes | None:
    return None


def moment(house: House, name: str) -> datetime:
    return datetime.fromisoformat(house.show(f"{SENSORS}{name}").state)


@pytest.mark.parametrize("settings", [Settings(grant_lifetime=40_000)])
async def test_sensors(house: House, settings: Settings) -> None:
    session, link = house.keeper.session, house.keeper.link
    since = house.entry.runtime_data.connected_since
    assert session is not None
    assert link is not None
    assert since is not None
    assert moment(house, "last_negotiation") == seconds(session.negotiated_at)
    assert link.welcome.remaining == settings.grant_lifetime
    expires = (since + timedelta(seconds=settings.grant_lifetime)).replace(microsecond=0)
    assert moment(house, "session_key_expires") == expires

    # It shows what serves now, also where it was negotiated some time ago.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: session.negotiated_at + 86400)
        await house.renew()
    await house.hass.async_block_till_done()
    assert moment(house, "last_negotiation") == seconds(session.negotiated_at + 86400)

    # What ends with the connection is not known without one.
    house.attacker.tamper = silence
    house.attacker.cut()
    await house.until(lambda: house.keeper.link is None)
    await house.hass.async_block_till_done()
    assert house.show(f"{SENSORS}session_key_expires").state == STATE_UNKNOWN
    assert moment(house, "last_negotiation") == seconds(session.negotiated_at + 86400)


def seconds(timestamp: float) -> datetime:
    return datetime.fromtimestamp(int(timestamp), UTC)


async def test_a_key_without_an_end(house: House) -> None:
    assert house.show(f"{SENSORS}session_key_expires").state == STATE_UNKNOWN


async def test_sensors_that_somebody_has_to_ask_for(
    house: House, entity_registry: er.EntityRegistry
) -> None:
    for name in ("session_key_age", "connected_since", "round_trip"):
        entry = entity_registry.async_get(f"{SENSORS}{name}")
        assert entry is not None
        assert entry.disabled_by is er.RegistryEntryDisabler.INTEGRATION
        assert entry.entity_category is EntityCategory.DIAGNOSTIC
        entity_registry.async_update_entity(entry.entity_id, disabled_by=None)
    await house.reload()
    assert house.show(f"{SENSORS}round_trip").state == STATE_UNKNOWN
    link = house.keeper.link
    assert link is not None
    link.ping()
    await house.until(lambda: link.round_trip is not None)
    await house.hass.async_block_till_done()
    assert link.round_trip is not None
    shown = float(house.show(f"{SENSORS}round_trip").state)
    assert shown == pytest.approx(link.round_trip * 1000)
    assert float(house.show(f"{SENSORS}session_key_age").state) == pytest.approx(0, abs=0.1)
    since = house.entry.runtime_data.connected_since
    assert since is not None
    assert moment(house, "connected_since") == since.replace(microsecond=0)
    house.attacker.tamper = silence
    house.attacker.cut()
    await house.until(lambda: house.keeper.link is None)
    await house.hass.async_block_till_done()
    for name in ("connected_since", "round_trip"):
        assert house.show(f"{SENSORS}{name}").state == STATE_UNKNOWN
