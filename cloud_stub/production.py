"""Many devices at once: an import that takes what is right, or all or nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import batched

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from secure_pair_protocol.crypto import PRIMITIVES

from .audit import OPERATOR, Action, record
from .devices import insert_devices, registration
from .registration import Registration
from .store import Store
from .tables import Device
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
    if not whole:
        outcome = Outcome()
        for batch in batched(rows, _BATCH, strict=False):
            async with store.database.writing() as session, session.begin():
                await _import(session, store, batch, outcome, report)
        return outcome
    outcome = Outcome()
    try:
        async with store.database.writing() as session, session.begin():
            for batch in batched(rows, _BATCH, strict=False):
                await _import(session, store, batch, outcome, report)
            if outcome.refused:
                raise NothingWrittenError
    except NothingWrittenError:
        outcome.added = 0
    return outcome


async def record_export(store: Store) -> None:
    """Put into the audit that all initial keys were exported."""
    async with store.database.writing() as session, session.begin():
        await record(session, store.clock(), OPERATOR, Action.EXPORT_ALL)


async def _import(
    session: AsyncSession,
    store: Store,
    batch: Iterable[Parsed],
    outcome: Outcome,
    report: Report,
) -> None:
    rows: dict[int, Registration] = {}
    wrong: dict[int, str] = {}
    for line, parsed in batch:
        if isinstance(parsed, Registration):
            rows[line] = parsed
        else:
            wrong[line] = parsed
    lines = list(rows)
    taken = await insert_devices(session, store, list(rows.values()))
    same = await _unchanged(session, store, [rows[lines[place]] for place in taken])
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


async def _unchanged(
    session: AsyncSession, store: Store, rows: list[Registration]
) -> dict[str, Registration]:
    """Return what is kept of these devices."""
    if not rows:
        return {}
    asked = select(Device).where(Device.device_id.in_([row.device_id for row in rows]))
    return {
        device.device_id: registration(store, device) for device in await session.scalars(asked)
    }


def _equal(row: Registration, kept: Registration) -> bool:
    return (
        PRIMITIVES.equal(row.initial_key.reveal(), kept.initial_key.reveal())
        and row.claim_hash == kept.claim_hash
        and row.model == kept.model
    )
