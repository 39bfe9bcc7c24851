"""Buttons."""

from typing import override

from homeassistant.components.button import ButtonEntity
from homeassistant.components.button.const import ButtonDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.base import State
from .protocol.model.switching import Button, ButtonAction
from .session_entity import SessionEntity

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's buttons, and the one that renews its session key."""
    async_add_entities([RenewSessionKeyButton(entry.runtime_data, "renew_session_key")])
    add_entities_of(entry.runtime_data, Button, SecurePairButton, async_add_entities)


class RenewSessionKeyButton(SessionEntity, ButtonEntity):
    """Negotiates a new session."""

    _attr_entity_category = EntityCategory.CONFIG

    @override
    async def async_press(self) -> None:
        await self.coordinator.renew()


class SecurePairButton(SecurePairEntity[Button, State], ButtonEntity):
    """A button; its state is when Home Assistant pressed it last."""

    @override
    def describe(self, described: Button) -> None:
        self._attr_device_class = (
            ButtonDeviceClass(described.device_class) if described.device_class else None
        )

    @override
    async def async_press(self) -> None:
        await self.carry_out(ButtonAction(do="press"))
