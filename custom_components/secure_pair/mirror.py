"""What a device says of itself: its entities and their states (docs/protocol.md, section 8).

Every part is decoded by itself. One that is wrong costs only itself and one line in the
log, however often it comes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec import Raw

from .const import LOGGER
from .protocol import model
from .protocol.envelope import Description, DeviceInfo, FurtherDevice, States
from .protocol.errors import Failure, SecurePairError
from .protocol.model import Entity, Event, State

_COMPLAINTS: Final = 256
"""How many different things may be wrong before nothing more is said."""


@dataclass(slots=True)
class Changes:
    """What a new description changes; entities by their key."""

    added: list[Entity] = field(default_factory=list)
    redescribed: list[Entity] = field(default_factory=list)
    """Of the same kind as before."""
    gone: list[Entity] = field(default_factory=list)


class Mirror:
    """The device as it described itself last."""

    def __init__(self, name: str) -> None:
        """Begin empty; `name` is for the log."""
        self.name = name
        self.info: DeviceInfo | None = None
        self.devices: dict[str, FurtherDevice] = {}
        self.entities: dict[str, Entity] = {}
        self.named: set[str] = set()
        """Keys of all entities in the description, also of those that make no sense."""
        self.states: dict[str, State] = {}
        self._complaints: set[str] = set()

    def describe(self, description: Description) -> Changes:
        """Take a description; what is wrong in it is left out."""
        self.info = description.device
        former_devices, self.devices = self.devices, self._further_devices(description.devices)
        former, self.entities = self.entities, self._described(description.entities)
        changes = Changes()
        for key, entity in former.items():
            now = self.entities.get(key)
            if (
                now is None
                or type(now) is not type(entity)
                or now.device != entity.device
                or _is_part(now, self.devices) != _is_part(entity, former_devices)
            ):
                changes.gone.append(entity)
                self.states.pop(key, None)
        gone = {entity.key for entity in changes.gone}
        for key, entity in self.entities.items():
            if key not in former or key in gone:
                changes.added.append(entity)
            elif former[key] != entity:
                changes.redescribed.append(entity)
        return changes

    def drop(self, entity: Entity, reason: object) -> None:
        """Leave an entity out that Home Assistant cannot show."""
        self._complain(f"entity {entity.key} is left out: {reason}")
        self.entities.pop(entity.key, None)
        self.states.pop(entity.key, None)

    def drop_state(self, key: str, reason: object) -> None:
        """Leave a state out that Home Assistant cannot show."""
        if self.states.pop(key, None) is not None:
            self._complain(f"a state of {key} is left out: {reason}")

    def drop_message(self, reason: object) -> None:
        """Leave a whole message out."""
        self._complain(f"a message is left out: {reason}")

    def drop_picture(self, key: str) -> None:
        """Leave a picture out that is none."""
        self._complain(f"a picture of {key} is left out: {Failure.MALFORMED}: it is no JPEG")

    def update(self, states: States) -> list[str]:
        """Take states; return the keys of the entities that changed.

        A state that is wrong leaves its entity without one: the former is not true any more.
        """
        if states.full:
            self.states.clear()
        changed: dict[str, None] = {}
        for raw in states.states:
            if (key := self._state_key(raw)) is None:
                continue
            try:
                state = model.decode_state(raw, self.entities[key])
            except SecurePairError as error:
                self._complain(f"a state of {key} is left out: {error}")
                if self.states.pop(key, None) is not None:
                    changed[key] = None
                continue
            if self.states.get(key) != state:
                self.states[key] = state
                changed[key] = None
        return list(changed)

    def event(self, raw: Raw) -> Event | None:
        """Return an event that one of the entities can have."""
        try:
            event = model.decode_event(raw)
            if self._is_left_out(event.key):
                return None
            source = self.entities.get(event.key)
            if not isinstance(source, model.reporting.EventSource):
                raise SecurePairError(Failure.OUT_OF_RANGE, f"no event source {event.key}")
            if event.type not in source.types:
                raise SecurePairError(Failure.OUT_OF_RANGE, f"{event.key} has no such type")
        except SecurePairError as error:
            self._complain(f"an event is left out: {error}")
            return None
        return event

    def _state_key(self, raw: Raw) -> str | None:
        try:
            key = model.state_key(raw)
        except SecurePairError as error:
            self._complain(f"a state is left out: {error}")
            return None
        if key in self.entities:
            return key
        if not self._is_left_out(key):
            self._complain(f"a state is left out: there is no entity {key}")
        return None

    def _is_left_out(self, key: str) -> bool:
        """Tell whether the entity was described, but is not shown: why has been said."""
        return key in self.named and key not in self.entities

    def _further_devices(self, raws: Iterable[Raw]) -> dict[str, FurtherDevice]:
        devices: dict[str, FurtherDevice] = {}
        for raw in raws:
            try:
                device = model.decode_further_device(raw)
                if device.key in devices:
                    raise SecurePairError(Failure.OUT_OF_RANGE, f"{device.key} is there twice")
            except SecurePairError as error:
                self._complain(f"a further device is left out: {error}")
                continue
            devices[device.key] = device
        return devices

    def _described(self, raws: Iterable[Raw]) -> dict[str, Entity]:
        entities: dict[str, Entity] = {}
        self.named = set()
        for raw in raws:
            try:
                self.named.add(model.state_key(raw))
                entity = model.decode_entity(raw)
                if entity.key in entities:
                    raise SecurePairError(Failure.OUT_OF_RANGE, f"{entity.key} is there twice")
                if entity.device is not None and entity.device not in self.devices:
                    raise SecurePairError(
                        Failure.OUT_OF_RANGE, f"{entity.key} is of an unknown device"
                    )
            except SecurePairError as error:
                self._complain(f"an entity is left out: {error}")
                continue
            entities[entity.key] = entity
        return entities

    def _complain(self, what: str) -> None:
        if what not in self._complaints and len(self._complaints) < _COMPLAINTS:
            self._complaints.add(what)
            LOGGER.warning("%s: %s", self.name, what)


def _is_part(entity: Entity, devices: Mapping[str, FurtherDevice]) -> bool | None:
    return None if entity.device is None else devices[entity.device].part
