"""The method as the patent has it falls at once: to somebody in the middle."""

import pytest

from ..conftest import Tried
from . import scenes
from .claims import CLAIMS, Claim
from .runs import DeviceAt, World
from .search import Search
from .secrecy import secrets
from .trace import story

FALLING = (
    Claim.AUTHORIZATION,
    Claim.TERMINAL_AGREES,
    Claim.DEVICE_AGREES,
    Claim.SECRECY,
    Claim.LEAK,
    Claim.PASSIVE,
)


@pytest.mark.parametrize("claim", FALLING)
def test_each_claim_falls(claim: Claim, tried: Tried) -> None:
    violation = Search(scenes.bare()).explore({claim: CLAIMS[claim]})
    assert violation is not None
    print(story("The bare method:", violation))  # noqa: T201
    tried("the bare method, with nothing added", 1, "each claim falls")


def nobody_in_the_middle(search: Search, world: World) -> str | None:
    """Both ends are done, each has a genuine first encrypted data, and he has both keys."""
    done = all(run.is_done(world) for run in search.scene.runs)
    found = [key for _, what, key in secrets(search, world) if what == "session key"]
    if done and len(set(found)) == 2 and all(map(world.knowledge.derives, found)):
        return "the attacker has a session key with each of the two"
    return None


def test_man_in_the_middle(tried: Tried) -> None:
    search = Search(scenes.bare())
    violation = search.explore({"nobody in the middle": nobody_in_the_middle})
    assert violation is not None
    told = story("The bare method, a man in the middle:", violation)
    print(told)  # noqa: T201
    device: DeviceAt = violation.world.at["D1"]
    assert device.opened is not None
    # What the device has opened is genuine.
    assert device.opened.first_encrypted_data in search.authorized
    assert "first public key: the public key of the attacker" in told
    assert "device public key: the public key of the attacker" in told
    tried("the bare method, with nothing added", 1, "the attacker is in the middle")


def test_honest_run_comes_to_its_end() -> None:
    """So it is the method that falls, not its scene."""
    search = Search(scenes.bare())
    assert search.explore({}) is None
    assert search.finished == {"T1", "D1"}
