"""The terminal's table of docs/protocol.md, section 9, against a real device."""

import asyncio
import threading
from pathlib import Path

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError

from custom_components.secure_pair import key_store
from custom_components.secure_pair.const import DOMAIN
from custom_components.secure_pair.key_store import _Content
from secure_pair_protocol import envelope
from secure_pair_protocol.errors import Failure
from secure_pair_protocol.messages import (
    AuthenticationRequest,
    ChallengeResponse,
    Resume,
    ResumeAnswer,
    TerminalConfirmation,
)

from .attacker import (
    Cut,
    Frame,
    Passed,
    Tamper,
    attacking,
    cutting,
    flipping,
    losing_the_first_record,
    refusing,
    swallowing,
)
from .conftest import DEVICE_ID, KeyService, VirtualLock
from .flows import Answers, pair
from .house import House


class Disk:
    """Looks at each write of the key file, as it is done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, virtual_lock: VirtualLock) -> None:
        self.writes: list[list[tuple[bytes, bool]]] = []
        self.held: list[list[bytes]] = []
        """What the device kept at that moment."""
        self.before_m7: list[int] = []

        def write(path: Path, content: _Content) -> None:
            self.writes.append(
                [(s.session_id, s.provisional) for s in content.devices[DEVICE_ID].sessions]
            )
            self.held.append([h.session.session_id for h in virtual_lock.device.register.held])
            really_write(path, content)

        really_write = key_store._write_file
        monkeypatch.setattr(key_store, "_write_file", write)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, virtual_lock: VirtualLock) -> Disk:
    return Disk(monkeypatch, virtual_lock)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Home Assistant wait for an answer of the device for a moment only."""
    for module in ("connection", "link"):
        monkeypatch.setattr(f"custom_components.secure_pair.{module}.ANSWER_SECONDS", 0.2)


async def test_provisional_then_confirmed(disk: Disk, house: House) -> None:
    """One durable write each; m7 only when the first has returned."""
    first = house.session_id
    assert disk.writes == [[(first, True)], [(first, False)]]
    assert disk.held == [[], [first]]

    # Neither a resumption nor a record has anything more to write.
    await house.reload()
    await house.works()
    assert len(disk.writes) == 2

    await house.renew()
    second = house.session_id
    assert disk.writes[2:] == [[(second, True), (first, False)], [(second, False)]]
    assert disk.held[2:] == [[first], [second]]
    assert house.stored == [(second, False)]


async def test_m7_is_lost(house: House) -> None:
    """The device has never heard of the new session: the old one goes on."""
    first = house.session_id
    house.attacker.tamper = cutting(TerminalConfirmation)
    with pytest.raises(HomeAssistantError) as caught:
        await house.renew()
    assert caught.value.translation_key == "connection_lost"
    (new, _), _ = house.stored
    assert house.stored == [(new, True), (first, False)]
    assert house.session_id == first
    await house.works()
    assert "unavailable" not in house.shown

    # The newest first, then the older one, each on a connection of its own.
    house.attacker.behave()
    house.attacker.frames.clear()
    await house.reconnected(house.attacker.cut)
    assert house.attacker.resumed_ids == [new, first]
    r1s = house.attacker.seen(Resume)
    assert r1s[0].connection != r1s[1].connection
    assert [r1.number for r1 in r1s] == [0, 0]
    assert house.attacker.negotiations == 0
    assert house.stored == [(first, False)]
    await house.works()


async def test_one_of_two_is_unknown(house: House) -> None:
    """As long as one session may still be good, none is made anew."""
    first = house.session_id
    house.attacker.tamper = cutting(TerminalConfirmation)
    with pytest.raises(HomeAssistantError):
        await house.renew()
    stored = house.stored
    assert [session_id for session_id, _ in stored][1:] == [first]
    negotiations = house.attacker.negotiations

    async def cut_the_older(seen: Frame) -> bytes:
        if isinstance(message := seen.message, Resume) and message.session_id == first:
            raise Cut
        return seen.payload

    house.attacker.tamper = cut_the_older
    house.attacker.cut()
    await house.tries(6)
    assert house.keeper.link is None
    assert house.attacker.negotiations == negotiations
    assert house.stored == stored
    house.attacker.behave()
    await house.until(lambda: house.keeper.link is not None)
    assert house.session_id == first
    assert house.stored == [(first, False)]
    await house.works()


