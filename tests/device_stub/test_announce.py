"""A device announces itself, and somebody on the same network finds it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import ifaddr
import pytest
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from device_stub.announce import SERVICE_TYPE, announced, service_info
from device_stub.device import Device
from device_stub.factory import FactoryData, draw_device_id
from device_stub.provision import provision
from device_stub.server import Server, running
from device_stub.store import Store
from secure_pair_protocol.envelope import Unpair, Unpaired
from secure_pair_protocol.sessions import TERMINALS

from .conftest import House
from .terminal import PATIENCE
from .test_cli import lock

type Until = Callable[[Callable[[], object]], Awaitable[None]]

LOOPBACK = "127.0.0.1"


@dataclass
class Somebody:
    """Who looks for devices, as Home Assistant does."""

    responder: AsyncZeroconf
    found: set[str] = field(default_factory=set)
    """The names that are announced at the moment."""
    updated: set[str] = field(default_factory=set)
    """Of which something else was announced later."""

    def on_change(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        if state_change is ServiceStateChange.Removed:
            self.found.remove(name)
        else:
            self.found.add(name)
        if state_change is ServiceStateChange.Updated:
            self.updated.add(name)

    def look(self, device_id: str) -> list[AsyncServiceInfo]:
        """Return all that is announced, at the moment, of a device."""
        infos = [AsyncServiceInfo(SERVICE_TYPE, name) for name in self.found]
        return [
            info
            for info in infos
            if info.load_from_cache(self.responder.zeroconf)
            and info.decoded_properties.get("id") == device_id
        ]


async def pairing(name: str) -> str | None:
    """Return what a device says to somebody who has not heard of it yet."""
    async with AsyncZeroconf(interfaces=[LOOPBACK]) as responder:
        info = await responder.async_get_service_info(SERVICE_TYPE, name)
        assert info is not None
        return info.decoded_properties["pairing"]


@pytest.fixture
def expected_lingering_timers() -> bool:
    """A responder that is closed leaves the timer of an answer that it still had to give."""
    return True


@pytest.fixture
async def somebody() -> AsyncGenerator[Somebody]:
    async with AsyncZeroconf(interfaces=[LOOPBACK]) as responder:
        somebody = Somebody(responder)
        browser = AsyncServiceBrowser(
            responder.zeroconf, SERVICE_TYPE, handlers=[somebody.on_change]
        )
        yield somebody
        await browser.async_cancel()


@pytest.fixture
def data(data: FactoryData) -> FactoryData:
    """A device of its own for each test: they share one network."""
    return replace(data, device_id=draw_device_id())


async def test_process_announces_itself_until_it_stops(
    somebody: Somebody, until: Until, tmp_path: Path
) -> None:
    made = provision(tmp_path, model="Virtual door lock", name="Front door", label=False)
    device_id = made.device.data.device_id
    async with lock("--device", made.device_file, "--announce") as (_, port):
        await until(lambda: somebody.look(device_id))
        (info,) = somebody.look(device_id)
        assert info.decoded_properties == {
            "id": device_id,
            "model": "Virtual door lock",
            "name": "Front door",
            "version": "1",
            "pairing": "1",
        }
        assert (info.parsed_addresses(), info.port) == ([LOOPBACK], port)
    await until(lambda: info.name not in somebody.found)


async def test_process_on_loopback_keeps_to_itself(
    somebody: Somebody, until: Until, tmp_path: Path
) -> None:
    quiet, loud = (provision(tmp_path / n, model="Lock", label=False) for n in ("quiet", "loud"))
    async with (
        lock("--device", quiet.device_file),
        lock("--device", loud.device_file, "--announce"),
    ):
        # The other one had as much time, and more.
        await until(lambda: somebody.look(loud.device.data.device_id))
        assert not somebody.look(quiet.device.data.device_id)


async def test_whether_it_takes_terminals_is_up_to_date(
    house: House, somebody: Somebody, until: Until
) -> None:
    async with announced(house.server):
        await until(lambda: somebody.look(house.data.device_id))
        (name,) = (info.name for info in somebody.look(house.data.device_id))
        wires = [await house.terminal().negotiate(house.port) for _ in range(TERMINALS - 1)]
        assert await pairing(name) == "1"
        assert name not in somebody.updated
        wires.append(await house.terminal().negotiate(house.port))
        await until(lambda: name in somebody.updated)
        assert await pairing(name) == "0"
        wires[0].send(Unpair())
        async with asyncio.timeout(PATIENCE):
            while await pairing(name) == "0":
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("way", ["unpaired", "revoked", "expired", "reset"])
async def test_each_way_to_make_room_is_told(house: House, way: str) -> None:
    """When it is told, the new register is the one that holds."""
    house.cloud.lifetime = 3600
    for _ in range(TERMINALS):
        terminal = house.terminal()
        wire = await terminal.negotiate(house.port)
    told: list[str | None] = []

    def listener() -> None:
        told.append(service_info(house.server).decoded_properties["pairing"])

    assert service_info(house.server).decoded_properties["pairing"] == "0"
    house.device.ledger.listeners.append(listener)
    match way:
        case "unpaired":
            wire.send(Unpair())
            await wire.until(Unpaired)
        case "revoked":
            await house.server.revoke(terminal.terminal_id)
        case "expired":
            await house.tick(house.cloud.lifetime)
        case "reset":
            await house.server.factory_reset()
    assert told == ["1"]


async def test_full_from_the_start(house: House, somebody: Somebody, until: Until) -> None:
    for _ in range(TERMINALS):
        await (await house.terminal().negotiate(house.port)).close()
    async with announced(house.server):
        await until(lambda: somebody.look(house.data.device_id))
        (info,) = somebody.look(house.data.device_id)
        assert info.decoded_properties["pairing"] == "0"


async def test_name_that_is_taken(
    house: House, another: House, somebody: Somebody, until: Until
) -> None:
    """Whoever has it, for instance an attacker: the device is found all the same."""
    device_id = house.data.device_id
    async with announced(another.server):
        await until(lambda: somebody.look(device_id))
        async with announced(house.server):
            await until(lambda: len(somebody.look(device_id)) == 2)
            for _ in range(TERMINALS):
                await (await house.terminal().negotiate(house.port)).close()
            await until(
                lambda: (
                    {
                        (info.port, info.decoded_properties["pairing"])
                        for info in somebody.look(device_id)
                    }
                    == {(another.port, "1"), (house.port, "0")}
                )
            )


async def test_texts_that_dns_has_no_room_for(
    data: FactoryData, somebody: Somebody, until: Until, tmp_path: Path
) -> None:
    device_id = f"{data.device_id}.of~a/strange:device.".ljust(64, ".")
    data = replace(data, device_id=device_id, model="", name="🚪" * 64)
    device = Device(data, [], Store(tmp_path / "state", device_id))
    async with running(device) as server, announced(server):
        await until(lambda: somebody.look(device_id))
        (info,) = somebody.look(device_id)
        assert info.decoded_properties["name"] == "🚪" * 62


# The network


class Adapter:
    def __init__(self, *ips: str | tuple[str, int, int]) -> None:
        self.ips = [ifaddr.IP(ip, 24, "adapter") for ip in ips]


LO, ETH0, ETH1 = (
    Adapter(LOOPBACK, ("::1", 0, 0)),
    Adapter("192.168.1.5", ("2001:db8::5", 0, 0), ("fe80::5", 0, 2)),
    Adapter("10.1.2.3"),
)


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("0.0.0.0", ["192.168.1.5", "10.1.2.3"]),
        ("::", ["2001:db8::5", "fe80::5"]),
        ("10.1.2.3", ["10.1.2.3"]),
        ("fe80::5%eth0", ["fe80::5"]),
        (LOOPBACK, [LOOPBACK]),
    ],
)
async def test_addresses(
    house: House, monkeypatch: pytest.MonkeyPatch, host: str, addresses: list[str]
) -> None:
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [LO, ETH0, ETH1])
    server = Server(house.device)
    server.host = host
    assert service_info(server).parsed_addresses() == addresses


@pytest.mark.parametrize("host", ["0.0.0.0", "203.0.113.1"])
async def test_machine_without_multicast(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    until: Until,
    host: str,
) -> None:
    """No address but loopback, or one that cannot be announced at: the device runs on."""
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [LO])
    monkeypatch.setattr(house.server, "host", host)
    caplog.set_level(logging.INFO)
    async with announced(house.server):
        await until(lambda: "not announced" in caplog.text)
        await (await house.terminal().negotiate(house.port)).close()
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.name == "device_stub.announce"
