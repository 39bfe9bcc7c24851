"""The embedded database: SQLite, durable before it answers.

Everything that is SQLite's own is in here; a service that grows into PostgreSQL replaces
this file and keeps the others.
"""

import os
import sqlite3
import threading
import time
from pathlib import Path

import aiosqlite
from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import (
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

_IMMEDIATE = "secure_pair_immediate"
_CONNECTIONS = 4


class Database:
    """A SQLite file behind a pool of connections, each with a thread of aiosqlite's."""

    def __init__(self, path: Path, busy_seconds: float) -> None:
        """Name the file; nothing is opened or created before the first session."""
        self._path = path
        self._busy_seconds = busy_seconds
        self._threads: set[threading.Thread] = set()
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=str(path)),
            async_creator=self._connect,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=busy_seconds,
            # Rows do not belong in a log, nor in the text of an exception.
            hide_parameters=True,
        )
        event.listen(engine.sync_engine, "begin", _begin)
        self._engine = engine
        self.reading = async_sessionmaker(engine, expire_on_commit=False)
        """Sessions that see one moment of the database, and change nothing."""
        self._writing: async_sessionmaker[AsyncSession] = async_sessionmaker(
            engine.execution_options(**{_IMMEDIATE: True}), expire_on_commit=False
        )

    def writing(self) -> AsyncSession:
        """Return a session that is alone in writing; use with ``begin()``.

        It has the write lock from its first statement on: what it reads stays true until
        it has committed, and when commit returns the change is on the disk.
        """
        return self._writing()

    async def close(self) -> None:
        """Close every connection; their threads have ended when this returns."""
        await self._engine.dispose()
        for thread in self._threads:
            thread.join(self._busy_seconds)

    async def _connect(self) -> aiosqlite.Connection:
        return await aiosqlite.Connection(self._open, iter_chunk_size=64)

    def _open(self) -> sqlite3.Connection:
        # Runs in the connection's own thread, which aiosqlite does not hand out.
        self._threads.add(threading.current_thread())
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its side files the mode of this one.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self._path, timeout=self._busy_seconds, isolation_level=None)
        try:
            _use_write_ahead_log(connection, self._busy_seconds)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error:
            connection.close()
            raise
        return connection


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


def _begin(connection: Connection) -> None:
    # The driver begins by itself only before a write, and then too late: what was read
    # before may have changed.
    immediate = connection.get_execution_options().get(_IMMEDIATE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
