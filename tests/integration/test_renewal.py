"""The session key is renewed: by schedule, by the user, and unnoticed."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from cloud_stub.settings import Settings
from custom_components.secure_pair.reconnect import Losses
from custom_components.secure_pair.renewal import RETRY_SECONDS
from device_stub.live import LiveConnection
from secure_pair_protocol.messages import ChallengeResponse, TerminalConfirmation
from secure_pair_protocol.model.access import LockPosition

from .attacker import Frame, cutting
from .conftest import KeyService
from .house import BUTTON, House

LIFETIME = 40_000


@pytest.fixture
def settings() -> Settings:
    return Settings(grant_lifetime=LIFETIME)


async def test_from_half_of_the_lifetime_on(house: House) -> None:
    first = house.session_id
    (held,) = house.device.register.held
    assert held.session.grant.lifetime == LIFETIME
    await house.fire(LIFETIME / 2 - 60)
    assert house.session_id == first

    await house.fire(LIFETIME / 2 + 60)
    second = house.session_id
    assert second != first
    assert house.held == [second]
    assert house.stored == [(second, False)]
    # Nobody noticed.
    assert set(house.shown) <= {"locked"}
    assert house.events == [("renewed", None)]
    await house.works()

    # And the next one in its turn.
    await house.fire(LIFETIME / 2 - 60)
    assert house.session_id == second
    await house.fire(LIFETIME / 2 + 60)
    assert house.held == [house.session_id]
    assert house.session_id != second


async def test_what_is_left_counts_after_a_restart(house: House) -> None:
    """The schedule follows what the device says is left, not when it was negotiated."""
    first = house.session_id
    clock = house.device.ledger._clock
    house.device.ledger._clock = lambda: clock() + LIFETIME / 2 + 60
    await house.reload()
    # A timer of no seconds.
    await house.until(lambda: house.session_id != first)
    await house.works()


@pytest.mark.parametrize("by", ["button", "action"])
async def test_when_the_user_says_so(house: House, by: str) -> None:
    first = house.session_id
    if by == "button":
        await house.call("press", "button", BUTTON)
    else:
        await house.renew()
    assert house.held == [house.session_id]
    assert house.session_id != first
    assert set(house.shown) <= {"locked"}
    await house.hass.async_block_till_done()
    assert house.events == [("renewed", None)]
    await house.works()


async def test_action_for_what_is_not_there(house: House) -> None:
    registry_id = house.registry_id
    with pytest.raises(ServiceValidationError) as caught:
        await house.hass.services.async_call(
            "secure_pair", "renew_session_key", {"device_id": "nothing"}, blocking=True
        )
    assert caught.value.translation_key == "no_secure_pair_device"
    await house.unload()
    with pytest.raises(ServiceValidationError) as caught:
        await house.hass.services.async_call(
            "secure_pair", "renew_session_key", {"device_id": registry_id}, blocking=True
        )
    assert caught.value.translation_key == "not_connected"


class Gate:
    """Holds m5 back until a test opens it: the negotiation waits in its middle."""

    def __init__(self, house: House) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()
        house.attacker.tamper = self.tamper

    async def tamper(self, seen: Frame) -> bytes:
        if seen.is_a(ChallengeResponse):
            self.reached.set()
            await self.open.wait()
        return seen.payload


async def test_the_old_session_works_until_the_device_has_accepted(house: House) -> None:
    first = house.session_id
    gate = Gate(house)
    renewing = asyncio.create_task(house.renew())
    await gate.reached.wait()
    await house.works()
    assert house.held == [first] == [house.session_id]
    gate.open.set()
    await renewing
    assert house.held == [house.session_id] != [first]
    await house.works()
    assert "unavailable" not in house.shown


async def test_a_command_under_way(house: House) -> None:
    """It goes out on the old connection, and its outcome comes on the new one: once."""
    gate = Gate(house)
    renewing = asyncio.create_task(house.renew())
    await gate.reached.wait()
    moved = asyncio.Event()
    stops = hold_the_bolt(house, moved)
    unlocking = asyncio.create_task(house.call("unlock"))
    await house.until(lambda: house.lock.position is LockPosition.UNLOCKING)
    gate.open.set()
    await renewing
    assert not unlocking.done()
    assert house.state == "unlocking"
    stops()
    await unlocking
    assert house.state == "unlocked"
    assert house.lock.motions == 1
    assert not {"unavailable", "unknown"} & set(house.shown)


async def test_a_command_that_falls_between_the_two_connections(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device has ended the old connection, and not yet described itself on the new one."""
    described = asyncio.Event()
    introduce = LiveConnection.introduce

    def keep_silent(live: LiveConnection) -> None:
        live.send(live._device.welcome(live.session))
        waiting.append(live)
        described.set()

    waiting: list[LiveConnection] = []
    monkeypatch.setattr(LiveConnection, "introduce", keep_silent)
    renewing = asyncio.create_task(house.renew())
    await described.wait()
    monkeypatch.setattr(LiveConnection, "introduce", introduce)
    link = house.keeper.link
    assert link is not None
    await house.until(lambda: not link.is_open)
    unlocking = asyncio.create_task(house.call("unlock"))
    await asyncio.sleep(0)
    waiting[0].describe()
    await renewing
    await unlocking
    assert house.state == "unlocked"
    assert house.lock.motions == 1
    assert not {"unavailable", "unknown"} & set(house.shown)


