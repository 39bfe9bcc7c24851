"""Accounts, and the credentials that act for them (docs/protocol.md, section 11)."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from secure_pair_protocol.secret import Secret

from .audit import OPERATOR, Action, Actor, record
from .credentials import credential_hash, new_account_key
from .errors import OperatorError
from .store import Store
from .tables import NAME_LENGTH, Account, Terminal
from .terminals import IssuedTerminal, issue, revoke

__all__ = [
    "CallingAccount",
    "CallingTerminal",
    "IssuedTerminal",
    "add_account",
    "add_terminal",
    "authenticate",
    "authenticate_account",
    "checked_name",
    "find_account",
    "issue_account_key",
    "revoke_terminal",
]


@dataclass(frozen=True, slots=True)
class CallingTerminal:
    """Whom a token was issued to."""

    terminal_id: bytes
    account_id: int
    account: str
    address: str | None = None

    @property
    def actor(self) -> Actor:
        """Return how the audit names it."""
        return Actor(
            kind="terminal",
            account_id=self.account_id,
            terminal_id=self.terminal_id,
            address=self.address,
        )


@dataclass(frozen=True, slots=True)
class CallingAccount:
    """Whom an account key was issued to."""

    account_id: int
    account: str
    address: str | None = None

    @property
    def actor(self) -> Actor:
        """Return how the audit names it."""
        return Actor(kind="account", account_id=self.account_id, address=self.address)


async def add_account(store: Store, name: str) -> int:
    """Make an account and return its number; raises OperatorError."""
    account = Account(name=checked_name(name))
    try:
        async with store.database.writing() as session, session.begin():
            session.add(account)
    except IntegrityError as error:
        raise OperatorError(f"there is an account {name} already") from error
    return account.account_id


async def issue_account_key(store: Store, name: str) -> Secret:
    """Issue an account's key, and refuse its last one from now on; raises OperatorError."""
    key = new_account_key()
    async with store.database.writing() as session, session.begin():
        account = await find_account(session, name)
        account.key_hash = credential_hash(key)
        await record(
            session,
            store.clock(),
            OPERATOR,
            Action.ISSUE_ACCOUNT_KEY,
            owner_id=account.account_id,
        )
    return key


async def find_account(session: AsyncSession, name: str) -> Account:
    """Return the account of this name; raises OperatorError."""
    account = await session.scalar(select(Account).where(Account.name == name))
    if account is None:
        raise OperatorError(f"there is no account {name}")
    return account


async def add_terminal(store: Store, account: str, name: str = "Home Assistant") -> IssuedTerminal:
    """Issue a terminal id and a token to an account; raises OperatorError."""
    checked_name(name)
    async with store.database.writing() as session, session.begin():
        owner = await find_account(session, account)
        return await issue(session, store.clock(), OPERATOR, owner.account_id, name)


async def revoke_terminal(store: Store, terminal_id: bytes) -> None:
    """Refuse this terminal's token from now on; raises OperatorError."""
    async with store.database.writing() as session, session.begin():
        if not await revoke(session, store.clock(), OPERATOR, None, terminal_id):
            raise OperatorError("there is no such terminal")


async def authenticate(
    store: Store, token: Secret, address: str | None = None
) -> CallingTerminal | None:
    """Return the terminal of a token, or None: unknown and revoked are alike."""
    async with store.database.reading() as session:
        found = await session.execute(
            select(Terminal.terminal_id, Account.account_id, Account.name)
            .join(Account, Account.account_id == Terminal.account_id)
            .where(Terminal.token_hash == credential_hash(token), ~Terminal.revoked)
        )
        row = found.one_or_none()
    return None if row is None else CallingTerminal(row[0], row[1], row[2], address)


async def authenticate_account(
    store: Store, key: Secret, address: str | None = None
) -> CallingAccount | None:
    """Return the account of an account key, or None."""
    async with store.database.reading() as session:
        found = await session.execute(
            select(Account.account_id, Account.name).where(Account.key_hash == credential_hash(key))
        )
        row = found.one_or_none()
    return None if row is None else CallingAccount(row[0], row[1], address)


def checked_name(name: str) -> str:
    """Return a name that can be shown; raises OperatorError."""
    if not name.isprintable() or not 0 < len(name.strip()) <= len(name) <= NAME_LENGTH:
        raise OperatorError(f"a name is 1 to {NAME_LENGTH} printable characters")
    return name
