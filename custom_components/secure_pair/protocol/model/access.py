"""Doors and what guards them: locks, covers, valves, alarm control panels."""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta

from ..envelope import Text
from .base import Action, Entity, Percent, State, check_options, check_pattern

type Code = Annotated[str, Meta(max_length=64)]
"""What a user types at a keypad."""


class LockPosition(StrEnum):
    """Where a lock's bolt is."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    LOCKING = "locking"
    UNLOCKING = "unlocking"
    OPENING = "opening"
    OPEN = "open"
    JAMMED = "jammed"


class Lock(Entity, frozen=True, kw_only=True, tag="lock"):
    """A door lock."""

    latch: bool = False
    """It can pull the latch as well: the action `open`."""
    code_format: Text | None = None
    """A simple regular expression: a code of this form goes with each action."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        check_pattern(self.code_format)


class LockState(State, frozen=True, kw_only=True):
    """The state of a door lock."""

    position: LockPosition | None = None
    changed_by: Text | None = None


class LockAction(Action, frozen=True, kw_only=True):
    """Lock or unlock it, or pull its latch."""

    do: Literal["lock", "unlock", "open"]
    code: Code | None = None


class Movement(StrEnum):
    """Which way something is moving."""

    OPENING = "opening"
    CLOSING = "closing"


class Cover(Entity, frozen=True, kw_only=True, tag="cover"):
    """A blind, a garage door, a gate."""

    position: bool = False
    """It can be sent to a position."""
    tilt: bool = False
    """Its slats can be tilted."""
    stop: bool = True


class CoverState(State, frozen=True, kw_only=True):
    """The state of a cover; 100 is open."""

    position: Percent | None = None
    closed: bool | None = None
    """For a cover that knows no position."""
    moving: Movement | None = None
    tilt: Percent | None = None


class CoverAction(Action, frozen=True, kw_only=True):
    """Move it."""

    do: Literal["open", "close", "stop", "set_position", "open_tilt", "close_tilt", "set_tilt"]
    position: Percent | None = None
    """For `set_position` and `set_tilt`."""


class Valve(Entity, frozen=True, kw_only=True, tag="valve"):
    """A valve for water or gas."""

    position: bool = False
    """It can be sent to a position, and reports one."""
    stop: bool = False


class ValveState(State, frozen=True, kw_only=True):
    """The state of a valve; 100 is open."""

    position: Percent | None = None
    closed: bool | None = None
    """For a valve that knows no position."""
    moving: Movement | None = None


class ValveAction(Action, frozen=True, kw_only=True):
    """Move it."""

    do: Literal["open", "close", "stop", "set_position"]
    position: Percent | None = None


class ArmMode(StrEnum):
    """How an alarm control panel can be armed."""

    HOME = "home"
    AWAY = "away"
    NIGHT = "night"
    VACATION = "vacation"
    CUSTOM_BYPASS = "custom_bypass"


class AlarmPosition(StrEnum):
    """What an alarm control panel is doing."""

    DISARMED = "disarmed"
    ARMED_HOME = "armed_home"
    ARMED_AWAY = "armed_away"
    ARMED_NIGHT = "armed_night"
    ARMED_VACATION = "armed_vacation"
    ARMED_CUSTOM_BYPASS = "armed_custom_bypass"
    ARMING = "arming"
    DISARMING = "disarming"
    PENDING = "pending"
    TRIGGERED = "triggered"


class AlarmControlPanel(Entity, frozen=True, kw_only=True, tag="alarm_control_panel"):
    """An alarm control panel."""

    modes: Annotated[tuple[ArmMode, ...], Meta(min_length=1)]
    trigger: bool = False
    """It can be triggered by a command."""
    code_format: Literal["number", "text"] | None = None
    code_to_arm: bool = True

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_options(self.modes)


class AlarmControlPanelState(State, frozen=True, kw_only=True):
    """The state of an alarm control panel."""

    position: AlarmPosition | None = None
    changed_by: Text | None = None


class AlarmControlPanelAction(Action, frozen=True, kw_only=True):
    """Arm it, disarm it, or trigger it."""

    do: Literal["arm", "disarm", "trigger"]
    mode: ArmMode | None = None
    """For `arm`."""
    code: Code | None = None
