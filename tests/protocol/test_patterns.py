"""Regular expressions that a device may give (docs/protocol.md, section 8)."""

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
        (r"ab+c", "abbc", "ac"),
        ("[^^][$]", "a$", "^$"),
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
    "pattern",
    [
        "(a+)+$",
        "(a|a)*b",
        "a|b",
        "(?=a)",
        r"(.)\1",
        "a**",
        "a{2}{3}",
        "a*a*b",
        ".{1,9}.{1,9}",
        "[^a]" * 62 + "(",
        r"[\^]" * 62 + "[",
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


def test_what_is_wrong_with_a_pattern_is_said() -> None:
    for pattern, reason in (
        ("(a)", "more than characters and classes"),
        ("a*b*", "more than one part of no fixed length"),
        ("[z-a]", "bad character range"),
    ):
        with pytest.raises(SecurePairError, match=reason):
            model.decode_entity(
                Raw(msgspec.msgpack.encode({"kind": "text", "key": "key", "pattern": pattern}))
            )
