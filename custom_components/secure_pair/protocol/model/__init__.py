"""What a device is: its entities, their states and actions (docs/protocol.md, section 8).

A kind is up to three structs: what the description says of an entity, its state, and the
action that a command carries. All are MessagePack maps, and each is decoded by itself, so
that one that is unknown or wrong costs only itself.
"""

from dataclasses import dataclass

from msgspec import Raw, Struct

from ..envelope import EntityKey, FurtherDevice
from ..errors import Failure, SecurePairError
from . import access, climate, reporting, switching, values
from .base import DEFAULT_MAX_AGE, Action, Entity, Event, State, decode

__all__ = [
    "DEFAULT_MAX_AGE",
    "KINDS",
    "Action",
    "Entity",
    "Event",
    "Kind",
    "State",
    "access",
    "climate",
    "decode_action",
    "decode_entity",
    "decode_event",
    "decode_further_device",
    "decode_state",
    "kind_name",
    "kind_of",
    "reporting",
    "state_key",
    "switching",
    "values",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """The structs of a kind; what has no state is never reported, and so on."""

    entity: type[Entity]
    state: type[State] | None = None
    action: type[Action] | None = None


KINDS: dict[str, Kind] = {
    str(kind.entity.__struct_config__.tag): kind
    for kind in (
        Kind(
            access.AlarmControlPanel,
            access.AlarmControlPanelState,
            access.AlarmControlPanelAction,
        ),
        Kind(values.BinarySensor, values.BinarySensorState),
        Kind(switching.Button, None, switching.ButtonAction),
        Kind(reporting.Camera, reporting.CameraState, reporting.CameraAction),
        Kind(climate.Climate, climate.ClimateState, climate.ClimateAction),
        Kind(access.Cover, access.CoverState, access.CoverAction),
        Kind(reporting.EventSource),
        Kind(climate.Fan, climate.FanState, climate.FanAction),
        Kind(climate.Humidifier, climate.HumidifierState, climate.HumidifierAction),
        Kind(switching.Light, switching.LightState, switching.LightAction),
        Kind(access.Lock, access.LockState, access.LockAction),
        Kind(values.Number, values.NumberState, values.NumberAction),
        Kind(values.Select, values.SelectState, values.SelectAction),
        Kind(values.Sensor, values.SensorState),
        Kind(switching.Siren, switching.SirenState, switching.SirenAction),
        Kind(switching.Switch, switching.SwitchState, switching.SwitchAction),
        Kind(values.TextInput, values.TextInputState, values.TextInputAction),
        Kind(reporting.Update, reporting.UpdateState, reporting.UpdateAction),
        Kind(access.Valve, access.ValveState, access.ValveAction),
        Kind(climate.WaterHeater, climate.WaterHeaterState, climate.WaterHeaterAction),
    )
}
"""Every kind that this version knows, by its tag."""

_KIND_OF = {kind.entity: kind for kind in KINDS.values()}


class _EntityHead(Struct, frozen=True):
    kind: str
    key: EntityKey


class _Head(Struct, frozen=True):
    key: EntityKey


def kind_name(entity: Entity) -> str:
    """Return the tag of an entity's kind."""
    return str(entity.__struct_config__.tag)


def kind_of(entity: Entity) -> Kind:
    """Return an entity's kind."""
    return _KIND_OF[type(entity)]


def decode_entity(raw: Raw) -> Entity:
    """Return the entity; raises SecurePairError (malformed, unknown_kind)."""
    head = decode(raw, _EntityHead)
    if (kind := KINDS.get(head.kind)) is None:
        raise SecurePairError(Failure.UNKNOWN_KIND, f"{head.key} is a {head.kind!r}")
    try:
        return decode(raw, kind.entity)
    except SecurePairError as error:
        raise SecurePairError(error.failure, f"{head.key}: {error}") from error


def decode_further_device(raw: Raw) -> FurtherDevice:
    """Return a further device; raises SecurePairError (malformed)."""
    return decode(raw, FurtherDevice)


def state_key(raw: Raw) -> str:
    """Return whose state it is; raises SecurePairError (malformed)."""
    return decode(raw, _Head).key


def decode_state(raw: Raw, entity: Entity) -> State:
    """Return the entity's state; raises SecurePairError (malformed, out_of_range)."""
    if (state := kind_of(entity).state) is None:
        raise SecurePairError(Failure.MALFORMED, "this kind has no state")
    decoded = decode(raw, state)
    try:
        entity.check(decoded)
    except ValueError as error:
        raise SecurePairError(Failure.OUT_OF_RANGE, str(error)) from error
    return decoded


def decode_event(raw: Raw) -> Event:
    """Return the event; raises SecurePairError (malformed)."""
    return decode(raw, Event)


def decode_action(raw: Raw, entity: Entity) -> Action:
    """Return what the entity shall do; raises SecurePairError (malformed)."""
    if (action := kind_of(entity).action) is None:
        raise SecurePairError(Failure.MALFORMED, "this kind takes no commands")
    return decode(raw, action)
