"""What all of a device's entities have in common."""

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import cast, override

from homeassistant.const import EntityCategory
from homeassistant.core import callback
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.translation import async_get_cached_translations
from homeassistant.helpers.typing import UNDEFINED, UndefinedType

from .const import DOMAIN
from .coordinator import DeviceCoordinator
from .protocol import model


class SecurePairEntity[E: model.Entity, S: model.State](Entity):
    """One entity of a device; it is written only when its own state comes.

    A platform says how a description and a state look in Home Assistant: `describe` and
    `show`. What is not known is None.
    """

    _attr_has_entity_name = True
    _attr_should_poll = False

    _replaced = False

    def __init__(self, coordinator: DeviceCoordinator, described: E) -> None:
        """Take the device's description; raises ValueError if there is no such thing."""
        self.coordinator = coordinator
        self._attr_unique_id = coordinator.devices.unique_id(described)
        self.device_entry = coordinator.devices.entry_of(described)
        self._attr_entity_registry_enabled_default = described.enabled
        self._attr_translation_key = described.translation_key
        if (name := _name(coordinator, described)) is not UNDEFINED:
            self._attr_name = name
        if described.category is not None:
            self._attr_entity_category = EntityCategory(described.category.value)
        self._describe(described)

    def _describe(self, described: E) -> None:
        self.described = described
        self.describe(described)

    @abstractmethod
    def describe(self, described: E) -> None:
        """Take over what the description says of this kind; raises ValueError."""

    def show(self, state: S) -> None:
        """Take over a state; every field of one that is not known is None.

        Raises ValueError where Home Assistant has no such state; kinds without one leave it.
        """

    def happen(self, event: model.Event) -> None:
        """Take an event; only event sources have any."""

    @property
    @override
    def available(self) -> bool:
        return self.coordinator.connected

    @callback
    def update(self) -> None:
        """Show the newest state, or that there is none to rely on."""
        self._show_newest()
        self.async_write_ha_state()

    @callback
    @override
    def _async_write_ha_state(self) -> None:
        """Write the state; what Home Assistant cannot make one of costs only itself.

        Much is computed only now, and whoever asks may be the connection: it would end.
        """
        try:
            super()._async_write_ha_state()
        except Exception as error:  # noqa: BLE001
            self.coordinator.mirror.drop_state(self.described.key, error)
            self._show_newest()
            self._write_without_state()

    def _write_without_state(self) -> None:
        try:
            super()._async_write_ha_state()
        except Exception as error:  # noqa: BLE001
            # So it is the description.
            self.coordinator.mirror.drop(self.described, error)
            self._replace_soon()

    @callback
    def redescribe(self, described: model.Entity) -> None:
        """Follow a new description of the same kind."""
        if self._replaced:
            return
        if _head(described) == _head(self.described):
            try:
                self._describe(cast("E", described))
            except ValueError as error:
                self.coordinator.mirror.drop(described, error)
            else:
                self.update()
                return
        self._replace_soon()

    def _replace_soon(self) -> None:
        self._replaced = True
        # Not at once: Home Assistant may be about to add this one.
        self.coordinator.entry.async_create_task(self.hass, self._replace(), eager_start=False)

    async def _replace(self) -> None:
        await self.async_remove()
        if (described := self.coordinator.mirror.entities.get(self.described.key)) is not None:
            self.coordinator.add(described)

    @override
    async def async_added_to_hass(self) -> None:
        key = self.described.key
        self.async_on_remove(self.coordinator.bind(key, self))
        # The device may have gone on talking while Home Assistant added the entity.
        described = self.coordinator.mirror.entities.get(key)
        if described is not None and described != self.described:
            self.redescribe(described)
        self._show_newest()

    @callback
    def async_entity_id_changed(self, old_entity_id: str) -> None:
        """Say that nothing here depends on it: Home Assistant 2026.11 and later ask for that."""

    def _show_newest(self) -> None:
        kind = model.kind_of(self.described).state
        if kind is None:
            return
        key = self.described.key
        state = self.coordinator.mirror.states.get(key)
        if state is None or key in self.coordinator.unclear:
            state = kind(key=key)
        try:
            self.show(cast("S", state))
        except Exception as error:  # noqa: BLE001 - it costs only itself, as above
            self.coordinator.mirror.drop_state(key, error)
            self.show(cast("S", kind(key=key)))

    async def carry_out(self, action: model.Action) -> None:
        """Have the device do it; raises a translated HomeAssistantError."""
        await self.coordinator.carry_out(self.described, action)


def _head(described: model.Entity) -> tuple[object, ...]:
    """Return what Home Assistant asks for only when it adds an entity."""
    return (
        described.name,
        described.translation_key,
        described.device_class,
        described.category,
    )


def _name(coordinator: DeviceCoordinator, described: model.Entity) -> str | UndefinedType | None:
    """Return a name, None for the device's own, or UNDEFINED for Home Assistant's."""
    if described.name is not None:
        return described.name
    if (key := described.translation_key) is None:
        # What the device is for has the device's own name.
        return None if described.device_class is None else UNDEFINED
    hass = coordinator.hass
    prefix = f"component.{DOMAIN}.entity.{model.kind_name(described)}.{key}."
    known = async_get_cached_translations(hass, hass.config.language, "entity", DOMAIN)
    if any(text.startswith(prefix) for text in known):
        return UNDEFINED
    # A standard name of a later version.
    return key.replace("_", " ").capitalize()


@callback
def add_entities_of[E: model.Entity](
    coordinator: DeviceCoordinator,
    kind: type[E],
    make: Callable[[DeviceCoordinator, E], Entity],
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Make an entity of each that the device describes, now and later."""
    coordinator.add_platform(partial(_add, coordinator, kind, make, async_add_entities))


def _add[E: model.Entity](
    coordinator: DeviceCoordinator,
    kind: type[E],
    make: Callable[[DeviceCoordinator, E], Entity],
    async_add_entities: AddConfigEntryEntitiesCallback,
    described: model.Entity,
) -> None:
    if not isinstance(described, kind):
        return
    try:
        entity = make(coordinator, described)
    except ValueError as error:
        coordinator.mirror.drop(described, error)
        return
    async_add_entities([entity])
