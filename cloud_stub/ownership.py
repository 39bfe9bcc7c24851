"""Which account owns a device, and the epoch that rises when it changes.

docs/protocol.md, sections 3 and 11.
"""

from sqlalchemy import ColumnElement, case, update
from sqlalchemy.ext.asyncio import AsyncSession

from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import claim_hash
from secure_pair_protocol.secret import Secret

from .accounts import CallingAccount, CallingTerminal, find_account
from .audit import OK, OPERATOR, Action, record
from .errors import OperatorError
from .limits import Limits, charge, network
from .store import Store
from .tables import Device

_NO_HASH = bytes(32)
"""Stands in for a claim hash that is not there: the same work, never the same answer."""


async def claim(
    store: Store,
    terminal: CallingTerminal,
    device_id: str,
    proof: Secret,
    limits: Limits | None = None,
) -> None:
    """Make the terminal's account the owner, if it proves to have seen the label.

    The proof is checked every time. Raises SecurePairError: claim_refused is the one
    answer to a stranger, whether or not there is such a device; wrong_setup_code goes to
    the owner; owned_by_another takes a good proof; slow_down.
    """
    limits = limits or Limits()
    now = store.clock()
    offered = claim_hash(PRIMITIVES, device_id, proof)
    async with store.database.writing() as session, session.begin():
        device = await session.get(Device, device_id, with_for_update=True)
        owner = device.owner_id if device is not None else None
        # A stranger who uses up a device's limit does not keep its owner from it.
        whom = f"{terminal.account_id}/{device_id}" if owner == terminal.account_id else device_id
        await charge(
            session,
            now,
            ("claim_address", limits.claim_address, network(terminal.address)),
            ("claim_account", limits.claim_account, terminal.account_id),
            ("claim_device", limits.claim_device, whom),
        )
        refused = _judge(device, terminal.account_id, offered)
        if refused is None and device is not None and owner is None:
            device.owner_id = terminal.account_id
            device.owner_epoch = raised(device.owner_epoch, now)
            owner = terminal.account_id
        await record(
            session,
            now,
            terminal.actor,
            Action.CLAIM,
            refused or OK,
            device_id=device_id,
            owner_id=owner,
        )
    # The change is on the disk, and no grant could hold its epoch before.
    if refused is not None:
        raise SecurePairError(refused)


def _judge(device: Device | None, account_id: int, offered: bytes) -> Failure | None:
    kept = device.claim_hash if device is not None else None
    matches = PRIMITIVES.equal(kept or _NO_HASH, offered)
    proven = kept is not None and matches
    owner = device.owner_id if device is not None else None
    if owner == account_id:
        return None if proven else Failure.WRONG_SETUP_CODE
    if not proven:
        return Failure.CLAIM_REFUSED
    return None if owner is None else Failure.OWNED_BY_ANOTHER


async def assign(store: Store, device_id: str, account: str) -> None:
    """Give a device that has no label to an account; raises OperatorError.

    For the operator only: ids can be guessed.
    """
    now = store.clock()
    async with store.database.writing() as session, session.begin():
        device = await session.get(Device, device_id, with_for_update=True)
        owner = await find_account(session, account)
        if device is None:
            raise OperatorError(f"there is no device {device_id}")
        if device.claim_hash is not None:
            raise OperatorError(
                f"device {device_id} has a label: its owner claims it with the setup code"
            )
        if device.owner_id is not None:
            raise OperatorError(f"device {device_id} has an owner: release it first")
        device.owner_id = owner.account_id
        device.owner_epoch = raised(device.owner_epoch, now)
        await record(
            session,
            now,
            OPERATOR,
            Action.ASSIGN,
            device_id=device_id,
            owner_id=owner.account_id,
        )


async def release(store: Store, device_id: str) -> None:
    """Take a device from its owner, for the operator; raises OperatorError."""
    now = store.clock()
    async with store.database.writing() as session, session.begin():
        device = await session.get(Device, device_id, with_for_update=True)
        if device is None:
            raise OperatorError(f"there is no device {device_id}")
        if device.owner_id is None:
            raise OperatorError(f"device {device_id} has no owner")
        owner = device.owner_id
        device.owner_id = None
        device.owner_epoch = raised(device.owner_epoch, now)
        await record(session, now, OPERATOR, Action.RELEASE, device_id=device_id, owner_id=owner)


async def release_own(store: Store, account: CallingAccount, device_id: str) -> None:
    """Give a device up, so that another account can claim it.

    Raises SecurePairError: not_yours, also where there is no such device.
    """
    now = store.clock()
    async with store.database.writing() as session, session.begin():
        device = await session.get(Device, device_id, with_for_update=True)
        own = device is not None and device.owner_id == account.account_id
        if device is not None and own:
            device.owner_id = None
            device.owner_epoch = raised(device.owner_epoch, now)
        await record(
            session,
            now,
            account.actor,
            Action.RELEASE,
            OK if own else Failure.NOT_YOURS,
            device_id=device_id,
            owner_id=account.account_id if own else None,
        )
    if not own:
        raise SecurePairError(Failure.NOT_YOURS)


async def log_out_everyone(store: Store, account: CallingAccount) -> int:
    """End, with their next negotiation, all sessions with the account's devices.

    Return how many devices the account has.
    """
    now = store.clock()
    async with store.database.writing() as session, session.begin():
        count = await raise_epochs(session, now, Device.owner_id == account.account_id)
        await record(
            session,
            now,
            account.actor,
            Action.LOG_OUT_EVERYONE,
            owner_id=account.account_id,
        )
    return count


async def raise_all_epochs(store: Store) -> int:
    """Raise every device's epoch to the present, after a restore; return how many."""
    now = store.clock()
    async with store.database.writing() as session, session.begin():
        count = await raise_epochs(session, now)
        await record(session, now, OPERATOR, Action.RAISE_EPOCHS)
    return count


async def raise_epochs(session: AsyncSession, now: float, *which: ColumnElement[bool]) -> int:
    """Raise the epochs of these devices, in a writing session; return how many."""
    present = int(now)
    epoch = case((Device.owner_epoch >= present, Device.owner_epoch + 1), else_=present)
    changed = await session.execute(
        update(Device)
        .where(*which)
        .values(owner_epoch=epoch)
        .execution_options(synchronize_session=False)
    )
    return int(getattr(changed, "rowcount", 0))


def raised(epoch: int, now: float) -> int:
    """Return the epoch after this one: it never falls, and follows unix time."""
    return max(epoch + 1, int(now))


async def owner_epoch(store: Store, device_id: str) -> int | None:
    """Return a device's owner epoch, or None for no such device."""
    async with store.database.reading() as session:
        device = await session.get(Device, device_id)
    return device.owner_epoch if device is not None else None
