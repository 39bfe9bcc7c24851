"""Steps 3 and 4: the first data, encrypted for the terminal of the device's owner."""

import os

from sqlalchemy import Connection, bindparam, select

from secure_pair_protocol import negotiation
from secure_pair_protocol.crypto import NONCE_SIZE, PRIMITIVES
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import Grant
from secure_pair_protocol.negotiation import Authorization, AuthorizationRequest

from .accounts import CallingTerminal
from .audit import OK, Action, record
from .limits import Limits, charge, network
from .store import Store
from .tables import DEVICES

# One question for both, whether there is such a device and whether it is the account's own, so
# that their answers take equally long. Nobody else gets it until the answer is on the disk; only
# its initial key may be sealed anew meanwhile.
_OWN = (
    select(DEVICES.c.sealed_initial_key, DEVICES.c.owner_epoch)
    .where(
        DEVICES.c.device_id == bindparam("device_id"),
        DEVICES.c.owner_id == bindparam("account_id"),
    )
    .with_for_update(read=True, key_share=True)
)


def authorize(
    connection: Connection,
    store: Store,
    terminal: CallingTerminal,
    request: AuthorizationRequest,
    *,
    m1: bytes,
    m2: bytes,
    first_public_key: bytes,
    lifetime: int,
    limits: Limits | None = None,
) -> Authorization | SecurePairError:
    """Answer step 3, whose messages were parsed into `request` (section 4).

    In a transaction that writes; `lifetime` is in seconds of the device's powered time, 0
    for no end. Returns a refusal that is to be kept: not_yours, also where there is no such
    device; token_refused where m1 names another terminal. Raises SlowDownError. Whatever is
    answered is in the audit before.
    """
    limits = limits or Limits()
    now = store.clock()
    own = {"device_id": request.device_id, "account_id": terminal.account_id}
    device = connection.execute(_OWN, own).one_or_none()
    outcome: Authorization | SecurePairError
    try:
        if device is None:
            raise SecurePairError(Failure.NOT_YOURS)
        outcome = negotiation.authorize(
            PRIMITIVES,
            request,
            m1=m1,
            m2=m2,
            first_public_key=first_public_key,
            token_terminal_id=terminal.terminal_id,
            initial_key=store.vault.open(request.device_id, device.sealed_initial_key),
            grant=Grant(device.owner_epoch, lifetime),
            nonce=os.urandom(NONCE_SIZE),
        )
    except SecurePairError as refusal:
        outcome = refusal
    record(
        connection,
        now,
        terminal.actor,
        Action.AUTHORIZE,
        outcome.failure.value if isinstance(outcome, SecurePairError) else OK,
        device_id=request.device_id,
        owner_id=None if device is None else terminal.account_id,
    )
    # Last, since all who come from one address wait here for each other, until each is on the
    # disk; where there is no room, nothing of the above is kept.
    charge(
        connection,
        now,
        ("address", limits.address, network(terminal.address)),
        ("account", limits.account, terminal.account_id),
        ("terminal", limits.terminal, terminal.terminal_id.hex()),
        # Of this account: others cannot use it up.
        ("device", limits.device, f"{terminal.account_id}/{request.device_id}"),
    )
    return outcome
