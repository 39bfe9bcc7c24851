"""Which devices there are: each is registered once, with its initial key sealed."""

from collections.abc import Sequence

from sqlalchemy import select

from .errors import OperatorError
from .registration import Registration
from .store import Store
from .tables import Device


async def add_device(store: Store, registration: Registration) -> None:
    """Register one device; raises OperatorError if its id is taken."""
    if await add_devices(store, [registration]):
        raise OperatorError(f"there is a device {registration.device_id} already")


async def add_devices(store: Store, registrations: Sequence[Registration]) -> list[int]:
    """Register devices, in one transaction.

    Return the places in the sequence of those whose id was taken, before or by an earlier
    one; nothing of these is kept, and what was there stays as it is.
    """
    refused = []
    async with store.database.writing() as session, session.begin():
        known = select(Device.device_id).where(
            Device.device_id.in_([row.device_id for row in registrations])
        )
        taken = set(await session.scalars(known))
        for place, row in enumerate(registrations):
            if row.device_id in taken:
                refused.append(place)
                continue
            taken.add(row.device_id)
            session.add(
                Device(
                    device_id=row.device_id,
                    model=row.model,
                    sealed_initial_key=store.vault.seal(row.device_id, row.initial_key),
                    claim_hash=row.claim_hash,
                )
            )
    return refused
