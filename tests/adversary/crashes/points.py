"""Fault points: where a process may die, right before, in, or right behind what it does.

There is no hook in the product. What it does to files comes as Python's audit events, what
it sends goes through the event loop's transports: so a write or a send that is new is a
point by itself. Death is SIGKILL: nothing is unwound, flushed or said.
"""

import os
import signal
import sys
from asyncio import selector_events
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from secure_pair_protocol import messages
from secure_pair_protocol.errors import SecurePairError

_PRODUCT = ("custom_components.secure_pair", "device_stub")
_FILE_EVENTS = ("open", "os.link", "os.remove", "os.rename")

_Transport = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]


class Points:
    """Counts the points of this process from `arm` on; at one of them it dies."""

    def __init__(self, die_at: int) -> None:
        """`die_at`: the number of the point, from 1; 0: none."""
        self.names: list[str] = []
        self._die_at = die_at
        self._is_armed = False

    def arm(self) -> None:
        """Count from now on."""
        self._is_armed = True

    def reach(self, name: str) -> None:
        """Be at a point."""
        if self._is_armed:
            self.names.append(name)
            if len(self.names) == self._die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, folder: Path) -> None:
        """Make points of all that the product sends, and does to files below the folder."""

        def hear(event: str, arguments: tuple[Any, ...]) -> None:
            if (
                event in _FILE_EVENTS
                and self._is_armed
                # Of a rename: where to.
                and isinstance(
                    path := arguments[event in {"os.link", "os.rename"}], str | os.PathLike
                )
                and Path(path).is_relative_to(folder)
                and _is_products(sys._getframe(1))
            ):
                self.reach(f"{event} {Path(path).name}")

        sys.addaudithook(hear)
        send = _Transport.write

        def write(transport: Any, data: bytes) -> None:
            if _is_products_own(type(transport.get_protocol()).__module__):
                for frame in _frames(data):
                    self._send(send, transport, frame, _name(frame[2:]))
            elif _is_products(sys._getframe(1)):
                self._send(send, transport, data, "request")
            else:
                send(transport, data)

        _Transport.write = write
        _Transport.writelines = lambda transport, parts: write(transport, b"".join(parts))

    def _send(self, send: Any, transport: Any, data: bytes, name: str) -> None:
        half = len(data) // 2
        self.reach(f"before {name}")
        send(transport, data[:half])
        self.reach(f"in {name}")
        send(transport, data[half:])
        self.reach(f"behind {name}")


def _is_products_own(module: str) -> bool:
    return module.startswith(_PRODUCT)


def _is_products(frame: FrameType | None) -> bool:
    """Tell whether it is the product that does something, through whatever library."""
    while frame is not None:
        if _is_products_own(frame.f_globals.get("__name__", "")):
            return True
        frame = frame.f_back
    return False


def _frames(data: bytes) -> Iterator[bytes]:
    while data:
        size = 2 + int.from_bytes(data[:2])
        yield data[:size]
        data = data[size:]


def _name(payload: bytes) -> str:
    try:
        return type(messages.decode_any(payload)).__name__
    except SecurePairError:
        return "record"
