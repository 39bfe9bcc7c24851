"""Water heaters."""

from typing import Any, override

from homeassistant.components.water_heater import WaterHeaterEntity
from homeassistant.components.water_heater.const import (
    ATTR_OPERATION_MODE,
    WaterHeaterEntityFeature,
)
from homeassistant.const import ATTR_TEMPERATURE, PRECISION_TENTHS
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.climate import (
    WaterHeater,
    WaterHeaterAction,
    WaterHeaterOperation,
    WaterHeaterState,
)

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's water heaters."""
    add_entities_of(entry.runtime_data, WaterHeater, SecurePairWaterHeater, async_add_entities)


class SecurePairWaterHeater(SecurePairEntity[WaterHeater, WaterHeaterState], WaterHeaterEntity):
    """A water heater."""

    _shown: WaterHeaterState

    @override
    def describe(self, described: WaterHeater) -> None:
        self._attr_operation_list = [operation.value for operation in described.operations]
        self._attr_min_temp = described.minimum
        self._attr_max_temp = described.maximum
        self._attr_target_temperature_step = described.step
        features = (
            WaterHeaterEntityFeature.TARGET_TEMPERATURE | WaterHeaterEntityFeature.OPERATION_MODE
        )
        if described.away:
            features |= WaterHeaterEntityFeature.AWAY_MODE
        if described.on_off:
            features |= WaterHeaterEntityFeature.ON_OFF
        self._attr_supported_features = features

    @override
    def show(self, state: WaterHeaterState) -> None:
        self._shown = state
        self._attr_current_operation = state.operation.value if state.operation else None
        self._attr_is_away_mode_on = state.away

    @property
    @override
    def precision(self) -> float:
        # Where it goes in halves, Home Assistant must not round them away.
        step = self.described.step
        return super().precision if step is None or step.is_integer() else PRECISION_TENTHS

    # Home Assistant 2026.11 and later ask by the names with native_, earlier ones without.

    @property
    def native_temperature_unit(self) -> str:
        """Return the unit of all of this entity's temperatures."""
        return self.described.unit.value

    @property
    def native_current_temperature(self) -> float | None:
        """Return how warm the water is."""
        return self._shown.current_temperature

    @property
    def native_target_temperature(self) -> float | None:
        """Return how warm the water shall be."""
        return self._shown.target_temperature

    temperature_unit = native_temperature_unit
    current_temperature = native_current_temperature
    target_temperature = native_target_temperature

    @override
    async def async_set_temperature(self, **kwargs: Any) -> None:
        operation: WaterHeaterOperation | None = None
        if (word := kwargs.get(ATTR_OPERATION_MODE)) is not None:
            try:
                operation = WaterHeaterOperation(word)
            except ValueError as error:
                # Home Assistant lets any word through.
                raise self.coordinator.error("command_failed", reason=str(error)) from error
        await self.carry_out(
            WaterHeaterAction(
                do="set_temperature", temperature=kwargs[ATTR_TEMPERATURE], operation=operation
            )
        )

    @override
    async def async_set_operation_mode(self, operation_mode: str) -> None:
        await self.carry_out(
            WaterHeaterAction(do="set_operation", operation=WaterHeaterOperation(operation_mode))
        )

    @override
    async def async_turn_away_mode_on(self) -> None:
        await self.carry_out(WaterHeaterAction(do="away_on"))

    @override
    async def async_turn_away_mode_off(self) -> None:
        await self.carry_out(WaterHeaterAction(do="away_off"))

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self.carry_out(WaterHeaterAction(do="turn_on"))

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self.carry_out(WaterHeaterAction(do="turn_off"))
