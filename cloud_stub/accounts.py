"""Accounts, and the credentials that act for them (docs/protocol.md, section 11)."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from secure_pair_protocol.secret import Secret

from .audit import OPERATOR, Action, Actor, record
from .credentials import credential_hash, new_account_key
from .errors import OperatorError
from .store import Store
from .tables import ACCOUNTS, NAME_LENGTH, TERMINALS
from .terminals import IssuedTerminal, issue, revoke

__all__ = [
    "CallingAccount",
    "CallingTerminal",
    "IssuedTerminal",
    "add_account",
    "add_terminal",
    "checked_name",
    "find_account",
    "find_account_by_key",
    "find_terminal",
    "issue_account_key",
    "revoke_terminal",
]


_BY_TOKEN = (
    select(TERMINALS.c.terminal_id, ACCOUNTS.c.account_id, ACCOUNTS.c.name)
    .join_from(TERMINALS, ACCOUNTS)
    .where(TERMINALS.c.token_hash == bindparam("token_hash"), ~TERMINALS.c.revoked)
)
_BY_KEY = select(ACCOUNTS.c.account_id, ACCOUNTS.c.name).where(
    ACCOUNTS.c.key_hash == bindparam("key_hash")
)


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
    made = insert(ACCOUNTS).values(name=checked_name(name)).returning(ACCOUNTS.c.account_id)
    try:
        return int(
            await store.database.write(lambda connection: connection.execute(made).scalar_one())
        )
    except IntegrityError as error:
        raise OperatorError(f"there is an account {name} already") from error


async def issue_account_key(store: Store, name: str) -> Secret:
    """Issue an account's key, and refuse its last one from now on; raises OperatorError."""
    key = new_account_key()

    def issued(connection: Connection) -> None:
        account_id = find_account(connection, name)
        connection.execute(
            update(ACCOUNTS)
            .where(ACCOUNTS.c.account_id == account_id)
            .values(key_hash=credential_hash(key))
        )
        record(connection, store.clock(), OPERATOR, Action.ISSUE_ACCOUNT_KEY, owner_id=account_id)

    await store.database.write(issued)
    return key


def find_account(connection: Connection, name: str) -> int:
    """Return the number of the account of this name; raises OperatorError."""
    found = connection.scalar(select(ACCOUNTS.c.account_id).where(ACCOUNTS.c.name == name))
    if found is None:
        raise OperatorError(f"there is no account {name}")
    return int(found)


async def add_terminal(store: Store, account: str, name: str = "Home Assistant") -> IssuedTerminal:
    """Issue a terminal id and a token to an account; raises OperatorError."""
    checked_name(name)

    def issued(connection: Connection) -> IssuedTerminal:
        account_id = find_account(connection, account)
        return issue(connection, store.clock(), OPERATOR, account_id, name)

    return await store.database.write(issued)


async def revoke_terminal(store: Store, terminal_id: bytes) -> None:
    """Refuse this terminal's token from now on; raises OperatorError."""
    found = await store.database.write(
        lambda connection: revoke(connection, store.clock(), OPERATOR, None, terminal_id)
    )
    if not found:
        raise OperatorError("there is no such terminal")


def find_terminal(
    connection: Connection, token: Secret, address: str | None
) -> CallingTerminal | None:
    """Return the terminal of a token, or None: unknown and revoked are alike."""
    found = connection.execute(_BY_TOKEN, {"token_hash": credential_hash(token)}).one_or_none()
    return None if found is None else CallingTerminal(found[0], found[1], found[2], address)


def find_account_by_key(
    connection: Connection, key: Secret, address: str | None
) -> CallingAccount | None:
    """Return the account of an account key, or None."""
    found = connection.execute(_BY_KEY, {"key_hash": credential_hash(key)}).one_or_none()
    return None if found is None else CallingAccount(found[0], found[1], address)


def checked_name(name: str) -> str:
    """Return a name that can be shown; raises OperatorError."""
    if not name.isprintable() or not 0 < len(name.strip()) <= len(name) <= NAME_LENGTH:
        raise OperatorError(f"a name is 1 to {NAME_LENGTH} printable characters")
    return name
