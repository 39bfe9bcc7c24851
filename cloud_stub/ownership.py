"""Which account owns a device, and the epoch that rises when it changes.

docs/protocol.md, sections 3 and 11.
"""

from sqlalchemy import case, update

from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import claim_hash
from secure_pair_protocol.secret import Secret

from .accounts import CallingTerminal, find_account
from .errors import OperatorError
from .store import Store
from .tables import Device

_NO_HASH = bytes(32)
"""Stands in for a claim hash that is not there: the same work, never the same answer."""


async def claim(store: Store, terminal: CallingTerminal, device_id: str, proof: Secret) -> None:
    """Make the terminal's account the owner, if it proves to have seen the label.

    The proof is checked every time. Raises SecurePairError: claim_refused is the one
    answer to a stranger, whether or not there is such a device; wrong_setup_code goes to
    the owner; owned_by_another takes a good proof.
    """
    offered = claim_hash(PRIMITIVES, device_id, proof)
    while True:
        async with store.database.reading() as session:
            device = await session.get(Device, device_id)
        kept = device.claim_hash if device is not None else None
        matches = PRIMITIVES.equal(kept or _NO_HASH, offered)
        proven = kept is not None and matches
        owner = device.owner_id if device is not None else None
        if owner == terminal.account_id:
            if not proven:
                raise SecurePairError(Failure.WRONG_SETUP_CODE)
            return
        if not proven:
            raise SecurePairError(Failure.CLAIM_REFUSED)
        if owner is not None:
            raise SecurePairError(Failure.OWNED_BY_ANOTHER)
        if await _change_owner(store, device_id, None, terminal.account_id):
            return
        # Somebody else was faster: look again who it is now.


async def assign(store: Store, device_id: str, account: str) -> None:
    """Give a device that has no label to an account; raises OperatorError.

    For the operator only: ids can be guessed.
    """
    async with store.database.reading() as session:
        device = await session.get(Device, device_id)
        owner = await find_account(session, account)
    if device is None:
        raise OperatorError(f"there is no device {device_id}")
    if device.claim_hash is not None:
        raise OperatorError(
            f"device {device_id} has a label: its owner claims it with the setup code"
        )
    if not await _change_owner(store, device_id, None, owner.account_id):
        raise OperatorError(f"device {device_id} has an owner: release it first")


async def release(store: Store, device_id: str) -> None:
    """Take a device from its owner; raises OperatorError."""
    async with store.database.reading() as session:
        device = await session.get(Device, device_id)
    if device is None:
        raise OperatorError(f"there is no device {device_id}")
    if device.owner_id is None or not await _change_owner(store, device_id, device.owner_id, None):
        raise OperatorError(f"device {device_id} has no owner")


async def _change_owner(
    store: Store, device_id: str, former: int | None, owner: int | None
) -> bool:
    """Change the owner unless it is no longer the former one; tell whether it was.

    The new epoch is on the disk when this returns, so before any grant can hold it.
    """
    now = int(store.clock())
    epoch = case(
        (Device.owner_epoch >= now, Device.owner_epoch + 1),
        else_=now,
    )
    async with store.database.writing() as session, session.begin():
        changed = await session.scalar(
            update(Device)
            .where(
                Device.device_id == device_id,
                Device.owner_id.is_not_distinct_from(former),
            )
            .values(owner_id=owner, owner_epoch=epoch)
            .returning(Device.device_id)
        )
    return changed is not None


async def owner_epoch(store: Store, device_id: str) -> int | None:
    """Return a device's owner epoch, or None for no such device."""
    async with store.database.reading() as session:
        device = await session.get(Device, device_id)
    return device.owner_epoch if device is not None else None
