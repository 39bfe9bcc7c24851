"""Whole conversations of earlier connections, played again to the device or to the terminal."""

import asyncio
from itertools import pairwise
from typing import override

from secure_pair_protocol import messages
from secure_pair_protocol.framing import FrameReader, frame
from secure_pair_protocol.messages import Challenge, Error, Greeting
from tests.adversary.conftest import Tried
from tests.integration.attacker import Frame

from .fates import Fate, honest
from .scenes import NEGOTIATION, RESUMPTION, SCENES, Stage, perform

ANSWERS = (
    [Greeting],
    [Greeting, Error],
    [Greeting, Challenge],
    [Greeting, Challenge, Error],
)

type Recording = list[Frame]
"""One connection, in the order of what went over it."""


class Listening(asyncio.Protocol):
    """The attacker's own connection to the device."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._frames = FrameReader()

    @override
    def data_received(self, data: bytes) -> None:
        self._frames.feed(data)
        while (payload := self._frames.next()) is not None:
            self.heard.append(payload)


async def _record(stage: Stage) -> list[Recording]:
    """Have the two do all that they do; return each connection, one with a former key too."""
    frames: list[Frame] = []
    for scene in (*SCENES, NEGOTIATION):
        await stage.play(scene, scene.places[0], honest)
        frames += stage.pair.network.frames
    numbers = dict.fromkeys(seen.connection for seen in frames if seen.is_a(Greeting))
    return [[seen for seen in frames if seen.connection == number] for number in numbers]


def _sequences(recording: Recording) -> list[bytes]:
    """Return all of it, each beginning, each end, each frame alone and each pair of neighbours."""
    said = [frame(seen.payload) for seen in recording if seen.to_device]
    return [
        *(b"".join(said[:end]) for end in range(1, len(said) + 1)),
        *(b"".join(said[start:]) for start in range(1, len(said))),
        *said,
        *(b"".join(two) for two in pairwise(said)),
        *(one * 2 for one in said),
    ]


def test_played_to_the_device(tried: Tried) -> None:
    """All at once, on connections of the attacker's own: none of it is heard."""

    async def play(stage: Stage) -> int:
        pair, network = stage.pair, stage.pair.network
        sequences = [each for recording in await _record(stage) for each in _sequences(recording)]
        held, ran, live = pair.held, pair.ran, list(pair.device.live)
        for sequence in sequences:
            transport, peer = await network.connect(Listening, pair.server.port)
            transport.write(sequence)
            await asyncio.sleep(0.1)
            # A greeting, perhaps a fresh challenge, perhaps a refusal: nothing that needs a key.
            kinds = [type(messages.decode_any(said)) for said in peer.heard]
            assert kinds in ANSWERS
            transport.abort()
        assert pair.held == held
        assert pair.ran == ran
        assert pair.device.live == live
        await stage.play(RESUMPTION, RESUMPTION.places[0], honest)
        return len(sequences)

    tried("earlier connections, played to the device", perform(play), "nothing heard, nothing done")


def test_played_to_the_terminal(tried: Tried) -> None:
    """In the device's place: greeting, answers and records as they were."""

    async def play(stage: Stage) -> int:
        recordings = await _record(stage)
        for recording in recordings:
            for scene in (NEGOTIATION, RESUMPTION):
                await stage.endure(Playback(recording), scene.act, 150)
                assert stage.failures
        return 2 * len(recordings)

    tried("earlier connections, played to the terminal", perform(play), "back within 200 s")


class Playback:
    """Says what the device said then, each time that the terminal has had its say."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._at = 0

    def __call__(self, seen: Frame) -> Fate:
        if seen.is_a(Greeting):
            self._at = 0
            return Fate(self._turn())
        return Fate(back=self._turn()) if seen.to_device else Fate()

    def _turn(self) -> bytes:
        said, begun = b"", False
        while self._at < len(self._recording):
            seen = self._recording[self._at]
            if seen.to_device and begun:
                break
            begun |= not seen.to_device
            said += b"" if seen.to_device else frame(seen.payload)
            self._at += 1
        return said
