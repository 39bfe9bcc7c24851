"""Terminals: each has an id for ever, and one token at a time."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from secure_pair_protocol.secret import Secret

from .audit import Action, Actor, record
from .credentials import credential_hash, new_token
from .store import Store
from .tables import Terminal


@dataclass(frozen=True, slots=True)
class IssuedTerminal:
    """A terminal with its token: the only time that it is seen."""

    terminal_id: bytes
    """16 bytes, unique over all accounts."""
    token: Secret
    """ASCII text, as it stands behind ``Bearer``."""


async def issue(
    session: AsyncSession, at: float, actor: Actor, account_id: int, name: str
) -> IssuedTerminal:
    """Make a terminal of an account, in a writing session."""
    issued = IssuedTerminal(os.urandom(16), new_token())
    session.add(
        Terminal(
            terminal_id=issued.terminal_id,
            account_id=account_id,
            name=name,
            token_hash=credential_hash(issued.token),
        )
    )
    await record(
        session,
        at,
        actor,
        Action.ISSUE_TERMINAL,
        owner_id=account_id,
        terminal_id=issued.terminal_id,
    )
    return issued


async def reissue(
    session: AsyncSession, at: float, actor: Actor, account_id: int, terminal_id: bytes
) -> IssuedTerminal | None:
    """Give a terminal another token and keep its id: devices know it by that.

    None: the account has no such terminal, or has revoked it, which is final.
    """
    issued = IssuedTerminal(terminal_id, new_token())
    changed = await session.scalar(
        update(Terminal)
        .where(*_own(account_id, terminal_id), ~Terminal.revoked)
        .values(token_hash=credential_hash(issued.token))
        .returning(Terminal.account_id)
    )
    if changed is None:
        return None
    await record(
        session,
        at,
        actor,
        Action.REISSUE_TERMINAL,
        owner_id=account_id,
        terminal_id=terminal_id,
    )
    return issued


async def revoke(
    session: AsyncSession, at: float, actor: Actor, account_id: int | None, terminal_id: bytes
) -> bool:
    """Refuse a terminal's token from now on; tell whether there is such a terminal.

    An `account_id` of None is any account's: the operator's.
    """
    owner_id = await session.scalar(
        update(Terminal)
        .where(*_own(account_id, terminal_id))
        .values(revoked=True)
        .returning(Terminal.account_id)
    )
    if owner_id is None:
        return False
    await record(
        session,
        at,
        actor,
        Action.REVOKE_TERMINAL,
        owner_id=owner_id,
        terminal_id=terminal_id,
    )
    return True


async def terminals_of(store: Store, account_id: int) -> Sequence[Terminal]:
    """Return an account's terminals, the revoked ones too."""
    asked = (
        select(Terminal)
        .where(Terminal.account_id == account_id)
        .order_by(Terminal.name, Terminal.terminal_id)
    )
    async with store.database.reading() as session:
        return (await session.scalars(asked)).all()


def _own(account_id: int | None, terminal_id: bytes) -> list[ColumnElement[bool]]:
    found = [Terminal.terminal_id == terminal_id]
    if account_id is not None:
        found.append(Terminal.account_id == account_id)
    return found
