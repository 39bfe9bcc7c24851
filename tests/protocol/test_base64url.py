"""Bytes in text (docs/protocol.md, section 11)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_pair_protocol.base64url import decode, encode


@given(st.binary())
def test_round_trip(value: bytes) -> None:
    text = encode(value)
    assert decode(text) == value
    assert "=" not in text
    assert text.isascii()


@given(st.text("ABYZabyz0189-_+/= \n", max_size=12) | st.text())
def test_each_value_has_one_text(text: str) -> None:
    try:
        value = decode(text)
    except ValueError as error:
        assert str(error) == "not unpadded base64url"  # noqa: PT017
        assert error.__cause__ is error.__context__ is None  # noqa: PT017
    else:
        assert encode(value) == text


@pytest.mark.parametrize(
    "text", ["_w==", "_w=", "_x", "A", "+w", "/w", "_w ", "_w\n", "ÿ", None, 1, b"_w"]
)
def test_no_text_of_bytes(text: object) -> None:
    """Padding, other alphabets, stray bits at the end, and what is no text at all."""
    with pytest.raises(ValueError, match="not unpadded base64url"):
        decode(text)


def test_every_last_character_stays() -> None:
    for last in range(256):
        assert decode(encode(bytes([0, 0, last]))) == bytes([0, 0, last])


def test_alphabet() -> None:
    assert encode(bytes.fromhex("fbff")) == "-_8"
    assert decode("-_8") == bytes.fromhex("fbff")
