"""Pictures: stills, in pieces, and never in the way of anything else."""

import asyncio
from http import HTTPStatus
from io import BytesIO
from typing import Any

import pytest
from homeassistant.components.camera import async_get_image
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from PIL import Image as PilImage
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.secure_pair import requests
from custom_components.secure_pair.protocol.envelope import Outcome
from device_stub.appliances.camera import Surveillance
from device_stub.lock import DoorLock
from secure_pair_protocol.envelope import (
    PIECE_SIZE,
    Command,
    FromDevice,
    Picture,
    Piece,
    Pong,
    encode,
)
from secure_pair_protocol.pieces import MESSAGE_LIMIT, OPEN_TRANSFERS

from .conftest import InstallAppliance
from .home import Home
from .logs import complaints
from .relay import Toward


@pytest.fixture
def surveillance() -> Surveillance:
    """A camera, and a lock in the same device."""
    surveillance = Surveillance()
    surveillance.entities += (DoorLock(key="lock"),)
    return surveillance


@pytest.fixture
async def home(install_appliance: InstallAppliance, surveillance: Surveillance) -> Home:
    return await install_appliance(surveillance)


async def image(home: Home) -> bytes:
    """Return what Home Assistant gets of the camera."""
    return (await async_get_image(home.hass, home.entity_id("camera"))).content


def say(home: Home, *messages: FromDevice) -> None:
    """Let the device say something, right or wrong."""
    for live in home.device.live:
        for message in messages:
            live.send(message)


async def test_stills(
    home: Home, surveillance: Surveillance, hass_client: ClientSessionGenerator
) -> None:
    client = await hass_client()
    for seen in range(1, 4):
        response = await client.get(f"/api/camera_proxy/{home.entity_id('camera')}")
        assert response.status == HTTPStatus.OK
        assert response.content_type == "image/jpeg"
        with PilImage.open(BytesIO(await response.read())) as still:
            assert still.size == (640, 480)
        assert surveillance.camera.frames == seen
    # Longer than a record: it came in pieces.
    surveillance.camera.least_bytes = 2 << 20
    assert len(await image(home)) > 2 << 20


async def test_no_picture(
    home: Home, surveillance: Surveillance, caplog: pytest.LogCaptureFixture
) -> None:
    await home.call("switch.turn_on", "privacy")
    with pytest.raises(HomeAssistantError):
        await image(home)
    await home.call("switch.turn_off", "privacy")
    assert await image(home)
    assert not complaints(caplog)
    for data in (b"<html>", b"", b"\xff\xd8", (await image(home))[:-2]):
        surveillance.camera.replacement = "image/jpeg", data
        with pytest.raises(HomeAssistantError):
            await image(home)
    surveillance.camera.replacement = None
    assert await image(home)
    # One line, however often.
    assert complaints(caplog) == [
        "Virtual device: a picture of camera is left out: malformed: it is no JPEG"
    ]

    await home.call("camera.turn_off", "camera")
    with pytest.raises(HomeAssistantError, match="Camera is off"):
        await image(home)
    await home.call("camera.turn_on", "camera")
    assert await image(home)

    await home.cut()
    with pytest.raises(HomeAssistantError):
        await image(home)
    assert await home.coordinator.picture(home.coordinator.mirror.entities["camera"]) is None
    await home.back()
    assert await image(home)
    assert len(complaints(caplog)) == 1


async def test_several_who_look_share_one_picture(home: Home, surveillance: Surveillance) -> None:
    stills = await asyncio.gather(*(image(home) for _ in range(5)))
    assert len(set(stills)) == 1
    assert surveillance.camera.frames == 1
    assert not home.coordinator._requests._by_number
    assert not home.coordinator._requests._by_subject


