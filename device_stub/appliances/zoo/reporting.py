"""Cameras, events and updates of the zoo."""

from collections.abc import Iterator
from typing import override

from secure_pair_protocol.model.base import Category
from secure_pair_protocol.model.reporting import Camera, EventSource, Update

from ...entity import AnyEntity
from ..camera import VirtualCamera
from ..pace import Pace
from ..parts import Notice
from .update import VirtualUpdate

EVERY_SECONDS = 60


def reporting_of(pace: Pace) -> Iterator[AnyEntity]:
    """Yield one of each sort."""
    yield VirtualCamera(Camera(key="camera", name="Camera", on_off=True, motion_detection=True))
    yield VirtualCamera(Camera(key="camera_plain", name="Plain camera"))
    yield from _events()
    for update in (
        Update(
            key="update",
            name="Firmware",
            device_class="firmware",
            category=Category.CONFIG,
            specific_version=True,
            progress=True,
            backup=True,
        ),
        Update(key="update_plain", name="Plain update"),
        Update(key="update_by_hand", name="Update by hand", install=False),
    ):
        yield VirtualUpdate(update, pace)


def _events() -> Iterator[AnyEntity]:
    for key, device_class, types in (
        ("event", None, ("one", "two", "three")),
        ("event_doorbell", "doorbell", ("ring",)),
        ("event_motion", "motion", ("motion",)),
        (
            "event_button",
            "button",
            (
                "press_start",
                "press_end",
                "long_press_start",
                "long_press_end",
                "multi_press_ongoing",
                "multi_press_end",
            ),
        ),
    ):
        name = key.replace("_", " ").capitalize()
        yield RegularNotice(EventSource(key=key, name=name, device_class=device_class, types=types))


class RegularNotice(Notice):
    """Something that happens each minute, each type in its turn."""

    def __init__(self, entity: EventSource) -> None:
        super().__init__(entity)
        self._seconds = 0

    @override
    def step(self) -> None:
        self._seconds += 1
        times, rest = divmod(self._seconds, EVERY_SECONDS)
        if rest == 0:
            types = self.entity.types
            self.happen(types[(times - 1) % len(types)], times=times)
