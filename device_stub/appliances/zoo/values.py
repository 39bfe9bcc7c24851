"""Numbers, choices and texts of the zoo, and what stands on or off."""

from collections.abc import Iterator
from datetime import datetime

from secure_pair_protocol.model.base import Category
from secure_pair_protocol.model.values import (
    BinarySensor,
    Number,
    NumberMode,
    Select,
    TextInput,
)

from ...entity import AnyEntity
from ..parts import Choice, Contact, Dial, Line
from .sensors import sensors_of

_BINARY = (
    "battery",
    "battery_charging",
    "carbon_monoxide",
    "cold",
    "connectivity",
    "door",
    "garage_door",
    "gas",
    "glass_break",
    "heat",
    "light",
    "lock",
    "moisture",
    "motion",
    "moving",
    "occupancy",
    "opening",
    "plug",
    "power",
    "presence",
    "problem",
    "running",
    "safety",
    "smoke",
    "sound",
    "tamper",
    "update",
    "vibration",
    "window",
)
"""All of Home Assistant's classes."""

TURN_SECONDS = 30
"""How long a binary sensor stays as it is."""


class Blinking(Contact):
    """Something that is so half of the time."""

    def __init__(self, entity: BinarySensor) -> None:
        """Begin with what is not so."""
        super().__init__(entity)
        self._seconds = 0

    def step(self) -> None:
        """Go on for one simulated second."""
        self._seconds += 1
        self.sense(on=self._seconds // TURN_SECONDS % 2 == 1)


def values_of(now: datetime) -> Iterator[AnyEntity]:
    """Yield one of each sort."""
    yield Blinking(BinarySensor(key="binary", name="Binary"))
    for device_class in _BINARY:
        yield Blinking(
            BinarySensor(
                key=f"binary_{device_class}",
                name=f"Binary: {device_class.replace('_', ' ')}",
                device_class=device_class,
            )
        )
    yield from sensors_of(now)
    yield from _numbers()
    yield Choice(
        Select(key="select", name="Select", options=("red", "green", "blue")), option="red"
    )
    yield Choice(
        Select(
            key="select_of_settings",
            name="Select of settings",
            options=tuple(str(number) for number in range(20)),
            category=Category.CONFIG,
        ),
        option="0",
    )
    yield Line(TextInput(key="text", name="Text", maximum=255), "Hello")
    yield Line(TextInput(key="text_password", name="Password", minimum=4, password=True), "secret")
    yield Line(
        TextInput(
            key="text_pattern", name="Text with pattern", maximum=8, pattern="[A-Z]{2}[0-9]*"
        ),
        "AB1",
    )


def _numbers() -> Iterator[AnyEntity]:
    for mode in NumberMode:
        yield Dial(
            Number(
                key=f"number_{mode}",
                name=f"Number: {mode}",
                minimum=-10,
                maximum=10,
                step=0.5,
                mode=mode,
            ),
            0,
        )
    for device_class, unit, maximum, step in (
        ("temperature", "°C", 100, 0.1),
        ("humidity", "%", 100, 1),
        ("duration", "min", 1440, 5),
        ("power", "W", 4000, 100),
        ("volume_flow_rate", "L/h", 1000, None),
    ):
        yield Dial(
            Number(
                key=f"number_{device_class}",
                name=f"Number: {device_class.replace('_', ' ')}",
                device_class=device_class,
                category=Category.CONFIG,
                minimum=0,
                maximum=maximum,
                step=step,
                unit=unit,
            ),
            20,
        )
