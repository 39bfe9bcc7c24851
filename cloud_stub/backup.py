"""A copy of the SQLite database, and its way back after the file is lost."""

import asyncio
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from .errors import OperatorError
from .ownership import raise_all_epochs
from .sqlite import SqliteDatabase
from .store import DATABASE, Store, open_store


async def backup(store: Store, target: Path) -> None:
    """Copy the database, which goes on working, to a new file; raises OperatorError.

    The copy is whole and on the disk when this returns; without the master key it opens
    nothing.
    """
    if not isinstance(store.database, SqliteDatabase):
        raise OperatorError("PostgreSQL has its own tools for this: pg_dump, pg_basebackup")
    await asyncio.to_thread(_copy, store.database.path, target)


async def restore(source: Path, data: Path) -> tuple[int, Path | None]:
    """Put a backup in the place of the database, and raise every epoch to the present.

    A grant that was made after the backup would else be newer than all that follow. Return
    how many devices there are, and where the former database is kept. Nothing is changed
    before the backup was opened with the master key. Raises OperatorError.
    """
    path = data / DATABASE
    draft = data / f"restoring.{os.getpid()}"
    try:
        draft.mkdir(mode=0o700, parents=True)
        try:
            await asyncio.to_thread(_copy, source, draft / DATABASE)
            # Opened as the service would, beside the master key that it has.
            async with open_store(data, database_file=draft / DATABASE) as store:
                devices = await raise_all_epochs(store)
            former = await asyncio.to_thread(_exchange, draft / DATABASE, path)
        finally:
            for left in draft.iterdir():
                left.unlink()
            draft.rmdir()
    except OSError as error:
        raise OperatorError(f"cannot restore into {data}: {error.strerror}") from error
    return devices, former


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise OperatorError(f"there is no database {source}")
    if target.exists():
        raise OperatorError(f"{target} exists already")
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with (
                closing(sqlite3.connect(f"file:{_quoted(source)}?mode=ro", uri=True)) as original,
                closing(sqlite3.connect(draft)) as copy,
            ):
                original.backup(copy)
                # One file, without a log beside it.
                copy.execute("PRAGMA journal_mode = DELETE")
                (found,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                raise OperatorError(f"{source} is damaged: {found}")
            _sync(draft)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        _sync(target.parent)
    except sqlite3.Error as error:
        raise OperatorError(f"cannot copy {source}: {error}") from error
    except OSError as error:
        raise OperatorError(f"cannot write {target}: {error.strerror}") from error


def _exchange(draft: Path, path: Path) -> Path | None:
    """Put a database in another's place; raises OperatorError while somebody has that open."""
    former: Path | None = None
    if path.exists():
        try:
            with closing(sqlite3.connect(path, timeout=0)) as connection:
                # Takes the database for itself alone, and its log into the file.
                connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise OperatorError(f"{path} is in use: stop the service first") from error
            # Broken: all the more reason to put another in its place.
        former = path.with_name(f"{path.name}.before-restore-{int(time.time())}")
        path.replace(former)
    for left in ("-wal", "-shm"):
        path.with_name(path.name + left).unlink(missing_ok=True)
    with closing(sqlite3.connect(draft)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    _sync(draft)
    draft.replace(path)
    _sync(path.parent)
    return former


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
