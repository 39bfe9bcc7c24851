"""Accounts, and the terminals that act for them (docs/protocol.md, section 11)."""

import hashlib
import os
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from secure_pair_protocol.secret import Secret

from . import base64url
from .errors import OperatorError
from .store import Store
from .tables import Account, Terminal

_TOKEN_PREFIX = "spt_"  # noqa: S105
"""So that a token is known as one where it should not be: in a log, in a repository."""
_NAME_LENGTH = 64


@dataclass(frozen=True, slots=True)
class IssuedTerminal:
    """A new terminal, with its token: the only time that it is seen."""

    terminal_id: bytes
    """16 bytes, unique over all accounts."""
    token: Secret
    """ASCII text, as it stands behind ``Bearer``."""


@dataclass(frozen=True, slots=True)
class CallingTerminal:
    """Whom a token was issued to."""

    terminal_id: bytes
    account_id: int
    account: str


async def add_account(store: Store, name: str) -> int:
    """Make an account and return its number; raises OperatorError."""
    account = Account(name=_checked(name))
    try:
        async with store.database.writing() as session, session.begin():
            session.add(account)
    except IntegrityError as error:
        raise OperatorError(f"there is an account {name} already") from error
    return account.account_id


async def find_account(session: AsyncSession, name: str) -> Account:
    """Return the account of this name; raises OperatorError."""
    account = await session.scalar(select(Account).where(Account.name == name))
    if account is None:
        raise OperatorError(f"there is no account {name}")
    return account


async def add_terminal(store: Store, account: str, name: str = "Home Assistant") -> IssuedTerminal:
    """Issue a terminal id and a token to an account; raises OperatorError."""
    token = Secret(f"{_TOKEN_PREFIX}{base64url.encode(os.urandom(32))}".encode())
    terminal_id = os.urandom(16)
    async with store.database.writing() as session, session.begin():
        owner = await find_account(session, account)
        session.add(
            Terminal(
                terminal_id=terminal_id,
                account_id=owner.account_id,
                name=_checked(name),
                token_hash=_token_hash(token),
            )
        )
    return IssuedTerminal(terminal_id, token)


async def revoke_terminal(store: Store, terminal_id: bytes) -> None:
    """Refuse this terminal's token from now on; raises OperatorError."""
    async with store.database.writing() as session, session.begin():
        found = await session.scalar(
            update(Terminal)
            .where(Terminal.terminal_id == terminal_id)
            .values(revoked=True)
            .returning(Terminal.terminal_id)
        )
    if found is None:
        raise OperatorError("there is no such terminal")


async def authenticate(store: Store, token: Secret) -> CallingTerminal | None:
    """Return the terminal of a token, or None: unknown and revoked are alike."""
    async with store.database.reading() as session:
        found = await session.execute(
            select(Terminal.terminal_id, Account.account_id, Account.name)
            .join(Account, Account.account_id == Terminal.account_id)
            .where(Terminal.token_hash == _token_hash(token), ~Terminal.revoked)
        )
        row = found.one_or_none()
    return None if row is None else CallingTerminal(*row)


def _token_hash(token: Secret) -> bytes:
    return hashlib.sha256(token.reveal()).digest()


def _checked(name: str) -> str:
    if not name.isprintable() or not 0 < len(name.strip()) <= len(name) <= _NAME_LENGTH:
        raise OperatorError(f"a name is 1 to {_NAME_LENGTH} printable characters")
    return name
