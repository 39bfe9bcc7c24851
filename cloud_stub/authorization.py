"""Steps 3 and 4: the first data, encrypted for the terminal of the device's owner."""

import os

from sqlalchemy import select

from secure_pair_protocol import negotiation
from secure_pair_protocol.crypto import NONCE_SIZE, PRIMITIVES
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import Grant
from secure_pair_protocol.negotiation import Authorization, AuthorizationRequest

from .accounts import CallingTerminal
from .audit import OK, Action, record
from .limits import Limits, charge, network
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
    limits: Limits | None = None,
) -> Authorization:
    """Answer step 3, whose messages were parsed into `request` (section 4).

    `lifetime` is in seconds of the device's powered time, 0 for no end. Raises
    SecurePairError: not_yours, also where there is no such device; token_refused where m1
    names another terminal; slow_down. Whatever is answered is in the audit before.
    """
    limits = limits or Limits()
    now = store.clock()
    # One question for both, so that their answers take equally long.
    own = select(Device).where(
        Device.device_id == request.device_id,
        Device.owner_id == terminal.account_id,
    )
    answer: Authorization | None = None
    refusal: SecurePairError | None = None
    async with store.database.writing() as session, session.begin():
        await charge(
            session,
            now,
            ("address", limits.address, network(terminal.address)),
            ("account", limits.account, terminal.account_id),
            ("terminal", limits.terminal, terminal.terminal_id.hex()),
            # Of this account: others cannot use it up.
            ("device", limits.device, f"{terminal.account_id}/{request.device_id}"),
        )
        device = await session.scalar(own)
        try:
            if device is None:
                raise SecurePairError(Failure.NOT_YOURS)
            answer = negotiation.authorize(
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
        except SecurePairError as error:
            refusal = error
        await record(
            session,
            now,
            terminal.actor,
            Action.AUTHORIZE,
            OK if refusal is None else refusal.failure.value,
            device_id=request.device_id,
            owner_id=None if device is None else terminal.account_id,
        )
    if answer is None:
        raise refusal or SecurePairError(Failure.NOT_YOURS)
    return answer
