"""A camera that watches a garden."""

from typing import override

from secure_pair_protocol.model.reporting import (
    Camera,
    CameraAction,
    CameraState,
    EventSource,
)
from secure_pair_protocol.model.switching import Siren, Switch
from secure_pair_protocol.model.values import BinarySensor

from ..entity import Done, Ending
from .appliance import Appliance
from .pace import Pace
from .parts import NOT_SUPPORTED, Contact, Notice, OnOff, Part
from .pictures import take_picture
from .siren import VirtualSiren

VISIT_EVERY_SECONDS = 60
VISIT_SECONDS = 10
"""How long somebody stays in the picture."""

_SWITCHING = {
    "turn_on": {"on": True},
    "turn_off": {"on": False, "recording": False},
    "enable_motion_detection": {"motion_detection": True},
    "disable_motion_detection": {"motion_detection": False},
}


class VirtualCamera(Part[Camera, CameraState, CameraAction]):
    """A camera; each picture that somebody asks for is the next of a film."""

    def __init__(self, entity: Camera) -> None:
        """Begin switched on."""
        super().__init__(
            entity,
            CameraState(
                key=entity.key,
                on=True,
                motion_detection=True if entity.motion_detection else None,
            ),
        )
        self.covered = False
        """The shutter is closed: no picture."""
        self.somebody = False
        """Somebody stands in the picture."""
        self.frames = 0
        """How many pictures it has taken."""
        self.seconds = 0
        """Simulated seconds, for the text in the picture."""
        self.least_bytes = 0
        """For tests: a picture has at least this size; it looks the same."""
        self.replacement: tuple[str, bytes] | None = None
        """For tests: content type and data of what it shows instead, right or wrong."""

    @override
    def picture(self) -> tuple[str, bytes] | None:
        if self.covered or not self.state.on:
            return None
        if self.replacement is not None:
            return self.replacement
        self.frames += 1
        minutes, seconds = divmod(self.seconds, 60)
        text = f"{minutes // 60 % 24:02}:{minutes % 60:02}:{seconds:02}  #{self.frames}"
        data = take_picture(self.frames, text, somebody=self.somebody, least=self.least_bytes)
        return "image/jpeg", data

    @override
    async def carry_out(self, action: CameraAction, by: str) -> Ending:
        switches = action.do in {"turn_on", "turn_off"}
        if not (self.entity.on_off if switches else self.entity.motion_detection):
            return NOT_SUPPORTED
        return self.change(**_SWITCHING[action.do])

    @override
    def step(self) -> None:
        self.seconds += 1


class Surveillance(Appliance):
    """A virtual camera with motion detection, a siren and a shutter for privacy."""

    def __init__(self) -> None:
        self.camera = VirtualCamera(Camera(key="camera", on_off=True, motion_detection=True))
        self.motion = Contact(BinarySensor(key="motion", device_class="motion"))
        self.detection = Notice(
            EventSource(
                key="detection",
                translation_key="detection",
                types=("person", "motion"),
            )
        )
        self.siren = VirtualSiren(
            Siren(
                key="siren",
                translation_key="siren",
                tones=("alarm", "chime"),
                duration=True,
                volume=True,
            )
        )
        self.privacy = OnOff(Switch(key="privacy", translation_key="privacy"), self._cover)
        self._stays = 0
        """Seconds that the visitor stays."""
        super().__init__(
            Pace(), (self.camera, self.motion, self.detection, self.siren, self.privacy)
        )

        self.happenings = (self.visit,)

    def visit(self) -> None:
        """Let somebody walk into the picture."""
        self._stays = VISIT_SECONDS
        self._look()

    @override
    def step(self) -> None:
        super().step()
        self._stays = max(0, self._stays - 1)
        if self.seconds % VISIT_EVERY_SECONDS == 0:
            self._stays = VISIT_SECONDS
        self._look()

    def _look(self) -> None:
        """Notice who is there."""
        camera = self.camera
        camera.somebody = self._stays > 0
        watches = camera.state.on and camera.state.motion_detection and not camera.covered
        seen = camera.somebody and watches is True
        if seen and not self.motion.on:
            self.detection.happen("person")
        self.motion.sense(on=seen)
        camera.change(recording=seen)

    @override
    def show(self) -> None:
        self._look()

    def _cover(self, on: bool) -> Ending:
        self.camera.covered = on
        self._look()
        return Done()
