"""What `./scripts/fuzz` has found worth keeping: each input reaches something of its own."""

import pytest

from scripts.fuzz_targets import CORPUS, corpus
from tests.adversary.conftest import Tried

from .contract import attempt
from .decoders import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_corpus(name: str, tried: Tried) -> None:
    kept = corpus(name)
    assert kept
    for data in kept:
        attempt(TARGETS[name], data)
    tried("the fuzzer's corpus", len(kept), "a value, or a named failure, within the stated memory")


def test_corpus_is_small_and_whole() -> None:
    assert {file.stem for file in CORPUS.iterdir()} == TARGETS.keys()
    assert sum(file.stat().st_size for file in CORPUS.iterdir()) < 200_000
