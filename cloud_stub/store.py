"""The service's state, opened: the database, and the vault that reads its keys."""

import os
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import DBAPIError

from secure_pair_protocol.secret import Secret

from . import master_key, postgresql, schema
from .database import Database
from .errors import OperatorError
from .postgresql import PostgresqlDatabase
from .sqlite import SqliteDatabase
from .tables import SERVICE
from .vault import Vault, Vaults

DATABASE = "cloud.sqlite"
MASTER_KEY = "master.key"


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """What every rule of the service works on."""

    database: Database
    vault: Vaults
    clock: Callable[[], float]
    """Unix time in seconds: owner epochs follow it."""
    data: Path
    """The state directory."""


@asynccontextmanager
async def open_store(
    data: Path,
    *,
    busy_seconds: float = 5,
    clock: Callable[[], float] = time.time,
    database_url: str | None = None,
    database_file: Path | None = None,
) -> AsyncGenerator[Store]:
    """Open the service's state, and make a new one where there is none.

    The state directory holds the master key, unless the environment does, and the
    database, unless `database_url` or the environment names a PostgreSQL one, or
    `database_file` another file. A master key
    is created only together with new tables; tables of an earlier version are brought up
    to date. `busy_seconds` is how long a write waits for another process's. Raises
    OperatorError, having changed nothing.
    """
    key_file = data / MASTER_KEY
    # First, so that nothing is made beside a key that is none.
    key = master_key.load(key_file)
    url = database_url or os.environ.get(postgresql.VARIABLE)
    database: Database
    if url and database_file is None:
        database = PostgresqlDatabase(url, busy_seconds)
    else:
        database = SqliteDatabase(database_file or data / DATABASE, busy_seconds)
    try:
        # Before anything is read: the database may have what was not there a moment ago.
        try:
            vault = await _open(database, key_file, key)
        except (DBAPIError, OSError) as error:
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise OperatorError(f"cannot open {database.name}: {reason}") from error
        yield Store(database, vault, clock, data)
    finally:
        await database.close()


async def _open(database: Database, key_file: Path, key: Secret | None) -> Vaults:
    def look(connection: Connection) -> tuple[str | None, list[bytes | None] | None]:
        revision = _revision(connection, database)
        return revision, None if revision is None else _check_values(connection, revision)

    revision, kept = await database.read(look)
    if key is None and kept is None:
        data = key_file.parent
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = master_key.create(key_file)
    # Another process may have made both just now.
    key = key or master_key.load(key_file)
    if key is None:
        raise OperatorError(f"{database.name} has a master key, and {key_file} is not there")
    if kept is None:
        kept = await _create(database, key)
    vault = _vault(key_file, key, kept)
    if vault is None:
        raise OperatorError(f"the master key is not the one that {database.name} was made with")
    if revision not in {None, schema.HEAD}:
        await _upgrade(database)
    return vault


def _vault(key_file: Path, key: Secret, kept: list[bytes | None]) -> Vaults | None:
    """Return the vault whose master key the database was made with, if it is at hand."""

    def lookup() -> list[Vault]:
        keys = [master_key.load(key_file), master_key.load_next(key_file)]
        return [Vault(found) for found in keys if found is not None]

    following = master_key.load_next(key_file)
    vaults = [Vault(found) for found in (key, following) if found is not None]
    fitting = [vault for vault in vaults if vault.made(kept[0])]
    if not fitting:
        return None
    others = [vault for vault in vaults if vault is not fitting[0]]
    return Vaults(fitting[0], lookup, others)


def _revision(connection: Connection, database: Database) -> str | None:
    try:
        return schema.revision(connection)
    except OperatorError as error:
        raise OperatorError(f"cannot open {database.name}: {error}") from None


def _check_values(connection: Connection, revision: str) -> list[bytes | None]:
    """Return the check values of the master key and of the next one, if there is one."""
    # As text: the table is of whatever version it is.
    columns = "check_value, next_check_value" if revision >= "0002" else "check_value"
    row = connection.execute(text(f"SELECT {columns} FROM service")).one_or_none()  # noqa: S608
    if row is None:
        raise OperatorError("the database does not say which master key it belongs to")
    return list(row)


async def _create(database: Database, key: Secret) -> list[bytes | None]:
    """Make the tables; return the check value, another process's if it was first."""

    def created(connection: Connection) -> list[bytes | None]:
        database.lock_schema(connection)
        revision = _revision(connection, database)
        if revision is not None:
            return _check_values(connection, revision)
        schema.upgrade(connection, None)
        check_value = Vault(key).check_value()
        connection.execute(insert(SERVICE).values(row=1, check_value=check_value))
        return [check_value]

    return await database.write(created)


async def _upgrade(database: Database) -> None:
    def upgraded(connection: Connection) -> None:
        database.lock_schema(connection)
        found = _revision(connection, database)
        if found != schema.HEAD:
            schema.upgrade(connection, found)

    await database.write(upgraded)


def check_vault(connection: Connection, vault: Vaults) -> None:
    """Make sure, in a transaction that writes, that keys are sealed under this master key.

    Raises OperatorError while, or after, another one is introduced.
    """
    service = connection.execute(select(SERVICE).with_for_update(read=True)).one()
    if service.next_check_value is not None or not vault.current.made(service.check_value):
        raise OperatorError("the master key is being replaced: try again when that is done")
