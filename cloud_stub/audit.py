"""Who did what, when and from where: an entry for each, in the transaction of the deed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, insert, or_, select

from .store import Store
from .tables import AUDIT, AnyRow

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


# Nothing has to be read back.
_INSERT = insert(AUDIT).inline()

OPERATOR = Actor(kind="operator")


def record(
    connection: Connection,
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
    connection.execute(
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
) -> Sequence[AnyRow]:
    """Return entries, rows of the audit, the newest first, older than the entry `before`.

    An account sees what was done with its credentials, and what was done to its devices
    while they were its own; None sees all, and is the operator.
    """
    wanted: list[ColumnElement[bool]] = []
    if account_id is not None:
        wanted.append(or_(AUDIT.c.account_id == account_id, AUDIT.c.owner_id == account_id))
    if device_id is not None:
        wanted.append(AUDIT.c.device_id == device_id)
    if before is not None:
        wanted.append(AUDIT.c.entry_id < before)
    asked = select(AUDIT).where(*wanted).order_by(AUDIT.c.entry_id.desc()).limit(limit)
    return await store.database.read(lambda connection: connection.execute(asked).all())
