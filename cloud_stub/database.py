"""The database as the rules see it: transactions, each a function that runs in a thread.

The whole work of a request is one such function, so there is one way into a thread and
back, and what was begun there ends there, also when nobody waits for it any more. What
SQLite and PostgreSQL do differently is in sqlite.py and postgresql.py.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

from sqlalchemy import Connection, Engine

from secure_pair_protocol.errors import SecurePairError

type Work[T] = Callable[[Connection], T | SecurePairError]
"""What is done in one transaction; it runs in a thread. What it raises takes back all that
it did; a refusal that it *returns* is kept, and raised when it is on the disk."""

THREADS = "key-service"
"""What the names of the database's threads begin with."""


class Database(ABC):
    """A pool of connections to one database, and the threads that work on them."""

    def __init__(self, engine: Engine, threads: int, busy_seconds: float) -> None:
        """Take the engine, and as many threads as there may be connections.

        `busy_seconds` is how long work waits for a thread.
        """
        self.engine = engine
        self._threads = ThreadPoolExecutor(threads, THREADS)
        self._busy_seconds = busy_seconds

    async def read[T](self, work: Callable[[Connection], T]) -> T:
        """Carry out what sees one moment of the database, and changes nothing.

        Raises what `work` raises, DBAPIError, and TimeoutError where no thread gets free.
        """
        # What is not committed is rolled back.
        return await self._in_a_thread(self.engine.connect, work)

    @abstractmethod
    async def write[T](self, work: Work[T]) -> T:
        """Carry out what may write; when this returns, the change is on the disk.

        What it has read with ``with_for_update()`` stays true until then. It is carried out
        whole or not at all, also where the caller is cancelled. Raises what `work` raises
        or returns as its refusal, DBAPIError, and TimeoutError where no thread gets free.
        """

    @property
    @abstractmethod
    def name(self) -> str:
        """Name the database for the operator's eyes; without a password."""

    @abstractmethod
    def lock_schema(self, connection: Connection) -> None:
        """Keep other processes from making the tables, until the transaction ends."""

    @abstractmethod
    def lock_devices(self, connection: Connection) -> None:
        """Keep others from changing devices, until the transaction ends."""

    async def close(self) -> None:
        """Let what was begun end, then close every connection and end every thread."""
        # It waits, and the loop must not: so in a thread of its own.
        with ThreadPoolExecutor(1) as closing:
            await asyncio.get_running_loop().run_in_executor(closing, self._close)

    def _close(self) -> None:
        self._threads.shutdown()
        self.engine.dispose()

    async def _in_a_thread[T](
        self,
        begin: Callable[[], AbstractContextManager[Connection]],
        work: Callable[[Connection], T],
    ) -> T:
        since = time.monotonic()

        def transaction() -> T:
            self._check_wait(since)
            with begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._threads, transaction)

    def _check_wait(self, since: float) -> None:
        """Refuse what has waited too long for its turn; raises TimeoutError."""
        if time.monotonic() - since > self._busy_seconds:
            raise TimeoutError("the database has too much to do")


def settled[T](outcome: T | SecurePairError) -> T:
    """Return what a transaction that is on the disk came to; raises its refusal."""
    if isinstance(outcome, SecurePairError):
        raise outcome
    return outcome
