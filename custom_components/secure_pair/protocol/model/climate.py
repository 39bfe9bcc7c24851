"""Heat, air and water: climate, water heaters, humidifiers, fans."""

from enum import StrEnum
from typing import Annotated, Literal, override

from msgspec import Meta

from ..envelope import Text
from .base import (
    Action,
    Entity,
    Options,
    Percent,
    State,
    TemperatureUnit,
    check_option,
    check_options,
    check_range,
    check_within,
)


class ClimateMode(StrEnum):
    """What a climate device works towards."""

    OFF = "off"
    HEAT = "heat"
    COOL = "cool"
    HEAT_COOL = "heat_cool"
    AUTO = "auto"
    DRY = "dry"
    FAN_ONLY = "fan_only"


class ClimateActivity(StrEnum):
    """What a climate device does at this moment."""

    OFF = "off"
    IDLE = "idle"
    HEATING = "heating"
    COOLING = "cooling"
    DRYING = "drying"
    FAN = "fan"
    PREHEATING = "preheating"
    DEFROSTING = "defrosting"


class Climate(Entity, frozen=True, kw_only=True, tag="climate"):
    """A thermostat or an air conditioner."""

    modes: Annotated[tuple[ClimateMode, ...], Meta(min_length=1)]
    unit: TemperatureUnit = TemperatureUnit.CELSIUS
    minimum: float
    maximum: float
    step: float | None = None
    target: bool = True
    """It has one target temperature."""
    target_range: bool = False
    """It has a lower and an upper target temperature."""
    humidity: bool = False
    """It has a target humidity."""
    fan_modes: Options | None = None
    swing_modes: Options | None = None
    presets: Options | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_range(self.minimum, self.maximum, self.step)
        check_options(self.modes)
        check_options(self.fan_modes or (), self.swing_modes or (), self.presets or ())

    @override
    def check(self, state: State) -> None:
        if isinstance(state, ClimateState):
            check_option(state.mode, self.modes)
            check_option(state.fan_mode, self.fan_modes)
            check_option(state.swing_mode, self.swing_modes)
            check_option(state.preset, self.presets)
            for target in (state.target_temperature, state.target_low, state.target_high):
                check_within(target, self.minimum, self.maximum)


class ClimateState(State, frozen=True, kw_only=True):
    """The state of a climate device; temperatures in the entity's unit."""

    mode: ClimateMode | None = None
    activity: ClimateActivity | None = None
    current_temperature: float | None = None
    target_temperature: float | None = None
    target_low: float | None = None
    target_high: float | None = None
    current_humidity: float | None = None
    target_humidity: Percent | None = None
    fan_mode: Text | None = None
    swing_mode: Text | None = None
    preset: Text | None = None


class ClimateAction(Action, frozen=True, kw_only=True):
    """Set one thing, or turn it on and off."""

    do: Literal[
        "set_mode",
        "set_temperature",
        "set_humidity",
        "set_fan_mode",
        "set_swing_mode",
        "set_preset",
        "turn_on",
        "turn_off",
    ]
    mode: ClimateMode | None = None
    """For `set_mode`, and with `set_temperature` where it changes too."""
    temperature: float | None = None
    low: float | None = None
    high: float | None = None
    humidity: Percent | None = None
    option: Text | None = None
    """For `set_fan_mode`, `set_swing_mode`, `set_preset`."""


class WaterHeaterOperation(StrEnum):
    """How a water heater heats."""

    OFF = "off"
    ECO = "eco"
    ELECTRIC = "electric"
    PERFORMANCE = "performance"
    HIGH_DEMAND = "high_demand"
    HEAT_PUMP = "heat_pump"
    GAS = "gas"


class WaterHeater(Entity, frozen=True, kw_only=True, tag="water_heater"):
    """A water heater."""

    operations: Annotated[tuple[WaterHeaterOperation, ...], Meta(min_length=1)]
    unit: TemperatureUnit = TemperatureUnit.CELSIUS
    minimum: float
    maximum: float
    step: float | None = None
    away: bool = False
    """It has an away mode."""
    on_off: bool = False
    """It can be turned on and off."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_range(self.minimum, self.maximum, self.step)
        check_options(self.operations)

    @override
    def check(self, state: State) -> None:
        if isinstance(state, WaterHeaterState):
            check_option(state.operation, self.operations)
            check_within(state.target_temperature, self.minimum, self.maximum)


class WaterHeaterState(State, frozen=True, kw_only=True):
    """The state of a water heater; temperatures in the entity's unit."""

    operation: WaterHeaterOperation | None = None
    current_temperature: float | None = None
    target_temperature: float | None = None
    away: bool | None = None


class WaterHeaterAction(Action, frozen=True, kw_only=True):
    """Set one thing, or turn it on and off."""

    do: Literal["set_temperature", "set_operation", "away_on", "away_off", "turn_on", "turn_off"]
    temperature: float | None = None
    operation: WaterHeaterOperation | None = None
    """For `set_operation`, and with `set_temperature` where it changes too."""


class HumidifierActivity(StrEnum):
    """What a humidifier does at this moment."""

    OFF = "off"
    IDLE = "idle"
    HUMIDIFYING = "humidifying"
    DRYING = "drying"


class Humidifier(Entity, frozen=True, kw_only=True, tag="humidifier"):
    """A humidifier or a dehumidifier."""

    minimum: Percent = 0
    maximum: Percent = 100
    step: Percent | None = None
    modes: Options | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_range(self.minimum, self.maximum, self.step)
        check_options(self.modes or ())

    @override
    def check(self, state: State) -> None:
        if isinstance(state, HumidifierState):
            check_option(state.mode, self.modes)
            check_within(state.target, self.minimum, self.maximum)


class HumidifierState(State, frozen=True, kw_only=True):
    """The state of a humidifier; humidities in percent."""

    on: bool | None = None
    activity: HumidifierActivity | None = None
    current: float | None = None
    target: Percent | None = None
    mode: Text | None = None


class HumidifierAction(Action, frozen=True, kw_only=True):
    """Turn it on and off, or set one thing."""

    do: Literal["turn_on", "turn_off", "set_humidity", "set_mode"]
    humidity: Percent | None = None
    mode: Text | None = None


class FanDirection(StrEnum):
    """Which way a fan turns."""

    FORWARD = "forward"
    REVERSE = "reverse"


class Fan(Entity, frozen=True, kw_only=True, tag="fan"):
    """A fan."""

    speeds: Annotated[int, Meta(ge=1, le=100)] | None = None
    """How many speeds it has; none: it is on or off."""
    oscillation: bool = False
    direction: bool = False
    presets: Options | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_options(self.presets or ())

    @override
    def check(self, state: State) -> None:
        if isinstance(state, FanState):
            check_option(state.preset, self.presets)


class FanState(State, frozen=True, kw_only=True):
    """The state of a fan."""

    on: bool | None = None
    percentage: Percent | None = None
    oscillating: bool | None = None
    direction: FanDirection | None = None
    preset: Text | None = None


class FanAction(Action, frozen=True, kw_only=True):
    """Turn it on and off, or set one thing."""

    do: Literal[
        "turn_on", "turn_off", "set_percentage", "set_oscillation", "set_direction", "set_preset"
    ]
    percentage: Percent | None = None
    """For `set_percentage`; may go with `turn_on`."""
    preset: Text | None = None
    """For `set_preset`; may go with `turn_on`."""
    oscillating: bool | None = None
    direction: FanDirection | None = None
