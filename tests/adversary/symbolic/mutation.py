"""One row of the table of mutations: what is left out, and what becomes of the claims.

Where something else covers a binding, no claim falls without it, and the row says what
covers it; a row behind it leaves out both, unless the other one falls by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .claims import Claim
from .leaving_out import Patch
from .search import Scene

type Scenes = tuple[Callable[[], Scene], ...]


@dataclass(frozen=True)
class Mutation:
    """What is left out; `scenes` are those in which it is looked at."""

    binding: str
    patches: tuple[Patch, ...]
    scenes: Scenes
    falls: Claim | None = None
    """The claim that falls first."""
    also: tuple[Claim, ...] = ()
    """What else falls, looked for by itself."""
    covered: str = ""
    """By what, where no claim falls."""


def falls(
    binding: str,
    claim: Claim,
    scene: Callable[[], Scene],
    *patches: Patch,
    also: tuple[Claim, ...] = (),
) -> Mutation:
    return Mutation(binding, patches, (scene,), falls=claim, also=also)


def covered(binding: str, by: str, where: Scenes, *patches: Patch) -> Mutation:
    return Mutation(binding, patches, where, covered=by)
