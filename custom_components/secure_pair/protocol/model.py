"""What a device is: its entities, their states and actions (docs/protocol.md, section 8).

A kind is three structs: what the description says of an entity, its state, and the action
that a command carries. All are MessagePack maps, and each is decoded by itself.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from .envelope import EntityKey, Milliseconds, Text
from .errors import Failure, SecurePairError


class Entity(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """One thing that a device shows or can do."""

    key: EntityKey
    """Unique in the device, and the same for ever."""
    name: Text | None = None
    """For the user's eyes; none: this is what the device is for."""
    max_age: dict[str, Milliseconds] = {}
    """Action to the age after which a command is not carried out any more."""


class State(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The new state of one entity."""

    key: EntityKey


class Action(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A state to reach, never a toggle."""


class LockPosition(StrEnum):
    """Where a lock's bolt is."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    LOCKING = "locking"
    UNLOCKING = "unlocking"
    OPENING = "opening"
    OPEN = "open"
    JAMMED = "jammed"


class Lock(Entity, frozen=True, tag="lock"):
    """A door lock."""

    latch: bool = False
    """It can pull the latch as well: the action `open`."""


class LockState(State, frozen=True):
    """The state of a door lock."""

    position: LockPosition | None = None
    """None: the device does not know."""
    changed_by: Text | None = None


class LockAction(Action, frozen=True):
    """Lock or unlock it, or pull its latch."""

    do: Literal["lock", "unlock", "open"]
    code: Text | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """The three structs of a kind."""

    entity: type[Entity]
    state: type[State]
    action: type[Action]


KINDS: dict[str, Kind] = {"lock": Kind(Lock, LockState, LockAction)}
"""Every kind that this version knows, by its tag."""

DEFAULT_MAX_AGE = 10_000
"""Milliseconds, for an action to which the description gives no age."""


class _Head(Struct, frozen=True):
    kind: str
    key: EntityKey


class _StateHead(Struct, frozen=True):
    key: EntityKey


def decode_entity(raw: Raw) -> Entity:
    """Return the entity; raises SecurePairError (malformed, unknown_kind)."""
    head = _decode(raw, _Head)
    if (kind := KINDS.get(head.kind)) is None:
        raise SecurePairError(Failure.UNKNOWN_KIND, head.kind)
    return _decode(raw, kind.entity)


def state_key(raw: Raw) -> str:
    """Return whose state it is; raises SecurePairError (malformed)."""
    return _decode(raw, _StateHead).key


def decode_state(raw: Raw, entity: Entity) -> State:
    """Return the entity's state; raises SecurePairError (malformed)."""
    return _decode(raw, _kind_of(entity).state)


def decode_action(raw: Raw, entity: Entity) -> Action:
    """Return what the entity shall do; raises SecurePairError (malformed)."""
    return _decode(raw, _kind_of(entity).action)


def _kind_of(entity: Entity) -> Kind:
    return KINDS[entity.__struct_config__.tag]  # type: ignore[index]


def _decode[S: Struct](raw: Raw, kind: type[S]) -> S:
    try:
        return msgspec.msgpack.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SecurePairError(Failure.MALFORMED, str(error)) from error
