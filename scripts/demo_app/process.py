"""The programs that the demo starts; it stops these, and no others."""

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

TOOL_SECONDS = 60
STOP_SECONDS = 30
TAIL_LINES = 30
LINE_BYTES = 1 << 20

type OnLine = Callable[[str, float], None]
"""Takes a line of a program's output, and when it came, on the monotonic clock."""


class DemoError(Exception):
    """What went wrong, in words for the user; `log` is the file that may say more."""

    def __init__(self, text: str, log: Path | None = None) -> None:
        super().__init__(text)
        self.log = log

    def tail(self) -> list[str]:
        """Return the end of the log."""
        if self.log is None or not self.log.exists():
            return []
        return self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]


def environment() -> dict[str, str]:
    """Return what the programs inherit: nothing that makes Python or Home Assistant another."""
    unwanted = {"PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "SETUP_PORT"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return kept | {"PYTHONUNBUFFERED": "1", "PYTHONNOUSERSITE": "1"}


class Child:
    """One program that runs until the demo stops it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        cwd: Path,
        on_line: OnLine,
        on_death: Callable[[int], None],
    ) -> None:
        """`log` gets what it says of errors.

        `on_death` gets the exit status when it ends without having been told to.
        """
        self.name = name
        self.log = log
        self._command = command
        self._cwd = cwd
        self._on_line = on_line
        self._on_death = on_death
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=self._cwd,
                env=environment(),
                limit=LINE_BYTES,
                # Ctrl-C is for the demo alone, which then stops its programs in order.
                process_group=0,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        self._reading = asyncio.create_task(self._read(self._process))

    @property
    def pid(self) -> int:
        """Its process id; raises DemoError if it does not run."""
        if self._process is None:
            raise DemoError(f"{self.name} does not run", self.log)
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    async def stop(self) -> None:
        """Stop it, and wait until it is gone; raises DemoError if that was no clean end."""
        self._stopping = True
        if self._process is None or self._reading is None:
            return
        process, self._process = self._process, None
        told = process.returncode is None
        if told:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                code = await process.wait()
                await self._reading
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise DemoError(
                f"{self.name} did not stop within {STOP_SECONDS} s, and was killed", self.log
            ) from None
        # By the signal itself: told to stop before it was ready to hear that.
        if told and code not in {0, -signal.SIGTERM}:
            raise DemoError(f"{self.name} ended with {status(code)}", self.log)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is not None:
            async for line in process.stdout:
                self._on_line(line.decode(errors="replace").rstrip(), time.monotonic())
        code = await process.wait()
        if not self._stopping:
            self._on_death(code)


async def run_tool(module: str, *arguments: str) -> str:
    """Run a command of this project to its end, and return its output; raises DemoError."""
    return await run_program(sys.executable, "-m", module, *arguments)


async def run_program(*command: str) -> str:
    """The same of any program."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
        process_group=0,
    )
    what = " ".join(command)
    try:
        async with asyncio.timeout(TOOL_SECONDS):
            out, errors = await process.communicate()
    except TimeoutError:
        raise DemoError(f"{what}: not done within {TOOL_SECONDS} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise DemoError(f"{what}: {errors.decode(errors='replace').strip()}")
    return out.decode()


def _end_with_parent() -> None:
    """Have Linux stop this program also when the demo is killed and cannot."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


def status(code: int) -> str:
    """Say how a program has ended."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
