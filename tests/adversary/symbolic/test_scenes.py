"""No claim falls, in any scene, whatever the attacker does."""

from collections.abc import Callable

import pytest

from ..conftest import Tried
from . import scenes
from .claims import claimed
from .search import Scene, Search
from .trace import story

SCENES: dict[Callable[[], Scene], int] = {
    scenes.stranger: 500,
    scenes.insider: 8_000,
    scenes.two_devices: 5_000,
    scenes.two_terminals: 1_000,
    scenes.bought_from_the_attacker: 600,
    scenes.leak: 4_000,
    scenes.dishonest: 10_000,
    scenes.change_of_owner: 1_200,
    scenes.factory_reset: 200,
    scenes.resumption: 800,
    scenes.gone_meanwhile: 400,
    scenes.former_session: 400,
    scenes.whole_way: 300,
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
    tried(f"symbolic search: {looked_at.name}", search.worlds, ", ".join(claimed(looked_at)))
