"""Another master key: every initial key is sealed anew, while the service runs.

Interrupted at any place it is taken up again by the same command: the next key is on the
disk before anything is sealed under it, and in the last key's place only after everything
is. Both open the database in between.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection, bindparam, func, select, update

from secure_pair_protocol.crypto import OpenError
from secure_pair_protocol.secret import Secret

from . import master_key
from .audit import OPERATOR, Action, record
from .errors import OperatorError
from .store import MASTER_KEY, Store
from .tables import DEVICES, SERVICE
from .vault import Vault

_BATCH = 500
_RESEAL = (
    update(DEVICES)
    .where(DEVICES.c.device_id == bindparam("resealed_id"))
    .values(sealed_initial_key=bindparam("sealed"))
)


async def rotate(store: Store, progress: Callable[[int, int], None]) -> int:
    """Seal all under a new master key; return how many initial keys were sealed anew.

    `progress` is told how many of how many were looked at. Raises OperatorError.
    """
    path = store.data / MASTER_KEY
    following = master_key.load_next(path)
    if following is None:
        if master_key.load_file(path) is None:
            raise OperatorError(
                f"the master key is in the environment: put the next one into "
                f"{master_key.NEXT_VARIABLE}, for every process of the service too"
            )
        following = master_key.create(master_key.next_to(path))
    resealed = 0
    if not await _begin(store, following):
        resealed = await _reseal(store, following, progress)
        resealed += await _finish(store, following)
    # The files are few and small, and nobody else is waiting in this process.
    await asyncio.to_thread(_promote, store)
    return resealed


def _promote(store: Store) -> None:
    try:
        master_key.promote(store.data / MASTER_KEY)
    except OSError as error:
        raise OperatorError(f"cannot move the master key: {error.strerror}") from error


async def _begin(store: Store, following: Secret) -> bool:
    """Note the next master key in the database; tell whether all is sealed under it."""
    vault = Vault(following)

    def begun(connection: Connection) -> bool:
        service = connection.execute(select(SERVICE).with_for_update()).one()
        if service.next_check_value is None and vault.made(service.check_value):
            return True
        if service.next_check_value is None:
            connection.execute(update(SERVICE).values(next_check_value=vault.check_value()))
        elif not vault.made(service.next_check_value):
            raise OperatorError("another next master key than this is being introduced")
        return False

    return await store.database.write(begun)


async def _reseal(store: Store, following: Secret, progress: Callable[[int, int], None]) -> int:
    """Go through all devices in short transactions: the service has room in between."""
    asked = select(func.count()).select_from(DEVICES)
    total = int(await store.database.read(lambda connection: connection.scalar(asked)))
    resealed = done = 0
    after: str | None = ""
    while after is not None:
        after, looked_at, changed = await store.database.write(
            partial(_reseal_page, store, following, after)
        )
        done += looked_at
        resealed += changed
        progress(done, total)
    return resealed


async def _finish(store: Store, following: Secret) -> int:
    """Make sure of every device, with nobody else at them, and change the check value."""
    vault = Vault(following)

    def finished(connection: Connection) -> int:
        resealed = 0
        after: str | None = ""
        store.database.lock_devices(connection)
        while after is not None:
            after, _, changed = _reseal_page(store, following, after, connection)
            resealed += changed
        connection.execute(
            update(SERVICE).values(check_value=vault.check_value(), next_check_value=None)
        )
        record(connection, store.clock(), OPERATOR, Action.ROTATE_MASTER_KEY)
        return resealed

    return await store.database.write(finished)


def _reseal_page(
    store: Store, following: Secret, after: str, connection: Connection
) -> tuple[str | None, int, int]:
    """Return the last id of the page, None for no more; its length; how many were changed."""
    vault = Vault(following)
    asked = (
        select(DEVICES.c.device_id, DEVICES.c.sealed_initial_key)
        .where(DEVICES.c.device_id > after)
        .order_by(DEVICES.c.device_id)
        .limit(_BATCH)
        # Authorizations may go on, claims and releases not.
        .with_for_update(key_share=True)
    )
    page = connection.execute(asked).all()
    changed = []
    for device_id, sealed in page:
        try:
            vault.open(device_id, sealed)
        except OpenError:
            opened = store.vault.open(device_id, sealed)
            changed.append({"resealed_id": device_id, "sealed": vault.seal(device_id, opened)})
    if changed:
        connection.execute(_RESEAL, changed)
    return (page[-1].device_id if len(page) == _BATCH else None), len(page), len(changed)
