"""Whole conversations of earlier connections, played again to the device or to the terminal."""

import asyncio
from typing import override

from secure_pair_protocol import messages
from secure_pair_protocol.framing import FrameReader
from secure_pair_protocol.messages import Greeting
from tests.adversary.conftest import Tried
from tests.integration.attacker import Frame

from .fates import honest
from .replays import ANSWERS, Playback, Recording, sequences
from .scenes import NEGOTIATION, RESUMPTION, SCENES
from .stage import Stage, perform


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


def test_played_to_the_device(tried: Tried) -> None:
    """All at once, on connections of the attacker's own: none of it is heard."""

    async def play(stage: Stage) -> int:
        pair, network = stage.pair, stage.pair.network
        said = [each for recording in await _record(stage) for each in sequences(recording)]
        held, ran, live = pair.held, pair.ran, list(pair.device.live)
        for sequence in said:
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
        return len(said)

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
