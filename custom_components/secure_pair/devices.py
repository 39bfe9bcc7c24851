"""The device, and those behind it, in Home Assistant's registries."""

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import AnyDeviceEntry

from .const import DOMAIN
from .mirror import Mirror
from .protocol.envelope import FurtherDevice
from .protocol.model import Entity, kind_name


class Devices:
    """Registers what a device describes, before any entity refers to it."""

    def __init__(self, hass: HomeAssistant, entry_id: str, device_id: str, mirror: Mirror) -> None:
        """Register nothing yet."""
        self._hass = hass
        self._registry = dr.async_get(hass)
        self._entry_id = entry_id
        self._device_id = device_id
        self._mirror = mirror
        self._id = ""
        self._further_ids: dict[str, str] = {}
        """In the registry, by the keys of the description."""

    def unique_id(self, entity: Entity) -> str:
        """Return an entity's unique id."""
        return f"{self._device_id}_{entity.key}"

    @property
    def entry(self) -> AnyDeviceEntry | None:
        """The device itself; there is one as soon as it has described itself."""
        return self._registry.async_get(self._id)

    def entry_of(self, entity: Entity) -> AnyDeviceEntry | None:
        """Return which device an entity belongs to.

        It is registered before any entity is made: so Home Assistant need not do it once
        more for each of them.
        """
        if entity.device is None:
            return self.entry
        return self._registry.async_get(self._further_ids[entity.device])

    @callback
    def register(self) -> None:
        """Follow the description: what is new or changed, and what has gone."""
        if (info := self._mirror.info) is None:
            return
        # First: what was a part may be a device of its own now.
        self._remove_entities_that_have_gone()
        self._remove_devices_that_have_gone()
        # No connection: an id that looks like a MAC address need not be the one that the
        # device has on this network.
        self._id = self._registry.async_get_or_create(
            config_entry_id=self._entry_id,
            identifiers={(DOMAIN, self._device_id)},
            name=info.name,
            manufacturer=info.manufacturer,
            model=info.model,
            sw_version=info.firmware,
            hw_version=info.hardware,
            serial_number=info.serial,
        ).id
        self._further_ids = {
            key: self._register_further(further) for key, further in self._mirror.devices.items()
        }

    def _register_further(self, further: FurtherDevice) -> str:
        identifiers = {self._identifier(further.key)}
        if further.part:
            return self._registry.async_get_or_create_child(
                config_entry_id=self._entry_id,
                identifiers=identifiers,
                parent_device_id=self._id,
                name=further.name,
            ).id
        return self._registry.async_get_or_create(
            config_entry_id=self._entry_id,
            identifiers=identifiers,
            via_device_id=self._id,
            name=further.name,
            manufacturer=further.manufacturer,
            model=further.model,
            sw_version=further.firmware,
            hw_version=further.hardware,
            serial_number=further.serial,
        ).id

    @callback
    def remove(self, entity: Entity) -> None:
        """Take an entity that has gone out of the registry, and with it from the UI."""
        registry = er.async_get(self._hass)
        unique_id = self.unique_id(entity)
        for entry in er.async_entries_for_config_entry(registry, self._entry_id):
            if entry.unique_id == unique_id:
                registry.async_remove(entry.entity_id)

    def _remove_entities_that_have_gone(self) -> None:
        """Also those that went, or became another kind, while nobody listened."""
        registry, prefix = er.async_get(self._hass), f"{self._device_id}_"
        for entry in er.async_entries_for_config_entry(registry, self._entry_id):
            key = entry.unique_id.removeprefix(prefix)
            if key == entry.unique_id:
                # It is about the session.
                continue
            described = self._mirror.entities.get(key)
            another = described is not None and kind_name(described) != entry.domain
            if another or key not in self._mirror.named:
                registry.async_remove(entry.entity_id)

    def _remove_devices_that_have_gone(self) -> None:
        there, parts = {(DOMAIN, self._device_id)}, set[tuple[str, str]]()
        for further in self._mirror.devices.values():
            (parts if further.part else there).add(self._identifier(further.key))
        for device in dr.async_entries_for_config_entry(self._registry, self._entry_id):
            if not device.identifiers & there:
                self._registry.async_remove_device(device.id)
        for child in dr.async_child_entries_for_config_entry(self._registry, self._entry_id):
            if not child.identifiers & parts:
                self._registry.async_remove_device(child.id)

    def _identifier(self, key: str) -> tuple[str, str]:
        return (DOMAIN, f"{self._device_id}_{key}")
