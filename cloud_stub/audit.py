"""Who did what, when and from where: an entry for each, in the transaction of the deed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from .store import Store
from .tables import AuditEntry, Base

OK = "ok"


class Action(StrEnum):
    """What was asked for."""

    AUTHORIZE = "authorize"
    CLAIM = "claim"
    ASSIGN = "assign"
    RELEASE = "release"
    EXPORT = "export"
    EXPORT_ALL = "export_all"
    LOG_OUT_EVERYONE = "log_out_everyone"
    ISSUE_TERMINAL = "issue_terminal"
    REISSUE_TERMINAL = "reissue_terminal"
    REVOKE_TERMINAL = "revoke_terminal"
    ISSUE_ACCOUNT_KEY = "issue_account_key"
    RAISE_EPOCHS = "raise_epochs"
    ROTATE_MASTER_KEY = "rotate_master_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, as an entry of the audit names it."""

    kind: str
    account_id: int | None = None
    terminal_id: bytes | None = None
    address: str | None = None
    """Of the client, as the service saw it; None: a command on the service's machine."""


# Of the table and not of the class: nothing has to be read back.
_INSERT = insert(Base.metadata.tables[AuditEntry.__tablename__]).inline()

OPERATOR = Actor(kind="operator")


async def record(
    session: AsyncSession,
    at: float,
    actor: Actor,
    action: Action,
    outcome: str = OK,
    *,
    device_id: str | None = None,
    owner_id: int | None = None,
    terminal_id: bytes | None = None,
) -> None:
    """Add an entry to a transaction. `at` is unix time in seconds.

    `terminal_id` is the one that was acted on; else it is the actor's own.
    """
    connection = await session.connection()
    await connection.execute(
        _INSERT,
        {
            "at": int(at * 1000),
            "action": action.value,
            "actor": actor.kind,
            "outcome": outcome,
            "account_id": actor.account_id,
            "owner_id": owner_id,
            "device_id": device_id,
            "terminal_id": terminal_id or actor.terminal_id,
            "address": actor.address,
        },
    )


async def entries(
    store: Store,
    account_id: int | None,
    *,
    device_id: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> Sequence[AuditEntry]:
    """Return entries, the newest first, older than the entry `before`.

    An account sees what was done with its credentials, and what was done to its devices
    while they were its own; None sees all, and is the operator.
    """
    wanted: list[ColumnElement[bool]] = []
    if account_id is not None:
        wanted.append(or_(AuditEntry.account_id == account_id, AuditEntry.owner_id == account_id))
    if device_id is not None:
        wanted.append(AuditEntry.device_id == device_id)
    if before is not None:
        wanted.append(AuditEntry.entry_id < before)
    asked = select(AuditEntry).where(*wanted).order_by(AuditEntry.entry_id.desc()).limit(limit)
    async with store.database.reading() as session:
        return (await session.scalars(asked)).all()
