"""Every bit of every frame, the length included, turned over on its way.

Here in memory, with the very keeper, connection and link of Home Assistant and the very server
of the device; `house/test_every_frame` turns some bits of each over in a whole Home Assistant.
"""

import pytest

from tests.adversary.conftest import Tried

from .fates import flipped
from .scenes import NEGOTIATION, Place, Scene, every_place
from .stage import Stage, perform

UNHEARD = {(NEGOTIATION, "greeting"): range(8 * 21, 8 * 37)}
"""A negotiation rests on nothing in the greeting but its versions and the device id."""


@pytest.mark.timeout(600)
@every_place
def test_every_bit(scene: Scene, place: Place, tried: Tried) -> None:
    """One that is turned over ends the connection, and nothing else."""
    bits = range(8 * place.size)

    async def play(stage: Stage) -> None:
        for bit in bits:
            await stage.play(scene, place, flipped(bit))
            assert stage.noticed == (bit not in UNHEARD.get((scene, place.name), ())), bit

    perform(play)
    tried(f"a bit of {scene}, turned over", len(bits), "noticed; back within 200 s")
