"""A device that this Home Assistant has left is told, however long it takes."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from ipaddress import ip_address

import pytest
from homeassistant.config_entries import SOURCE_ZEROCONF, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

from cloud_stub.devices import add_device
from cloud_stub.ownership import assign
from cloud_stub.registration import parse_registration
from custom_components.secure_pair.const import DOMAIN
from custom_components.secure_pair.farewell import deliver_farewells
from custom_components.secure_pair.key_store import get_key_store
from device_stub.device import Device
from device_stub.factory import make_device
from device_stub.lock import DoorLock
from device_stub.server import Server
from device_stub.server import running as running_device
from device_stub.store import Store
from secure_pair_protocol.messages import Resume, ResumeAnswer, TerminalConfirmation

from .attacker import Frame, cutting, flipping, losing_the_first_record
from .conftest import DEVICE_ID, KeyService
from .flows import Answers, pair, start, submit_until
from .house import House
from .key_services import ACCOUNT


class Grave:
    """A house whose entry was removed while its lock was away."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.hass = house.hass

    async def dig(self) -> None:
        house = self.house
        house.attacker.tamper = cutting(Resume)
        await self.hass.config_entries.async_remove(house.entry.entry_id)
        await self.hass.async_block_till_done(wait_background_tasks=True)
        house.attacker.behave()
        assert self.buried == [DEVICE_ID]
        assert house.held

    @property
    def buried(self) -> list[str]:
        return list(json.loads(self.house.file.read_text())["tombstones"])


@pytest.fixture
async def grave(house: House) -> Grave:
    grave = Grave(house)
    await grave.dig()
    return grave


@pytest.fixture
async def shed(
    hass: HomeAssistant, key_service: KeyService, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[tuple[Answers, Server]]:
    """Another lock of the owner's, without a label."""
    made = make_device("001122334455", "Virtual door lock", "Shed", label=False)
    await add_device(key_service.store, parse_registration(made.registration))
    await assign(key_service.store, made.data.device_id, ACCOUNT)
    store = Store(tmp_path_factory.mktemp("shed") / "lock.json", made.data.device_id)
    async with running_device(Device(made.data, [DoorLock()], store)) as server:
        token = key_service.terminal.token.reveal().decode()
        yield (
            Answers(
                host="127.0.0.1",
                port=server.port,
                # As it is offered where there is another device already.
                url=f"{key_service.url}/",
                token=token,
                setup_code=None,
            ),
            server,
        )


async def test_what_a_tombstone_keeps(grave: Grave) -> None:
    """What it takes to say good-bye, and nothing that would pair again."""
    content = json.loads(grave.house.file.read_text())
    assert content["devices"] == content["key_services"] == {}
    tombstone = content["tombstones"][DEVICE_ID]
    assert tombstone["device"]["pairing_secret"] == ""
    assert len(tombstone["device"]["sessions"]) == 1
    assert tombstone["port"] == grave.house.attacker.port


async def test_removal_does_not_wait_for_the_device(house: House) -> None:
    """The user sees it gone at once; the device hears of it as soon as the network lets it."""
    passes = asyncio.Event()

    async def hold(seen: Frame) -> bytes:
        if seen.is_a(Resume):
            await passes.wait()
        return seen.payload

    house.attacker.tamper = hold
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    assert Grave(house).buried == [DEVICE_ID]
    assert house.held
    passes.set()
    await house.until(lambda: not Grave(house).buried)
    assert not house.held


async def test_told_at_the_next_set_up(
    grave: Grave, shed: tuple[Answers, Server], hass: HomeAssistant
) -> None:
    """Of whatever device."""
    await pair(hass, shed[0])
    await grave.house.until(lambda: not grave.buried)
    assert not grave.house.held


async def test_told_at_a_set_up_that_fails(
    house: House, shed: tuple[Answers, Server], hass: HomeAssistant
) -> None:
    answers, server = shed
    entry = await pair(hass, answers)
    await hass.config_entries.async_unload(entry.entry_id)
    grave = Grave(house)
    await grave.dig()
    await server.stop()
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    await house.until(lambda: not grave.buried)
    assert not house.held
    await server.start()


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same_address", "another_address"])
async def test_told_when_it_is_discovered(grave: Grave, elsewhere: bool) -> None:
    house = grave.house
    port = house.server.port if elsewhere else house.attacker.port
    if elsewhere:
        house.attacker.tamper = cutting(Resume)
    result = await house.hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_ZEROCONF},
        data=ZeroconfServiceInfo(
            ip_address=ip_address("127.0.0.1"),
            ip_addresses=[ip_address("127.0.0.1")],
            port=port,
            hostname="lock.local.",
            type="_secure-pair._tcp.local.",
            name="lock._secure-pair._tcp.local.",
            properties={"id": DEVICE_ID, "version": "1", "name": "Front door"},
        ),
    )
    await house.until(lambda: not grave.buried)
    assert not house.held
    # It is offered as a new device.
    assert result["type"] == "menu"


