"""Which devices there are: each is registered once, with its initial key sealed."""

from collections.abc import AsyncIterator, Sequence
from functools import partial

from sqlalchemy import Connection, bindparam, func, insert, select

from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import claim_hash
from secure_pair_protocol.secret import Secret

from .accounts import CallingAccount
from .audit import OK, Action, record
from .errors import OperatorError
from .limits import Limits, charge, network
from .registration import Registration
from .store import Store, check_vault
from .tables import DEVICES, AnyRow

_PAGE = 1000
_FOUND = select(DEVICES).where(DEVICES.c.device_id == bindparam("device_id"))
_LOCKED = _FOUND.with_for_update()


async def add_device(store: Store, registration: Registration) -> None:
    """Register one device; raises OperatorError if its id is taken."""
    if await add_devices(store, [registration]):
        raise OperatorError(f"there is a device {registration.device_id} already")


async def add_devices(store: Store, registrations: Sequence[Registration]) -> list[int]:
    """Register devices, in one transaction; returns as `insert_devices` does."""
    return await store.database.write(
        lambda connection: insert_devices(connection, store, registrations)
    )


def insert_devices(
    connection: Connection, store: Store, registrations: Sequence[Registration]
) -> list[int]:
    """Register devices, in a transaction that writes.

    Return the places in the sequence of those whose id was taken, before or by an earlier
    one; nothing of these is kept, and what was there stays as it is.
    """
    check_vault(connection, store.vault)
    refused = []
    known = select(DEVICES.c.device_id).where(
        DEVICES.c.device_id.in_([row.device_id for row in registrations])
    )
    taken = set(connection.scalars(known))
    new = []
    for place, row in enumerate(registrations):
        if row.device_id in taken:
            refused.append(place)
            continue
        taken.add(row.device_id)
        new.append(
            {
                "device_id": row.device_id,
                "model": row.model,
                "sealed_initial_key": store.vault.seal(row.device_id, row.initial_key),
                "claim_hash": row.claim_hash,
                "owner_epoch": 0,
            }
        )
    if new:
        connection.execute(insert(DEVICES), new)
    return refused


async def devices_of(
    store: Store, account_id: int, after: str = "", limit: int = 100
) -> Sequence[AnyRow]:
    """Return an account's devices whose id is greater than `after`, in order."""
    asked = (
        select(DEVICES)
        .where(DEVICES.c.owner_id == account_id, DEVICES.c.device_id > after)
        .order_by(DEVICES.c.device_id)
        .limit(limit)
    )
    return await store.database.read(lambda connection: connection.execute(asked).all())


async def count(store: Store) -> int:
    """Return how many devices there are."""
    asked = select(func.count()).select_from(DEVICES)
    return int(await store.database.read(lambda connection: connection.scalar(asked)))


async def pages(store: Store) -> AsyncIterator[list[Registration]]:
    """Yield every device as its registration row, a page at a time in the order of ids."""
    after = ""
    while True:
        page = await store.database.read(partial(_page, store, after))
        if not page:
            return
        yield page
        after = page[-1].device_id


def _page(store: Store, after: str, connection: Connection) -> list[Registration]:
    asked = (
        select(DEVICES)
        .where(DEVICES.c.device_id > after)
        .order_by(DEVICES.c.device_id)
        .limit(_PAGE)
    )
    return [registration(store, device) for device in connection.execute(asked)]


async def export_own(
    store: Store,
    account: CallingAccount,
    device_id: str,
    proof: Secret,
    limits: Limits | None = None,
) -> Registration:
    """Return the registration row of one's own device, for another key service.

    It takes the claim proof: the account key alone does not give initial keys away.
    Raises SecurePairError: not_yours, also where there is no such device;
    wrong_setup_code, also where the device has no label; slow_down.
    """
    limits = limits or Limits()
    now = store.clock()
    offered = claim_hash(PRIMITIVES, device_id, proof)

    def exported(connection: Connection) -> Registration | SecurePairError:
        charge(
            connection,
            now,
            ("claim_address", limits.claim_address, network(account.address)),
            ("claim_account", limits.claim_account, account.account_id),
            ("claim_device", limits.claim_device, f"{account.account_id}/{device_id}"),
        )
        device = find_device(connection, device_id)
        row: Registration | None = None
        refused: Failure | None = None
        if device is None or device.owner_id != account.account_id:
            refused = Failure.NOT_YOURS
        elif device.claim_hash is None or not PRIMITIVES.equal(device.claim_hash, offered):
            refused = Failure.WRONG_SETUP_CODE
        else:
            row = registration(store, device)
        record(
            connection,
            now,
            account.actor,
            Action.EXPORT,
            refused or OK,
            device_id=device_id,
            owner_id=None if refused is Failure.NOT_YOURS else account.account_id,
        )
        return row or SecurePairError(refused or Failure.NOT_YOURS)

    return await store.database.write(exported)


def find_device(connection: Connection, device_id: str, *, lock: bool = False) -> AnyRow | None:
    """Return what is kept of a device; `lock` keeps others from changing it meanwhile."""
    return connection.execute(_LOCKED if lock else _FOUND, {"device_id": device_id}).one_or_none()


def registration(store: Store, device: AnyRow) -> Registration:
    """Return a device's registration, with its initial key opened; raises OpenError."""
    return Registration(
        device_id=device.device_id,
        initial_key=store.vault.open(device.device_id, device.sealed_initial_key),
        claim_hash=device.claim_hash,
        model=device.model,
    )
