"""Terminals: each has an id for ever, and one token at a time."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, insert, select, update

from secure_pair_protocol.secret import Secret

from .audit import Action, Actor, record
from .credentials import credential_hash, new_token
from .store import Store
from .tables import TERMINALS, AnyRow


@dataclass(frozen=True, slots=True)
class IssuedTerminal:
    """A terminal with its token: the only time that it is seen."""

    terminal_id: bytes
    """16 bytes, unique over all accounts."""
    token: Secret
    """ASCII text, as it stands behind ``Bearer``."""


def issue(
    connection: Connection, at: float, actor: Actor, account_id: int, name: str
) -> IssuedTerminal:
    """Make a terminal of an account, in a transaction that writes."""
    issued = IssuedTerminal(os.urandom(16), new_token())
    connection.execute(
        insert(TERMINALS).values(
            terminal_id=issued.terminal_id,
            account_id=account_id,
            name=name,
            token_hash=credential_hash(issued.token),
            revoked=False,
        )
    )
    record(
        connection,
        at,
        actor,
        Action.ISSUE_TERMINAL,
        owner_id=account_id,
        terminal_id=issued.terminal_id,
    )
    return issued


def reissue(
    connection: Connection, at: float, actor: Actor, account_id: int, terminal_id: bytes
) -> IssuedTerminal | None:
    """Give a terminal another token and keep its id: devices know it by that.

    None: the account has no such terminal, or has revoked it, which is final.
    """
    issued = IssuedTerminal(terminal_id, new_token())
    changed = connection.scalar(
        update(TERMINALS)
        .where(*_own(account_id, terminal_id), ~TERMINALS.c.revoked)
        .values(token_hash=credential_hash(issued.token))
        .returning(TERMINALS.c.account_id)
    )
    if changed is None:
        return None
    record(
        connection,
        at,
        actor,
        Action.REISSUE_TERMINAL,
        owner_id=account_id,
        terminal_id=terminal_id,
    )
    return issued


def revoke(
    connection: Connection, at: float, actor: Actor, account_id: int | None, terminal_id: bytes
) -> bool:
    """Refuse a terminal's token from now on; tell whether there is such a terminal.

    An `account_id` of None is any account's: the operator's.
    """
    owner_id = connection.scalar(
        update(TERMINALS)
        .where(*_own(account_id, terminal_id))
        .values(revoked=True)
        .returning(TERMINALS.c.account_id)
    )
    if owner_id is None:
        return False
    record(
        connection,
        at,
        actor,
        Action.REVOKE_TERMINAL,
        owner_id=owner_id,
        terminal_id=terminal_id,
    )
    return True


async def terminals_of(store: Store, account_id: int) -> Sequence[AnyRow]:
    """Return an account's terminals, the revoked ones too."""
    asked = (
        select(TERMINALS)
        .where(TERMINALS.c.account_id == account_id)
        .order_by(TERMINALS.c.name, TERMINALS.c.terminal_id)
    )
    return await store.database.read(lambda connection: connection.execute(asked).all())


def _own(account_id: int | None, terminal_id: bytes) -> list[ColumnElement[bool]]:
    found = [TERMINALS.c.terminal_id == terminal_id]
    if account_id is not None:
        found.append(TERMINALS.c.account_id == account_id)
    return found
