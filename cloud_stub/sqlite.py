"""The embedded database: SQLite with a write-ahead log, durable before it answers.

SQLite writes one transaction after the other, each with a sync of the disk. So one thread
writes; what has come meanwhile goes into its next transaction together, each in a savepoint
of its own, and is answered when that is on the disk.
"""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, override

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import OperationalError

from .database import THREADS, Database, Work, settled

_IMMEDIATE = "secure_pair_immediate"
_READERS = 3
_TOGETHER = 32
"""How many may share a transaction: the last one's work is an answer's delay for the first."""
GONE = "the database file was removed or replaced"


@dataclass(slots=True, eq=False)
class _Waiting:
    """Work that waits for its transaction, and who waits for it."""

    work: Work[Any]
    answer: asyncio.Future[Any]
    since: float = field(default_factory=time.monotonic)
    outcome: Any = None
    error: Exception | None = None

    def tell(self) -> None:
        """Answer, on the loop of whoever waits, unless they have gone."""
        if self.answer.done():
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.outcome)


class SqliteDatabase(Database):
    """A SQLite file behind a pool of connections: one that writes, and some that read."""

    def __init__(self, path: Path, busy_seconds: float) -> None:
        """Name the file; nothing is opened or created before the first transaction."""
        self.path = path
        self._inode: int | None = None
        engine = create_engine(
            URL.create("sqlite", database=str(path)),
            creator=lambda: self._open(),  # noqa: PLW0108  # as it is at that moment
            pool_size=1 + _READERS,
            max_overflow=0,
            # Rows do not belong in a log, nor in the text of an exception.
            hide_parameters=True,
        )
        event.listen(engine, "begin", _begin(self._check_file))
        super().__init__(engine, _READERS, busy_seconds)
        self._writing = engine.execution_options(**{_IMMEDIATE: True})
        self._writer = ThreadPoolExecutor(1, f"{THREADS}-writer")
        self._waiting: deque[_Waiting] = deque()

    @property
    @override
    def name(self) -> str:
        return str(self.path)

    @override
    async def write[T](self, work: Work[T]) -> T:
        loop = asyncio.get_running_loop()
        waiting = _Waiting(work, loop.create_future())
        self._waiting.append(waiting)
        self._writer.submit(self._write_waiting, loop)
        outcome: T = settled(await waiting.answer)
        return outcome

    @override
    def lock_schema(self, connection: Connection) -> None:
        """Need nothing: who writes is alone."""

    @override
    def lock_devices(self, connection: Connection) -> None:
        """Need nothing: who writes is alone."""

    @override
    def _close(self) -> None:
        self._writer.shutdown()
        super()._close()

    def _write_waiting(self, loop: asyncio.AbstractEventLoop) -> None:
        """Carry out in one transaction what waits, which may be nothing by now."""
        taken = [self._waiting.popleft() for _ in range(min(_TOGETHER, len(self._waiting)))]
        together = [waiting for waiting in taken if self._is_in_time(waiting)]
        try:
            if together:
                with self._writing.begin() as connection:
                    for waiting in together:
                        self._carry_out(waiting, connection, alone=len(together) == 1)
        except Exception as error:  # noqa: BLE001  # told to all who wait
            for waiting in together:
                waiting.error = waiting.error or error

        def tell() -> None:
            for waiting in taken:
                waiting.tell()

        # Nobody waits any more once the loop is closed.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell)

    def _is_in_time(self, waiting: _Waiting) -> bool:
        """Tell whether somebody waits, and not for too long: no time may be lost for others.

        While another process has the lock, each transaction takes as long as it may wait for it.
        """
        if waiting.answer.cancelled():
            return False
        try:
            self._check_wait(waiting.since)
        except TimeoutError as error:
            waiting.error = error
            return False
        return True

    def _carry_out(self, waiting: _Waiting, connection: Connection, *, alone: bool) -> None:
        try:
            self._check_wait(waiting.since)
            with nullcontext() if alone else connection.begin_nested():
                waiting.outcome = waiting.work(connection)
        except Exception as error:
            waiting.error = error
            # Its savepoint took back what it did, if the transaction is still there.
            if alone or not connection.connection.in_transaction:
                raise

    def _open(self) -> sqlite3.Connection:
        if self._inode is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite gives its side files the mode of this one.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self._inode = self.path.stat().st_ino
        connection = sqlite3.connect(
            self.path,
            timeout=self._busy_seconds,
            isolation_level=None,
            # One at a time has it from the pool.
            check_same_thread=False,
        )
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
