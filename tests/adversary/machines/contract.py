"""What a reader of somebody else's bytes owes: a value or a named failure, and little memory."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache

from custom_components.secure_pair.protocol.errors import SecurePairError as TerminalError
from device_stub.factory import DeviceFileError
from device_stub.store import StateError
from secure_pair_protocol.errors import SecurePairError

ANSWER_LIMIT = 16 * 1024
"""The longest answer of a key service that is read."""


@dataclass(frozen=True)
class Target:
    """One reader, and the contract that it keeps on any bytes."""

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    codes: frozenset[str]
    """The failures that its docstring names."""
    limit: int = ANSWER_LIMIT
    """The longest input that can come to it."""
    multiple: int = 16
    """How many times as long as the input its memory may be at its peak."""
    slack: int = 32 * 1024
    """Bytes that it may cost however short the input is: exceptions, caches."""


@dataclass(frozen=True)
class Read:
    """What came of one input."""

    code: str | None
    """None: it was read."""
    why: str
    peak: int
    """Bytes."""


def attempt(target: Target, data: bytes) -> Read:
    """Read the bytes; holds the contract, whatever they are."""
    _warm(target)
    code, why = None, ""
    with traced() as peak:
        try:
            target.read(data)
        except (SecurePairError, TerminalError) as error:
            code, why = str(error.failure), f"{error}: {error.__cause__}"
        except (StateError, DeviceFileError) as error:
            code, why = type(error).__name__, str(error)
        cost = peak()
    assert code is None or code in target.codes, (code, why)
    assert cost <= target.multiple * len(data) + target.slack, f"{cost} bytes for {len(data)}"
    return Read(code, why, cost)


@cache
def _warm(target: Target) -> None:
    """Let it fill its caches, which are not the input's cost."""
    for data in (b"", *target.seeds):
        with suppress(SecurePairError, TerminalError, StateError, DeviceFileError):
            target.read(data)


@contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """Measure how much memory Python's allocators give out inside, at the peak."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
