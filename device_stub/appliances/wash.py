"""A washing machine's drum: programmes of phases that run down. No entities in here."""

from dataclasses import dataclass
from enum import StrEnum

from ..entity import Done, Ending, Failed


class Phase(StrEnum):
    """What the machine is doing."""

    IDLE = "idle"
    WAITING = "waiting"
    WASHING = "washing"
    RINSING = "rinsing"
    SPINNING = "spinning"
    PAUSED = "paused"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a programme."""

    phase: Phase
    minutes: int
    watts: int


def _programme(washing: int, watts: int, rinsing: int, spinning: int) -> tuple[Stage, ...]:
    return (
        Stage(Phase.WASHING, washing, watts),
        Stage(Phase.RINSING, rinsing, 120),
        Stage(Phase.SPINNING, spinning, 400),
    )


PROGRAMMES = {
    "cotton": _programme(70, 900, 25, 15),
    "easy_care": _programme(45, 700, 20, 10),
    "wool": _programme(25, 300, 15, 5),
    "quick": _programme(15, 600, 8, 7),
}

FULL_SPIN = 1400
"""Revolutions in a minute at which spinning takes its full power."""

_STANDBY_WATTS = 1
_JOULES_PER_KWH = 3_600_000
_RUNNING = frozenset({Phase.WASHING, Phase.RINSING, Phase.SPINNING})
_NOT_NOW = Failed("not_now", "The programme is running.")


class Wash:
    """One machine. Its methods are what a user wishes; they answer as a command ends."""

    def __init__(self) -> None:
        self.programme = "cotton"
        self.spin_speed = 1200
        """Revolutions in a minute."""
        self.delay = 0
        """Minutes between start and washing."""
        self.is_open = False
        self.joules = 0.0
        """All that it has ever used."""
        self._state = Phase.IDLE
        """Idle, waiting, washing for all of a programme, paused, or finished."""
        self._waits = 0
        """Seconds until a delayed start."""
        self._runs = 0
        """Seconds of the programme that are over."""

    # How it is

    @property
    def phase(self) -> Phase:
        """What it is doing."""
        return self._stage.phase if self._state is Phase.WASHING else self._state

    @property
    def is_busy(self) -> bool:
        """Tell whether its programme cannot be changed any more."""
        return self._state in {Phase.WAITING, Phase.WASHING, Phase.PAUSED}

    @property
    def remaining(self) -> int:
        """Minutes until it has finished, begun ones too."""
        if self._state is Phase.FINISHED:
            return 0
        waits = self._waits if self.is_busy else self.delay * 60
        return -(-(waits + self._length - self._runs) // 60)

    @property
    def watts(self) -> int:
        """What it takes at this moment."""
        if self.phase not in _RUNNING:
            return _STANDBY_WATTS
        watts = self._stage.watts
        spins = self.phase is Phase.SPINNING
        return watts * self.spin_speed // FULL_SPIN if spins else watts

    @property
    def energy(self) -> float:
        """Kilowatt hours that it has ever used."""
        return self.joules / _JOULES_PER_KWH

    # What a user may wish

    def start(self) -> Ending:
        """Begin, or go on after a pause."""
        if self._state in {Phase.WAITING, Phase.WASHING}:
            return Done()
        if self.is_open:
            return Failed("door_open", "The door is open.")
        if self._state is not Phase.PAUSED:
            self._waits, self._runs = self.delay * 60, 0
        self._state = Phase.WAITING if self._waits else Phase.WASHING
        return Done()

    def pause(self) -> Ending:
        """Interrupt it."""
        if not self.is_busy:
            return Failed("not_now", "There is nothing to pause.")
        self._state = Phase.PAUSED
        return Done()

    def choose(self, programme: str) -> Ending:
        """Choose a programme."""
        if self.is_busy:
            return _NOT_NOW
        self.programme = programme
        self._unload()
        return Done()

    def set_spin_speed(self, speed: int) -> Ending:
        """Choose how fast it spins in the end."""
        if self.phase is Phase.SPINNING:
            return _NOT_NOW
        self.spin_speed = speed
        return Done()

    def set_delay(self, minutes: float) -> Ending:
        """Choose how long it waits before it begins."""
        if self.is_busy:
            return _NOT_NOW
        self.delay = int(minutes)
        self._unload()
        return Done()

    # What happens to it

    def open(self) -> bool:
        """Pull at the door; while it washes it stays shut."""
        if self._state is Phase.WASHING:
            return False
        if self._state is Phase.WAITING:
            self._state = Phase.PAUSED
        self.is_open = True
        self._unload()
        return True

    def close(self) -> None:
        """Shut the door."""
        self.is_open = False

    def step(self) -> None:
        """Go on for one second."""
        self.joules += self.watts
        if self._state is Phase.WAITING:
            self._waits -= 1
            if self._waits == 0:
                self._state = Phase.WASHING
        elif self._state is Phase.WASHING:
            self._runs += 1
            if self._runs == self._length:
                self._state = Phase.FINISHED

    def _unload(self) -> None:
        """Forget the programme that has finished."""
        if self._state is Phase.FINISHED:
            self._state, self._runs = Phase.IDLE, 0

    @property
    def _length(self) -> int:
        """Seconds of the whole programme."""
        return sum(stage.minutes * 60 for stage in PROGRAMMES[self.programme])

    @property
    def _stage(self) -> Stage:
        end = 0
        for stage in PROGRAMMES[self.programme]:
            end += stage.minutes * 60
            if self._runs < end:
                return stage
        return stage
