"""What can be done to a frame as a whole, and what can come in its place or before it."""

from collections.abc import Mapping

import pytest

from secure_pair_protocol.errors import Failure
from secure_pair_protocol.framing import RECORD_LIMIT, frame
from tests.adversary.conftest import Tried

from .fates import (
    Tamper,
    before,
    error,
    honest,
    instead,
    late,
    lost,
    mirrored,
    overtaken,
    returned,
    twice,
)
from .scenes import SCENES, Place, Scene, every_place
from .stage import Stage, perform

WHOLE: Mapping[str, Tamper] = {
    "lost": lost,
    "twice": twice,
    "returned to its sender": returned,
    "mirrored": mirrored,
    "1 s late": late(1),
    "15 s late": late(15),
    "70 s late": late(70),
    "100 s late": late(100),
    "behind the next": overtaken(1),
    "behind the next three": overtaken(3),
}
EVER_LONGER = [
    frame(b""),
    frame(b"\xc1"),
    frame(bytes(4096)),
    frame(bytes(4097)),
    frame(bytes(RECORD_LIMIT)),
    frame(b"\x91" * 4096),
    frame(b"\xdd\xff\xff\xff\xff"),
    b"\0",
    b"\xff\xff",
]
"""Empty, no message, as long as may be and longer, deep, and unfinished."""


@pytest.mark.timeout(600)
@every_place
def test_done_to_a_frame(scene: Scene, place: Place, tried: Tried) -> None:
    async def play(stage: Stage) -> None:
        for tamper in WHOLE.values():
            await stage.play(scene, place, tamper)

    perform(play)
    tried("a frame lost, repeated, returned, late or overtaken", len(WHOLE), "back within 200 s")


@pytest.mark.timeout(600)
@every_place
def test_nonsense(scene: Scene, place: Place, tried: Tried) -> None:
    async def play(stage: Stage) -> None:
        for data in EVER_LONGER:
            await stage.play(scene, place, instead(data))
            await stage.play(scene, place, before(data))

    perform(play)
    tried("nonsense in a frame's place, or before it", 2 * len(EVER_LONGER), "back within 200 s")


@pytest.mark.timeout(600)
@every_place
def test_every_error_code(scene: Scene, place: Place, tried: Tried) -> None:
    """To whoever waits for the frame, or to whoever has sent it; codes are for wording only."""
    codes = [*(failure.value for failure in Failure), "", "no code of ours", "x" * 64]

    async def play(stage: Stage) -> None:
        for code in codes:
            await stage.play(scene, place, error(code))
            await stage.play(scene, place, error(code, to_sender=True))

    perform(play)
    tried("an Error of every code, at every frame", 2 * len(codes), "back within 200 s")


@pytest.mark.timeout(600)
@every_place
def test_replayed(scene: Scene, place: Place, tried: Tried) -> None:
    """Every frame of earlier connections, of both directions, in a frame's place or before it."""

    async def play(stage: Stage) -> int:
        recorded: list[bytes] = []
        for earlier in SCENES:
            await stage.play(earlier, earlier.places[0], honest)
            recorded += [frame(seen.payload) for seen in stage.pair.network.frames]
        for data in recorded:
            await stage.play(scene, place, instead(data))
            await stage.play(scene, place, before(data))
        return 2 * len(recorded)

    tried("a frame of an earlier connection", perform(play), "back within 200 s")
