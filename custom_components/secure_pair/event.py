"""Events."""

from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.components.event.const import (
    DoorbellEventType,
    EventDeviceClass,
    EventEntityCapabilityAttribute,
    EventEntityStateAttribute,
)
from homeassistant.const import EntityCapabilityAttribute, EntityCategory, EntityStateAttribute
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.base import Event, State
from .protocol.model.reporting import EventSource
from .session_entity import SessionEntity
from .troubles import SecurityEvent

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's event sources, and what happens to its security."""
    async_add_entities([SecurityEventEntity(entry.runtime_data, "security")])
    add_entities_of(entry.runtime_data, EventSource, SecurePairEvent, async_add_entities)


class SecurityEventEntity(SessionEntity, EventEntity):
    """What happens to the pairing: renewed, refused, another terminal and so on."""

    entity_description = EventEntityDescription(
        key="security",
        entity_category=EntityCategory.DIAGNOSTIC,
        event_types=[event.value for event in SecurityEvent],
    )

    @override
    async def async_added_to_hass(self) -> None:
        self.async_on_remove(self.coordinator.troubles.listen(self._happen))

    @callback
    def _happen(self, event: SecurityEvent, attributes: dict[str, str]) -> None:
        self._trigger_event(event, attributes)
        self.async_write_ha_state()


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
        if event.type not in self.event_types:
            # Of a new description, which another entity is about to follow.
            return
        attributes = {
            name: value for name, value in event.attributes.items() if name not in _RESERVED
        }
        self._trigger_event(event.type, attributes)
        self.async_write_ha_state()
