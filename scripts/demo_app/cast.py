"""The three roles, each a process: who starts, who listens where, who has to stop."""

import asyncio
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from . import ROOT
from .configuration import write_configuration
from .narrator import Narrator
from .process import Child, DemoError, status
from .screen import Screen
from .state import Folder

LISTEN_SECONDS = 30
RESTART_STATUS = 100
"""With which Home Assistant ends where its user wants it to start again."""
INTEGRATION = ROOT / "custom_components" / "secure_pair"

KEY_SERVICE = "the key service"
LOCK = "the virtual lock"
HOME_ASSISTANT = "Home Assistant"


class Cast:
    """Starts and stops the processes, and hears what they say."""

    def __init__(
        self, folder: Folder, screen: Screen, narrator: Narrator, python: str = sys.executable
    ) -> None:
        """Start nobody yet; `python` is the one of their environment."""
        self.bolt: str | None = None
        """Where the lock says that its bolt is; None before it has moved."""
        self.death: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Has an exception as soon as a process has ended that should not."""
        self._folder = folder
        self._screen = screen
        self._narrator = narrator
        self._python = python
        self._children: dict[str, Child] = {}
        self._restart: asyncio.Task[None] | None = None
        # Those of this run only.
        shutil.rmtree(folder.logs, ignore_errors=True)
        folder.logs.mkdir()

    def log(self, name: str) -> Path:
        """Return the log of one of them."""
        return self._folder.logs / f"{name.removeprefix('the ').lower().replace(' ', '-')}.log"

    async def start_key_service(self, port: int) -> int:
        """Start it; returns its port."""
        arguments = ["cloud_stub", "serve", "--steps", "--port", str(port)]
        arguments += ["--data", str(self._folder.key_service)]
        return await self.serve(KEY_SERVICE, self.python(*arguments), self._narrator.cloud)

    async def start_lock(self, device_file: Path, port: int) -> int:
        """Start it; returns its port."""

        def hear(said: dict[str, Any], at: float) -> None:
            if "bolt" in said:
                self.bolt = said["bolt"]
                by = f" (told by {said['by']})" if said["by"] else ""
                self._screen.line(f"the lock itself    {self.bolt or 'unknown':<10}{by}")
            else:
                self._narrator.device(said, at)

        arguments = ["scripts.demo_app.lock", "--device", str(device_file)]
        arguments += ["--state", str(self.lock_state_file), "--port", str(port)]
        return await self.serve(LOCK, self.python(*arguments), hear)

    async def start_home_assistant(self, port: int) -> None:
        """Start it; it answers some seconds later."""
        folder = self._folder.home_assistant
        write_configuration(folder, INTEGRATION, port)
        arguments = ["homeassistant", "--config", str(folder), "--log-no-color", "--skip-pip"]
        command = self.python(*arguments)

        def ended(code: int) -> None:
            if code == RESTART_STATUS:
                self._screen.line("Home Assistant starts again, as it was told to")
                self._restart = asyncio.create_task(self.start_home_assistant(port))
            else:
                self._die(HOME_ASSISTANT, code)

        await self._start(HOME_ASSISTANT, command, _ignore, cwd=folder, on_death=ended)

    async def serve(
        self, name: str, command: Sequence[str], hear: Callable[[dict[str, Any], float], None]
    ) -> int:
        """Start what says where it listens, and lines of JSON; returns its port."""
        said: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def hear_line(line: str, at: float) -> None:
            if line.startswith("listening on "):
                said.set_result(line)
            elif line.startswith("{"):
                hear(json.loads(line), at)

        await self._start(name, command, hear_line)
        line = await self._first_word(name, said)
        return int(line.rpartition(":")[2])

    async def hold(self, name: str, command: Sequence[str]) -> int:
        """Start what says a single line and stays; returns its process id."""
        said: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def hear(line: str, at: float) -> None:
            said.set_result(line)

        child = await self._start(name, command, hear)
        await self._first_word(name, said)
        return child.pid

    def python(self, module: str, *arguments: str) -> list[str]:
        """Return the command that runs a module of this project, or of Home Assistant."""
        return [self._python, "-m", module, *arguments]

    def signal(self, name: str, number: int) -> None:
        """Send one of them a signal."""
        self._children[name].signal(number)

    @property
    def lock_state_file(self) -> Path:
        """Where the lock keeps its sessions."""
        return self._folder.lock / "state.json"

    async def stop(self, name: str) -> None:
        """Stop one of them; raises DemoError if that was no clean end."""
        if (child := self._children.get(name)) is not None:
            await child.stop()
            del self._children[name]

    async def stop_all(self) -> None:
        """Stop all of them; raises DemoError if one did not end cleanly."""
        first: DemoError | None = None
        if self._restart is not None:
            await self._restart
        # Those who serve it come after it.
        for name in sorted(self._children, key=lambda name: name != HOME_ASSISTANT):
            try:
                async with self._screen.waiting(f"{name} is stopping"):
                    await self.stop(name)
            except DemoError as error:
                first = first or error
        if first is not None:
            raise first

    async def _start(
        self,
        name: str,
        command: Sequence[str],
        hear: Callable[[str, float], None],
        *,
        cwd: Path = ROOT,
        on_death: Callable[[int], None] | None = None,
    ) -> Child:
        child = Child(
            name,
            command,
            self.log(name),
            cwd=cwd,
            on_line=partial(self._hear, name, hear),
            on_death=on_death or partial(self._die, name),
        )
        await child.start()
        self._children[name] = child
        return child

    async def _first_word(self, name: str, said: asyncio.Future[str]) -> str:
        """Return the line that says that it is ready."""
        try:
            async with asyncio.timeout(LISTEN_SECONDS):
                return await said
        except TimeoutError:
            raise DemoError(
                f"{name} is not ready after {LISTEN_SECONDS} s", self.log(name)
            ) from None

    def _hear(self, name: str, hear: Callable[[str, float], None], line: str, at: float) -> None:
        try:
            hear(line, at)
        except (ValueError, LookupError, TypeError) as error:
            self._fail(DemoError(f"{name} says {line!r}: {error!r}", self.log(name)))

    def _die(self, name: str, code: int) -> None:
        self._fail(DemoError(f"{name} has stopped, with {status(code)}", self.log(name)))

    def _fail(self, error: DemoError) -> None:
        if not self.death.done():
            self.death.set_exception(error)


def _ignore(line: str, at: float) -> None:
    """Take what nobody has to hear."""
