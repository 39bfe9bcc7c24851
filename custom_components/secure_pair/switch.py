"""Switches."""

from typing import Any, override

from homeassistant.components.switch import SwitchEntity
from homeassistant.components.switch.const import SwitchDeviceClass
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.switching import Switch, SwitchAction, SwitchState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's switches."""
    add_entities_of(entry.runtime_data, Switch, SecurePairSwitch, async_add_entities)


class SecurePairSwitch(SecurePairEntity[Switch, SwitchState], SwitchEntity):
    """A switch."""

    @override
    def describe(self, described: Switch) -> None:
        self._attr_device_class = (
            SwitchDeviceClass(described.device_class) if described.device_class else None
        )

    @override
    def show(self, state: SwitchState) -> None:
        self._attr_is_on = state.on

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self.carry_out(SwitchAction(do="turn_on"))

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self.carry_out(SwitchAction(do="turn_off"))
