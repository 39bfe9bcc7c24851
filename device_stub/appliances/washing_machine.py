"""A washing machine: the entities around a drum."""

from typing import override

from secure_pair_protocol.model.base import Category
from secure_pair_protocol.model.reporting import EventSource
from secure_pair_protocol.model.switching import Button
from secure_pair_protocol.model.values import (
    BinarySensor,
    Number,
    NumberMode,
    Select,
    Sensor,
    StateClass,
)

from ..entity import Ending
from .appliance import Appliance
from .pace import Pace
from .parts import Choice, Contact, Dial, Notice, PushButton, Reading
from .wash import FULL_SPIN, PROGRAMMES, Phase, Wash

SPIN_SPEEDS = ("0", "400", "800", "1000", "1200", str(FULL_SPIN))
"""Revolutions in a minute."""

_WASHES = frozenset({Phase.WASHING, Phase.RINSING, Phase.SPINNING})


class WashingMachine(Appliance):
    """A virtual washing machine; the shortest programme takes half an hour at speed 1."""

    def __init__(self) -> None:
        wash = self.wash = Wash()
        self.programme = Choice(
            Select(key="programme", translation_key="programme", options=tuple(PROGRAMMES)),
            lambda programme: self._told(wash.choose(programme)),
            option=wash.programme,
        )
        self.start_button = PushButton(
            Button(key="start", translation_key="start"), lambda: self._told(wash.start())
        )
        self.pause_button = PushButton(
            Button(key="pause", translation_key="pause"), lambda: self._told(wash.pause())
        )
        self.phase = Reading(
            Sensor(
                key="phase",
                translation_key="phase",
                device_class="enum",
                options=tuple(Phase),
            )
        )
        self.remaining_time = Reading(
            Sensor(
                key="remaining_time",
                translation_key="remaining_time",
                device_class="duration",
                unit="min",
                state_class=StateClass.MEASUREMENT,
            )
        )
        self.event = Notice(
            EventSource(
                key="event",
                translation_key="programme",
                types=("started", "paused", "resumed", "finished"),
            )
        )
        self._phase = Phase.IDLE
        self.door = Contact(BinarySensor(key="door", device_class="door"))
        self.spin_speed = Choice(
            Select(
                key="spin_speed",
                translation_key="spin_speed",
                category=Category.CONFIG,
                options=SPIN_SPEEDS,
            ),
            lambda speed: self._told(wash.set_spin_speed(int(speed))),
            option=str(wash.spin_speed),
        )
        self.delayed_start = Dial(
            Number(
                key="delayed_start",
                translation_key="delayed_start",
                device_class="duration",
                minimum=0,
                maximum=24 * 60,
                step=15,
                unit="min",
                mode=NumberMode.BOX,
            ),
            wash.delay,
            lambda minutes: self._told(wash.set_delay(minutes)),
        )
        self.power = Reading(
            Sensor(
                key="power",
                device_class="power",
                unit="W",
                state_class=StateClass.MEASUREMENT,
                category=Category.DIAGNOSTIC,
            )
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
                self.programme,
                self.start_button,
                self.pause_button,
                self.phase,
                self.remaining_time,
                self.event,
                self.door,
                self.spin_speed,
                self.delayed_start,
                self.power,
                self.energy,
            ),
        )
        self.happenings = self.open_door, self.close_door
        self.show()

    def open_door(self) -> bool:
        """Pull at the door; return whether it is open now."""
        opened = self.wash.open()
        self.show()
        return opened

    def close_door(self) -> None:
        """Shut the door."""
        self.wash.close()
        self.show()

    @override
    def step(self) -> None:
        self.wash.step()
        self._tell()

    @override
    def show(self) -> None:
        self._tell()
        wash = self.wash
        self.phase.read(wash.phase)
        self.remaining_time.read(wash.remaining)
        self.door.sense(on=wash.is_open)
        self.power.read(wash.watts)
        self.energy.read(round(wash.energy, 2))

    def _tell(self) -> None:
        """Tell of a phase that has ended."""
        before, self._phase = self._phase, self.wash.phase
        if self._phase is before:
            return
        if self._phase in _WASHES:
            if before is Phase.PAUSED:
                self.event.happen("resumed")
            elif before not in _WASHES:
                self.event.happen("started")
        elif self._phase in {Phase.PAUSED, Phase.FINISHED}:
            self.event.happen(self._phase)

    def _told(self, ending: Ending) -> Ending:
        """Show at once what a command has changed."""
        self.show()
        return ending
