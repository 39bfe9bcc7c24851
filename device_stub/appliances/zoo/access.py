"""Locks, covers and valves of the zoo, and its alarm control panel."""

from collections.abc import Iterator

from secure_pair_protocol.model.access import (
    AlarmControlPanel,
    ArmMode,
    Cover,
    CoverState,
    Valve,
    ValveState,
)

from ...entity import AnyEntity
from ...lock import DoorLock
from ..pace import Pace
from .alarm import VirtualAlarm
from .travel import VirtualCover, VirtualValve

CODE = "1234"
"""What the lock and the alarm with a code want."""

WORD = "sesame"
"""What the alarm with a word wants."""


def access_of(pace: Pace) -> Iterator[AnyEntity]:
    """Yield one of each sort."""
    yield DoorLock(key="lock", name="Lock")
    yield DoorLock(key="lock_with_latch", name="Lock with latch", latch=True)
    yield DoorLock(key="lock_with_code", name="Lock with code", latch=True, code=CODE)
    yield from _alarms(pace)
    yield from _covers(pace)
    yield from _valves(pace)


def _alarms(pace: Pace) -> Iterator[AnyEntity]:
    modes = tuple(ArmMode)
    yield VirtualAlarm(
        AlarmControlPanel(key="alarm", name="Alarm", modes=modes, trigger=True), pace
    )
    yield VirtualAlarm(
        AlarmControlPanel(
            key="alarm_with_code",
            name="Alarm with code",
            modes=modes,
            trigger=True,
            code_format="number",
        ),
        pace,
        code=CODE,
    )
    yield VirtualAlarm(
        AlarmControlPanel(
            key="alarm_with_word",
            name="Alarm with word to disarm",
            modes=(ArmMode.HOME, ArmMode.AWAY),
            code_format="text",
            code_to_arm=False,
        ),
        pace,
        code=WORD,
    )


def _covers(pace: Pace) -> Iterator[AnyEntity]:
    sorts = {
        "blind": (True, True, True),
        "shutter": (True, False, True),
        "curtain": (True, False, False),
        "garage": (False, False, True),
        "gate": (False, False, False),
        "shade": (False, True, True),
        "awning": (True, True, False),
        "damper": (True, False, True),
        "door": (False, False, True),
        "window": (True, False, True),
    }
    for device_class, (position, tilt, stop) in sorts.items():
        key = f"cover_{device_class}"
        yield VirtualCover(
            Cover(
                key=key,
                name=f"Cover: {device_class}",
                device_class=device_class,
                position=position,
                tilt=tilt,
                stop=stop,
            ),
            CoverState(key=key, tilt=0 if tilt else None),
            pace,
        )


def _valves(pace: Pace) -> Iterator[AnyEntity]:
    sorts = (
        ("valve_water", "water", True, True),
        ("valve_gas", "gas", False, False),
        ("valve", None, False, True),
        ("valve_with_position", None, True, False),
    )
    for key, device_class, position, stop in sorts:
        yield VirtualValve(
            Valve(
                key=key,
                name=key.replace("_", " ").capitalize(),
                device_class=device_class,
                position=position,
                stop=stop,
            ),
            ValveState(key=key),
            pace,
        )
