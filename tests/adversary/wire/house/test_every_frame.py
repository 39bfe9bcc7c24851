"""Every frame of what a whole Home Assistant and the device say, and every kind of tampering.

Some bits and bytes of each frame only: `test_every_bit` and `test_every_cut` have all of them,
in memory. Here one house goes through all of it, without ever being set up anew.
"""

import pytest

from secure_pair_protocol.errors import Failure
from tests.adversary.conftest import Tried
from tests.adversary.wire.fates import (
    Fate,
    Tamper,
    cut_at,
    error,
    flipped,
    late,
    lost,
    mirrored,
    overtaken,
    returned,
    twice,
    wire,
)
from tests.adversary.wire.scenes import SCENES, Scene
from tests.integration.attacker import Frame
from tests.integration.house import House

from .siege import Siege

LENGTH_BITS = 16

CODES = (
    Failure.AUTHORIZATION_REJECTED,
    Failure.BUSY,
    Failure.DEVICE_RESET,
    Failure.RECORD_FAILED,
    Failure.SESSION_UNKNOWN,
    Failure.TERMINAL_REVOKED,
)


def somewhere(share: float) -> Tamper:
    """Turn over a bit of the frame, as far behind its length as this share of the rest."""

    def tamper(seen: Frame) -> Fate:
        last = 8 * len(seen.payload) - 1
        return flipped(LENGTH_BITS + round(share * last))(seen)

    return tamper


def halfway(seen: Frame) -> Fate:
    """Close the connection in the middle of the frame."""
    return cut_at(len(wire(seen)) // 2, polite=True)(seen)


def just_before_the_end(seen: Frame) -> Fate:
    """Close the connection before the last byte."""
    return cut_at(len(wire(seen)) - 1, polite=True)(seen)


TAMPERS: tuple[Tamper, ...] = (
    *(lost, twice, returned, mirrored, late(0.05), overtaken(1)),
    *(flipped(bit) for bit in (0, 7, 8, 15)),
    *(somewhere(step / 12) for step in range(13)),
    *(cut_at(position, polite=True) for position in (0, 1, 2)),
    *(halfway, just_before_the_end, cut_at(0, polite=False)),
    *(error(code) for code in CODES),
    *(error(code, to_sender=True) for code in CODES),
)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("connection", "link"):
        monkeypatch.setattr(f"custom_components.secure_pair.{module}.ANSWER_SECONDS", 0.5)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scene", SCENES, ids=str)
async def test_every_frame(house: House, scene: Scene, tried: Tried) -> None:
    siege = Siege(house)
    for place in scene.places:
        for tamper in TAMPERS:
            await siege.play(scene, place, tamper)
    count = len(scene.places) * len(TAMPERS)
    tried(f"Home Assistant: {scene}, tampered with", count, "back by itself; no repair left")
