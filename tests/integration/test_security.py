"""An attacker on the network: it may disturb, and that is all.

Home Assistant forgets no key, bothers the user at most once, and is back by itself as
soon as the network behaves.
"""

from collections.abc import AsyncGenerator

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.secure_pair.troubles import EVENT_SECURITY
from device_stub.device import Device
from device_stub.factory import make_device
from device_stub.lock import DoorLock
from device_stub.server import Server
from device_stub.server import running as running_device
from device_stub.store import Store
from secure_pair_protocol import messages, sessions
from secure_pair_protocol.errors import REFUSALS, Failure
from secure_pair_protocol.messages import (
    AuthenticationRequest,
    ChallengeResponse,
    DeviceKey,
    Greeting,
    Message,
    Resume,
    ResumeAnswer,
    TerminalConfirmation,
)
from secure_pair_protocol.model.access import LockPosition

from .attacker import Back, Cut, Frame, cutting, flipped, flipping, refusing
from .conftest import VirtualLock
from .house import House


async def test_every_session_is_said_to_be_unknown(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """The key is negotiated anew once; then Home Assistant waits, and says why."""
    first = house.session_id
    house.attacker.tamper = refusing(Failure.SESSION_UNKNOWN, Resume)
    await house.reconnected(house.attacker.cut)
    second = house.session_id
    assert second != first
    assert house.held == [second]
    await house.works()

    house.attacker.cut()
    await house.until(lambda: house.keeper.link is None)
    await house.tries(6)
    assert house.attacker.negotiations == 2
    assert house.stored == [(second, False)]
    assert house.repairs == {"identity_in_use"}

    house.attacker.behave()
    await house.until(lambda: house.keeper.link is not None)
    assert house.session_id == second
    assert not house.repairs
    assert not house.reauths
    assert house.events == [("renewed", None)]
    await house.works()


async def test_every_connection_is_reset(house: House, caplog: pytest.LogCaptureFixture) -> None:
    first, stored = house.session_id, house.stored

    async def reset(_: Frame) -> bytes:
        raise Cut

    house.attacker.tamper = reset
    house.attacker.cut()
    await house.tries(6)
    assert house.state == "unavailable"
    assert caplog.text.count("is not connected any more") == 1

    # The same at a start.
    await house.reload()
    assert house.status() is ConfigEntryState.SETUP_RETRY
    house.attacker.behave()
    await house.reload()
    assert (house.session_id, house.stored) == (first, stored)
    assert not house.repairs
    assert not house.reauths
    assert not house.events
    await house.works()


async def test_why_it_does_not_come_back_is_in_the_log(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Once for each reason, however often and in whatever turn they come."""
    caplog.set_level("INFO", "custom_components.secure_pair")
    for _ in range(2):
        caplog.clear()
        house.attacker.cut()
        for tamper, failure in (
            (cutting(Resume), Failure.CONNECTION_LOST),
            (flipping(ResumeAnswer), Failure.DEVICE_UNPROVEN),
            # The latter for whoever is past the greeting already.
            (cutting(Greeting, ResumeAnswer), Failure.NOT_SECURE_PAIR),
        ) * 2:
            house.attacker.tamper = tamper
            await house.until(lambda: house.keeper.failure == failure.value)  # noqa: B023
            await house.tries()
        house.attacker.behave()
        await house.until(lambda: house.keeper.link is not None)
        said = [
            # Without the details of it.
            ":".join(record.getMessage().split(":")[:2])
            for record in caplog.records
            if record.name == "custom_components.secure_pair" and record.levelname == "INFO"
        ]
        assert said == [
            "Front door is not connected any more: connection_lost",
            "Front door does not come back: device_unproven",
            "Front door does not come back: not_secure_pair",
            "Front door is connected again",
        ]


@pytest.fixture
async def neighbours(
    hass: HomeAssistant, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Server]:
    """Another lock of the same make."""
    data = make_device("001122334455", "Virtual door lock", "Next door", label=False).data
    store = Store(tmp_path_factory.mktemp("next") / "lock.json", data.device_id)
    async with running_device(Device(data, [DoorLock()], store)) as server:
        yield server


async def test_each_reason_is_told_once(house: House) -> None:
    """An hour long; anybody on the network can make them up."""
    refusals: dict[Failure, type[Message]] = {
        Failure.TABLE_FULL: TerminalConfirmation,
        Failure.EPOCH_REFUSED: ChallengeResponse,
    }
    for _ in range(2):
        for failure, message in refusals.items():
            house.attacker.tamper = refusing(failure, message)
            with pytest.raises(HomeAssistantError):
                await house.renew()
            await house.hass.async_block_till_done()
    assert house.events == [("refused", failure.value) for failure in refusals]


@pytest.mark.parametrize("failure", sorted(REFUSALS))
async def test_whatever_is_refused_the_user_is_bothered_once(
    house: House, failure: Failure
) -> None:
    """Somebody refuses resumptions, lets one pass, and does it again."""
    shown: list[str] = []

    @callback
    def keep(change: Event[ir.EventIssueRegistryUpdatedData]) -> None:
        if change.data["action"] == "create":
            shown.append(change.data["issue_id"])

    house.hass.bus.async_listen(ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED, keep)
    for _ in range(3):
        house.attacker.tamper = refusing(failure, Resume)
        house.attacker.cut()
        await house.until(lambda: house.keeper.link is None)
        await house.tries(2)
        house.attacker.behave()
        await house.until(lambda: house.keeper.link is not None)
        await house.hass.async_block_till_done()
        assert not house.repairs
        assert not house.reauths
    assert len(shown) == len(set(shown))
    await house.works()


HOUR = 3600


async def test_what_is_refused_again_and_again_is_asked_ever_more_seldom(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour is not enough for somebody who lets a connection pass now and then."""
    passed = 0.0
    monkeypatch.setattr("custom_components.secure_pair.troubles.monotonic", lambda: passed)
    told = async_capture_events(house.hass, EVENT_SECURITY)

    async def asked() -> tuple[bool, bool]:
        """Attack for a while; tell whether there is a repair, and whether a question."""
        house.attacker.tamper = refusing(Failure.DEVICE_RESET, Resume)
        house.attacker.cut()
        await house.until(lambda: house.keeper.link is None)
        await house.tries(2)
        shown = (bool(house.repairs), bool(house.reauths))
        house.attacker.behave()
        await house.until(lambda: house.keeper.link is not None)
        await house.hass.async_block_till_done()
        assert not house.repairs
        assert not house.reauths
        return shown

    assert await asked() == (True, True)
    # In hours: double each time, but no longer than a day.
    for quiet in (1, 2, 4, 8, 16, 24, 24):
        passed += quiet * HOUR - 1
        assert await asked() == (False, False)
        passed += 1
        assert await asked() == (True, True)
    # The event asks nothing of anybody: an hour later it is told.
    before = len(told)
    passed += HOUR
    assert await asked() == (False, False)
    assert len(told) == before + 1
    await house.works()


async def test_another_device_answers(house: House, neighbours: Server) -> None:
    first, stored = house.session_id, house.stored
    house.attacker.device_port, behind = neighbours.port, house.attacker.device_port
    house.attacker.frames.clear()
    house.attacker.cut()
    await house.tries(6)
    assert house.events == [("wrong_device", "wrong_device")]
    assert house.attacker.resumed_ids == []
    assert not house.repairs
    assert not house.reauths
    assert house.state == "unavailable"
    # The same at each set-up that is tried.
    told = async_capture_events(house.hass, EVENT_SECURITY)
    for _ in range(3):
        await house.reload()
        assert house.status() is ConfigEntryState.SETUP_RETRY
    assert not told

    house.attacker.device_port = behind
    await house.reload()
    await house.until(lambda: house.keeper.link is not None)
    assert (house.session_id, house.stored) == (first, stored)
    await house.works()


async def test_what_happens_before_the_entry_is_loaded(house: House, neighbours: Server) -> None:
    """The event entity is not there yet; it shows it as soon as it is."""
    house.attacker.device_port, behind = neighbours.port, house.attacker.device_port
    await house.reload()
    assert house.status() is ConfigEntryState.SETUP_RETRY
    assert not house.events
    house.attacker.device_port = behind
    await house.reload()
    assert house.events == [("wrong_device", "wrong_device")]
    # Once.
    await house.reload()
    assert house.events == [("wrong_device", "wrong_device")]

    # A new session that the set-up needs is told as well.
    await house.unload()
    session_id = house.held[0]
    await house.device.ledger.change(lambda register: sessions.unpaired(register, session_id))
    await house.load()
    assert house.events == [("wrong_device", "wrong_device"), ("renewed", None)]


async def test_another_device_says_that_it_is_this_one(house: House, neighbours: Server) -> None:
    """It knows the id, and no key: nothing that it can say counts."""
    stored, behind = house.stored, house.attacker.device_port

    async def pretend(seen: Frame) -> bytes | Back:
        greeting = seen.message
        if isinstance(greeting, Greeting):
            data = house.device.data.device_id.encode()
            return seen.payload.replace(b"001122334455", data)
        return seen.payload

    house.attacker.tamper = pretend
    house.attacker.device_port = neighbours.port
    house.attacker.cut()
    await house.tries(6)
    # It was asked for the session, which it does not know; and then for a new one: its
    # second message names the wrong device, and the key service is never asked.
    assert house.attacker.negotiations == 2
    assert len(house.attacker.seen(ChallengeResponse)) == 1
    assert house.events == [("wrong_device", "wrong_device")]
    assert house.stored == stored
    house.attacker.behave()
    house.attacker.device_port = behind
    await house.until(lambda: house.keeper.link is not None)
    assert house.stored == stored
    await house.works()


async def test_a_flipped_bit(house: House) -> None:
    """In either direction the record does not open, and the connection ends."""
    first = house.session_id
    unlucky = iter([True])

    async def flip(seen: Frame) -> bytes:
        if not seen.to_device and seen.number > 3 and next(unlucky, False):
            return flipped(seen.payload)
        return seen.payload

    house.attacker.tamper = flip
    await house.reconnected(lambda: house.lock.turn_by_hand(LockPosition.LOCKED, "key"))
    assert house.events == [("forged_record", "record_failed")]
    assert house.session_id == first
    await house.works()

    # To the device: it ends the connection without having done anything.
    motions, unlucky = house.lock.motions, iter([True])

    async def flip_command(seen: Frame) -> bytes:
        if seen.to_device and seen.number > 1 and next(unlucky, False):
            return flipped(seen.payload)
        return seen.payload

    house.attacker.tamper = flip_command
    await house.call("unlock")
    assert house.state == "unlocked"
    assert house.lock.motions == motions + 1
    assert next(unlucky, None) is None
    assert house.session_id == first
    assert not house.repairs


async def test_a_device_that_cannot_prove_itself(house: House) -> None:
    """Each kind of forgery is told once, has one repair, and is over with the attack."""
    first, stored = house.session_id, house.stored
    house.attacker.tamper = flipping(ResumeAnswer)
    house.attacker.cut()
    await house.tries(6)
    assert house.keeper.link is None
    assert house.events == [("refused", "device_unproven")]
    assert house.repairs == {"device_unproven"}
    house.attacker.behave()
    await house.until(lambda: house.keeper.link is not None)
    assert (house.session_id, house.stored) == (first, stored)
    assert not house.repairs
    await house.works()


@pytest.mark.parametrize("failure", [Failure.AUTHORIZATION_REJECTED, Failure.EPOCH_REFUSED])
@pytest.mark.parametrize("message", [Greeting, Resume])
async def test_refused_as_no_resumption_can_be(
    house: House, failure: Failure, message: type[Message]
) -> None:
    """The key service has no say in it: somebody has made it up, and nothing is left of it."""

    async def refuse(seen: Frame) -> bytes | Back:
        error = messages.encode(messages.Error(failure))
        if not seen.is_a(message):
            return seen.payload
        return Back(error) if seen.to_device else error

    house.attacker.tamper = refuse
    house.attacker.cut()
    await house.tries()
    house.attacker.behave()
    await house.until(lambda: house.keeper.link is not None)
    assert not house.repairs
    assert not house.events
    await house.works()


async def test_a_forged_device_key(house: House, virtual_lock: VirtualLock) -> None:
    """In the middle of a renewal: nothing is stored, and the old session works."""
    first, stored = house.session_id, house.stored
    house.attacker.tamper = flipping(DeviceKey)
    for _ in range(2):
        with pytest.raises(HomeAssistantError) as caught:
            await house.renew()
        assert caught.value.translation_key == "device_unproven"
    assert house.stored == stored
    assert house.session_id == first
    assert house.repairs == {"device_unproven"}
    await house.works()
    house.attacker.behave()
    await house.renew()
    assert not house.repairs


async def test_nobody_gets_through_to_a_negotiation(house: House) -> None:
    """The device has lost the session, and somebody cuts every negotiation."""
    stored = house.stored
    house.attacker.tamper = cutting(AuthenticationRequest)
    await house.forget()
    await house.tries(8)
    assert house.attacker.negotiations == 2
    assert house.stored == stored
    assert not house.repairs
    assert not house.reauths
