"""Devices of many entities: long descriptions, pictures, events, and entities that come and go."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import override

import msgspec
import pytest

from device_stub.device import Device
from device_stub.entity import VirtualEntity
from device_stub.live import PICTURES_WAITING
from device_stub.lock import DoorLock
from device_stub.server import Server, running
from device_stub.store import Store
from secure_pair_protocol import model
from secure_pair_protocol.envelope import (
    PIECE_SIZE,
    Closing,
    Event,
    FurtherDevice,
    Picture,
    PictureRequest,
    Ping,
    Pong,
    Result,
    States,
)
from secure_pair_protocol.model import Action
from secure_pair_protocol.model.reporting import Camera, CameraAction, CameraState, EventSource
from secure_pair_protocol.model.values import Sensor, SensorState

from .conftest import House
from .terminal import Closed, Wire

type Until = Callable[[Callable[[], object]], Awaitable[None]]

SENSORS = 400


class VirtualSensor(VirtualEntity[Sensor, SensorState, Action]):
    """A number with a long name, so that many make a long description."""

    def __init__(self, number: int) -> None:
        key = f"sensor_{number}"
        super().__init__(Sensor(key=key, name=f"{number} " * 20), SensorState(key=key, value=0))

    def measure(self, value: int) -> None:
        self.push(SensorState(key=self.entity.key, value=value))


class VirtualCamera(VirtualEntity[Camera, CameraState, CameraAction]):
    """Shows always the same."""

    def __init__(self) -> None:
        super().__init__(Camera(key="camera"), CameraState(key="camera", on=True))
        self.image: bytes | None = bytes(range(256)) * 4000

    @override
    def picture(self) -> tuple[str, bytes] | None:
        if self.image == b"":
            msg = "a virtual device with a defect"
            raise RuntimeError(msg)
        return None if self.image is None else ("image/jpeg", self.image)


class Doorbell(VirtualEntity[EventSource, None, Action]):
    """Somebody is at the door."""

    def __init__(self) -> None:
        super().__init__(EventSource(key="bell", types=("ring",)), None)


@dataclass
class Zoo:
    device: Device
    server: Server
    wire: Wire
    sensors: list[VirtualSensor]
    camera: VirtualCamera
    bell: Doorbell


@pytest.fixture
async def zoo(house: House, tmp_path: Path, stack: AsyncExitStack) -> Zoo:
    sensors = [VirtualSensor(number) for number in range(SENSORS)]
    camera, bell = VirtualCamera(), Doorbell()
    device = Device(
        house.data,
        [*sensors, camera, bell],
        Store(tmp_path / "zoo", house.data.device_id),
        further_devices=[FurtherDevice(key="garden", name="Garden")],
    )
    server = await stack.enter_async_context(running(device))
    wire = await house.terminal().negotiate(server.port)
    stack.push_async_callback(wire.close)
    return Zoo(device, server, wire, sensors, camera, bell)


async def test_long_description_and_long_states(zoo: Zoo) -> None:
    entities = [model.decode_entity(raw) for raw in zoo.wire.description.entities]
    assert entities == [entity.entity for entity in zoo.device.entities.values()]
    # The doorbell has no state.
    assert len(zoo.wire.states.states) == SENSORS + 1
    assert zoo.wire.pieces >= 3
    (garden,) = zoo.wire.description.devices
    assert model.decode_further_device(garden).name == "Garden"


async def test_pieces_leave_room_for_others(zoo: Zoo) -> None:
    wire = zoo.wire
    for number in range(2):
        wire.send(PictureRequest(number, "camera"))
    wire.send(Ping())
    records = [await wire.receive_record()]
    while not isinstance(records[-1], Pong):
        records.append(await wire.receive_record())
    # Two pictures are 125 pieces; the answer to the ping did not wait for all of them.
    assert len(records) < 2 * len(zoo.camera.image or b"") / PIECE_SIZE
    pieces = [record for record in records if not isinstance(record, Pong)]
    for piece in pieces:
        wire.assembler.take(piece)  # type: ignore[arg-type]
    for number in range(2):
        picture = await wire.until(Picture)
        assert picture.request == number
        assert (picture.content_type, picture.data) == ("image/jpeg", zoo.camera.image)


async def test_no_picture(zoo: Zoo) -> None:
    for image, entity in ((None, "camera"), (b"", "camera"), (b"x", "sensor_0"), (b"x", "none")):
        zoo.camera.image = image
        zoo.wire.send(PictureRequest(7, entity))
        picture = await zoo.wire.until(Picture)
        assert (picture.request, picture.data) == (7, b"")


async def test_pictures_that_wait_are_bounded(zoo: Zoo) -> None:
    asked = 2 * PICTURES_WAITING
    for number in range(asked):
        zoo.wire.send(PictureRequest(number, "camera"))
    pictures = [await zoo.wire.until(Picture) for _ in range(asked)]
    assert {picture.request for picture in pictures} == set(range(asked))
    shown = [picture.request for picture in pictures if picture.data]
    # One goes out while the others wait.
    assert shown == list(range(PICTURES_WAITING + 1))


async def test_states_that_had_to_wait_are_the_newest(zoo: Zoo, until: Until) -> None:
    zoo.camera.image = bytes(4_000_000)
    zoo.wire.peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    for number in range(PICTURES_WAITING):
        zoo.wire.send(PictureRequest(number, "camera"))
    (live,) = zoo.device.live
    await until(lambda: live._outbox.is_stalled)  # type: ignore[attr-defined]
    for value in range(1000):
        zoo.sensors[value % 10].measure(value)
    zoo.device.remove("sensor_9")
    zoo.wire.peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
    for _ in range(PICTURES_WAITING):
        assert isinstance(await zoo.wire.receive(), Picture)
    states = await zoo.wire.receive()
    assert isinstance(states, States)
    values = [msgspec.msgpack.decode(raw)["value"] for raw in states.states]
    assert values == list(range(990, 999))
    # All that had waited was in there.
    await zoo.wire.described()


async def test_connection_that_ends_within_a_long_message(zoo: Zoo) -> None:
    zoo.wire.send(PictureRequest(1, "camera"))
    (live,) = zoo.device.live
    while live._outbox._cut is None:  # type: ignore[attr-defined]
        await asyncio.sleep(0)
    (place,) = zoo.server.admission
    place.connection.end(None)
    closing = await zoo.wire.until(Closing)
    assert closing.code is None
    assert zoo.wire.pieces < len(zoo.camera.image or b"") / PIECE_SIZE
    # It is the last word.
    with pytest.raises(Closed):
        await zoo.wire.receive_record()


async def test_terminal_that_does_not_listen_to_pictures(zoo: Zoo, until: Until) -> None:
    zoo.camera.image = bytes(4_000_000)
    zoo.wire.peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    for number in range(PICTURES_WAITING):
        zoo.wire.send(PictureRequest(number, "camera"))
    (place,) = zoo.server.admission
    transport = place.connection._transport
    (live,) = zoo.device.live
    await until(lambda: live._outbox.is_stalled)  # type: ignore[attr-defined]
    size = transport.get_write_buffer_size()
    assert size < 3 * PIECE_SIZE
    # What happened meanwhile is gone for it.
    for _ in range(100):
        zoo.bell.happen("ring")
    await asyncio.sleep(0)
    assert transport.get_write_buffer_size() <= size
    zoo.wire.peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
    for number in range(PICTURES_WAITING):
        picture = await zoo.wire.receive()
        assert isinstance(picture, Picture)
        assert (picture.request, len(picture.data)) == (number, 4_000_000)


async def test_events(zoo: Zoo) -> None:
    zoo.bell.happen("ring", loud=True, times=2)
    event = await zoo.wire.until(Event)
    assert model.decode_event(event.event) == model.Event(
        key="bell", type="ring", attributes={"loud": True, "times": 2}
    )


async def test_entities_come_and_go(zoo: Zoo) -> None:
    lock = DoorLock(key="gate")
    zoo.device.add(lock)
    await zoo.wire.described()
    assert len(zoo.wire.description.entities) == SENSORS + 3
    zoo.device.remove("bell")
    await zoo.wire.described()
    assert len(zoo.wire.description.entities) == SENSORS + 2
    # What is no part of the device any more says nothing.
    zoo.bell.happen("ring")
    zoo.bell.push(None)
    zoo.wire.send(Ping())
    assert isinstance(await zoo.wire.receive(), Pong)
    lock.set_speed(100)
    command = zoo.wire.command("unlock", entity="gate")
    zoo.wire.send(command)
    assert (await zoo.wire.outcome(command.id)).result is Result.DONE
    with pytest.raises(ValueError, match="gate"):
        zoo.device.add(DoorLock(key="gate"))
    # Replaced by another one while it is at work.
    lock.set_speed(0.01)
    zoo.wire.send(zoo.wire.command("lock", entity="gate"))
    await zoo.wire.positions()
    zoo.device.remove("gate")
    other = DoorLock(key="gate")
    other.set_speed(100)
    zoo.device.add(other)
    command = zoo.wire.command("unlock", entity="gate")
    zoo.wire.send(command)
    assert (await zoo.wire.outcome(command.id)).result is Result.DONE
    assert (lock.motions, other.motions) == (2, 1)


async def test_what_takes_no_commands(zoo: Zoo) -> None:
    for entity, code in (("sensor_1", "invalid_action"), ("camera", "not_supported")):
        command = zoo.wire.command("turn_on", entity=entity)
        zoo.wire.send(command)
        outcome = await zoo.wire.outcome(command.id)
        assert (outcome.result, outcome.code) == (Result.FAILED, code)