async def test_paired_again_before_it_was_told(grave: Grave, answers: Answers) -> None:
    entry = await pair(grave.hass, answers)
    assert grave.buried == []
    assert len(grave.house.held) == 1
    await deliver_farewells(grave.hass)
    assert entry.state is ConfigEntryState.LOADED
    assert len(grave.house.held) == 1
    await grave.house.works()


async def test_paired_again_in_vain_before_it_was_told(grave: Grave, answers: Answers) -> None:
    """The device has kept the session that it is still to be told of, and no other."""
    house, hass = grave.house, grave.hass
    before = house.held
    house.attacker.tamper = cutting(TerminalConfirmation)
    through = Answers(**{**vars(answers), "port": house.attacker.port})
    result = await submit_until(hass, await start(hass), through)
    assert result["errors"] == {"base": "connection_lost"}
    assert house.held == before
    hass.config_entries.flow.async_abort(result["flow_id"])
    house.attacker.behave()
    await hass.async_block_till_done(wait_background_tasks=True)
    await deliver_farewells(hass)
    assert grave.buried == []
    assert not house.held


async def test_it_says_that_it_knows_nothing(grave: Grave, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was reset, say; but anybody on the way can say so. One day it is enough."""
    await grave.house.server.factory_reset()
    await deliver_farewells(grave.hass)
    assert grave.buried == [DEVICE_ID]
    monkeypatch.setattr("custom_components.secure_pair.farewell.EXPIRY_SECONDS", -1)
    await deliver_farewells(grave.hass)
    assert grave.buried == []


async def test_a_clock_that_jumps(grave: Grave, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only days that have really passed count, one after the other."""
    really, day = time.time, 86400
    grave.house.attacker.tamper = cutting(Resume)
    for days in (3650, -3650, 0, 40):
        monkeypatch.setattr(time, "time", lambda: really() + days * day)  # noqa: B023
        await deliver_farewells(grave.hass)
        assert grave.buried == [DEVICE_ID]
    for passed in range(41, 100):
        monkeypatch.setattr(time, "time", lambda: really() + passed * day)  # noqa: B023
        await deliver_farewells(grave.hass)
        if not grave.buried:
            break
    assert 41 + 25 < passed < 41 + 31
    assert grave.house.held


async def test_one_farewell_at_a_time(grave: Grave) -> None:
    """Every entry that is set up tries; the device hears it once."""
    before = grave.house.attacker.connections
    await asyncio.gather(*(deliver_farewells(grave.hass) for _ in range(4)))
    assert grave.house.attacker.connections == before + 1
    assert grave.buried == []
    assert not grave.house.held


async def test_not_told_stays(grave: Grave, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else happens, the tombstone stays until the device has answered."""
    house = grave.house
    for module in ("connection", "link", "farewell"):
        monkeypatch.setattr(f"custom_components.secure_pair.{module}.ANSWER_SECONDS", 0.2)

    async def lose_the_request(seen: Frame) -> bytes | None:
        return None if seen.to_device and seen.number == 2 else seen.payload

    house.attacker.tamper = lose_the_request
    await deliver_farewells(grave.hass)
    assert grave.buried == [DEVICE_ID]
    house.attacker.tamper = flipping(ResumeAnswer)
    await deliver_farewells(grave.hass)
    assert grave.buried == [DEVICE_ID]
    house.attacker.behave()
    house.device.store.write_fails = True
    await deliver_farewells(grave.hass)
    assert grave.buried == [DEVICE_ID]
    assert house.held

    house.device.store.write_fails = False
    await deliver_farewells(grave.hass)
    assert grave.buried == []
    assert not house.held
    await deliver_farewells(grave.hass)


async def test_flow_that_ends_without_an_entry(house: House, answers: Answers) -> None:
    """The session was stored, at the device too; then the user has given up."""
    hass, grave = house.hass, Grave(house)
    await hass.config_entries.async_remove(house.entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not house.held
    house.attacker.tamper = losing_the_first_record()
    through = Answers(**{**vars(answers), "port": house.attacker.port})
    result = await submit_until(hass, await start(hass), through)
    assert result["errors"] == {"base": "connection_lost"}
    await house.until(lambda: house.held)
    assert await get_key_store(hass).device(DEVICE_ID) is not None

    hass.config_entries.flow.async_abort(result["flow_id"])
    house.attacker.behave()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert await get_key_store(hass).device(DEVICE_ID) is None
    await deliver_farewells(hass)
    assert grave.buried == []
    assert not house.held
    assert not hass.config_entries.async_entries(DOMAIN)


async def test_removed_while_the_file_cannot_be_read(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.unload()
    house.forget_in_memory()
    house.file.write_bytes(b"{")
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    assert "could not be removed" in caplog.text
    assert house.file.read_bytes() == b"{"