async def test_lock_command_does_not_wait_for_a_picture(
    home: Home, surveillance: Surveillance, monkeypatch: pytest.MonkeyPatch
) -> None:
    surveillance.camera.least_bytes = 3 << 20
    [live] = home.device.live
    order: list[str] = []
    outbox: Any = live._outbox  # type: ignore[attr-defined]
    say_encoded, receive = outbox.say_encoded, home.device.commands.receive

    def note_said(plaintext: bytes) -> None:
        order.append("piece" if len(plaintext) > PIECE_SIZE // 2 else "other")
        say_encoded(plaintext)

    def note_received(terminal_id: bytes, command: Command) -> Any:
        order.append("command")
        return receive(terminal_id, command)

    def note_outcome(outcome: Outcome) -> None:
        order.append(outcome.result)
        take(outcome)

    take = home.coordinator._commander.receive
    monkeypatch.setattr(outbox, "say_encoded", note_said)
    monkeypatch.setattr(home.device.commands, "receive", note_received)
    monkeypatch.setattr(home.coordinator._commander, "receive", note_outcome)
    picture = asyncio.create_task(image(home))
    await home.until(lambda: order.count("piece") >= 3)
    await home.call("lock.unlock", "lock")
    assert not picture.done()
    assert len(await picture) > 3 << 20
    await home.settle()
    assert home.state("lock") == "unlocked"
    # The device answers with no more than a piece in between.
    begin = order.index("command")
    answer = order.index("other", begin)
    assert order[begin:answer].count("piece") <= 1
    assert order[order.index("done") :].count("piece") > 10


async def test_picture_that_never_ends(
    home: Home, surveillance: Surveillance, caplog: pytest.LogCaptureFixture
) -> None:
    device, link = home.device, home.coordinator.keeper.link
    assert link is not None
    kept = link._assembler._open
    data = bytes(PIECE_SIZE)
    for transfer in range(1000, 1000 + 3):
        for number in range(MESSAGE_LIMIT // PIECE_SIZE + 50):
            say(home, Piece(device.up, transfer, last=False, data=data))
            if number % 64 == 0:
                await home.heard()
                assert sum(len(part or b"") for part in kept.values()) <= MESSAGE_LIMIT
    await home.heard()
    assert not any(kept.values())
    # One line, however often.
    [line] = complaints(caplog)
    assert "a message in pieces" in line
    await home.cut()
    await home.back()
    for number in range(MESSAGE_LIMIT // PIECE_SIZE + 2):
        say(home, Piece(device.up, 7, last=False, data=data))
        if number % 64 == 0:
            await home.heard()
    await home.heard()
    assert complaints(caplog) == [line]
    assert await image(home)
    await home.call("lock.unlock", "lock")
    assert home.state("lock") == "unlocked"


async def test_many_pictures_that_never_end(home: Home) -> None:
    """So many at a time are too many: it ends the connection, and a new one begins anew."""
    link = home.coordinator.keeper.link
    assert link is not None
    for transfer in range(1000, 1000 + OPEN_TRANSFERS):
        say(home, Piece(home.device.up, transfer, last=False, data=b"begin"))
    await home.heard()
    assert len(link._assembler._open) == OPEN_TRANSFERS
    say(home, Piece(home.device.up, 2000, last=False, data=b"begin"))
    await home.until(lambda: home.coordinator.keeper.link is not link)
    await home.connected()
    assert await image(home)


@pytest.mark.parametrize("inside", [b"no message", encode(Pong(1))])
async def test_pieces_of_what_has_no_place_in_them(
    home: Home, inside: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends the connection, as every message that makes no sense; and a new one comes."""
    say(home, Piece(home.device.up, 9, last=True, data=inside))
    await home.until(lambda: not home.coordinator.connected)
    await home.connected()
    assert await image(home)


async def test_picture_that_does_not_come(
    home: Home, surveillance: Surveillance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "ANSWER_SECONDS", 0.05)
    home.relay.hold(Toward.HOME_ASSISTANT)
    with pytest.raises(HomeAssistantError):
        await image(home)
    assert not home.coordinator._requests._by_number
    monkeypatch.undo()
    # What comes too late is thrown away.
    home.relay.release()
    await home.heard()
    say(home, Picture(home.device.up, 77, "image/jpeg", b"\xff\xd8\xff"))
    assert await image(home)
    assert surveillance.camera.frames == 2


async def test_break_in_the_middle_of_a_picture(hass: HomeAssistant, home: Home) -> None:
    home.relay.hold(Toward.HOME_ASSISTANT)
    picture = asyncio.create_task(image(home))
    await home.until(lambda: home.coordinator._requests._by_number)
    await home.cut()
    with pytest.raises(HomeAssistantError):
        await picture
    await home.back()
    assert await image(home)
