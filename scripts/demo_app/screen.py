"""What the demo shows: a line at a time, with the seconds since it began."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import TextIO

TERMINAL_SECONDS = 0.25
OTHER_SECONDS = 3
"""How often it says that something still takes time: on a terminal, and in a log."""


class Screen:
    """Writes to the terminal, or to whatever stands in its place."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        """Begin to count the seconds."""
        self._out = out
        self._began = time.monotonic()
        self._terminal = out.isatty()
        self._status = ""

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def head(self, text: str) -> None:
        """Begin a part."""
        self._write(f"\n{self._clock} {text}\n")

    def line(self, text: str = "") -> None:
        """Say one thing."""
        self._write(f"{self._clock}   {text}\n" if text else "\n")

    @asynccontextmanager
    async def waiting(self, text: str) -> AsyncGenerator[None]:
        """Show, as long as it lasts, how long it has lasted; nothing if it is over soon."""
        showing = asyncio.create_task(self._show(text))
        try:
            yield
        finally:
            showing.cancel()
            with suppress(asyncio.CancelledError):
                await showing
            self._set_status("")

    async def _show(self, text: str) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(TERMINAL_SECONDS if self._terminal else OTHER_SECONDS)
            status = f"{text} ({time.monotonic() - began:.0f} s)"
            if self._terminal:
                self._set_status(status)
            else:
                self.line(status)

    @property
    def _clock(self) -> str:
        return f"[{self.seconds:5.1f}s]"

    def _set_status(self, status: str) -> None:
        if self._terminal and status != self._status:
            self._status = status
            self._write("")

    def _write(self, text: str) -> None:
        if self._terminal:
            status = f"{self._clock}   {self._status}" if self._status else ""
            text = f"\r\x1b[K{text}{status}"
        # Whoever read along may have gone; that is no reason to stop half-way.
        with suppress(OSError):
            self._out.write(text)
            self._out.flush()
