"""Door locks."""

from typing import Any, override

from homeassistant.components.lock import LockEntity
from homeassistant.components.lock.const import LockEntityFeature
from homeassistant.const import ATTR_CODE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import DeviceCoordinator, SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model import Lock, LockAction, LockPosition, LockState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's locks."""
    add_entities_of(entry.runtime_data, Lock, SecurePairLock, async_add_entities)


class SecurePairLock(SecurePairEntity[Lock, LockState], LockEntity):
    """A lock; while a command's outcome is unclear it claims neither position."""

    def __init__(self, coordinator: DeviceCoordinator, described: Lock) -> None:
        """Offer the latch where there is one."""
        super().__init__(coordinator, described)
        if described.latch:
            self._attr_supported_features = LockEntityFeature.OPEN

    @property
    def _position(self) -> LockPosition | None:
        state = self.reported
        return None if state is None else state.position

    @property
    @override
    def is_locked(self) -> bool | None:
        match self._position:
            case None | LockPosition.JAMMED:
                return None
            case position:
                return position is LockPosition.LOCKED

    @property
    @override
    def is_locking(self) -> bool:
        return self._position is LockPosition.LOCKING

    @property
    @override
    def is_unlocking(self) -> bool:
        return self._position is LockPosition.UNLOCKING

    @property
    @override
    def is_opening(self) -> bool:
        return self._position is LockPosition.OPENING

    @property
    @override
    def is_open(self) -> bool:
        return self._position is LockPosition.OPEN

    @property
    @override
    def is_jammed(self) -> bool:
        return self._position is LockPosition.JAMMED

    @property
    @override
    def changed_by(self) -> str | None:
        state = self.reported
        return None if state is None else state.changed_by

    @override
    async def async_lock(self, **kwargs: Any) -> None:
        await self.carry_out(LockAction(do="lock", code=kwargs.get(ATTR_CODE)))

    @override
    async def async_unlock(self, **kwargs: Any) -> None:
        await self.carry_out(LockAction(do="unlock", code=kwargs.get(ATTR_CODE)))

    @override
    async def async_open(self, **kwargs: Any) -> None:
        await self.carry_out(LockAction(do="open", code=kwargs.get(ATTR_CODE)))
