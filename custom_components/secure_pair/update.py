"""Updates of firmware."""

from typing import Any, override

from homeassistant.components.update import UpdateEntity
from homeassistant.components.update.const import UpdateDeviceClass, UpdateEntityFeature
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.reporting import Update, UpdateAction, UpdateState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's updates."""
    add_entities_of(entry.runtime_data, Update, SecurePairUpdate, async_add_entities)


class SecurePairUpdate(SecurePairEntity[Update, UpdateState], UpdateEntity):
    """Firmware that can be renewed."""

    _installing = False

    @override
    def describe(self, described: Update) -> None:
        self._attr_device_class = (
            UpdateDeviceClass(described.device_class) if described.device_class else None
        )
        features = UpdateEntityFeature(0)
        for feature, offered in (
            (UpdateEntityFeature.INSTALL, described.install),
            (UpdateEntityFeature.SPECIFIC_VERSION, described.specific_version),
            (UpdateEntityFeature.PROGRESS, described.progress),
            (UpdateEntityFeature.BACKUP, described.backup),
        ):
            if offered:
                features |= feature
        self._attr_supported_features = features

    @override
    def show(self, state: UpdateState) -> None:
        self._attr_installed_version = state.installed
        self._attr_latest_version = state.latest
        self._attr_title = state.title
        self._attr_release_summary = state.summary
        self._installing = state.in_progress
        self._attr_update_percentage = state.percentage

    @property
    @override
    def in_progress(self) -> bool:
        # Not as Home Assistant has it: there it is over when the command is.
        return self._installing

    @override
    async def async_install(self, version: str | None, backup: bool, **kwargs: Any) -> None:
        before, wished = self.installed_version, version or self.latest_version
        try:
            await self.carry_out(UpdateAction(do="install", version=version, backup=backup))
        except HomeAssistantError:
            # A device that restarts for it has forgotten the command; what it runs then tells.
            if not before != self.installed_version == wished:
                raise
