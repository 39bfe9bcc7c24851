"""The connection ends behind every single byte: closed as if by the other end, or reset."""

import pytest

from tests.adversary.conftest import Tried

from .fates import cut_at
from .scenes import Place, Scene, every_place
from .stage import Stage, perform


@pytest.mark.timeout(600)
@every_place
@pytest.mark.parametrize("polite", [True, False], ids=["closed", "reset"])
def test_every_cut(scene: Scene, place: Place, polite: bool, tried: Tried) -> None:
    positions = range(place.size + 1)

    async def play(stage: Stage) -> None:
        for position in positions:
            await stage.play(scene, place, cut_at(position, polite=polite))
            assert stage.noticed

    perform(play)
    tried(f"{scene}, cut off behind a byte", len(positions), "noticed; back within 200 s")
