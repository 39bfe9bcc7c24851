"""Messages that are longer than a piece (docs/protocol.md, section 8)."""

from collections.abc import Callable, Iterator

from . import envelope
from .envelope import PIECE_SIZE, Piece
from .errors import Failure, SecurePairError

MESSAGE_LIMIT = 4 * 1024 * 1024
"""The longest message that pieces may make up, in bytes."""

OPEN_TRANSFERS = 4
"""How many messages may be under way in pieces at the same time."""


def pieces(message: bytes, transfer: int, up: Callable[[], int]) -> Iterator[bytes]:
    """Cut an encoded message; each piece is made when it is its turn to be sent."""
    for start in range(0, len(message), PIECE_SIZE):
        end = start + PIECE_SIZE
        piece = Piece(up(), transfer, end >= len(message), message[start:end])
        yield envelope.encode(piece)


class Assembler:
    """Puts messages together again; its memory is bounded whatever comes."""

    __slots__ = ("_limit", "_open")

    def __init__(self, limit: int = MESSAGE_LIMIT) -> None:
        """Begin with nothing; `limit`: the longest message, in bytes."""
        self._limit = limit
        self._open: dict[int, bytearray | None] = {}
        """None: it was too long, and what still comes of it is thrown away."""

    def take(self, piece: Piece) -> bytes | None:
        """Return the encoded message, when this was its last piece.

        Raises SecurePairError (too_large, once for a message; out_of_order for more than
        `OPEN_TRANSFERS` at a time).
        """
        if piece.transfer not in self._open:
            if len(self._open) >= OPEN_TRANSFERS:
                raise SecurePairError(Failure.OUT_OF_ORDER, "too many messages in pieces")
            self._open[piece.transfer] = bytearray()
        message = self._open[piece.transfer]
        if piece.last:
            del self._open[piece.transfer]
        if message is None:
            return None
        message += piece.data
        if len(message) > self._limit:
            if not piece.last:
                self._open[piece.transfer] = None
            raise SecurePairError(Failure.TOO_LARGE, "a message in pieces")
        return bytes(message) if piece.last else None
