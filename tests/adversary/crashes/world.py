"""The processes of a crash, and what is left of them on their disks."""

import asyncio
import json
import multiprocessing
import random
import signal
import socket
from base64 import b64decode
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from custom_components.secure_pair.const import DOMAIN
from device_stub.provision import Provisioned
from device_stub.store import Store
from tests.integration.flows import Answers
from tests.integration.key_services import AUTHORIZE, KeyService

from . import home_process, lock_process

PATIENCE = 30
_OWN_PORTS = range(30_000, 32_000)
"""Below those that Linux gives to whoever asks for any: the lock comes back to its own."""


def forking() -> ForkServerContext:
    """Return what forks a process of one that has imported all that it needs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([home_process.__name__, lock_process.__name__, "pytest"])
    return context


class DiedError(Exception):
    """The process was killed at its point."""


class Process:
    """One of the two processes, from one start to its death."""

    def __init__(self, run: Callable[..., None], *arguments: object) -> None:
        context = forking()
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=run, args=(theirs, *arguments), daemon=True
        )
        self._process.start()
        theirs.close()

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    async def ask(self, order: str, *arguments: object) -> Any:
        """Give an order and return the answer; raises DiedError."""
        try:
            self._pipe.send((order, arguments))
            async with asyncio.timeout(PATIENCE):
                while not self._pipe.poll():
                    await asyncio.sleep(0.001)
            return self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            self._process.join()
            if self._process.exitcode != -signal.SIGKILL:
                raise
            raise DiedError from error

    def kill(self) -> None:
        """End it wherever it is; it may be dead already."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


class World:
    """One lock, one Home Assistant, their disks, and the key service, which stays alive."""

    def __init__(self, folder: Path, made: Provisioned, key_service: KeyService) -> None:
        self.folder = folder
        self.made = made
        self.key_service = key_service
        for name in ("lock", "home"):
            (folder / name).mkdir()
        assert made.device.setup_code is not None
        self.answers = Answers(
            host="127.0.0.1",
            port=_free_port(),
            url=key_service.url,
            token=key_service.token,
            setup_code=made.device.setup_code.text,
        )
        self.lock: Process
        self.home: Process

    # Starting and ending

    def switch_on(self, die_at: int = 0) -> None:
        """Start the lock's process; it does nothing yet."""
        arguments = self.folder / "lock", self.made.device_file, self.answers.port, die_at
        self.lock = Process(lock_process.run, *arguments)

    def boot(self, die_at: int = 0) -> None:
        """Start Home Assistant's process; it does nothing yet."""
        arguments = self.folder / "home", self.answers, self.device_id, die_at
        self.home = Process(home_process.run, *arguments)

    def end(self) -> None:
        """Leave no process behind."""
        for name in ("lock", "home"):
            if (process := getattr(self, name, None)) is not None:
                process.kill()

    # What is on the disks

    @property
    def device_id(self) -> str:
        return self.made.device.data.device_id

    @property
    def bolt(self) -> Path:
        return self.folder / "lock" / "bolt"

    @property
    def held(self) -> list[bytes]:
        """The sessions that the lock's disk has."""
        register = Store(self.folder / "lock" / "state.json", self.device_id).read()
        return [held.session.session_id for held in register.held] if register else []

    @property
    def stored(self) -> list[tuple[bytes, bool]]:
        """The sessions that Home Assistant's disk has, the newest first; provisional or not."""
        devices = self._key_store.get("devices", {})
        sessions = devices.get(self.device_id, {}).get("sessions", [])
        return [(b64decode(s["session_id"]), s["provisional"]) for s in sessions]

    @property
    def tombstones(self) -> list[str]:
        return list(self._key_store.get("tombstones", {}))

    @property
    def _key_store(self) -> dict[str, Any]:
        file = self.folder / "home" / ".storage" / DOMAIN
        content: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return content

    @property
    def key_files(self) -> list[Path]:
        """Home Assistant's key store, and whatever writes of it that were cut off have left."""
        files = (self.folder / "home" / ".storage").iterdir()
        return [file for file in files if b'"key_services"' in file.read_bytes()]

    @property
    def authorizations(self) -> int:
        """How many negotiations have come to the key service."""
        return self.key_service.asked.count(AUTHORIZE)

    @property
    def complaints(self) -> list[str]:
        """What either has logged that nobody expects: an error, or a traceback."""
        return [
            line
            for log in self.folder.glob("*/log")
            for line in log.read_text().splitlines()
            if "ERROR" in line or "Traceback" in line
        ]

    # What has to hold

    async def agree(self) -> bytes:
        """Wait until both have one session, and the same: it is returned."""
        try:
            async with asyncio.timeout(PATIENCE):
                while len(held := self.held) != 1 or self.stored != [(held[0], False)]:
                    await asyncio.sleep(0.002)
        except TimeoutError:
            raise AssertionError(f"lock {self.held}, Home Assistant {self.stored}") from None
        return held[0]


def _free_port() -> int:
    for port in random.sample(_OWN_PORTS, len(_OWN_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
