"""Sensors of the zoo: every device class of Home Assistant, each with one of its units."""

import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import override

from secure_pair_protocol.model.base import Category
from secure_pair_protocol.model.values import Sensor, StateClass

from ...entity import AnyEntity
from ..parts import Reading

ROUND_SECONDS = 600
"""In which a measured value goes up and down once."""

ENUM_SECONDS = 60
"""How long a sensor of words says the same."""

_MEASURED: tuple[tuple[str, str | None, float], ...] = (
    ("absolute_humidity", "g/m³", 9),
    ("apparent_power", "VA", 230),
    ("aqi", None, 40),
    ("area", "m²", 12),
    ("atmospheric_pressure", "hPa", 1013),
    ("battery", "%", 80),
    ("blood_glucose_concentration", "mg/dL", 90),
    ("carbon_dioxide", "ppm", 600),
    ("carbon_monoxide", "ppm", 2),
    ("conductivity", "μS/cm", 500),
    ("current", "A", 2),
    ("data_rate", "kB/s", 300),
    ("data_size", "MB", 900),
    ("distance", "m", 5),
    ("duration", "s", 30),
    ("energy_distance", "kWh/100km", 16),
    ("energy_storage", "kWh", 5),
    ("frequency", "Hz", 50),
    ("humidity", "%", 48),
    ("illuminance", "lx", 300),
    ("irradiance", "W/m²", 400),
    ("moisture", "%", 20),
    ("nitrogen_dioxide", "μg/m³", 20),
    ("nitrogen_monoxide", "μg/m³", 10),
    ("nitrous_oxide", "μg/m³", 1),
    ("ozone", "μg/m³", 60),
    ("ph", None, 7),
    ("pm1", "μg/m³", 3),
    ("pm10", "μg/m³", 9),
    ("pm25", "μg/m³", 5),
    ("pm4", "μg/m³", 4),
    ("power", "W", 800),
    ("power_factor", "%", 90),
    ("precipitation", "mm", 2),
    ("precipitation_intensity", "mm/h", 1),
    ("pressure", "bar", 2),
    ("reactive_power", "var", 30),
    ("signal_strength", "dBm", -60),
    ("sound_pressure", "dB", 40),
    ("speed", "m/s", 3),
    ("sulphur_dioxide", "μg/m³", 4),
    ("temperature", "°C", 21),
    ("temperature_delta", "K", 2),
    ("volatile_organic_compounds", "μg/m³", 100),
    ("volatile_organic_compounds_parts", "ppb", 50),
    ("voltage", "V", 230),
    ("volume_flow_rate", "L/min", 6),
    ("volume_storage", "L", 150),
    ("weight", "kg", 60),
    ("wind_speed", "m/s", 4),
)
"""Class, unit, and the value around which it moves."""

_COUNTED = (
    ("energy", "kWh"),
    ("gas", "m³"),
    ("reactive_energy", "kvarh"),
    ("volume", "L"),
    ("water", "L"),
)

_HIDDEN = frozenset({"signal_strength", "data_rate", "data_size"})
"""What a user sees only when asking for it."""


class Wave(Reading):
    """A value that goes up and down by a tenth."""

    def __init__(self, entity: Sensor, middle: float) -> None:
        """Begin in the middle."""
        super().__init__(entity, middle)
        self._middle = middle
        self._seconds = 0

    @override
    def step(self) -> None:
        self._seconds += 1
        share = math.sin(math.tau * self._seconds / ROUND_SECONDS) / 10
        self.read(round(self._middle * (1 + share), self.entity.precision or 0))


class Direction(Reading):
    """A direction that turns round, a degree in a second."""

    @override
    def step(self) -> None:
        value = self.state.value
        self.read((value + 1) % 360 if isinstance(value, int) else 0)


class Meter(Reading):
    """A value that only grows, a hundredth in a second."""

    def __init__(self, entity: Sensor) -> None:
        """Begin at nothing."""
        super().__init__(entity, 0.0)
        self._hundredths = 0

    @override
    def step(self) -> None:
        self._hundredths += 1
        self.read(self._hundredths / 100)


class Words(Reading):
    """A word of its options, then the next one."""

    def __init__(self, entity: Sensor) -> None:
        """Begin with the first word."""
        self._words = entity.options or ("",)
        self._seconds = 0
        super().__init__(entity, self._words[0])

    @override
    def step(self) -> None:
        self._seconds += 1
        self.read(self._words[self._seconds // ENUM_SECONDS % len(self._words)])


class Moment(Reading):
    """A time that moves on with the simulation, a minute at a time."""

    def __init__(self, entity: Sensor, begin: datetime) -> None:
        """`begin` has an offset."""
        super().__init__(entity, begin.isoformat(timespec="seconds"))
        self._begin = begin
        self._seconds = 0

    @override
    def step(self) -> None:
        self._seconds += 1
        moment = self._begin + timedelta(minutes=self._seconds // 60)
        self.read(moment.isoformat(timespec="seconds"))


def sensors_of(now: datetime) -> Iterator[AnyEntity]:
    """Yield a sensor of each sort; `now` has an offset."""
    for device_class, unit, middle in _MEASURED:
        yield Wave(_sensor(device_class, unit, StateClass.MEASUREMENT, precision=1), middle)
    yield Direction(_sensor("wind_direction", "°", StateClass.MEASUREMENT_ANGLE), 0)
    for device_class, unit in _COUNTED:
        yield Meter(_sensor(device_class, unit, StateClass.TOTAL_INCREASING, precision=2))
    yield Reading(_sensor("monetary", "EUR", StateClass.TOTAL, precision=2), 12.5)
    yield Moment(_sensor("timestamp", None, None), now)
    yield Reading(_sensor("date", None, None), date(now.year, now.month, now.day).isoformat())
    yield Words(
        Sensor(
            key="sensor_enum",
            name="Sensor: enum",
            device_class="enum",
            options=("calm", "busy", "tired"),
        )
    )
    yield Reading(Sensor(key="sensor_text", name="Sensor: text"), "as it is")
    yield Wave(Sensor(key="sensor_number", name="Sensor: number", precision=0), 42)
    yield Reading(Sensor(key="sensor_unknown", name="Sensor: not known"))


def _sensor(
    device_class: str,
    unit: str | None,
    state_class: StateClass | None,
    *,
    precision: int | None = None,
) -> Sensor:
    hidden = device_class in _HIDDEN
    return Sensor(
        key=f"sensor_{device_class}",
        name=f"Sensor: {device_class.replace('_', ' ')}",
        device_class=device_class,
        category=Category.DIAGNOSTIC if hidden else None,
        enabled=not hidden,
        unit=unit,
        state_class=state_class,
        precision=precision,
    )
