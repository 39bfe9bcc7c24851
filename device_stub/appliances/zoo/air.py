"""Climate, fans, humidifiers and a water heater of the zoo."""

from collections.abc import Iterator
from typing import override

from secure_pair_protocol.model.base import TemperatureUnit
from secure_pair_protocol.model.climate import (
    Climate,
    ClimateMode,
    Fan,
    Humidifier,
    WaterHeater,
    WaterHeaterOperation,
)

from ...entity import AnyEntity
from ..tank import Tank
from ..water_heater import HotWater
from .climate import VirtualClimate
from .fan import VirtualFan
from .humidifier import VirtualHumidifier


class Kettle(HotWater):
    """A water heater that looks after its tank by itself."""

    @override
    def step(self) -> None:
        self.tank.step()
        self.show()


def air_of() -> Iterator[AnyEntity]:
    """Yield one of each sort."""
    yield from _climates()
    yield from _fans()
    yield from _humidifiers()
    yield from _water_heaters()


def _water_heaters() -> Iterator[AnyEntity]:
    yield Kettle(
        WaterHeater(
            key="water_heater",
            name="Water heater",
            operations=tuple(WaterHeaterOperation),
            minimum=30,
            maximum=75,
            step=0.5,
            away=True,
            on_off=True,
        ),
        Tank(),
    )
    yield Kettle(
        WaterHeater(
            key="water_heater_plain",
            name="Plain water heater",
            operations=(WaterHeaterOperation.ECO, WaterHeaterOperation.PERFORMANCE),
            unit=TemperatureUnit.FAHRENHEIT,
            minimum=90,
            maximum=160,
        ),
        Tank(),
    )


def _climates() -> Iterator[AnyEntity]:
    yield VirtualClimate(
        Climate(
            key="climate",
            name="Climate",
            modes=tuple(ClimateMode),
            minimum=7,
            maximum=35,
            step=0.5,
            target_range=True,
            humidity=True,
            fan_modes=("auto", "low", "high"),
            swing_modes=("off", "vertical", "both"),
            presets=("none", "eco", "boost"),
        )
    )
    yield VirtualClimate(
        Climate(
            key="thermostat",
            name="Thermostat",
            modes=(ClimateMode.HEAT, ClimateMode.OFF),
            unit=TemperatureUnit.FAHRENHEIT,
            minimum=45,
            maximum=95,
            step=1,
        )
    )
    yield VirtualClimate(
        Climate(
            key="fan_coil",
            name="Fan coil",
            modes=(ClimateMode.OFF, ClimateMode.FAN_ONLY),
            minimum=16,
            maximum=30,
            target=False,
        )
    )


def _fans() -> Iterator[AnyEntity]:
    yield VirtualFan(
        Fan(
            key="fan",
            name="Fan",
            speeds=4,
            oscillation=True,
            direction=True,
            presets=("auto", "sleep"),
        )
    )
    yield VirtualFan(Fan(key="fan_smooth", name="Smooth fan", speeds=100))
    yield VirtualFan(Fan(key="fan_plain", name="Plain fan"))


def _humidifiers() -> Iterator[AnyEntity]:
    yield VirtualHumidifier(
        Humidifier(
            key="humidifier",
            name="Humidifier",
            device_class="humidifier",
            minimum=30,
            maximum=80,
            step=5,
            modes=("normal", "eco", "sleep"),
        )
    )
    yield VirtualHumidifier(
        Humidifier(key="dehumidifier", name="Dehumidifier", device_class="dehumidifier")
    )
