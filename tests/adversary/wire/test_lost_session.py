"""The device has lost the session, and the negotiation that mends it is disturbed."""

import pytest

from tests.adversary.conftest import Tried

from .fates import cut_at, flipped, honest
from .scenes import FORGOTTEN, Place
from .stage import Stage, perform
from .test_every_frame import WHOLE


@pytest.mark.parametrize("place", FORGOTTEN.places, ids=[place.name for place in FORGOTTEN.places])
def test_lost_session(place: Place, tried: Tried) -> None:
    """It is tried again by itself, but not before ten minutes."""
    tampers = [
        honest,
        *WHOLE.values(),
        *(flipped(bit) for bit in range(0, 8 * place.size, 101)),
        *(cut_at(at, polite=polite) for at in range(0, place.size, 23) for polite in (True, False)),
    ]

    async def play(stage: Stage) -> None:
        for tamper in tampers:
            await stage.play(FORGOTTEN, place, tamper)

    perform(play)
    tried("a negotiation by itself, disturbed", len(tampers), "back within 800 s")
