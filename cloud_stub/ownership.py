"""Which account owns a device, and the epoch that rises when it changes.

docs/protocol.md, sections 3 and 11.
"""

from sqlalchemy import ColumnElement, Connection, bindparam, case, update

from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import claim_hash
from secure_pair_protocol.secret import Secret

from .accounts import CallingAccount, CallingTerminal, find_account
from .audit import OK, OPERATOR, Action, record
from .devices import find_device
from .errors import OperatorError
from .limits import Limits, charge, network
from .store import Store
from .tables import DEVICES, AnyRow

_NO_HASH = bytes(32)
"""Stands in for a claim hash that is not there: the same work, never the same answer."""

_CHANGE_OWNER = (
    update(DEVICES)
    .where(DEVICES.c.device_id == bindparam("changed_id"))
    .values(owner_id=bindparam("owner"), owner_epoch=bindparam("epoch"))
)


def claim(
    connection: Connection,
    store: Store,
    terminal: CallingTerminal,
    device_id: str,
    proof: Secret,
    limits: Limits | None = None,
) -> SecurePairError | None:
    """Make the terminal's account the owner, if it proves to have seen the label.

    In a transaction that writes. The proof is checked every time. Returns a refusal that is
    to be kept, in the audit: claim_refused is the one answer to a stranger, whether or not
    there is such a device; wrong_setup_code goes to the owner; owned_by_another takes a good
    proof. Raises SlowDownError.
    """
    limits = limits or Limits()
    now = store.clock()
    offered = claim_hash(PRIMITIVES, device_id, proof)
    device = find_device(connection, device_id, lock=True)
    owner = device.owner_id if device is not None else None
    # A stranger who uses up a device's limit does not keep its owner from it.
    whom = f"{terminal.account_id}/{device_id}" if owner == terminal.account_id else device_id
    charge(
        connection,
        now,
        ("claim_address", limits.claim_address, network(terminal.address)),
        ("claim_account", limits.claim_account, terminal.account_id),
        ("claim_device", limits.claim_device, whom),
    )
    refused = _judge(device, terminal.account_id, offered)
    if refused is None and device is not None and owner is None:
        owner = terminal.account_id
        _change_owner(connection, device, owner, now)
    record(
        connection,
        now,
        terminal.actor,
        Action.CLAIM,
        refused or OK,
        device_id=device_id,
        owner_id=owner,
    )
    return None if refused is None else SecurePairError(refused)


def _change_owner(connection: Connection, device: AnyRow, owner: int | None, now: float) -> None:
    """Give a locked device another owner, or none, and raise its epoch.

    No grant can hold the epoch before the change is on the disk.
    """
    changed = {
        "changed_id": device.device_id,
        "owner": owner,
        "epoch": raised(device.owner_epoch, now),
    }
    connection.execute(_CHANGE_OWNER, changed)


def _judge(device: AnyRow | None, account_id: int, offered: bytes) -> Failure | None:
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

    def assigned(connection: Connection) -> None:
        device = find_device(connection, device_id, lock=True)
        owner = find_account(connection, account)
        if device is None:
            raise OperatorError(f"there is no device {device_id}")
        if device.claim_hash is not None:
            raise OperatorError(
                f"device {device_id} has a label: its owner claims it with the setup code"
            )
        if device.owner_id is not None:
            raise OperatorError(f"device {device_id} has an owner: release it first")
        _change_owner(connection, device, owner, now)
        record(connection, now, OPERATOR, Action.ASSIGN, device_id=device_id, owner_id=owner)

    await store.database.write(assigned)


async def release(store: Store, device_id: str) -> None:
    """Take a device from its owner, for the operator; raises OperatorError."""
    now = store.clock()

    def released(connection: Connection) -> None:
        device = find_device(connection, device_id, lock=True)
        if device is None:
            raise OperatorError(f"there is no device {device_id}")
        if device.owner_id is None:
            raise OperatorError(f"device {device_id} has no owner")
        owner = device.owner_id
        _change_owner(connection, device, None, now)
        record(connection, now, OPERATOR, Action.RELEASE, device_id=device_id, owner_id=owner)

    await store.database.write(released)


async def release_own(store: Store, account: CallingAccount, device_id: str) -> None:
    """Give a device up, so that another account can claim it.

    Raises SecurePairError: not_yours, also where there is no such device.
    """
    now = store.clock()

    def released(connection: Connection) -> SecurePairError | None:
        device = find_device(connection, device_id, lock=True)
        own = device is not None and device.owner_id == account.account_id
        if device is not None and own:
            _change_owner(connection, device, None, now)
        record(
            connection,
            now,
            account.actor,
            Action.RELEASE,
            OK if own else Failure.NOT_YOURS,
            device_id=device_id,
            owner_id=account.account_id if own else None,
        )
        return None if own else SecurePairError(Failure.NOT_YOURS)

    await store.database.write(released)


async def log_out_everyone(store: Store, account: CallingAccount) -> int:
    """End, with their next negotiation, all sessions with the account's devices.

    Return how many devices the account has.
    """
    now = store.clock()

    def logged_out(connection: Connection) -> int:
        count = raise_epochs(connection, now, DEVICES.c.owner_id == account.account_id)
        record(
            connection,
            now,
            account.actor,
            Action.LOG_OUT_EVERYONE,
            owner_id=account.account_id,
        )
        return count

    return await store.database.write(logged_out)


async def raise_all_epochs(store: Store) -> int:
    """Raise every device's epoch to the present, after a restore; return how many."""
    now = store.clock()

    def all_raised(connection: Connection) -> int:
        count = raise_epochs(connection, now)
        record(connection, now, OPERATOR, Action.RAISE_EPOCHS)
        return count

    return await store.database.write(all_raised)


def raise_epochs(connection: Connection, now: float, *which: ColumnElement[bool]) -> int:
    """Raise the epochs of these devices, in a transaction that writes; return how many."""
    present = int(now)
    epoch = case((DEVICES.c.owner_epoch >= present, DEVICES.c.owner_epoch + 1), else_=present)
    return connection.execute(update(DEVICES).where(*which).values(owner_epoch=epoch)).rowcount


def raised(epoch: int, now: float) -> int:
    """Return the epoch after this one: it never falls, and follows unix time."""
    return max(epoch + 1, int(now))


async def owner_epoch(store: Store, device_id: str) -> int | None:
    """Return a device's owner epoch, or None for no such device."""
    device = await store.database.read(lambda connection: find_device(connection, device_id))
    return device.owner_epoch if device is not None else None
