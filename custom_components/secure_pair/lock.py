"""Locks."""

from typing import Any, override

from homeassistant.components.lock import LockEntity
from homeassistant.components.lock.const import LockEntityFeature
from homeassistant.const import ATTR_CODE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.access import Lock, LockAction, LockPosition, LockState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's locks."""
    add_entities_of(entry.runtime_data, Lock, SecurePairLock, async_add_entities)


class SecurePairLock(SecurePairEntity[Lock, LockState], LockEntity):
    """A lock; while its position is not known it claims neither."""

    @override
    def describe(self, described: Lock) -> None:
        self._attr_supported_features = LockEntityFeature(0)
        if described.latch:
            self._attr_supported_features = LockEntityFeature.OPEN
        self._attr_code_format = described.code_format

    @override
    def show(self, state: LockState) -> None:
        position = state.position
        self._attr_is_locked = (
            None
            if position in {None, LockPosition.JAMMED}
            else position in {LockPosition.LOCKED, LockPosition.UNLOCKING}
        )
        self._attr_is_locking = position is LockPosition.LOCKING
        self._attr_is_unlocking = position is LockPosition.UNLOCKING
        self._attr_is_opening = position is LockPosition.OPENING
        self._attr_is_open = position is LockPosition.OPEN
        self._attr_is_jammed = position is LockPosition.JAMMED
        self._attr_changed_by = state.changed_by

    @override
    async def async_lock(self, **kwargs: Any) -> None:
        await self.carry_out(LockAction(do="lock", code=kwargs.get(ATTR_CODE)))

    @override
    async def async_unlock(self, **kwargs: Any) -> None:
        await self.carry_out(LockAction(do="unlock", code=kwargs.get(ATTR_CODE)))

    @override
    async def async_open(self, **kwargs: Any) -> None:
        await self.carry_out(LockAction(do="open", code=kwargs.get(ATTR_CODE)))
