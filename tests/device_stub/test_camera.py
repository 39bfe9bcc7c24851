"""Pictures that move, motion, privacy."""

import io
from pathlib import Path

import msgspec
from PIL import Image, ImageChops

from device_stub.appliances.camera import Surveillance
from device_stub.appliances.door import Door
from secure_pair_protocol.envelope import (
    PIECE_SIZE,
    Outcome,
    Picture,
    PictureRequest,
    Piece,
    States,
)
from secure_pair_protocol.model.access import LockPosition

from .installed import Installed, installed

MINUTE = 60


async def picture(house: Installed[Surveillance], request: int = 1) -> Picture:
    house.wire.send(PictureRequest(request, "camera"))
    while not isinstance(message := await house.wire.receive(), Picture):
        house.see(message)
    assert message.request == request
    return message


async def test_pictures_move(tmp_path: Path) -> None:
    async with installed(Surveillance(), tmp_path) as house:
        shown = [await picture(house, number) for number in range(2)]
        assert house.wire.pieces >= 2
        images = []
        for one in shown:
            assert one.content_type == "image/jpeg"
            assert 10_000 < len(one.data) < 100_000
            images.append(Image.open(io.BytesIO(one.data)).convert("RGB"))
        assert images[0].size == (640, 480)
        assert ImageChops.difference(*images).getbbox() is not None


async def test_lock_command_between_two_pieces(tmp_path: Path) -> None:
    """One device with a camera and a lock: a big picture does not hold the lock up."""
    camera, door = Surveillance(), Door()
    camera.entities += (door.lock,)
    async with installed(camera, tmp_path) as house:
        camera.camera.least_bytes = 2 << 20
        house.wire.send(PictureRequest(1, "camera"))
        house.wire.send(house.wire.command("unlock"))
        pieces_before = pieces_behind = 0
        done = False
        states_between: list[str] = []
        whole = None
        while whole is None:
            record = await house.wire.receive_record()
            if isinstance(record, Outcome) and record.result == "done":
                done = True
            elif isinstance(record, States):
                states_between += (msgspec.msgpack.decode(raw)["position"] for raw in record.states)
            elif isinstance(record, Piece):
                pieces_behind += done
                pieces_before += not done
                whole = house.wire.assembler.take(record)
        assert door.lock.position is LockPosition.UNLOCKED
        assert pieces_before > 0
        assert pieces_behind > 0
        # Where the bolt is goes between them too.
        assert states_between[-1] == LockPosition.UNLOCKED
        assert (2 << 20) <= len(whole) < (2 << 20) + PIECE_SIZE


async def test_big_and_wrong_pictures(tmp_path: Path) -> None:
    async with installed(Surveillance(), tmp_path) as house:
        camera = house.appliance.camera
        for size in (60_000, 2 << 20):
            camera.least_bytes = size
            shown = await picture(house)
            assert len(shown.data) >= size
            with Image.open(io.BytesIO(shown.data)) as image:
                image.load()
                assert image.size == (640, 480)
        camera.replacement = "text/html", b"<html>"
        shown = await picture(house)
        assert (shown.content_type, shown.data) == camera.replacement


async def test_privacy_and_motion(tmp_path: Path) -> None:
    async with installed(Surveillance(), tmp_path) as house:
        await house.pass_(59)
        assert house.show("motion") == {"on": False}
        await house.pass_(1)
        assert house.show("motion") == {"on": True}
        assert house.show("camera")["recording"] is True
        await house.pass_(10)
        assert house.show("motion") == {"on": False}
        assert [(event.key, event.type) for event in house.events] == [("detection", "person")]

        assert await house.do("privacy", "turn_on") is None
        assert (await picture(house)).data == b""
        house.appliance.visit()
        await house.settle()
        assert len(house.events) == 1
        assert await house.do("privacy", "turn_off") is None
        assert (await picture(house)).data
        await house.settle()
        assert len(house.events) == 2

        assert await house.do("camera", "turn_off") is None
        assert (await picture(house)).data == b""
        assert await house.do("camera", "turn_on") is None
        assert await house.do("camera", "disable_motion_detection") is None
        await house.pass_(10 * MINUTE)
        assert len(house.events) == 2
        assert house.show("motion") == {"on": False}


async def test_siren_of_the_camera(tmp_path: Path) -> None:
    async with installed(Surveillance(), tmp_path) as house:
        assert await house.do("siren", "turn_on", duration=20, tone="chime") is None
        assert await house.do("siren", "turn_on", tone="song") == "out_of_range"
        await house.pass_(19)
        assert house.show("siren") == {"on": True}
        await house.pass_(1)
        assert house.show("siren") == {"on": False}
