"""Texts that can be written."""

from typing import override

from homeassistant.components.text import TextEntity, TextMode
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.values import TextInput, TextInputAction, TextInputState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's texts."""
    add_entities_of(entry.runtime_data, TextInput, SecurePairText, async_add_entities)


class SecurePairText(SecurePairEntity[TextInput, TextInputState], TextEntity):
    """A text that can be written."""

    @override
    def describe(self, described: TextInput) -> None:
        self._attr_native_min = described.minimum
        self._attr_native_max = described.maximum
        self._attr_mode = TextMode.PASSWORD if described.password else TextMode.TEXT
        self._attr_pattern = None
        if described.pattern is not None:
            # Home Assistant by itself would be content with a match at the beginning.
            self._attr_pattern = f"^(?:{described.pattern})$"

    @override
    def show(self, state: TextInputState) -> None:
        value = state.value
        if not value and self.min:
            # Nothing is written yet, which Home Assistant has no word for.
            value = None
        if value is not None and (
            len(value) < self.min or (self.pattern_cmp and not self.pattern_cmp.match(value))
        ):
            raise ValueError("the text is too short, or does not match the pattern")
        self._attr_native_value = value

    @override
    async def async_set_value(self, value: str) -> None:
        await self.carry_out(TextInputAction(do="set", value=value))
