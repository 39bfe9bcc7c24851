"""What may become of a frame in the hands of somebody on the way."""

from collections.abc import Callable
from dataclasses import dataclass

from secure_pair_protocol import messages
from secure_pair_protocol.framing import frame
from tests.integration.attacker import Frame


@dataclass(frozen=True)
class Fate:
    """What the attacker does when a frame comes."""

    onward: bytes = b""
    """Goes on, as it is: the lengths are the attacker's business too."""
    back: bytes = b""
    """Goes to whoever sent the frame."""
    after: float = 0.0
    """Seconds that all of this waits."""
    behind: int = 0
    """How many of the frames that follow it go first."""
    cut: bool = False
    """Then the connection is reset."""
    end: bool = False
    """Then it is closed, as if the sender had gone."""


type Tamper = Callable[[Frame], Fate]


def wire(seen: Frame) -> bytes:
    """Return the frame as it was on the wire."""
    return frame(seen.payload)


def honest(seen: Frame) -> Fate:
    """Pass everything on."""
    return Fate(wire(seen))


def lost(seen: Frame) -> Fate:
    """Let the frame get lost."""
    return Fate()


def twice(seen: Frame) -> Fate:
    """Repeat the frame."""
    return Fate(wire(seen) * 2)


def returned(seen: Frame) -> Fate:
    """Send the frame back to where it came from, and not on."""
    return Fate(back=wire(seen))


def mirrored(seen: Frame) -> Fate:
    """Send the frame on, and back as well."""
    return Fate(wire(seen), back=wire(seen))


def late(seconds: float) -> Tamper:
    """Hold the frame, and whatever comes behind it, for so long."""
    return lambda seen: Fate(wire(seen), after=seconds)


def overtaken(frames: int) -> Tamper:
    """Let so many of the following frames go first."""
    return lambda seen: Fate(wire(seen), behind=frames)


def flipped(bit: int) -> Tamper:
    """Turn over one bit of the frame, its length included; bit 0 is the first byte's highest."""

    def tamper(seen: Frame) -> Fate:
        data = bytearray(wire(seen))
        data[bit // 8] ^= 0x80 >> bit % 8
        return Fate(bytes(data))

    return tamper


def cut_at(position: int, *, polite: bool) -> Tamper:
    """End the connection behind so many bytes of the frame: closed politely, or reset."""

    def tamper(seen: Frame) -> Fate:
        return Fate(wire(seen)[:position], cut=not polite, end=polite)

    return tamper


def error(code: str, *, to_sender: bool = False) -> Tamper:
    """Let an Error frame come in the frame's place, or let the sender get it."""
    refusal = frame(messages.encode(messages.Error(code)))
    fate = Fate(back=refusal) if to_sender else Fate(refusal)
    return lambda seen: fate


def instead(data: bytes) -> Tamper:
    """Let other bytes come in the frame's place."""
    return lambda seen: Fate(data)


def before(data: bytes) -> Tamper:
    """Let other bytes come before the frame."""
    return lambda seen: Fate(data + wire(seen))
