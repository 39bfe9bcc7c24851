"""Frames: two bytes of big-endian length, then that many bytes (docs/protocol.md, section 2)."""

from .errors import Failure, SecurePairError

HANDSHAKE_LIMIT = 4096
"""The longest payload before the channel is encrypted, in bytes."""

RECORD_LIMIT = 65535
"""The longest record, in bytes: what the length can say."""


_LENGTH = 2


def frame(payload: bytes) -> bytes:
    """Return the payload as it goes on the wire."""
    return len(payload).to_bytes(_LENGTH) + payload


class FrameReader:
    """Cuts a stream of bytes into payloads; keeps at most one unfinished frame."""

    __slots__ = ("_at", "_buffer", "limit")

    def __init__(self) -> None:
        """Start with the limit of the handshake."""
        self._buffer = b""
        self._at = 0
        """Where the next frame begins."""
        self.limit = HANDSHAKE_LIMIT

    @property
    def is_unfinished(self) -> bool:
        """Tell whether bytes are here that are no whole frame yet."""
        return self._at < len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take bytes as they come: nearly always whole frames, and nothing waits for them."""
        self._buffer = self._buffer[self._at :] + data if self._buffer else data
        self._at = 0

    def next(self) -> bytes | None:
        """Return the next payload, or None until more bytes are there.

        Raises SecurePairError (too_large; malformed for an empty frame) as soon as the
        length says so.
        """
        buffer, at = self._buffer, self._at
        begin = end = at + _LENGTH
        if begin <= len(buffer):
            size = buffer[at] << 8 | buffer[at + 1]
            if size > self.limit:
                raise SecurePairError(Failure.TOO_LARGE, f"a frame of {size} bytes")
            if size == 0:
                raise SecurePairError(Failure.MALFORMED, "an empty frame")
            end += size
        if end > len(buffer):
            self._buffer, self._at = buffer[at:], 0
            return None
        self._at = end
        return buffer[begin:end]
