"""Devices in a process of their own: this project's virtual ones, or ESPHome's.

They live in a folder: a process that ends, however that was, is followed by another one with
the same devices at the same ports. It does what it is told by words, one a line, and repeats
the word when that is done, with the moment on the monotonic clock: `on` switches all on, `off`
takes all from the network, `announce` announces them, `return` does as `on` and `announce`.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, override

import msgspec
from zeroconf import ServiceInfo

from device_stub.announce import service_info
from device_stub.appliances.parts import OnOff
from device_stub.device import Device
from device_stub.factory import make_device, read_device_file, write_device_file
from device_stub.server import Server
from device_stub.store import Store
from secure_pair_protocol.model.switching import Switch

from .announcing import Announcer, service
from .esphome import ESPHOME, EspHome
from .paired import hold_session
from .serving import ROOT


class Fact(msgspec.Struct, frozen=True):
    """What a terminal has to know of a device."""

    device_id: str
    """12 hex digits."""
    port: int
    key: bytes
    session_id: bytes = b""


class Member(Protocol):
    """One device."""

    async def start(self, fact: Fact | None) -> Fact:
        """Switch it on; `fact`: it was before, with this."""

    async def appear(self) -> None:
        """Come back to the network."""

    def vanish(self) -> None:
        """Be gone from the network, without a word."""

    def service(self) -> ServiceInfo:
        """Return what it announces."""


class _SecurePair(Member):
    def __init__(self, device_id: str, folder: Path) -> None:
        path = folder / f"{device_id}.json"
        if not path.exists():
            made = make_device(device_id, "Virtual plug", f"Plug {device_id}", label=False)
            write_device_file(path, made.data)
        store = Store(path.with_suffix(".state.json"), device_id)
        plug = OnOff(Switch(key="switch"))
        self._server = Server(Device(read_device_file(path), [plug], store))

    @override
    async def start(self, fact: Fact | None) -> Fact:
        await self._server.start(port=fact.port if fact else 0)
        if fact is not None:
            return fact
        session = await hold_session(self._server.device)
        device_id = self._server.device.data.device_id
        return Fact(device_id, self._server.port, session.session_key.reveal(), session.session_id)

    @override
    async def appear(self) -> None:
        await self._server._listen(self._server.host, self._server.port)  # noqa: SLF001

    @override
    def vanish(self) -> None:
        assert self._server._server is not None  # noqa: SLF001
        self._server._server.close()  # noqa: SLF001
        self._server.drop_connections()

    @override
    def service(self) -> ServiceInfo:
        return service_info(self._server)


class _EspHome(Member):
    def __init__(self, device_id: str) -> None:
        self._id = device_id
        self._device = EspHome.of(device_id)

    @override
    async def start(self, fact: Fact | None) -> Fact:
        if fact is not None:
            self._device.port, self._device.psk = fact.port, fact.key
        await self._device.listen()
        return Fact(self._id, self._device.port, self._device.psk)

    @override
    async def appear(self) -> None:
        await self._device.listen()

    @override
    def vanish(self) -> None:
        self._device.kill()

    @override
    def service(self) -> ServiceInfo:
        properties = {"mac": self._id, "version": "2026.10.0", "api_encryption": "Noise"}
        return service("_esphomelib._tcp", self._device.name, self._device.port, properties)


class Running:
    """The process, for who tells it what to do."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        """Take one that is ready to be told something."""
        self.process = process
        self._folder = folder

    @property
    def facts(self) -> list[Fact]:
        """Return what has to be known of each device, when it has been on."""
        return msgspec.json.decode((self._folder / "facts.json").read_bytes(), type=list[Fact])

    async def tell(self, word: str) -> float:
        """Have something done; return when it was, on the monotonic clock."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n".encode())
        said, _, at = (await self.process.stdout.readline()).decode().partition(" ")
        assert said == word, f"the devices said {said!r} to {word}"
        return float(at)

    async def kill(self) -> None:
        """End it as without power; returns when it has ended."""
        self.process.kill()
        await self.process.wait()


async def begin(kind: str, count: int, folder: Path) -> Running:
    """Start the process of so many devices, which are off; it ends with its input."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.fleet", kind, str(count), str(folder)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await process.stdout.readline()
    return Running(process, folder)


@asynccontextmanager
async def running(kind: str, count: int, folder: Path) -> AsyncGenerator[Running]:
    """Run them, switched on."""
    fleet = await begin(kind, count, folder)
    try:
        await fleet.tell("on")
        yield fleet
    finally:
        if fleet.process.returncode is None:
            await fleet.kill()


class _Fleet:
    """All devices of the process."""

    def __init__(self, kind: str, count: int, folder: Path) -> None:
        self._kind, self._count, self._folder = kind, count, folder
        self._members: list[Member] = []
        self._announcer = Announcer()

    async def on(self) -> float:
        """Switch on, or come back to the network."""
        if self._members:
            for member in self._members:
                await member.appear()
        else:
            await self._start()
        return time.monotonic()

    async def come_back(self) -> float:
        """Do the same, and announce all; return when they listened."""
        listening = await self.on()
        await self.announce()
        return listening

    async def off(self) -> float:
        for member in self._members:
            member.vanish()
        return time.monotonic()

    async def announce(self) -> float:
        await self._announcer.announce([member.service() for member in self._members])
        return time.monotonic()

    async def _start(self) -> None:
        file = self._folder / "facts.json"
        facts: list[Fact | None] = [None] * self._count
        if file.exists():
            facts = [*msgspec.json.decode(file.read_bytes(), type=list[Fact])]
        # Whoever else runs this on the machine has other devices.
        series = os.urandom(3).hex()
        for number, fact in enumerate(facts):
            device_id = fact.device_id if fact else f"{series}{number:06x}"
            theirs = self._kind == ESPHOME
            self._members.append(
                _EspHome(device_id) if theirs else _SecurePair(device_id, self._folder)
            )
        known = [
            await member.start(fact) for member, fact in zip(self._members, facts, strict=True)
        ]
        file.write_bytes(msgspec.json.encode(known))


async def main(kind: str, count: int, folder: Path) -> None:
    """Run until nobody says anything any more."""
    loop = asyncio.get_running_loop()
    fleet = _Fleet(kind, count, folder)
    print("ready", flush=True)
    words = {
        "on": fleet.on,
        "off": fleet.off,
        "announce": fleet.announce,
        "return": fleet.come_back,
    }
    while word := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        print(word, await words[word](), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
