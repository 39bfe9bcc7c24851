"""The encrypted channel: records, counters, key update (docs/protocol.md, section 7)."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .crypto import PRIMITIVES
from .errors import Failure, SecurePairError
from .framing import RECORD_LIMIT
from .keys import TrafficKeys, next_traffic_key
from .secret import Secret

RECORDS_PER_KEY = 1 << 20
TAG_SIZE = 16
PLAINTEXT_LIMIT = RECORD_LIMIT - TAG_SIZE
"""The longest plaintext of a record, in bytes."""


class _Direction:
    """One direction's key and counter: each nonce is used once, then the key moves on."""

    __slots__ = ("_cipher", "_counter", "_key")

    def __init__(self, key: Secret) -> None:
        self._key = key
        self._counter = 0
        self._cipher: AESGCM | None = None

    def next(self) -> tuple[AESGCM, bytes]:
        """Return the cipher, and a nonce of its key."""
        if self._counter == RECORDS_PER_KEY:
            self.__init__(next_traffic_key(PRIMITIVES, self._key))  # type: ignore[misc]
        if self._cipher is None:
            self._cipher = AESGCM(self._key.reveal())
        nonce = self._counter.to_bytes(12)
        self._counter += 1
        return self._cipher, nonce

    def rest(self) -> None:
        self._cipher = None


class Channel:
    """Seals and opens the records of one connection, at one end.

    A record that does not open ends the channel: every later call raises the same error.
    """

    __slots__ = ("_failed", "_receive", "_send")

    def __init__(self, send: Secret, receive: Secret) -> None:
        """Begin with each direction's first key."""
        self._send = _Direction(send)
        self._receive = _Direction(receive)
        self._failed = False

    @classmethod
    def of_terminal(cls, traffic: TrafficKeys) -> Channel:
        """Return the terminal's end."""
        return cls(traffic.terminal_to_device, traffic.device_to_terminal)

    @classmethod
    def of_device(cls, traffic: TrafficKeys) -> Channel:
        """Return the device's end."""
        return cls(traffic.device_to_terminal, traffic.terminal_to_device)

    def seal(self, plaintext: bytes) -> bytes:
        """Return the record with its length, ready for the wire.

        Raises SecurePairError (too_large, record_failed).
        """
        if self._failed:
            raise SecurePairError(Failure.RECORD_FAILED)
        size = len(plaintext) + TAG_SIZE
        if size > RECORD_LIMIT:
            raise SecurePairError(Failure.TOO_LARGE, f"a record of {size} bytes")
        cipher, nonce = self._send.next()
        return size.to_bytes(2) + cipher.encrypt(nonce, plaintext, None)

    def open(self, record: bytes) -> bytes:
        """Return the plaintext of the next record; raises SecurePairError (record_failed)."""
        if self._failed:
            raise SecurePairError(Failure.RECORD_FAILED)
        cipher, nonce = self._receive.next()
        try:
            return cipher.decrypt(nonce, record, None)
        except (InvalidTag, ValueError) as error:
            self._failed = True
            raise SecurePairError(Failure.RECORD_FAILED) from error

    def rest(self) -> None:
        """Let go what the next record makes anew, in 1.3 µs: nearly 3 kB in each direction."""
        self._send.rest()
        self._receive.rest()
