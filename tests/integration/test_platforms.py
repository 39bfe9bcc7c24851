"""Every platform against the zoo: each kind of entity, and each action that it has."""

import re
from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import async_get_platforms
from pytest_homeassistant_custom_component.common import snapshot_platform
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion
from syrupy.filters import props

from custom_components.secure_pair import PLATFORMS
from custom_components.secure_pair.const import DOMAIN
from device_stub.appliances.parts import OnOff
from device_stub.appliances.zoo import Zoo
from device_stub.device import Device
from device_stub.lock import DoorLock
from secure_pair_protocol.model.switching import Switch

from .conftest import Install, InstallAppliance
from .home import Home
from .zoo_calls import CALLS, NOT_A_COMMAND, REFUSALS

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Home Assistant's own way to write a state down; without what is drawn anew each time.

    And without what a later release writes down besides.
    """
    return snapshot.with_defaults(
        extension_class=HomeAssistantSnapshotExtension,
        matcher=_stable,
        exclude=props("compat_name", "temperature_unit"),
    )


def _stable(*, data: object, path: tuple[tuple[object, type], ...]) -> object:
    """Leave out what is drawn anew each time."""
    return "<drawn>" if path and path[-1][0] in {"access_token", "entity_picture"} else data


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_snapshot(
    hass: HomeAssistant,
    entity_registry: er.EntityRegistry,
    install_appliance: InstallAppliance,
    snapshot: SnapshotAssertion,
    platform: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with patch("custom_components.secure_pair.PLATFORMS", [platform]):
        home = await install_appliance(Zoo(now=lambda: NOON))
        entries = er.async_entries_for_config_entry(entity_registry, home.entry.entry_id)
        if hidden := [entry for entry in entries if entry.disabled]:
            for entry in hidden:
                entity_registry.async_update_entity(entry.entity_id, disabled_by=None)
            await hass.config_entries.async_reload(home.entry.entry_id)
            await hass.async_block_till_done()
    for entry in entries:
        if "#" in entry.unique_id:
            # About the session, not of the device: its state is a time.
            entity_registry.async_remove(entry.entity_id)
    assert not warnings(caplog)
    await snapshot_platform(hass, entity_registry, snapshot, home.entry.entry_id)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged about the integration that somebody should look at."""
    return [
        f"{record.name}: {message}"
        for record in caplog.records
        if record.levelname in {"WARNING", "ERROR", "CRITICAL"}
        and record.name.startswith(("homeassistant.", "custom_components."))
        and re.search(
            r"secure_pair|virtual_device", f"{record.name} {(message := record.getMessage())}"
        )
        # This is said of every custom integration.
        and not message.startswith("We found a custom integration secure_pair")
    ]


async def zoo_of(install: InstallAppliance, platform: str) -> Home:
    """Pair the zoo, but with entities of one kind only: that is quicker."""
    with patch("custom_components.secure_pair.PLATFORMS", [platform]):
        return await install(Zoo(now=lambda: NOON))


@pytest.mark.parametrize("platform", CALLS)
async def test_states_follow_each_action(
    hass: HomeAssistant,
    install_appliance: InstallAppliance,
    platform: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    home = await zoo_of(install_appliance, platform)
    actions = {f"{platform}.{name}" for name in hass.services.async_services_for_domain(platform)}
    called = {f"{platform}.{call[0]}" for call in CALLS[platform]}
    assert called == actions - NOT_A_COMMAND

    for action, key, data, of_device, shown in CALLS[platform]:
        call = action, key, data
        await home.call(f"{platform}.{action}", key, **data)
        state = home.device.entities[key].state
        assert {name: getattr(state, name) for name in of_device} == of_device, call
        await home.settle()
        now = home.show(key)
        values = {name: now.attributes.get(name) for name in shown} | {"state": now.state}
        assert values == {**values, **shown}, call
    assert not warnings(caplog)


@pytest.mark.parametrize("platform", REFUSALS)
async def test_refusals_are_translated_and_change_nothing(
    install_appliance: InstallAppliance, platform: str
) -> None:
    home = await zoo_of(install_appliance, platform)
    before = {key: entity.state for key, entity in home.device.entities.items()}
    for action, key, data, domain, translation in REFUSALS[platform]:
        with pytest.raises(HomeAssistantError) as caught:
            await home.call(f"{platform}.{action}", key, **data)
        error = caught.value
        assert (error.translation_domain, error.translation_key) == (domain, translation), data
        assert str(error) != translation
    assert before == {key: entity.state for key, entity in home.device.entities.items()}


async def test_kind_that_comes_later(hass: HomeAssistant, install: Install) -> None:
    """Its platform is set up then, and goes with the others."""

    def platforms() -> set[str]:
        return {platform.domain for platform in async_get_platforms(hass, DOMAIN)}

    home = await install(lambda data, store: Device(data, [DoorLock(key="lock")], store))
    assert platforms() == {"button", "event", "lock", "sensor"}
    home.device.add(OnOff(Switch(key="lamp", name="Lamp"), on=True))
    await home.settle()
    assert home.state("lamp") == "on"
    assert platforms() == {"button", "event", "lock", "sensor", "switch"}
    await home.call("switch.turn_off", "lamp")
    assert home.state("lamp") == "off"
    assert await hass.config_entries.async_unload(home.entry.entry_id)
    assert platforms() == set()
