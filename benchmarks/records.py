"""The encrypted channel: what it adds to the cipher."""

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from secure_pair_protocol.channel import Channel
from secure_pair_protocol.framing import frame
from secure_pair_protocol.keys import TrafficKeys
from secure_pair_protocol.secret import Secret

from .measuring import Effort, Row, in_turns, microseconds

PLAINTEXT = os.urandom(64)
TIMES = 2000


async def measure(effort: Effort) -> list[Row]:
    """Compare a record with the two calls that it cannot do without."""
    traffic = TrafficKeys(Secret(os.urandom(32)), Secret(os.urandom(32)))
    device, terminal = Channel.of_device(traffic), Channel.of_terminal(traffic)
    length = len(frame(b""))

    def ours() -> None:
        terminal.open(device.seal(PLAINTEXT)[length:])

    cipher, nonce = AESGCM(os.urandom(32)), bytes(12)

    def bare() -> None:
        cipher.decrypt(nonce, cipher.encrypt(nonce, PLAINTEXT, None), None)

    return [
        await in_turns(
            "seal and open a record of 64 bytes",
            microseconds(ours, TIMES),
            {"bare AES-GCM": microseconds(bare, TIMES)},
            counts="one record sealed at one end and opened at the other, lengths and counters"
            " included; beside the same two calls of the cipher, with one nonce for ever",
            unit="µs",
            aim=0.5,
            effort=effort,
            rounds=200,
        )
    ]
