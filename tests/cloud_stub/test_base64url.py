"""Bytes in JSON: one text for each value, and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub import base64url


@given(st.binary(max_size=100))
def test_bytes_come_back(value: bytes) -> None:
    text = base64url.encode(value)

    assert base64url.decode(text) == value
    assert "=" not in text


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AB",
        "AAB",
        "AA==",
        "AA=",
        "+_8A",
        "/_8A",
        "AA AA",
        "AAAA\n",
        "ÄAAA",
        "AAAAA",
        None,
        1,
        b"AA",
    ],
)
def test_what_is_no_text_of_any_bytes_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"^not unpadded base64url$"):
        base64url.decode(text)
