"""The other languages: as complete as the English, and as correct."""

import re
from typing import Any

import pytest
from homeassistant.generated.languages import LANGUAGES

from .sources import INTEGRATION, read_json
from .texts import every_text, placeholders, texts

OTHERS = sorted(
    path.stem for path in (INTEGRATION / "translations").glob("*.json") if path.stem != "en"
)
ENGLISH = dict(every_text(texts()))

each_language = pytest.mark.parametrize("language", OTHERS)


def translated(language: str) -> dict[tuple[str, ...], str]:
    content: dict[str, Any] = read_json(f"translations/{language}.json")
    return dict(every_text(content))


def test_languages() -> None:
    assert OTHERS == ["de", "es", "fr", "zh-Hans"]
    assert {*OTHERS} <= LANGUAGES


@each_language
def test_every_text_and_no_other(language: str) -> None:
    """In the order of the English, so that the files can be compared."""
    assert list(translated(language)) == list(ENGLISH)


@each_language
def test_placeholders(language: str) -> None:
    for path, text in translated(language).items():
        assert placeholders(text) == placeholders(ENGLISH[path]), path


@each_language
def test_what_holds_of_every_text(language: str) -> None:
    wrong = re.compile(r"https?://|www\.|</?[a-z]+[^>]*>|^\s|\s$|'\{\w+\}'|\[%key:|^$|  ")
    for path, text in translated(language).items():
        assert not wrong.search(text), path


@each_language
def test_sentences_are_translated(language: str) -> None:
    """A word may be the same in both; a sentence is not."""
    for path, text in translated(language).items():
        if len(ENGLISH[path].split()) > 3:
            assert text != ENGLISH[path], path
        # A sentence ends, and a name does not.
        assert (ENGLISH[path][-1] in ".?…") == (text[-1] in ".?…。\uff1f"), path


@each_language
def test_the_same_english_message_is_the_same_in_every_flow(language: str) -> None:
    """What a form says of a failure, a fix flow says in the same words."""
    said: dict[str, set[str]] = {}
    for path, text in translated(language).items():
        if "error" in path[:-1]:
            said.setdefault(ENGLISH[path], set()).add(text)
    assert not {english for english, texts in said.items() if len(texts) > 1}
