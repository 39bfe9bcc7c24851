"""Events."""

from typing import override

from homeassistant.components.event import EventEntity
from homeassistant.components.event.const import (
    DoorbellEventType,
    EventDeviceClass,
    EventEntityCapabilityAttribute,
    EventEntityStateAttribute,
)
from homeassistant.const import EntityCapabilityAttribute, EntityStateAttribute
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.base import Event, State
from .protocol.model.reporting import EventSource

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's event sources."""
    add_entities_of(entry.runtime_data, EventSource, SecurePairEvent, async_add_entities)


# Attributes of an event stand beside these, and must not take their place.
_RESERVED = frozenset[str](
    {
        *EntityCapabilityAttribute,
        *EntityStateAttribute,
        *EventEntityCapabilityAttribute,
        *EventEntityStateAttribute,
    }
)


class SecurePairEvent(SecurePairEntity[EventSource, State], EventEntity):
    """Something that happens now and then; its state is when it happened last."""

    @override
    def describe(self, described: EventSource) -> None:
        device_class = EventDeviceClass(described.device_class) if described.device_class else None
        if (
            device_class is EventDeviceClass.DOORBELL
            and DoorbellEventType.RING not in described.types
        ):
            raise ValueError("a doorbell that does not ring")
        self._attr_device_class = device_class
        self._attr_event_types = list(described.types)

    @override
    def happen(self, event: Event) -> None:
        attributes = {
            name: value for name, value in event.attributes.items() if name not in _RESERVED
        }
        self._trigger_event(event.type, attributes)
        self.async_write_ha_state()
