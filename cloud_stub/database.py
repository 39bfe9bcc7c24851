"""The database as the rules see it: sessions that read, and sessions that write.

What SQLite and PostgreSQL do differently is in sqlite.py and postgresql.py.
"""

from abc import ABC, abstractmethod

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker


class Database(ABC):
    """A pool of connections to one database."""

    def __init__(self, engine: AsyncEngine, writing: AsyncEngine) -> None:
        """Take the engine, and the same one with the options of a write transaction."""
        self.engine = engine
        self.reading = async_sessionmaker(engine, expire_on_commit=False)
        """Sessions that see one moment of the database, and change nothing."""
        self._writing: async_sessionmaker[AsyncSession] = async_sessionmaker(
            writing, expire_on_commit=False
        )

    def writing(self) -> AsyncSession:
        """Return a session that may write; use with ``begin()``.

        When its commit returns, the change is on the disk. What it has read with
        ``with_for_update()`` stays true until then.
        """
        return self._writing()

    @property
    @abstractmethod
    def name(self) -> str:
        """Name the database for the operator's eyes; without a password."""

    @abstractmethod
    async def lock_schema(self, session: AsyncSession) -> None:
        """Keep other processes from making the tables, until the transaction ends."""

    @abstractmethod
    async def lock_devices(self, session: AsyncSession) -> None:
        """Keep others from changing devices, until the transaction ends."""

    @abstractmethod
    async def close(self) -> None:
        """Close every connection."""
