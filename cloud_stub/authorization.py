"""Steps 3 and 4: the first data, encrypted for the terminal of the device's owner."""

import os

from sqlalchemy import select

from secure_pair_protocol import negotiation
from secure_pair_protocol.crypto import NONCE_SIZE, PRIMITIVES
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import Grant
from secure_pair_protocol.negotiation import Authorization, AuthorizationRequest

from .accounts import CallingTerminal
from .store import Store
from .tables import Device


async def authorize(
    store: Store,
    terminal: CallingTerminal,
    request: AuthorizationRequest,
    *,
    m1: bytes,
    m2: bytes,
    first_public_key: bytes,
    lifetime: int,
) -> Authorization:
    """Answer step 3, whose messages were parsed into `request` (section 4).

    `lifetime` is in seconds of the device's powered time, 0 for no end. Raises
    SecurePairError: not_yours, also where there is no such device; token_refused where m1
    names another terminal.
    """
    # One question for both, so that their answers take equally long.
    own = select(Device).where(
        Device.device_id == request.device_id,
        Device.owner_id == terminal.account_id,
    )
    async with store.database.reading() as session:
        device = await session.scalar(own)
    if device is None:
        raise SecurePairError(Failure.NOT_YOURS)
    return negotiation.authorize(
        PRIMITIVES,
        request,
        m1=m1,
        m2=m2,
        first_public_key=first_public_key,
        token_terminal_id=terminal.terminal_id,
        initial_key=store.vault.open(device.device_id, device.sealed_initial_key),
        grant=Grant(device.owner_epoch, lifetime),
        nonce=os.urandom(NONCE_SIZE),
    )