async def test_the_answer_to_m7_is_lost(house: House) -> None:
    """The device has the new session, and Home Assistant finds out by itself."""
    first = house.session_id
    house.attacker.tamper = losing_the_first_record()
    with pytest.raises(HomeAssistantError):
        await house.renew()
    assert len(house.held) == 1
    (new,) = house.held
    assert house.stored == [(new, True), (first, False)]

    house.attacker.behave()
    await house.until(lambda: house.keeper.link is not None and house.stored == [(new, False)])
    assert house.session_id == new
    await house.works()


HINDRANCES = {
    "session_unknown": (
        refusing(Failure.SESSION_UNKNOWN, Resume),
        cutting(AuthenticationRequest),
    ),
    "silence": (swallowing(Resume), None),
    "bad_confirmation": (flipping(ResumeAnswer), None),
    "closed": (cutting(Resume), None),
}


def both(first: Tamper, second: Tamper | None) -> Tamper:
    async def tamper(seen: Frame) -> Passed:
        passed = await first(seen)
        if second is None or passed != seen.payload:
            return passed
        return await second(seen)

    return tamper


async def test_nothing_is_deleted(
    house: House, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever somebody on the way answers, at a start and later."""
    before, stored = house.file.read_bytes(), house.stored
    for name, (first, second) in HINDRANCES.items():
        house.attacker.tamper = both(first, second)
        await house.reload()
        assert house.status() is ConfigEntryState.SETUP_RETRY, name
        assert house.state == "unavailable"
        assert house.file.read_bytes() == before, name

        house.attacker.behave()
        await house.reload()
        assert house.status() is ConfigEntryState.LOADED, name
        house.attacker.tamper = both(first, second)
        house.attacker.cut()
        await house.tries()
        assert house.keeper.link is None
        house.attacker.behave()
        await house.until(lambda: house.keeper.link is not None)
        assert house.file.read_bytes() == before, name
    assert house.stored == stored
    await house.works()
    assert not house.repairs


async def test_all_unknown(house: House) -> None:
    """The device has lost the session: Home Assistant negotiates by itself."""
    first, installation = house.session_id, house.device.register.installation
    await house.forget()
    await house.until(lambda: house.keeper.link is not None and house.session_id != first)
    second = house.session_id
    assert house.held == [second]
    assert house.stored == [(second, False)]
    assert house.device.register.installation == installation
    assert ("renewed", None) in house.events
    assert not house.repairs
    assert not house.reauths
    await house.works()


async def test_at_most_every_ten_minutes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is told "unknown", and however often the entry is set up."""
    house.attacker.tamper = cutting(ChallengeResponse)
    assert house.attacker.negotiations == 1
    await house.forget()
    await house.tries(6)
    assert house.attacker.negotiations == 2

    house.attacker.behave()
    for _ in range(2):
        await house.reload()
        assert house.status() is ConfigEntryState.SETUP_RETRY
        assert house.entry.error_reason_translation_key == "session_unknown"
    assert house.attacker.negotiations == 2

    # Ten minutes later.
    monkeypatch.setattr("custom_components.secure_pair.reconnect.NEGOTIATION_SECONDS", 0)
    await house.reload()
    assert house.attacker.negotiations == 3
    await house.works()


async def test_a_new_token_is_tried_at_once(house: House, key_service: KeyService) -> None:
    """The ten minutes are for tries by itself: now the user has mended something."""
    await key_service.revoke()
    await house.forget()
    await house.until(lambda: house.reauths)
    (flow,) = house.reauths
    await house.until(lambda: house.keeper.link is None)
    issued = await key_service.issue()
    result = await house.hass.config_entries.flow.async_configure(
        flow["flow_id"], {"token": issued.token.reveal().decode()}
    )
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reauth_successful"
    await house.hass.async_block_till_done()
    assert house.status() is ConfigEntryState.LOADED
    assert house.device.register.held[-1].session.terminal_id == issued.terminal_id
    await house.works()


async def test_four_stored(house: House, disk: Disk) -> None:
    """Then Home Assistant negotiates only when the user asks; the oldest provisional goes."""
    (confirmed, _), *_ = house.stored
    house.attacker.tamper = cutting(TerminalConfirmation)
    for _ in range(3):
        with pytest.raises(HomeAssistantError):
            await house.renew()
    third, second, first, last = (session_id for session_id, _ in house.stored)
    assert last == confirmed
    house.attacker.behave()
    house.attacker.frames.clear()
    await house.forget()
    await house.tries(8)
    assert house.keeper.link is None
    assert house.attacker.negotiations == 0
    assert house.attacker.resumed_ids[:4] == [third, second, first, last]
    assert [session_id for session_id, _ in house.stored] == [third, second, first, last]
    # The user hears that it is up to him.
    assert len(house.reauths) == 1

    disk.writes.clear()
    await house.renew()
    new = house.session_id
    assert [session_id for session_id, _ in disk.writes[0]] == [new, third, second, last]
    assert disk.writes[1:] == [[(new, False)]]
    # And that it is over.
    assert not house.reauths
    await house.works()


async def test_an_error_that_nobody_expects(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in the log, and the device is tried again all the same."""
    first, tries = house.session_id, list[bool]()

    async def broken() -> None:
        tries.append(True)
        raise ZeroDivisionError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(house.keeper, "connect", broken)
        house.attacker.cut()
        await house.until(lambda: len(tries) > 1)
    await house.until(lambda: house.keeper.link is not None)
    assert "Unexpected error while connecting" in caplog.text
    assert house.session_id == first
    await house.works()


async def test_one_handshake_at_a_time(house: House) -> None:
    house.attacker.frames.clear()
    await asyncio.gather(house.renew(), house.renew(), house.renew())
    shaking = [
        frame.connection
        for frame in house.attacker.frames
        if frame.to_device
        and frame.is_a(AuthenticationRequest, ChallengeResponse, TerminalConfirmation)
    ]
    first, second, third = sorted(set(shaking))
    assert shaking == [first] * 3 + [second] * 3 + [third] * 3
    assert house.held == [house.session_id]
    await house.works()


async def test_pairing_again_keeps_what_works(
    house: House, answers: Answers, virtual_lock: VirtualLock
) -> None:
    """Two flows for one device: the second is told that it is there."""
    async with attacking(virtual_lock.server.port) as other:
        with pytest.raises(AssertionError, match="already_configured"):
            await pair(house.hass, Answers(**{**vars(answers), "port": other.port}))
    assert len(house.hass.config_entries.async_entries(DOMAIN)) == 1
    await house.works()


async def test_unloading_is_an_authenticated_close(house: House) -> None:
    """The last that the device hears is a record: to it an end without one is a break."""
    before = [frame for frame in house.attacker.frames if frame.to_device]
    await house.unload()
    after = [frame for frame in house.attacker.frames if frame.to_device]
    (close,) = after[len(before) :]
    assert close.connection == before[-1].connection
    assert close.message is None


async def test_unloaded_while_a_session_is_being_confirmed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is slow. Nothing is left of that connection, and what was written holds."""
    reached, goes_on = threading.Event(), threading.Event()

    def write(path: Path, content: _Content) -> None:
        (newest, *others) = content.devices[DEVICE_ID].sessions
        if not newest.provisional and not others:
            reached.set()
            assert goes_on.wait(30)
        really_write(path, content)

    really_write = key_store._write_file
    monkeypatch.setattr(key_store, "_write_file", write)
    house.attacker.tamper = losing_the_first_record()
    with pytest.raises(HomeAssistantError):
        await house.renew()
    await house.until(reached.is_set)
    await house.unload()
    await house.until(lambda: not house.device.live)
    goes_on.set()
    await house.until(lambda: len(house.stored) == 1)
    await house.load()
    assert house.stored == [(house.session_id, False)]
    await house.works()


async def test_home_assistant_stops(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device is told that it is on purpose, and does not have to find out."""
    decode, heard = envelope.decode_from_terminal, list[object]()

    def listen(record: bytes) -> envelope.AnyFromTerminal:
        heard.append(message := decode(record))
        return message

    monkeypatch.setattr(envelope, "decode_from_terminal", listen)
    await house.hass.async_stop()
    await house.until(lambda: not house.device.live)
    assert heard == [envelope.Close()]
