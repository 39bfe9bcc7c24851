"""Cameras."""

from typing import override

from homeassistant.components.camera import Camera as HassCamera
from homeassistant.components.camera.const import CameraEntityFeature
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import DeviceCoordinator, SecurePairConfigEntry
from .entity import SecurePairEntity, add_entities_of
from .protocol.model.reporting import Camera, CameraAction, CameraState

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SecurePairConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the device's cameras."""
    add_entities_of(entry.runtime_data, Camera, SecurePairCamera, async_add_entities)


class SecurePairCamera(SecurePairEntity[Camera, CameraState], HassCamera):
    """A camera; each picture is asked for, through the encrypted channel."""

    def __init__(self, coordinator: DeviceCoordinator, described: Camera) -> None:
        """Take the device's description; raises ValueError if there is no such thing."""
        super().__init__(coordinator, described)
        HassCamera.__init__(self)

    @override
    def describe(self, described: Camera) -> None:
        self._attr_supported_features = (
            CameraEntityFeature.ON_OFF if described.on_off else CameraEntityFeature(0)
        )

    @override
    def show(self, state: CameraState) -> None:
        # Home Assistant asks one that is off for no picture.
        self._attr_is_on = state.on is not False
        self._attr_is_recording = state.recording
        self._attr_motion_detection_enabled = state.motion_detection is True

    @override
    async def async_camera_image(
        self, width: int | None = None, height: int | None = None
    ) -> bytes | None:
        return await self.coordinator.picture(self.described)

    @override
    async def async_turn_on(self) -> None:
        await self.carry_out(CameraAction(do="turn_on"))

    @override
    async def async_turn_off(self) -> None:
        await self.carry_out(CameraAction(do="turn_off"))

    @override
    async def async_enable_motion_detection(self) -> None:
        await self.carry_out(CameraAction(do="enable_motion_detection"))

    @override
    async def async_disable_motion_detection(self) -> None:
        await self.carry_out(CameraAction(do="disable_motion_detection"))
