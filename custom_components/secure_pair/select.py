"""Choices."""

from typing import override

from homeassistant.components.select import SelectEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.values import Select, SelectAction, SelectState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's choices."""
    add_entities_of(entry.runtime_data, Select, SecurePairSelect, async_add_entities)


class SecurePairSelect(SecurePairEntity[Select, SelectState], SelectEntity):
    """One of several options."""

    @override
    def describe(self, described: Select) -> None:
        self._attr_options = list(described.options)

    @override
    def show(self, state: SelectState) -> None:
        self._attr_current_option = state.option

    @override
    async def async_select_option(self, option: str) -> None:
        await self.carry_out(SelectAction(do="select", option=option))
