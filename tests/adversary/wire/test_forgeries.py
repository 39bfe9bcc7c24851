"""The attack on the bare method, and everybody who pretends to be the device.

Each is at every frame of every connection for a while. The terminal knows that something is
wrong; and when he has gone, the two are back by themselves.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from custom_components.secure_pair.protocol.errors import Failure, SecurePairError
from device_stub.factory import FactoryData
from secure_pair_protocol.messages import Resume
from tests.adversary.conftest import Tried
from tests.integration.attacker import Frame

from .fates import Fate, Tamper, error, honest
from .forgeries import IN_THE_MIDDLE, Forge, renamed
from .pair import Pair, device, make_data
from .scenes import NEGOTIATION, RESUMPTION, Scene
from .stage import Stage, perform

THERE_SECONDS = 150
"""How long the attacker stays: longer than two tries of the terminal are apart."""

in_the_middle = pytest.mark.parametrize(
    ("forge", "failure"), IN_THE_MIDDLE.values(), ids=IN_THE_MIDDLE.keys()
)


@in_the_middle
@pytest.mark.parametrize("scene", [NEGOTIATION, RESUMPTION], ids=str)
def test_in_the_middle(scene: Scene, forge: Forge, failure: Failure, tried: Tried) -> None:
    async def play(stage: Stage) -> None:
        await stage.endure(forge(stage.pair), scene.act, THERE_SECONDS)
        assert failure in stage.failures

    perform(play)
    tried("somebody in the middle without a key", 1, "known to the terminal; back within 200 s")


@in_the_middle
def test_in_the_middle_of_the_first_pairing(forge: Forge, failure: Failure, tried: Tried) -> None:
    """Nothing comes of it, and nothing of it is left at the device."""

    async def play(stage: Stage) -> None:
        former, held = stage.pair, stage.pair.held
        pair = Pair(former.loop, former.data, former.server)
        pair.network.tamper = forge(pair)
        with pytest.raises(SecurePairError) as caught:
            await pair.begin()
        assert caught.value.failure == failure
        assert former.held == held
        pair.network.behave()
        await pair.begin()
        assert len(former.held) == 2
        assert former.keeper.link is not None
        await pair.keeper.stop()

    perform(play)
    tried("somebody in the middle of a first pairing", 1, "known to the terminal; no key made")


def _neighbour(data: FactoryData) -> FactoryData:
    return make_data("001122334455")


def _counterfeit(data: FactoryData) -> FactoryData:
    return make_data(data.device_id)


def _without_the_label(data: FactoryData) -> FactoryData:
    """Its initial key has leaked."""
    return replace(make_data(data.device_id), initial_key=data.initial_key)


@pytest.mark.parametrize("scene", [NEGOTIATION, RESUMPTION], ids=str)
@pytest.mark.parametrize(
    ("other", "forge", "failure"),
    [
        (_neighbour, None, Failure.WRONG_DEVICE),
        (_neighbour, renamed, Failure.AUTHORIZATION_REJECTED),
        (_counterfeit, None, Failure.AUTHORIZATION_REJECTED),
        (_without_the_label, None, Failure.DEVICE_UNPROVEN),
    ],
    ids=["another", "another under its name", "a counterfeit", "one without the label"],
)
def test_another_device(
    scene: Scene,
    other: Callable[[FactoryData], FactoryData],
    forge: Forge | None,
    failure: Failure,
    tried: Tried,
) -> None:
    async def play(stage: Stage) -> None:
        pair = stage.pair
        async with device(other(pair.data)) as server:
            pair.network.elsewhere[pair.server.port] = server.port
            tamper = honest if forge is None else forge(pair)
            await stage.endure(tamper, scene.act, THERE_SECONDS, pair.network.elsewhere.clear)
            assert not server.device.register.held
            assert not server.device.live
        assert failure in stage.failures

    perform(play)
    tried("another device in the device's place", 1, "known to the terminal; back within 200 s")


@pytest.mark.parametrize("failure", Failure)
def test_every_resumption_is_refused(failure: Failure, tried: Tried) -> None:
    """Whatever is said to it, the terminal asks for its session again."""

    def refuse(seen: Frame) -> Fate:
        return answer(seen) if seen.is_a(Resume) else honest(seen)

    async def play(stage: Stage) -> None:
        await stage.endure(refuse, RESUMPTION.act, THERE_SECONDS)

    answer: Tamper = error(failure.value, to_sender=True)
    perform(play)
    tried("every resumption refused, with every code", 1, "back within 200 s")
