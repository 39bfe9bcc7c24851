"""What a description may say: the rules that no type can hold."""

import re

import msgspec
import pytest
from msgspec import Raw

from secure_pair_protocol import model
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.model.access import Lock
from secure_pair_protocol.model.values import TextInput


@pytest.mark.parametrize(
    ("pattern", "matches", "does_not"),
    [
        (r"^\d{4}$", "0815", "081"),
        (r"\d{4,8}", "08154711", "o815"),
        ("[A-Z]{2}[0-9]*", "AB12", "Ab12"),
        (r"[^\]\\]+", "any", "]"),
        (r"a?b+c*", "bb", "c"),
        (r"1\.5-.", "1.5-x", "1x5-x"),
        ("", "", "x"),
    ],
)
def test_simple_patterns(pattern: str, matches: str, does_not: str) -> None:
    for entity in (
        TextInput(key="text", pattern=pattern),
        Lock(key="lock", code_format=pattern),
    ):
        decoded = model.decode_entity(Raw(msgspec.msgpack.encode(entity)))
        assert decoded == entity
    assert re.fullmatch(pattern, matches)
    assert not re.fullmatch(pattern, does_not)


@pytest.mark.parametrize(
    "contradicts",
    [
        {"kind": "sensor", "options": ["low", "high"], "unit": "W"},
        {"kind": "sensor", "options": ["low", "high"], "state_class": "measurement"},
        {"kind": "sensor", "options": ["low", "high"], "precision": 1},
        {"kind": "sensor", "options": ["low", "low"]},
        {"kind": "number", "minimum": 2, "maximum": 1},
        {"kind": "number", "minimum": 0, "maximum": 1, "step": 2},
        {"kind": "number", "minimum": 0, "maximum": float("inf")},
        {"kind": "text", "minimum": 9, "maximum": 3},
        {"kind": "select", "options": []},
    ],
)
def test_a_description_that_contradicts_itself(contradicts: dict[str, object]) -> None:
    with pytest.raises(SecurePairError) as caught:
        model.decode_entity(Raw(msgspec.msgpack.encode({"key": "key", **contradicts})))
    assert caught.value.failure is Failure.MALFORMED


@pytest.mark.parametrize(
    ("entity", "state"),
    [
        ({"kind": "sensor", "options": ["low", "high"]}, {"value": "higher"}),
        ({"kind": "sensor", "unit": "W"}, {"value": "much"}),
        ({"kind": "number", "minimum": 0, "maximum": 1}, {"value": 2}),
        ({"kind": "select", "options": ["a", "b"]}, {"option": "c"}),
        ({"kind": "text", "maximum": 3}, {"value": "long"}),
    ],
)
def test_a_state_that_contradicts_the_description(
    entity: dict[str, object], state: dict[str, object]
) -> None:
    described = model.decode_entity(Raw(msgspec.msgpack.encode({"key": "key", **entity})))
    with pytest.raises(SecurePairError) as caught:
        model.decode_state(Raw(msgspec.msgpack.encode({"key": "key", **state})), described)
    assert caught.value.failure is Failure.OUT_OF_RANGE


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*b",
        "a|b",
        "(?=a)",
        r"(.)\1",
        "a**",
        "a{2}{3}",
        "a*a*a*a*b",
        ".{1,9}.{1,9}.{1,9}.{1,9}",
        "[",
        "[z-a]",
        "a{4,2}",
        "a\\",
        "*",
    ],
)
def test_patterns_that_may_take_long_or_are_none(pattern: str) -> None:
    """They cost the one entity; nobody tries to match anything with them."""
    for kind, field in (("text", "pattern"), ("lock", "code_format")):
        with pytest.raises(SecurePairError) as caught:
            model.decode_entity(
                Raw(msgspec.msgpack.encode({"kind": kind, "key": "key", field: pattern}))
            )
        assert caught.value.failure is Failure.MALFORMED
