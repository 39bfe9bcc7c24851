"""Each binding left out in turn: the claim that is expected falls, and no other one first."""

import inspect

import pytest

from secure_pair_protocol import bindings, keys, resumption

from ..conftest import Tried
from .claims import CLAIMS, claimed
from .leaving_out import applied
from .mutation import Mutation
from .mutations import NEGOTIATION
from .mutations_later import RESUMPTION
from .search import Search
from .trace import story

MUTATIONS = (*NEGOTIATION, *RESUMPTION)
FALLING = [mutation for mutation in MUTATIONS if mutation.falls]
COVERED = [mutation for mutation in MUTATIONS if not mutation.falls]
DERIVATIONS = ("context", "ticket_key", "agree_session", "binder_text", "agree_resumption")


@pytest.mark.parametrize("mutation", FALLING, ids=lambda mutation: mutation.binding)
def test_claim_that_falls(mutation: Mutation, tried: Tried) -> None:
    (scene,) = mutation.scenes
    with applied(mutation.patches):
        looked_at = scene()
        first = Search(looked_at).explore(claimed(looked_at))
        others = {
            claim: Search(looked_at).explore({claim: CLAIMS[claim]}) for claim in mutation.also
        }
    assert first is not None, f"nothing falls without {mutation.binding!r}"
    print(story(f"Without {mutation.binding}; {looked_at.name}:", first))  # noqa: T201
    assert first.claim == mutation.falls
    for claim, violation in others.items():
        assert violation is not None, f"{claim} does not fall"
    held = f"falls, as expected: {', '.join([first.claim, *mutation.also])}"
    tried(f"mutation: {mutation.binding}", 1, held)


@pytest.mark.parametrize("mutation", COVERED, ids=lambda mutation: mutation.binding)
def test_what_else_covers_it(mutation: Mutation, tried: Tried) -> None:
    for scene in mutation.scenes:
        with applied(mutation.patches):
            looked_at = scene()
            search = Search(looked_at)
            violation = search.explore(claimed(looked_at))
        assert violation is None, story(mutation.binding, violation)
        assert search.finished
    tried(f"mutation: {mutation.binding}", 1, f"no claim falls; covered by {mutation.covered}")


def test_rows_are_told_apart() -> None:
    assert len({mutation.binding for mutation in MUTATIONS}) == len(MUTATIONS)
    for mutation in MUTATIONS:
        assert bool(mutation.falls) != bool(mutation.covered), mutation.binding


def test_every_check_is_left_out() -> None:
    patched = {(patch.where, patch.name) for mutation in FALLING for patch in mutation.patches}
    left_out = {name for _, name in patched}
    for module in (bindings, resumption):
        checks = {name for name in vars(module) if name.startswith("check_")}
        assert checks <= left_out, checks - left_out
    # Those of a resumption have names of their own in their module.
    assert (resumption, "check_device_confirmation") in patched
    assert (resumption, "check_terminal_confirmation") in patched


@pytest.mark.parametrize("derivation", DERIVATIONS)
def test_everything_that_is_derived_from_is_left_out(derivation: str) -> None:
    patches = [patch for mutation in MUTATIONS for patch in mutation.patches]
    left_out = {name for patch in patches if patch.name == derivation for name in patch.left_out}
    assert left_out == {*inspect.signature(getattr(keys, derivation)).parameters} - {"crypto"}
