"""The service's state, opened: the database, and the vault that reads its keys."""

import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from secure_pair_protocol.secret import Secret

from . import master_key, postgresql, schema
from .database import Database
from .errors import OperatorError
from .postgresql import PostgresqlDatabase
from .sqlite import SqliteDatabase
from .tables import Service
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
        except (DBAPIError, sqlite3.Error, OSError, TimeoutError) as error:
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise OperatorError(f"cannot open {database.name}: {reason}") from error
        yield Store(database, vault, clock, data)
    finally:
        await database.close()


async def _open(database: Database, key_file: Path, key: Secret | None) -> Vaults:
    async with database.reading() as session:
        revision = await _revision(session, database)
        kept = None if revision is None else await _check_values(session, revision)
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


async def _revision(session: AsyncSession, database: Database) -> str | None:
    connection = await session.connection()
    try:
        return await connection.run_sync(schema.revision)
    except OperatorError as error:
        raise OperatorError(f"cannot open {database.name}: {error}") from None


async def _check_values(session: AsyncSession, revision: str) -> list[bytes | None]:
    """Return the check values of the master key and of the next one, if there is one."""
    # As text: the table is of whatever version it is.
    columns = "check_value, next_check_value" if revision >= "0002" else "check_value"
    row = (await session.execute(text(f"SELECT {columns} FROM service"))).one_or_none()  # noqa: S608
    if row is None:
        raise OperatorError("the database does not say which master key it belongs to")
    return list(row)


async def _create(database: Database, key: Secret) -> list[bytes | None]:
    """Make the tables; return the check value, another process's if it was first."""
    async with database.writing() as session, session.begin():
        await database.lock_schema(session)
        revision = await _revision(session, database)
        if revision is not None:
            return await _check_values(session, revision)
        connection = await session.connection()
        await connection.run_sync(schema.upgrade, None)
        check_value = Vault(key).check_value()
        await session.execute(insert(Service).values(row=1, check_value=check_value))
        return [check_value]


async def _upgrade(database: Database) -> None:
    async with database.writing() as session, session.begin():
        await database.lock_schema(session)
        found = await _revision(session, database)
        if found != schema.HEAD:
            connection = await session.connection()
            await connection.run_sync(schema.upgrade, found)


async def check_vault(session: AsyncSession, vault: Vaults) -> None:
    """Make sure, in a writing session, that keys are still sealed under this master key.

    Raises OperatorError while, or after, another one is introduced.
    """
    service = (await session.scalars(select(Service).with_for_update(read=True))).one()
    if service.next_check_value is not None or not vault.current.made(service.check_value):
        raise OperatorError("the master key is being replaced: try again when that is done")
