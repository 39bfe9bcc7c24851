"""The attack on the bare method, other devices and replays, against a whole Home Assistant."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from custom_components.secure_pair.protocol.errors import Failure
from device_stub.device import Device
from device_stub.factory import FactoryData
from device_stub.lock import DoorLock
from device_stub.server import running
from device_stub.store import Store
from secure_pair_protocol import messages
from secure_pair_protocol.messages import Greeting
from tests.adversary.conftest import Tried
from tests.adversary.wire.fates import honest
from tests.adversary.wire.forgeries import IN_THE_MIDDLE, renamed
from tests.adversary.wire.pair import make_data
from tests.adversary.wire.replays import ANSWERS, Playback, Recording, sequences
from tests.adversary.wire.scenes import NEGOTIATION, RESUMPTION, Scene
from tests.device_stub.terminal import Closed, Peer
from tests.integration.house import House

from .siege import Siege

scenes = pytest.mark.parametrize("scene", [NEGOTIATION, RESUMPTION], ids=str)


@pytest.mark.timeout(300)
@scenes
async def test_in_the_middle(house: House, scene: Scene, tried: Tried) -> None:
    """All who are in the middle without a key, one after the other."""
    siege = Siege(house)
    for forge, failure in IN_THE_MIDDLE.values():
        await siege.endure(forge(siege), scene)
        assert failure in siege.known
    tried("Home Assistant: somebody in the middle", len(IN_THE_MIDDLE), "known to it; back")


@pytest.mark.timeout(300)
@scenes
async def test_another_device(house: House, scene: Scene, tmp_path: Path, tried: Tried) -> None:
    siege, data = Siege(house), house.device.data
    others: list[tuple[FactoryData, bool, Failure]] = [
        (make_data("001122334455"), False, Failure.WRONG_DEVICE),
        (make_data("001122334455"), True, Failure.AUTHORIZATION_REJECTED),
        (make_data(data.device_id), False, Failure.AUTHORIZATION_REJECTED),
        (
            replace(make_data(data.device_id), initial_key=data.initial_key),
            False,
            Failure.DEVICE_UNPROVEN,
        ),
    ]
    for number, (other, renames, failure) in enumerate(others):
        store = Store(tmp_path / f"{number}.json", other.device_id)
        async with running(Device(other, [DoorLock()], store)) as server:
            tamper = renamed(siege) if renames else honest
            await siege.endure(tamper, scene, server.port)
            assert not server.device.register.held
        assert failure in siege.known
    tried("Home Assistant: another device in its place", len(others), "known to it; back")


@pytest.mark.timeout(300)
async def test_replays(house: House, tried: Tried) -> None:
    """A resumption and what followed on it, played to either of the two."""
    siege = Siege(house)
    house.attacker.frames.clear()
    await house.reconnected(house.attacker.cut)
    await house.works()
    recorded = _last_connection(house)
    await house.reconnected(house.attacker.cut)
    live, held, ran = list(house.device.live), house.held, siege.ran
    said = sequences(recorded)
    for sequence in said:
        peer = await Peer.connect(house.server.port)
        peer.writer.write(sequence)
        peer.writer.write_eof()
        heard = [type(messages.decode_any(payload)) for payload in await _all(peer)]
        assert [Greeting, *heard] in ANSWERS
    assert (list(house.device.live), house.held, siege.ran) == (live, held, ran)
    for scene in (NEGOTIATION, RESUMPTION):
        await siege.endure(Playback(recorded), scene)
    tried("Home Assistant: an earlier connection again", len(said) + 2, "nothing done; back")


def _last_connection(house: House) -> Recording:
    frames = house.attacker.frames
    return [seen for seen in frames if seen.connection == frames[-1].connection]


async def _all(peer: Peer) -> list[bytes]:
    """Return all that the device says before it closes."""
    payloads = []
    with suppress(Closed):
        while True:
            payloads.append(await peer.payload())
    await peer.close()
    return payloads