def hold_the_bolt(house: House, moved: asyncio.Event) -> Callable[[], None]:
    """Let the bolt set off, and arrive when the returned function is called."""
    house.lock._pause = moved.wait  # type: ignore[method-assign, assignment]
    return moved.set


async def test_four_stored(house: House) -> None:
    """By itself it leaves no further unconfirmed session behind."""
    first = house.session_id
    house.attacker.tamper = cutting(TerminalConfirmation)
    for _ in range(3):
        with pytest.raises(HomeAssistantError):
            await house.renew()
    stored, before = house.stored, house.attacker.negotiations
    assert len(stored) == 4
    house.attacker.behave()
    await house.fire(LIFETIME / 2 + 60)
    assert house.attacker.negotiations == before
    assert house.stored == stored
    assert house.session_id == first
    await house.works()
    # The next connection clears that up, and then it goes on.
    await house.reconnected(house.attacker.cut)
    assert house.stored == [(first, False)]
    await house.fire(LIFETIME / 2 + 60)
    assert house.held == [house.session_id] != [first]


async def test_a_device_that_does_not_describe_itself(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new session counts all the same; Home Assistant comes back with it."""
    first = house.session_id
    # Shortened to the end: a connection may be waiting when the device describes itself again.
    monkeypatch.setattr("custom_components.secure_pair.keeper.DESCRIPTION_SECONDS", 0.3)
    with monkeypatch.context() as patch:
        patch.setattr(LiveConnection, "describe", lambda live: None)
        with pytest.raises(HomeAssistantError) as caught:
            await house.renew()
        assert caught.value.translation_key == "timeout"
        (new,) = house.held
        await house.tries(2)
        assert house.keeper.link is None
        assert house.state == "unavailable"
    await house.until(lambda: house.keeper.link is not None)
    assert house.session_id == new != first
    assert house.stored == [(new, False)]
    await house.works()


async def test_unloaded_in_the_middle(house: House) -> None:
    first = house.session_id
    gate = Gate(house)
    renewing = asyncio.create_task(house.renew())
    waiting = asyncio.create_task(house.renew())
    await gate.reached.wait()
    await house.unload()
    for task in (renewing, waiting):
        with pytest.raises(HomeAssistantError) as caught:
            await task
        assert caught.value.translation_key == "connection_lost"
    gate.open.set()
    house.attacker.behave()
    assert house.stored == [(first, False)]
    await house.load()
    assert house.session_id == first
    await house.works()


async def test_removed_in_the_middle(house: House) -> None:
    """Nothing of the device is kept again afterwards."""
    gate = Gate(house)
    renewing = asyncio.create_task(house.renew())
    await gate.reached.wait()
    house.attacker.tamper = None
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    gate.open.set()
    with pytest.raises(HomeAssistantError):
        await renewing
    await house.hass.async_block_till_done(wait_background_tasks=True)
    content = json.loads(house.file.read_text())
    assert content["devices"] == content["tombstones"] == {}
    assert not house.held


async def test_key_service_out_of_reach(house: House, key_service: KeyService) -> None:
    """It goes on with what it has, tries again quietly, and says so in time."""
    first = house.session_id
    await key_service.stop()
    await house.fire(LIFETIME / 2 + 60)
    await house.fire(RETRY_SECONDS + 1)
    assert house.session_id == first
    assert house.attacker.negotiations == 3
    assert not house.repairs
    assert house.state == "locked"

    await house.fire(LIFETIME * 3 / 4 + 60)
    assert house.repairs == {"key_runs_out"}
    await house.works()
    with pytest.raises(HomeAssistantError) as caught:
        await house.renew()
    assert caught.value.translation_key == "key_service_unreachable"
    flow = await house.fix("key_runs_out")
    assert await flow.submit() == "key_service_unreachable"
    assert house.repairs == {"key_runs_out"}
    assert not house.reauths

    # It comes back: the next try mends it, and the repair goes by itself.
    await key_service.start()
    await house.fire(RETRY_SECONDS + 1)
    assert house.session_id != first
    assert not house.repairs
    assert house.stored == [(house.session_id, False)]
    assert set(house.shown) <= {"locked", "locking", "unlocking", "unlocked"}
    await house.works()


async def test_an_error_that_nobody_expects(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in the log, and the next try comes all the same."""
    first = house.session_id

    async def broken(**_: object) -> None:
        raise ZeroDivisionError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(house.keeper, "renew", broken)
        await house.fire(LIFETIME / 2 + 60)
    assert house.session_id == first
    assert "Unexpected error while renewing" in caplog.text
    await house.fire(RETRY_SECONDS + 1)
    assert house.held == [house.session_id] != [first]
    await house.works()


async def test_key_runs_out_is_mended_by_its_fix_flow(house: House) -> None:
    house.hass.config_entries.async_update_entry(house.entry, options={"renew": False})
    await house.reload()
    first = house.session_id
    await house.fire(LIFETIME / 2 + 60)
    assert house.session_id == first
    assert not house.repairs
    await house.fire(LIFETIME * 3 / 4 + 60)
    assert house.session_id == first
    assert house.repairs == {"key_runs_out"}

    # A resumption does not make the key any younger.
    clock = house.device.ledger._clock
    house.device.ledger._clock = lambda: clock() + LIFETIME * 3 / 4 + 60
    await house.reconnected(house.attacker.cut)
    assert house.session_id == first
    assert house.repairs == {"key_runs_out"}

    flow = await house.fix("key_runs_out")
    assert await flow.submit() is None
    assert house.session_id != first
    assert not house.repairs


async def test_the_lifetime_is_over(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device has forgotten the session: a new one is made, and no key is typed.

    That is how it should be, and so no sign of a copy of this Home Assistant, however often.
    """
    # For Home Assistant's clock no time passes here.
    monkeypatch.setattr(Losses, "serves", lambda losses, now, _: replace(losses, expires=now))
    monkeypatch.setattr("custom_components.secure_pair.reconnect.NEGOTIATION_SECONDS", 0)
    clock, passed = house.device.ledger._clock, 0
    house.device.ledger._clock = lambda: clock() + passed
    for _ in range(3):
        former = house.session_id
        passed += LIFETIME + 1
        house.server.tick()
        await house.until(lambda: house.keeper.link is not None and house.session_id != former)  # noqa: B023
        assert house.held == [house.session_id]
    assert not house.repairs
    await house.works()
