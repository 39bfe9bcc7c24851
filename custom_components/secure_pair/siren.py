"""Sirens."""

from typing import Any, override

from homeassistant.components.siren import SirenEntity
from homeassistant.components.siren.const import (
    ATTR_DURATION,
    ATTR_TONE,
    ATTR_VOLUME_LEVEL,
    SirenEntityFeature,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.switching import Siren, SirenAction, SirenState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's sirens."""
    add_entities_of(entry.runtime_data, Siren, SecurePairSiren, async_add_entities)


class SecurePairSiren(SecurePairEntity[Siren, SirenState], SirenEntity):
    """A siren."""

    @override
    def describe(self, described: Siren) -> None:
        self._attr_available_tones = [_tone(tone) for tone in described.tones or ()]
        features = SirenEntityFeature.TURN_ON | SirenEntityFeature.TURN_OFF
        for feature, offered in (
            (SirenEntityFeature.TONES, described.tones),
            (SirenEntityFeature.DURATION, described.duration),
            (SirenEntityFeature.VOLUME_SET, described.volume),
        ):
            if offered:
                features |= feature
        self._attr_supported_features = features

    @override
    def show(self, state: SirenState) -> None:
        self._attr_is_on = state.on

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        tone = kwargs.get(ATTR_TONE)
        await self.carry_out(
            SirenAction(
                do="turn_on",
                tone=None if tone is None else str(tone),
                duration=kwargs.get(ATTR_DURATION),
                volume=kwargs.get(ATTR_VOLUME_LEVEL),
            )
        )

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self.carry_out(SirenAction(do="turn_off"))


def _tone(name: str) -> int | str:
    """Return a tone as Home Assistant's action calls it: "1" becomes a number there."""
    try:
        number = int(name)
    except ValueError:
        return name
    return number if str(number) == name else name
