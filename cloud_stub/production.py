"""Many devices at once: an import that takes what is right, or all or nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import batched

from sqlalchemy import Connection, select

from secure_pair_protocol.crypto import PRIMITIVES

from .audit import OPERATOR, Action, record
from .devices import insert_devices, registration
from .registration import Registration
from .store import Store
from .tables import DEVICES
from .transfer import Parsed

_BATCH = 500
"""Rows in one transaction of an import: short enough for claims to get in between, and
few enough for the parameters of one statement."""


class NothingWrittenError(Exception):
    """A row was wrong where all had to be right."""


@dataclass(slots=True)
class Outcome:
    """What became of the rows of an import."""

    added: int = 0
    unchanged: int = 0
    """There already, and the same."""
    refused: int = 0


type Report = Callable[[int, str], None]
"""Is told the line of a wrong row, from 1, and what is wrong, without its values."""


async def import_devices(
    store: Store, rows: Iterable[Parsed], report: Report, *, whole: bool = False
) -> Outcome:
    """Register devices as they come; a wrong row is reported, and the others go on.

    With `whole` all of it is one transaction, and a wrong row leaves nothing written,
    after all rows were looked at.
    """
    outcome = Outcome()
    batches = batched(rows, _BATCH, strict=False)
    if not whole:
        for batch in batches:
            await store.database.write(partial(_import, store, batch, outcome, report))
        return outcome

    def imported(connection: Connection) -> None:
        for batch in batches:
            _import(store, batch, outcome, report, connection)
        if outcome.refused:
            raise NothingWrittenError

    try:
        await store.database.write(imported)
    except NothingWrittenError:
        outcome.added = 0
    return outcome


async def record_export(store: Store) -> None:
    """Put into the audit that all initial keys were exported."""
    await store.database.write(
        lambda connection: record(connection, store.clock(), OPERATOR, Action.EXPORT_ALL)
    )


def _import(
    store: Store,
    batch: Iterable[Parsed],
    outcome: Outcome,
    report: Report,
    connection: Connection,
) -> None:
    rows: dict[int, Registration] = {}
    wrong: dict[int, str] = {}
    for line, parsed in batch:
        if isinstance(parsed, Registration):
            rows[line] = parsed
        else:
            wrong[line] = parsed
    lines = list(rows)
    taken = insert_devices(connection, store, list(rows.values()))
    same = _unchanged(connection, store, [rows[lines[place]] for place in taken])
    for place in taken:
        row = rows[lines[place]]
        if row.device_id in same and _equal(row, same[row.device_id]):
            outcome.unchanged += 1
        else:
            wrong[lines[place]] = f"there is a device {row.device_id} already"
    outcome.added += len(rows) - len(taken)
    outcome.refused += len(wrong)
    for line, reason in sorted(wrong.items()):
        report(line, reason)


def _unchanged(
    connection: Connection, store: Store, rows: list[Registration]
) -> dict[str, Registration]:
    """Return what is kept of these devices."""
    if not rows:
        return {}
    asked = select(DEVICES).where(DEVICES.c.device_id.in_([row.device_id for row in rows]))
    return {device.device_id: registration(store, device) for device in connection.execute(asked)}


def _equal(row: Registration, kept: Registration) -> bool:
    return (
        PRIMITIVES.equal(row.initial_key.reveal(), kept.initial_key.reveal())
        and row.claim_hash == kept.claim_hash
        and row.model == kept.model
    )
