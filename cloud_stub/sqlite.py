"""The embedded database: SQLite with a write-ahead log, durable before it answers."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import override

import aiosqlite
from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from .database import Database

_IMMEDIATE = "secure_pair_immediate"
_CONNECTIONS = 4
GONE = "the database file was removed or replaced"


class SqliteDatabase(Database):
    """A SQLite file behind a pool of connections, each with a thread of aiosqlite's.

    A session that writes is alone in writing: it has the write lock from its first
    statement on.
    """

    def __init__(self, path: Path, busy_seconds: float) -> None:
        """Name the file; nothing is opened or created before the first session."""
        self.path = path
        self._busy_seconds = busy_seconds
        self._threads: set[threading.Thread] = set()
        self._inode: int | None = None
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=str(path)),
            async_creator=self._connect,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=busy_seconds,
            # Rows do not belong in a log, nor in the text of an exception.
            hide_parameters=True,
        )
        event.listen(engine.sync_engine, "begin", _begin(self._check_file))
        super().__init__(engine, engine.execution_options(**{_IMMEDIATE: True}))

    @property
    @override
    def name(self) -> str:
        return str(self.path)

    @override
    async def lock_schema(self, session: AsyncSession) -> None:
        """Need nothing: a writing session is alone."""

    @override
    async def lock_devices(self, session: AsyncSession) -> None:
        """Need nothing: a writing session is alone."""

    @override
    async def close(self) -> None:
        """Close every connection; their threads have ended when this returns."""
        await self.engine.dispose()
        for thread in self._threads:
            thread.join(self._busy_seconds)

    async def _connect(self) -> aiosqlite.Connection:
        return await aiosqlite.Connection(self._open, iter_chunk_size=64)

    def _open(self) -> sqlite3.Connection:
        # Runs in the connection's own thread, which aiosqlite does not hand out.
        self._threads.add(threading.current_thread())
        if self._inode is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite gives its side files the mode of this one.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self._inode = self.path.stat().st_ino
        connection = sqlite3.connect(self.path, timeout=self._busy_seconds, isolation_level=None)
        try:
            _use_write_ahead_log(connection, self._busy_seconds)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _check_file(self) -> None:
        """Refuse to go on with a file that is no longer there; raises OperationalError.

        SQLite would: its writes would succeed, and be gone with the process.
        """
        try:
            inode = self.path.stat().st_ino
        except OSError:
            inode = None
        if inode != self._inode:
            raise OperationalError("BEGIN", None, sqlite3.OperationalError(GONE))


def _use_write_ahead_log(connection: sqlite3.Connection, busy_seconds: float) -> None:
    # The one statement that does not wait by itself for another process, which may be
    # making the same new database.
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin(check: Callable[[], None]) -> Callable[[Connection], None]:
    def begin(connection: Connection) -> None:
        check()
        # The driver begins by itself only before a write, and then too late: what was
        # read before may have changed.
        immediate = connection.get_execution_options().get(_IMMEDIATE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return begin
