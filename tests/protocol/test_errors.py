"""Every way it can fail (docs/protocol.md, section 12)."""

import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from secure_pair_protocol.errors import Failure, RefusedError, SecurePairError
from secure_pair_protocol.messages import Error, decode_any, encode

DOCS = Path(__file__).parents[2] / "docs" / "protocol.md"


def test_codes_are_unique() -> None:
    """A second member of the same code would be an alias of the first."""
    assert len(Failure) == len(Failure.__members__)


def test_each_failure() -> None:
    for failure in Failure:
        assert re.fullmatch("[a-z_]+", failure)
        assert failure.name == failure.upper()
        assert failure.meaning.strip() == failure.meaning != ""
        assert Failure.of(str(failure)) is failure
        assert decode_any(encode(Error(failure))) == Error(str(failure))


def test_meanings_are_unique() -> None:
    assert len({failure.meaning for failure in Failure}) == len(Failure)


def test_docs_have_every_code_with_its_meaning() -> None:
    section = DOCS.read_text().partition("## 12. Failures")[2]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
    assert rows == [(failure.value, failure.meaning) for failure in Failure]


@given(st.text() | st.sampled_from(["", "Busy", "busy ", "BUSY", "of_the_future"]))
def test_code_of_another_version(code: str) -> None:
    assume(code not in Failure.__members__.values())
    assert Failure.of(code) is None


def test_an_error_says_what_failed() -> None:
    assert str(SecurePairError(Failure.BUSY)) == f"busy: {Failure.BUSY.meaning}"
    error = SecurePairError(Failure.TIMEOUT, "connecting")
    assert str(error) == "timeout: connecting"
    assert error.failure is Failure.TIMEOUT


def test_a_refusal_is_a_failure_too() -> None:
    with pytest.raises(SecurePairError) as caught:
        raise RefusedError(Failure.TABLE_FULL)
    assert caught.value.failure is Failure.TABLE_FULL
