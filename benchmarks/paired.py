"""A virtual device that holds a session, as after a negotiation."""

import os

from device_stub.device import Device
from secure_pair_protocol import sessions
from secure_pair_protocol.keys import Grant
from secure_pair_protocol.negotiation import Session
from secure_pair_protocol.secret import Secret

TERMINAL_ID = bytes(range(16))


async def hold_session(device: Device) -> Session:
    """Give a device that is on a session, without an end, with this terminal; return it."""
    session = Session(os.urandom(16), Secret(os.urandom(32)), TERMINAL_ID, Grant(1, 0))
    await device.ledger.change(lambda register: sessions.accepted(register, session))
    return session
