"""Alarm control panels."""

from typing import override

from homeassistant.components.alarm_control_panel import AlarmControlPanelEntity
from homeassistant.components.alarm_control_panel.const import (
    AlarmControlPanelEntityFeature,
    CodeFormat,
)
from homeassistant.components.alarm_control_panel.const import (
    AlarmControlPanelState as HassAlarmState,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.access import (
    AlarmControlPanel,
    AlarmControlPanelAction,
    AlarmControlPanelState,
    ArmMode,
)

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's alarm control panels."""
    add_entities_of(
        entry.runtime_data, AlarmControlPanel, SecurePairAlarmControlPanel, async_add_entities
    )


class SecurePairAlarmControlPanel(
    SecurePairEntity[AlarmControlPanel, AlarmControlPanelState], AlarmControlPanelEntity
):
    """An alarm control panel."""

    @override
    def describe(self, described: AlarmControlPanel) -> None:
        features = AlarmControlPanelEntityFeature(0)
        for mode in described.modes:
            features |= AlarmControlPanelEntityFeature[f"ARM_{mode.name}"]
        if described.trigger:
            features |= AlarmControlPanelEntityFeature.TRIGGER
        self._attr_supported_features = features
        self._attr_code_format = (
            CodeFormat(described.code_format) if described.code_format else None
        )
        # Home Assistant would insist on a code also where there is none.
        self._attr_code_arm_required = described.code_to_arm and described.code_format is not None

    @override
    def show(self, state: AlarmControlPanelState) -> None:
        self._attr_alarm_state = HassAlarmState(state.position) if state.position else None
        self._attr_changed_by = state.changed_by

    @override
    async def async_alarm_disarm(self, code: str | None = None) -> None:
        await self.carry_out(AlarmControlPanelAction(do="disarm", code=code))

    @override
    async def async_alarm_trigger(self, code: str | None = None) -> None:
        await self.carry_out(AlarmControlPanelAction(do="trigger", code=code))

    @override
    async def async_alarm_arm_home(self, code: str | None = None) -> None:
        await self._arm(ArmMode.HOME, code)

    @override
    async def async_alarm_arm_away(self, code: str | None = None) -> None:
        await self._arm(ArmMode.AWAY, code)

    @override
    async def async_alarm_arm_night(self, code: str | None = None) -> None:
        await self._arm(ArmMode.NIGHT, code)

    @override
    async def async_alarm_arm_vacation(self, code: str | None = None) -> None:
        await self._arm(ArmMode.VACATION, code)

    @override
    async def async_alarm_arm_custom_bypass(self, code: str | None = None) -> None:
        await self._arm(ArmMode.CUSTOM_BYPASS, code)

    async def _arm(self, mode: ArmMode, code: str | None) -> None:
        await self.carry_out(AlarmControlPanelAction(do="arm", mode=mode, code=code))
