"""Announcements that say nothing new, as packets to a zeroconf of Home Assistant's.

A device that had no power for some seconds announces what is known of it already, and Home
Assistant's discovery keeps that to itself.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

import pytest
from homeassistant.components.zeroconf.const import DATA_INSTANCE
from homeassistant.components.zeroconf.const import DOMAIN as ZEROCONF
from homeassistant.components.zeroconf.models import HaAsyncZeroconf, HaZeroconf
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from zeroconf import DNSPointer, DNSRecord, IPVersion  # type: ignore[attr-defined]
from zeroconf._protocol.incoming import DNSIncoming
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncServiceInfo
from zeroconf.const import _CLASS_IN, _FLAGS_AA, _FLAGS_QR_RESPONSE, _TYPE_PTR

from device_stub.announce import SERVICE_TYPE, service_info

from .attacker import attacking
from .conftest import Until, VirtualLock
from .flows import Answers, pair
from .house import LOCK

LOOPBACK = ["127.0.0.1"]


@dataclass
class Announcement:
    """What a device says of itself, as Home Assistant's zeroconf gets it from the network."""

    heard: HaZeroconf
    info: AsyncServiceInfo

    def come(self) -> None:
        info = self.info
        hear(
            self.heard,
            info.dns_pointer(),
            info.dns_service(),
            info.dns_text(),
            *info.dns_addresses(),
        )


def hear(heard: HaZeroconf, *records: DNSRecord) -> None:
    """Give Home Assistant's zeroconf a packet."""
    out = DNSOutgoing(_FLAGS_QR_RESPONSE | _FLAGS_AA)
    for record in records:
        out.add_answer_at_time(record, 0)
    (packet,) = out.packets()
    heard.record_manager.async_updates_from_response(DNSIncoming(packet))


@pytest.fixture
async def heard(hass: HomeAssistant) -> AsyncGenerator[HaZeroconf]:
    """Home Assistant's zeroconf, there before the integration is set up."""
    zeroconf = HaZeroconf(interfaces=LOOPBACK, ip_version=IPVersion.V4Only)
    instance = hass.data[DATA_INSTANCE] = HaAsyncZeroconf(zc=zeroconf)
    hass.config.components.add(ZEROCONF)
    yield zeroconf
    await instance.ha_async_close()


@pytest.fixture
def known(heard: HaZeroconf, virtual_lock: VirtualLock) -> Announcement:
    """The lock's announcement, which has come before."""
    known = Announcement(heard, service_info(virtual_lock.server))
    known.come()
    return known


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever waits between two tries wait until something wakes him."""
    monkeypatch.setattr("custom_components.secure_pair.reconnect.Backoff.delay", lambda *_: 3600)


async def test_back_is_tried_at_once(
    hass: HomeAssistant,
    known: Announcement,
    answers: Answers,
    virtual_lock: VirtualLock,
    until: Until,
) -> None:
    async with attacking(virtual_lock.server.port) as before:
        entry = await pair(hass, replace(answers, port=before.port))
    await until(lambda: hass.states.is_state(LOCK, "unavailable"))
    known.come()
    await until(lambda: hass.states.is_state(LOCK, "locked"))
    assert entry.data["port"] == virtual_lock.server.port


async def test_entry_that_waits_is_set_up(
    hass: HomeAssistant,
    known: Announcement,
    answers: Answers,
    virtual_lock: VirtualLock,
    until: Until,
) -> None:
    async with attacking(virtual_lock.server.port) as before:
        entry = await pair(hass, replace(answers, port=before.port))
        await hass.config_entries.async_unload(entry.entry_id)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    known.come()
    await until(lambda: hass.states.is_state(LOCK, "locked"))


async def test_link_is_tried(
    hass: HomeAssistant, known: Announcement, answers: Answers, until: Until
) -> None:
    """Where the device had no power, nobody has ended it."""
    entry = await pair(hass, answers)
    link = entry.runtime_data.keeper.link
    assert link.round_trip is None
    known.come()
    await until(lambda: link.round_trip is not None)
    assert entry.runtime_data.keeper.link is link


async def test_strangers_are_nothing_to_it(
    hass: HomeAssistant, known: Announcement, answers: Answers, until: Until
) -> None:
    """Nor does an announcement without an id, or without an address, stop the others."""
    entry = await pair(hass, answers)
    link = entry.runtime_data.keeper.link
    for name, properties in (("stranger", {"id": "aabbcc000000"}), ("nobody", {})):
        stranger = Announcement(
            known.heard,
            AsyncServiceInfo(
                SERVICE_TYPE,
                f"{name}.{SERVICE_TYPE}",
                port=1,
                properties=properties,
                parsed_addresses=LOOPBACK,
            ),
        )
        stranger.come()
        stranger.come()
    known.come()
    await until(lambda: link.round_trip is not None)


@pytest.mark.parametrize("alias", ["evil.example.", "x._http._tcp.local.", f"x.{SERVICE_TYPE}"])
async def test_names_that_are_none(
    hass: HomeAssistant, known: Announcement, answers: Answers, until: Until, alias: str
) -> None:
    """What anybody may say leaves the rest of the packet to those whom it is for."""
    entry = await pair(hass, answers)
    link = entry.runtime_data.keeper.link
    for _ in range(2):
        pointer = DNSPointer(SERVICE_TYPE, _TYPE_PTR, _CLASS_IN, 4500, alias)
        hear(known.heard, pointer, known.info.dns_pointer())
    await until(lambda: link.round_trip is not None)
