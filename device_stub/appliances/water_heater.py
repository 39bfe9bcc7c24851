"""A water heater: the entities around a tank."""

from collections.abc import Callable
from typing import override

from secure_pair_protocol.model.base import TemperatureUnit
from secure_pair_protocol.model.climate import (
    WaterHeater,
    WaterHeaterAction,
    WaterHeaterState,
)
from secure_pair_protocol.model.climate import WaterHeaterOperation as Operation
from secure_pair_protocol.model.switching import Switch
from secure_pair_protocol.model.values import BinarySensor, Sensor, StateClass

from ..entity import Done, Ending, Failed
from .appliance import Appliance
from .pace import Pace
from .parts import INCOMPLETE, NOT_SUPPORTED, Contact, OnOff, Part, Reading
from .tank import Tank

SHOWER_LITRES = 30

ELECTRIC = tuple(operation for operation in Operation if operation is not Operation.GAS)


class HotWater(Part[WaterHeater, WaterHeaterState, WaterHeaterAction]):
    """The control panel of a tank; its temperatures are in the entity's unit."""

    def __init__(self, entity: WaterHeater, tank: Tank) -> None:
        """Begin as the tank is."""
        self.tank = tank
        self._before = tank.operation
        """How to heat when it is turned on again."""
        self.changed: Callable[[], None] = self.show
        """Shows what a command has changed; an appliance has more to show."""
        super().__init__(entity, WaterHeaterState(key=entity.key))
        self.show()

    @override
    async def carry_out(self, action: WaterHeaterAction, by: str) -> Ending:
        ending = self._apply(action)
        self.tank.control()
        self.changed()
        return ending

    def show(self) -> None:
        """Show how the tank is."""
        tank = self.tank
        self.change(
            operation=tank.operation,
            current_temperature=self._to_unit(tank.temperature),
            target_temperature=self._to_unit(tank.target),
            away=tank.away if self.entity.away else None,
        )

    def _apply(self, action: WaterHeaterAction) -> Ending:
        match action.do:
            case "set_temperature":
                return self._set_temperature(action)
            case "set_operation":
                return self._operate(action.operation)
            case "away_on" | "away_off":
                if not self.entity.away:
                    return NOT_SUPPORTED
                self.tank.away = action.do == "away_on"
                return Done()
            case "turn_on" | "turn_off":
                if not self.entity.on_off:
                    return NOT_SUPPORTED
                return self._operate(self._before if action.do == "turn_on" else Operation.OFF)

    def _set_temperature(self, action: WaterHeaterAction) -> Ending:
        low, high, unit = self.entity.minimum, self.entity.maximum, self.entity.unit
        if action.temperature is None:
            return INCOMPLETE
        if not low <= action.temperature <= high:
            return Failed("out_of_range", f"It heats to between {low:g} and {high:g} {unit}.")
        ending = Done() if action.operation is None else self._operate(action.operation)
        if ending == Done():
            self.tank.target = self._to_celsius(action.temperature)
        return ending

    def _operate(self, operation: Operation | None) -> Ending:
        if operation is None:
            return INCOMPLETE
        if operation not in self.entity.operations:
            return Failed("out_of_range", f"It cannot heat with {operation}.")
        if operation is not Operation.OFF:
            if self.tank.leaks:
                return Failed("leak", "There is water under the tank.")
            self._before = operation
        self.tank.operation = operation
        return Done()

    def _to_unit(self, celsius: float) -> float:
        fahrenheit = self.entity.unit is TemperatureUnit.FAHRENHEIT
        return round(celsius * 1.8 + 32 if fahrenheit else celsius, 1)

    def _to_celsius(self, temperature: float) -> float:
        fahrenheit = self.entity.unit is TemperatureUnit.FAHRENHEIT
        return (temperature - 32) / 1.8 if fahrenheit else temperature


class WaterHeating(Appliance):
    """A virtual water heater; from cold it takes hours at speed 1."""

    def __init__(self) -> None:
        self.tank = Tank()
        self.water_heater = HotWater(
            WaterHeater(
                key="water_heater",
                operations=ELECTRIC,
                minimum=30,
                maximum=75,
                step=0.5,
                away=True,
                on_off=True,
            ),
            self.tank,
        )
        self.water_heater.changed = self.show
        self.boost = OnOff(Switch(key="boost", translation_key="boost"), self._boost)
        self.leak = Contact(
            BinarySensor(key="leak", translation_key="leak", device_class="moisture")
        )
        self.heating = Contact(BinarySensor(key="heating", device_class="running"))
        self.power = Reading(
            Sensor(key="power", device_class="power", unit="W", state_class=StateClass.MEASUREMENT)
        )
        self.energy = Reading(
            Sensor(
                key="energy",
                device_class="energy",
                unit="kWh",
                state_class=StateClass.TOTAL_INCREASING,
                precision=2,
            )
        )
        super().__init__(
            Pace(),
            (
                self.water_heater,
                self.boost,
                self.leak,
                self.heating,
                self.power,
                self.energy,
            ),
        )
        self.happenings = self._shower, self.spring_leak, self.repair
        self.show()

    def draw(self, litres: float) -> None:
        """Take so much warm water."""
        self.tank.draw(litres)
        self.show()

    def spring_leak(self) -> None:
        """Let water drip on the floor: the heater goes off."""
        self.tank.leak()
        self.show()

    def repair(self) -> None:
        """Make it tight again; it stays off."""
        self.tank.leaks = False
        self.show()

    @override
    def step(self) -> None:
        self.tank.step()

    @override
    def show(self) -> None:
        tank = self.tank
        self.water_heater.show()
        self.boost.change(on=tank.boost_left > 0)
        self.leak.sense(on=tank.leaks)
        self.heating.sense(on=tank.heats)
        self.power.read(tank.watts)
        self.energy.read(round(tank.energy, 2))

    def _shower(self) -> None:
        self.draw(SHOWER_LITRES)

    def _boost(self, on: bool) -> Ending:
        if on and self.tank.operation is Operation.OFF:
            return Failed("not_now", "The water heater is off.")
        self.tank.boost(on=on)
        self.show()
        return Done()
