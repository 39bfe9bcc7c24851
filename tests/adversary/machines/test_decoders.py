"""Whatever bytes come: a value, or the failure that the reader names, within its memory."""

import gc
import threading
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings

from tests.adversary.conftest import Tried

from .contract import Target, attempt
from .decoders import TARGETS
from .hostile import bombs, inputs

EXAMPLES = 400

each_target = pytest.mark.parametrize("name", TARGETS)


@each_target
def test_any_bytes(name: str, tried: Tried) -> None:
    target, seen = TARGETS[name], Counter[str | None]()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs(target))
    def read(data: bytes) -> None:
        seen[attempt(target, data).code] += 1

    read()
    # Neither is everything refused at the door, nor does everything pass.
    assert len(seen) > 1, seen
    tried("bytes, arbitrary and altered, to every reader", seen.total(), HELD)


@each_target
def test_bombs(name: str, tried: Tried) -> None:
    target = TARGETS[name]
    count = 0
    for bomb in bombs(target):
        attempt(target, bomb)
        count += 1
    assert count > 4
    tried("nested and over-long inputs, as long as a frame allows", count, HELD)


def test_bombs_on_a_short_stack(tried: Tried) -> None:
    """Too deep for what a thread has is refused like all else: no RecursionError, no crash."""
    failed: list[tuple[str, BaseException]] = []
    counts = Counter[str]()

    def read_all() -> None:
        for name, target in TARGETS.items():
            try:
                counts[name] = _deepest(target)
            except BaseException as error:  # noqa: BLE001 - it is what is looked for
                failed.append((name, error))

    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=read_all)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert not failed
    tried("the same on a stack of 256 KiB", counts.total(), HELD)


def _deepest(target: Target) -> int:
    count = 0
    for count, bomb in enumerate(bombs(target), start=1):
        attempt(target, bomb)
        if count == _DEEPEST:
            break
    gc.collect()
    return count


_DEEPEST = 150

HELD = "a value, or a named failure, within the stated memory"
