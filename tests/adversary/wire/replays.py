"""What was said on an earlier connection, for somebody who has no key to say it again."""

from itertools import pairwise

from secure_pair_protocol.framing import frame
from secure_pair_protocol.messages import Challenge, Error, Greeting
from tests.integration.attacker import Frame

from .fates import Fate

ANSWERS = (
    [Greeting],
    [Greeting, Error],
    [Greeting, Challenge],
    [Greeting, Challenge, Error],
)
"""All that the device says to somebody who has no key."""

type Recording = list[Frame]
"""One connection, in the order of what went over it."""


def sequences(recording: Recording) -> list[bytes]:
    """Return all of it, each beginning, each end, each frame alone and each pair of neighbours."""
    said = [frame(seen.payload) for seen in recording if seen.to_device]
    return [
        *(b"".join(said[:end]) for end in range(1, len(said) + 1)),
        *(b"".join(said[start:]) for start in range(1, len(said))),
        *said,
        *(b"".join(two) for two in pairwise(said)),
        *(one * 2 for one in said),
    ]


class Playback:
    """Says what the device said then, each time that the terminal has had its say."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._at = 0

    def __call__(self, seen: Frame) -> Fate:
        if seen.is_a(Greeting):
            self._at = 0
            return Fate(self._turn())
        return Fate(back=self._turn()) if seen.to_device else Fate()

    def _turn(self) -> bytes:
        said, begun = b"", False
        while self._at < len(self._recording):
            seen = self._recording[self._at]
            if seen.to_device and begun:
                break
            begun |= not seen.to_device
            said += b"" if seen.to_device else frame(seen.payload)
            self._at += 1
        return said
