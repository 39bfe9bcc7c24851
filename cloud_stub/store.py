"""The state directory, opened: the database, and the vault that reads its keys."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from . import master_key
from .database import Database
from .errors import OperatorError
from .tables import SCHEMA, Base, Service
from .vault import Vault

DATABASE = "cloud.sqlite"
MASTER_KEY = "master.key"


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """What every rule of the service works on."""

    database: Database
    vault: Vault
    clock: Callable[[], float]
    """Unix time in seconds: owner epochs follow it."""


@asynccontextmanager
async def open_store(
    data: Path,
    *,
    busy_seconds: float = 5,
    clock: Callable[[], float] = time.time,
) -> AsyncGenerator[Store]:
    """Open a state directory, and make a new one where there is none.

    A master key is created only together with a new database. `busy_seconds` is how long
    a write waits for another process's. Raises OperatorError, having changed nothing.
    """
    key_file = data / MASTER_KEY
    key = master_key.load(key_file)
    path = data / DATABASE
    database = Database(path, busy_seconds)
    try:
        try:
            async with database.reading() as session:
                kept = await _kept_check_value(session, path)
            if key is None and kept is None:
                key = master_key.create(key_file)
            # Another process may have made both just now.
            key = key or master_key.load(key_file)
            if key is None:
                raise OperatorError(f"{path} has a master key, and {key_file} is not there")
            vault = Vault(key)
            if kept is None:
                kept = await _create(database, path, vault)
        except (DBAPIError, OSError) as error:
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise OperatorError(f"cannot open {path}: {reason}") from error
        if not vault.made(kept):
            raise OperatorError(f"the master key is not the one that {path} was made with")
        yield Store(database, vault, clock)
    finally:
        await database.close()


async def _kept_check_value(session: AsyncSession, path: Path) -> bytes | None:
    """Return the check value, or None in a new database; raises OperatorError."""
    tables = await session.run_sync(_tables)
    if not tables:
        return None
    service = None
    if Service.__tablename__ in tables:
        service = await session.scalar(select(Service))
    if service is None or service.schema != SCHEMA:
        raise OperatorError(f"{path} is not a database of this version of the key service")
    return service.check_value


async def _create(database: Database, path: Path, vault: Vault) -> bytes:
    """Make the tables; return the check value, another process's if it was first."""
    async with database.writing() as session, session.begin():
        kept = await _kept_check_value(session, path)
        if kept is None:
            kept = vault.check_value()
            await session.run_sync(_create_tables)
            session.add(Service(check_value=kept))
        return kept


def _tables(session: Session) -> list[str]:
    return inspect(session.connection()).get_table_names()


def _create_tables(session: Session) -> None:
    Base.metadata.create_all(session.connection(), checkfirst=False)
