"""Entities, states and actions, each by itself (docs/protocol.md, section 8)."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from secure_pair_protocol import model
from secure_pair_protocol.errors import Failure
from secure_pair_protocol.model import KINDS, Entity
from secure_pair_protocol.model.access import LockAction
from secure_pair_protocol.model.base import DEFAULT_MAX_AGE, Action
from secure_pair_protocol.model.values import SensorState

from .failing import fails

ENTITIES: dict[str, dict[str, Any]] = {
    "alarm_control_panel": {"modes": ["home", "away"]},
    "binary_sensor": {},
    "button": {},
    "camera": {},
    "climate": {"modes": ["off", "heat"], "minimum": 5, "maximum": 30},
    "cover": {},
    "event": {"types": ["ring", "tamper"]},
    "fan": {"presets": ["night", "day"]},
    "humidifier": {"modes": ["night", "day"]},
    "light": {"color_modes": ["hs", "rgb"], "effects": ["fire", "rain"]},
    "lock": {},
    "number": {"minimum": -1, "maximum": 1},
    "select": {"options": ["one", "two"]},
    "sensor": {},
    "siren": {"tones": ["fire", "flood"]},
    "switch": {},
    "text": {},
    "update": {},
    "valve": {},
    "water_heater": {"operations": ["off", "eco"], "minimum": 30, "maximum": 60},
}
"""Of each kind an entity that has no more than it must, or what can contradict itself."""


def raw(value: object) -> Raw:
    return Raw(msgspec.msgpack.encode(value))


def entity(kind: str, **fields: object) -> Entity:
    return model.decode_entity(raw({"kind": kind, "key": "it", **ENTITIES[kind], **fields}))


def state(kind: str, described: dict[str, object], **fields: object) -> model.State:
    return model.decode_state(raw({"key": "it", **fields}), entity(kind, **described))


def test_no_kind_is_missing_here() -> None:
    assert ENTITIES.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", ENTITIES)
def test_each_kind_is_decoded_to_its_own_structs(kind: str) -> None:
    decoded = entity(kind)
    assert type(decoded) is KINDS[kind].entity
    assert model.kind_name(decoded) == kind
    assert decoded.key == "it"
    assert model.decode_entity(raw(decoded)) == decoded


@pytest.mark.parametrize("kind", [kind for kind, structs in KINDS.items() if structs.state])
def test_a_state_that_says_nothing(kind: str) -> None:
    assert type(state(kind, {})) is KINDS[kind].state


@pytest.mark.parametrize("kind", [kind for kind, structs in KINDS.items() if not structs.state])
def test_no_state_of_what_has_none(kind: str) -> None:
    with fails(Failure.MALFORMED) as caught:
        state(kind, {})
    assert "this kind has no state" in str(caught.value)


@pytest.mark.parametrize("kind", [kind for kind, structs in KINDS.items() if not structs.action])
def test_no_command_to_what_takes_none(kind: str) -> None:
    with fails(Failure.MALFORMED) as caught:
        model.decode_action(raw({"do": "turn_on"}), entity(kind))
    assert "this kind takes no commands" in str(caught.value)


def test_an_action_is_the_kind_s_own() -> None:
    decoded = model.decode_action(raw({"do": "unlock", "code": "1234"}), entity("lock"))
    assert decoded == LockAction(do="unlock", code="1234")
    with fails(Failure.MALFORMED):
        model.decode_action(raw({"do": "turn_on"}), entity("lock"))


def test_an_unknown_kind_is_named() -> None:
    with fails(Failure.UNKNOWN_KIND) as caught:
        model.decode_entity(raw({"kind": "toaster", "key": "it"}))
    assert "it is a 'toaster'" in str(caught.value)


def test_what_is_wrong_with_an_entity_names_it() -> None:
    with fails(Failure.MALFORMED) as caught:
        entity("select", options=[])
    assert "it: malformed: " in str(caught.value)
    assert "$.options" in str(caught.value)


@pytest.mark.parametrize("decode", [model.decode_entity, model.decode_event, model.state_key])
@pytest.mark.parametrize("wrong", [b"\xc1", b"\xc0", b"\x80", b"\x81\xa3key\xa1A", b"\x91" * 4000])
def test_what_is_none_of_them(decode: Callable[[Raw], object], wrong: bytes) -> None:
    with fails(Failure.MALFORMED):
        decode(Raw(wrong))


def test_whose_state_it_is() -> None:
    assert model.state_key(raw({"key": "lock_2", "position": 3})) == "lock_2"


def test_event_and_further_device() -> None:
    event = model.decode_event(raw({"key": "bell", "type": "ring", "attributes": {"times": 2}}))
    assert (event.key, event.type, event.attributes) == ("bell", "ring", {"times": 2})
    device = model.decode_further_device(raw({"key": "shed", "name": "Shed", "part": True}))
    assert (device.key, device.name, device.part) == ("shed", "Shed", True)
    with fails(Failure.MALFORMED):
        model.decode_further_device(raw({"key": "shed"}))


# What contradicts itself


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("climate", {"minimum": 20, "maximum": 20.5, "step": 0.5}),
        ("light", {"minimum_kelvin": 2000, "maximum_kelvin": 2001}),
        ("light", {"color_modes": ["onoff"]}),
        ("light", {"color_modes": ["brightness"]}),
        ("number", {"minimum": -1, "maximum": 1, "step": 2}),
        ("humidifier", {"minimum": 0, "maximum": 1, "step": 1}),
        ("text", {"minimum": 254, "maximum": 255}),
        ("sensor", {"options": ["dry"]}),
        ("sensor", {"unit": "%", "state_class": "total", "precision": 0}),
    ],
)
def test_just_so(kind: str, fields: dict[str, object]) -> None:
    assert isinstance(entity(kind, **fields), Entity)


RANGES = ["climate", "humidifier", "number", "water_heater"]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        *((kind, {"minimum": 50, "maximum": 50}) for kind in [*RANGES, "text"]),
        *((kind, {"minimum": 50, "maximum": 40}) for kind in [*RANGES, "text"]),
        *((kind, {"minimum": 40, "maximum": 50, "step": 0}) for kind in RANGES),
        *((kind, {"minimum": 40, "maximum": 50, "step": 11}) for kind in RANGES),
        *((kind, {"maximum": float("inf")}) for kind in RANGES if kind != "humidifier"),
        *((kind, {"minimum": float("nan")}) for kind in RANGES if kind != "humidifier"),
        ("light", {"minimum_kelvin": 3000, "maximum_kelvin": 3000}),
        ("light", {"color_modes": ["onoff", "hs"]}),
        ("light", {"color_modes": ["hs", "brightness"]}),
        ("light", {"color_modes": ["hs", "hs"]}),
        ("light", {"effects": ["fire", "fire"]}),
        ("alarm_control_panel", {"modes": ["home", "home"]}),
        *(
            ("climate", {name: ["off", "off"]})
            for name in ("modes", "fan_modes", "swing_modes", "presets")
        ),
        ("event", {"types": ["ring", "ring"]}),
        ("fan", {"presets": ["night", "night"]}),
        ("humidifier", {"modes": ["night", "night"]}),
        ("select", {"options": ["one", "two", "one"]}),
        ("sensor", {"options": ["dry", "dry"]}),
        ("sensor", {"options": ["dry"], "unit": "%"}),
        ("sensor", {"options": ["dry"], "state_class": "total"}),
        ("sensor", {"options": ["dry"], "precision": 0}),
        ("siren", {"tones": ["fire", "fire"]}),
        ("water_heater", {"operations": ["eco", "eco"]}),
    ],
)
def test_an_entity_that_contradicts_itself(kind: str, fields: dict[str, object]) -> None:
    with fails(Failure.MALFORMED):
        entity(kind, **fields)


# What contradicts the description

AIR: dict[str, object] = {
    "modes": ["off", "heat"],
    "fan_modes": ["low"],
    "swing_modes": ["both"],
    "presets": ["away"],
}
WATER: dict[str, object] = {"operations": ["eco"], "minimum": 30, "maximum": 60}


@pytest.mark.parametrize(
    ("kind", "described", "good", "wrong"),
    [
        ("climate", AIR, {"mode": "heat"}, {"mode": "cool"}),
        ("climate", AIR, {"fan_mode": "low"}, {"fan_mode": "high"}),
        ("climate", AIR, {"swing_mode": "both"}, {"swing_mode": "off"}),
        ("climate", AIR, {"preset": "away"}, {"preset": "home"}),
        ("climate", {}, {}, {"preset": "home"}),
        ("climate", AIR, {"target_temperature": 5}, {"target_temperature": 4.9}),
        ("climate", AIR, {"target_temperature": 30}, {"target_temperature": 30.1}),
        ("climate", AIR, {"target_low": 5}, {"target_low": 4.9}),
        ("climate", AIR, {"target_high": 30}, {"target_high": 30.1}),
        ("climate", AIR, {"current_temperature": -40}, {"current_temperature": float("nan")}),
        ("fan", {"presets": ["night"]}, {"preset": "night"}, {"preset": "day"}),
        ("humidifier", {"modes": ["night"]}, {"mode": "night"}, {"mode": "day"}),
        ("humidifier", {"minimum": 30}, {"target": 30}, {"target": 29}),
        ("humidifier", {"maximum": 60}, {"target": 60}, {"target": 61}),
        ("light", {}, {"color_mode": "rgb"}, {"color_mode": "xy"}),
        ("light", {}, {"effect": "rain"}, {"effect": "snow"}),
        ("light", {}, {"color_temp": 2000}, {"color_temp": 1999}),
        ("light", {}, {"color_temp": 6500}, {"color_temp": 6501}),
        ("number", {}, {"value": -1}, {"value": -1.5}),
        ("number", {}, {"value": 1}, {"value": 1.5}),
        ("number", {}, {"value": 0}, {"value": float("inf")}),
        ("select", {}, {"option": "two"}, {"option": "three"}),
        ("sensor", {"options": ["dry"]}, {"value": "dry"}, {"value": "wet"}),
        ("sensor", {"options": ["dry"]}, {}, {"value": 1}),
        ("sensor", {"unit": "%"}, {"value": 1.5}, {"value": "dry"}),
        ("text", {"maximum": 3}, {"value": "abc"}, {"value": "abcd"}),
        ("text", {"minimum": 2}, {"value": ""}, {"value": "x" * 101}),
        ("water_heater", WATER, {"operation": "eco"}, {"operation": "gas"}),
        ("water_heater", WATER, {"target_temperature": 30}, {"target_temperature": 29.5}),
        ("water_heater", WATER, {"target_temperature": 60}, {"target_temperature": 60.5}),
    ],
)
def test_a_state_that_contradicts_the_description(
    kind: str, described: dict[str, object], good: dict[str, object], wrong: dict[str, object]
) -> None:
    decoded = state(kind, described, **good)
    for name, value in good.items():
        assert getattr(decoded, name) == value
    not_finite = any(value != value or value == float("inf") for value in wrong.values())  # noqa: PLR0124
    with fails(Failure.MALFORMED if not_finite else Failure.OUT_OF_RANGE):
        state(kind, described, **wrong)


def test_what_is_wrong_with_a_state_is_said() -> None:
    for kind, fields, said in (
        ("number", {"value": 2}, "2.0 is not from -1.0 to 1.0"),
        ("select", {"option": "three"}, "'three' is none of the options"),
    ):
        with fails(Failure.OUT_OF_RANGE) as caught:
            state(kind, {}, **fields)
        assert said in str(caught.value)
    with fails(Failure.MALFORMED) as caught:
        state("number", {}, value=float("inf"))
    assert "inf - at `$.value`" in str(caught.value)


def test_a_word_without_a_unit() -> None:
    time = "2026-11-27T08:00:00+00:00"
    assert state("sensor", {}, value=time) == SensorState(key="it", value=time)


# How long a command may take to arrive


def test_each_action_has_its_age() -> None:
    lock = entity("lock", max_age={"unlock": 2000})
    assert lock.age_limit(LockAction(do="unlock")) == 2000
    assert lock.age_limit(LockAction(do="lock")) == DEFAULT_MAX_AGE == 10_000
    assert lock.age_limit(Action()) == 10_000
