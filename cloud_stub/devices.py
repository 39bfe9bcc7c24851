"""Which devices there are: each is registered once, with its initial key sealed."""

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

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
from .tables import Device

_PAGE = 1000


async def add_device(store: Store, registration: Registration) -> None:
    """Register one device; raises OperatorError if its id is taken."""
    if await add_devices(store, [registration]):
        raise OperatorError(f"there is a device {registration.device_id} already")


async def add_devices(store: Store, registrations: Sequence[Registration]) -> list[int]:
    """Register devices, in one transaction; returns as `insert_devices` does."""
    async with store.database.writing() as session, session.begin():
        return await insert_devices(session, store, registrations)


async def insert_devices(
    session: AsyncSession, store: Store, registrations: Sequence[Registration]
) -> list[int]:
    """Register devices, in a writing session.

    Return the places in the sequence of those whose id was taken, before or by an earlier
    one; nothing of these is kept, and what was there stays as it is.
    """
    await check_vault(session, store.vault)
    refused = []
    known = select(Device.device_id).where(
        Device.device_id.in_([row.device_id for row in registrations])
    )
    taken = set(await session.scalars(known))
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
        await session.execute(insert(Device), new)
    return refused


async def devices_of(
    store: Store, account_id: int, after: str = "", limit: int = 100
) -> Sequence[Device]:
    """Return an account's devices whose id is greater than `after`, in order."""
    asked = (
        select(Device)
        .where(Device.owner_id == account_id, Device.device_id > after)
        .order_by(Device.device_id)
        .limit(limit)
    )
    async with store.database.reading() as session:
        return (await session.scalars(asked)).all()


async def count(store: Store) -> int:
    """Return how many devices there are."""
    async with store.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(Device)) or 0


async def pages(store: Store) -> AsyncIterator[list[Registration]]:
    """Yield every device as its registration row, a page at a time in the order of ids."""
    after = ""
    while True:
        asked = (
            select(Device).where(Device.device_id > after).order_by(Device.device_id).limit(_PAGE)
        )
        async with store.database.reading() as session:
            page = (await session.scalars(asked)).all()
        if not page:
            return
        yield [registration(store, device) for device in page]
        after = page[-1].device_id


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
    row: Registration | None = None
    async with store.database.writing() as session, session.begin():
        await charge(
            session,
            now,
            ("claim_address", limits.claim_address, network(account.address)),
            ("claim_account", limits.claim_account, account.account_id),
            ("claim_device", limits.claim_device, f"{account.account_id}/{device_id}"),
        )
        device = await session.get(Device, device_id)
        refused: Failure | None = None
        if device is None or device.owner_id != account.account_id:
            refused = Failure.NOT_YOURS
        elif device.claim_hash is None or not PRIMITIVES.equal(device.claim_hash, offered):
            refused = Failure.WRONG_SETUP_CODE
        else:
            row = registration(store, device)
        await record(
            session,
            now,
            account.actor,
            Action.EXPORT,
            refused or OK,
            device_id=device_id,
            owner_id=None if refused is Failure.NOT_YOURS else account.account_id,
        )
    if row is None:
        raise SecurePairError(refused or Failure.NOT_YOURS)
    return row


def registration(store: Store, device: Device) -> Registration:
    """Return a device's row, with its initial key opened; raises OpenError."""
    return Registration(
        device_id=device.device_id,
        initial_key=store.vault.open(device.device_id, device.sealed_initial_key),
        claim_hash=device.claim_hash,
        model=device.model,
    )
