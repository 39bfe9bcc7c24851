"""What tells of something, or shows it: events, cameras, updates."""

from typing import Annotated, Literal

from msgspec import Meta

from ..envelope import Text
from .base import Action, Entity, Options, Percent, State, check_options


class EventSource(Entity, frozen=True, kw_only=True, tag="event"):
    """Something that happens now and then: a doorbell, a tamper contact. No state."""

    types: Options

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_options(self.types)


class Camera(Entity, frozen=True, kw_only=True, tag="camera"):
    """A camera; its pictures are asked for one by one."""

    on_off: bool = False
    """It can be turned on and off."""
    motion_detection: bool = False
    """Its motion detection can be turned on and off."""


class CameraState(State, frozen=True, kw_only=True):
    """The state of a camera."""

    on: bool | None = None
    recording: bool = False
    motion_detection: bool | None = None


class CameraAction(Action, frozen=True, kw_only=True):
    """Turn it, or its motion detection, on or off."""

    do: Literal["turn_on", "turn_off", "enable_motion_detection", "disable_motion_detection"]


class Update(Entity, frozen=True, kw_only=True, tag="update"):
    """Firmware that can be renewed."""

    install: bool = True
    specific_version: bool = False
    """A version of the user's choice can be installed."""
    progress: bool = False
    """It reports how far an installation is."""
    backup: bool = False
    """It can make a backup before an installation."""


class UpdateState(State, frozen=True, kw_only=True):
    """The state of an update."""

    installed: Text | None = None
    latest: Text | None = None
    title: Text | None = None
    summary: Text | None = None
    in_progress: bool = False
    percentage: Percent | None = None


class UpdateAction(Action, frozen=True, kw_only=True):
    """Install a version; none: the latest."""

    do: Literal["install"]
    version: Annotated[str, Meta(max_length=64)] | None = None
    backup: bool = False
