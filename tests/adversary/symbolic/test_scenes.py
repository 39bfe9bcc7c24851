"""No claim falls, in any scene, whatever the attacker does."""

from collections.abc import Callable

import pytest

from ..conftest import Tried
from . import claims, scenes
from .claims import CLAIMS, Claim, claimed
from .events import LEAK
from .search import Scene, Search
from .trace import story

# The largest scene takes some seconds of a core that it has for itself.
pytestmark = pytest.mark.timeout(300)

SCENES: dict[Callable[[], Scene], int] = {
    scenes.stranger: 500,
    scenes.insider: 12_000,
    scenes.two_devices: 8_000,
    scenes.two_terminals: 1_000,
    scenes.bought_from_the_attacker: 600,
    scenes.stolen_token: 800,
    scenes.leak: 5_000,
    scenes.dishonest: 8_000,
    scenes.dishonest_two_terminals: 10_000,
    scenes.change_of_owner: 1_200,
    scenes.factory_reset: 200,
    scenes.resumption: 1_000,
    scenes.three_resumptions: 6_000,
    scenes.gone_meanwhile: 600,
    scenes.former_session: 600,
    scenes.whole_way: 500,
    scenes.whole_way_dishonest: 300,
}
"""Each scene, and how many worlds it has at least."""


@pytest.mark.parametrize(
    ("scene", "least"),
    [pytest.param(scene, least, id=scene.__name__) for scene, least in SCENES.items()],
)
def test_no_claim_falls(scene: Callable[[], Scene], least: int, tried: Tried) -> None:
    looked_at = scene()
    search = Search(looked_at)
    violation = search.explore(claimed(looked_at))
    assert violation is None, story(looked_at.name, violation)
    assert search.worlds >= least
    # None of it holds for the want of an honest run that comes to its end.
    assert search.finished == {run.name for run in looked_at.runs}
    what = f"symbolic search: {looked_at.name} ({looked_at.bounds})"
    tried(what, search.worlds, ", ".join(claimed(looked_at)))


# What is not promised, and so has to fall: or the attacker above would be too weak.


def test_without_a_label_a_dishonest_key_service_is_in_the_middle(tried: Tried) -> None:
    looked_at = scenes.dishonest_without_a_label()
    for claim in (Claim.TERMINAL_AGREES, Claim.DEVICE_AGREES, Claim.SECRECY):
        violation = Search(looked_at).explore({claim: CLAIMS[claim]})
        assert violation is not None
        print(story(f"{looked_at.name}:", violation))  # noqa: T201
    tried("not promised: no label, a dishonest key service", 3, "agreement and secrecy fall")


def test_who_has_the_initial_key_takes_part_from_then_on(
    monkeypatch: pytest.MonkeyPatch, tried: Tried
) -> None:
    monkeypatch.setattr(claims, "counts", lambda *_: True)
    looked_at = scenes.leak()
    violation = Search(looked_at).explore({Claim.TERMINAL_AGREES: CLAIMS[Claim.TERMINAL_AGREES]})
    assert violation is not None
    print(story(f"{looked_at.name}:", violation))  # noqa: T201
    assert any(move.to == LEAK for move in violation.way)
    tried("not promised: no label, an initial key has leaked", 1, "agreement falls")


def test_search_takes_the_same_way_each_time() -> None:
    ways = []
    for _ in range(2):
        violation = Search(scenes.bare()).explore({Claim.SECRECY: CLAIMS[Claim.SECRECY]})
        assert violation is not None
        ways.append(story("", violation))
    assert ways[0] == ways[1]
