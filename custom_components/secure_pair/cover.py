"""Covers."""

from typing import Any, override

from homeassistant.components.cover import CoverEntity
from homeassistant.components.cover.const import (
    ATTR_POSITION,
    ATTR_TILT_POSITION,
    CoverDeviceClass,
    CoverEntityFeature,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.access import Cover, CoverAction, CoverState, Movement

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's covers."""
    add_entities_of(entry.runtime_data, Cover, SecurePairCover, async_add_entities)


class SecurePairCover(SecurePairEntity[Cover, CoverState], CoverEntity):
    """A blind, a garage door, a gate."""

    @override
    def describe(self, described: Cover) -> None:
        self._attr_device_class = (
            CoverDeviceClass(described.device_class) if described.device_class else None
        )
        features = CoverEntityFeature.OPEN | CoverEntityFeature.CLOSE
        if described.stop:
            features |= CoverEntityFeature.STOP
        if described.position:
            features |= CoverEntityFeature.SET_POSITION
        if described.tilt:
            features |= (
                CoverEntityFeature.OPEN_TILT
                | CoverEntityFeature.CLOSE_TILT
                | CoverEntityFeature.SET_TILT_POSITION
            )
            if described.stop:
                features |= CoverEntityFeature.STOP_TILT
        self._attr_supported_features = features

    @override
    def show(self, state: CoverState) -> None:
        self._attr_current_cover_position = state.position
        self._attr_current_cover_tilt_position = state.tilt
        self._attr_is_closed = state.closed if state.position is None else state.position == 0
        self._attr_is_opening = state.moving is Movement.OPENING
        self._attr_is_closing = state.moving is Movement.CLOSING

    @override
    async def async_open_cover(self, **kwargs: Any) -> None:
        await self.carry_out(CoverAction(do="open"))

    @override
    async def async_close_cover(self, **kwargs: Any) -> None:
        await self.carry_out(CoverAction(do="close"))

    @override
    async def async_stop_cover(self, **kwargs: Any) -> None:
        await self.carry_out(CoverAction(do="stop"))

    @override
    async def async_set_cover_position(self, **kwargs: Any) -> None:
        await self.carry_out(CoverAction(do="set_position", position=kwargs[ATTR_POSITION]))

    @override
    async def async_open_cover_tilt(self, **kwargs: Any) -> None:
        await self.carry_out(CoverAction(do="open_tilt"))

    @override
    async def async_close_cover_tilt(self, **kwargs: Any) -> None:
        await self.carry_out(CoverAction(do="close_tilt"))

    @override
    async def async_stop_cover_tilt(self, **kwargs: Any) -> None:
        await self.carry_out(CoverAction(do="stop"))

    @override
    async def async_set_cover_tilt_position(self, **kwargs: Any) -> None:
        await self.carry_out(CoverAction(do="set_tilt", position=kwargs[ATTR_TILT_POSITION]))
