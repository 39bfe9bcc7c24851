"""The one clock of all links' signs of life."""

import asyncio
from collections import Counter

import pytest

from custom_components.secure_pair.protocol.envelope import PING_SECONDS
from custom_components.secure_pair.pulse import Pulse


class Heart:
    """Counts, and goes on for as long as it is told to."""

    def __init__(self, times: int = 1) -> None:
        self.beats: list[int] = []
        self.rests = 0
        self._times = times

    def beat(self, second: int) -> int | None:
        self.beats.append(second)
        return second + PING_SECONDS if len(self.beats) < self._times else None

    def rest(self) -> None:
        self.rests += 1


class BrokenHeart(Heart):
    def beat(self, second: int) -> int | None:
        super().beat(second)
        raise RuntimeError


class LastBeat(Heart):
    """Leaves, and takes another along, when it should beat."""

    def __init__(self, pulse: Pulse) -> None:
        super().__init__()
        self.pulse, self.seconds = pulse, dict[Heart, int]()

    def beat(self, second: int) -> int | None:
        super().beat(second)
        for heart, due in self.seconds.items():
            self.pulse.leave(due, heart)
        return None


@pytest.fixture
async def fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loop's clock go a minute on with each look at it."""
    loop = asyncio.get_running_loop()
    now = iter(range(int(loop.time()), 1 << 40, 2 * PING_SECONDS))
    monkeypatch.setattr(loop, "time", lambda: float(next(now)))


async def test_spread() -> None:
    """A thousand that come at once are not due at once; whoever is alone waits for longest."""
    pulse, now = Pulse(), int(asyncio.get_running_loop().time())
    hearts = [Heart() for _ in range(1000)]
    seconds = [pulse.join(heart) for heart in hearts]
    assert now + PING_SECONDS <= seconds[0] <= now + PING_SECONDS + 1
    assert max(Counter(seconds).values()) <= 1000 / PING_SECONDS + 2
    for second, heart in zip(seconds, hearts, strict=True):
        pulse.leave(second, heart)


@pytest.mark.usefixtures("fast_clock")
async def test_each_goes_on_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    """One that breaks costs only itself, and one that has left hears nothing more."""
    pulse = Pulse()
    twice, broken, gone = Heart(2), BrokenHeart(), Heart()
    first = pulse.join(twice)
    pulse.join(broken)
    pulse.leave(pulse.join(gone), gone)
    while len(twice.beats) < 2:
        await asyncio.sleep(0)
    assert twice.beats == [first, first + PING_SECONDS]
    assert len(broken.beats) == 1
    assert (twice.rests, broken.rests) == (1, 0)
    assert not gone.beats
    assert "Unexpected error" in caplog.text


@pytest.mark.usefixtures("fast_clock")
async def test_leaving_in_the_middle() -> None:
    """A link that is found dead ends then and there."""
    pulse, twice = Pulse(), Heart(2)
    last = LastBeat(pulse)
    other = Heart(3)
    last.seconds = {last: pulse.join(last), other: pulse.join(other)}
    pulse.join(twice)
    while len(twice.beats) < 2:
        await asyncio.sleep(0)
    assert len(last.beats) == 1
    assert len(other.beats) <= 1
