"""What a check may come to: a rule and its verdict."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from .bench import Bench


class Verdict(StrEnum):
    """How a check ended."""

    HELD = "held"
    BROKEN = "DID NOT HOLD"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Check:
    """One rule of docs/protocol.md, and the coroutine that tries it.

    `run` returns if it held, and raises FoundError, SecurePairError or NotTriedError.
    """

    name: str
    section: int
    run: Callable[[Bench], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one check."""

    check: Check
    verdict: Verdict
    detail: str = ""
    """What the device did instead, or why it was not tried; never a secret."""
