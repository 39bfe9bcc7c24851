"""What one encrypted connection has to say (docs/protocol.md, sections 7 and 8)."""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterator

from secure_pair_protocol import envelope
from secure_pair_protocol.channel import Channel
from secure_pair_protocol.envelope import PIECE_SIZE, FromDevice
from secure_pair_protocol.errors import SecurePairError
from secure_pair_protocol.pieces import pieces

_LOGGER = logging.getLogger(__name__)

type Part = Callable[[], FromDevice]
"""Makes a message when it is its turn, so that it says what holds then."""


class Outbox:
    """Seals messages as they go out; long ones in pieces, with room for others between.

    What is said waits for nothing; what is queued keeps its order, and waits while the
    terminal does not take what was sent.
    """

    def __init__(
        self, channel: Channel, write: Callable[[bytes], None], up: Callable[[], int]
    ) -> None:
        """`write` puts bytes on the wire; `up`: milliseconds since the device's start."""
        self._channel = channel
        self._write = write
        self._up = up
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[Part, bool]] = deque()
        """Each with whether states wait for it."""
        self._cut: Iterator[bytes] | None = None
        """The rest of the message whose pieces are going out."""
        self._cut_goes_first = False
        self._transfers = itertools.count()
        self._goes_on = False
        self._stalled = False
        self._closed = False

    @property
    def takes_states(self) -> bool:
        """Tell whether a state can go out now: nothing waits that it would overtake."""
        if self._stalled or self._cut_goes_first:
            return False
        return not self._queue or not any(goes_first for _, goes_first in self._queue)

    @property
    def waiting(self) -> int:
        """How many messages wait for their turn."""
        return len(self._queue)

    @property
    def is_stalled(self) -> bool:
        """Tell whether the terminal does not take what is sent."""
        return self._stalled

    def say(self, message: FromDevice) -> None:
        """Send a short message now."""
        self.say_encoded(envelope.encode(message))

    def say_encoded(self, plaintext: bytes) -> None:
        """Send a short message now, of which others get the same bytes."""
        try:
            record = self._channel.seal(plaintext)
        except SecurePairError as error:
            # One message that cannot be said must not stop whoever had it to say.
            _LOGGER.warning("a message could not be sent: %s", error.failure)
            return
        self._write(record)

    def queue(self, *parts: Part, before_states: bool = True) -> None:
        """Send messages of any length, one behind the other.

        `before_states`: a state that comes later has to arrive later.
        """
        self._queue.extend((part, before_states) for part in parts)
        self._go_on()

    def stalled(self, *, stalled: bool) -> None:
        """The terminal has stopped, or begun again, to take what is sent."""
        self._stalled = stalled
        if not stalled:
            self._go_on()

    def close(self) -> None:
        """Send nothing of what still waits."""
        self._closed = True
        self._queue.clear()
        self._cut, self._cut_goes_first = None, False

    def _go_on(self) -> None:
        """Send what waits, but one piece at a time: others may have to say something."""
        while not (self._stalled or self._closed or self._goes_on):
            if self._cut is None:
                if not self._queue:
                    return
                part, goes_first = self._queue.popleft()
                self._begin(envelope.encode(part()), goes_first=goes_first)
            elif (piece := next(self._cut, None)) is not None:
                self.say_encoded(piece)
                # Behind the write, which tells whether the terminal takes more.
                self._goes_on = True
                self._loop.call_soon(self._go_on_later)
            else:
                self._cut, self._cut_goes_first = None, False

    def _go_on_later(self) -> None:
        self._goes_on = False
        self._go_on()

    def _begin(self, plaintext: bytes, *, goes_first: bool) -> None:
        if len(plaintext) > PIECE_SIZE:
            self._cut_goes_first = goes_first
            transfer = next(self._transfers) % (1 << 32)
            self._cut = pieces(plaintext, transfer, self._up)
        else:
            self.say_encoded(plaintext)
