"""The negotiation without a wire: what the method itself costs."""

import os
from base64 import b64encode

from aioesphomeapi.noise import NoiseHandshake

from tests.protocol.roles import Cloud, Device, Terminal, negotiate

from .esphome import PROLOGUE, Responder
from .measuring import Effort, Row, in_turns, microseconds

TIMES = 30


async def measure(effort: Effort) -> list[Row]:
    """Compare it with the handshake of ESPHome's native API."""
    psk = os.urandom(32)
    encoded = b64encode(psk).decode()

    def ours() -> None:
        negotiate(Terminal(), Cloud(), Device())

    def noise() -> None:
        initiator, responder = NoiseHandshake(encoded, PROLOGUE), Responder(psk)
        initiator.read_message(responder.answer(initiator.write_message()))
        initiator.get_ciphers()
        responder.ciphers()

    return [
        await in_turns(
            "negotiation, no I/O",
            microseconds(ours, TIMES),
            {"Noise NNpsk0": microseconds(noise, TIMES)},
            counts="all seven steps by all three roles, with fresh keys, to the traffic keys;"
            " beside both ends of ESPHome's Noise handshake, to its ciphers",
            unit="µs",
            aim=1,
            effort=effort,
            rounds=200,
        )
    ]
