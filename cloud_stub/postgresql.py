"""PostgreSQL, for those who outgrow one file: several processes and machines at once."""

from typing import override

from sqlalchemy import make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from .database import Database
from .errors import OperatorError

VARIABLE = "SECURE_PAIR_DATABASE"
"""Environment variable: the database's URL, which may hold a password."""

_CONNECTIONS = 4
_STATEMENT_SECONDS = 30
# Any number that nobody else takes in the same database.
_SCHEMA_LOCK = 0x5EC9A1


class PostgresqlDatabase(Database):
    """A PostgreSQL database behind a pool of asyncpg's connections."""

    def __init__(self, url: str, busy_seconds: float) -> None:
        """Name it, as ``postgresql://user:password@host:port/name``; raises OperatorError.

        `busy_seconds` is how long a connection, or a lock that another has, is waited for.
        """
        try:
            parsed = make_url(url)
        except ArgumentError:
            parsed = None
        if parsed is None or parsed.get_backend_name() != "postgresql":
            raise OperatorError("the database's URL is not postgresql://user:password@host/name")
        self._url = parsed.set(drivername="postgresql+asyncpg")
        engine = create_async_engine(
            self._url,
            pool_size=_CONNECTIONS,
            max_overflow=_CONNECTIONS,
            pool_timeout=busy_seconds,
            # The server may have been started anew since.
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "timeout": busy_seconds,
                "command_timeout": _STATEMENT_SECONDS,
                "server_settings": {
                    "application_name": "secure-pair-key-service",
                    # An answer is given when its change is on the disk, and not before.
                    "synchronous_commit": "on",
                    "lock_timeout": str(max(1, int(busy_seconds * 1000))),
                },
            },
        )
        super().__init__(engine, engine)

    @property
    @override
    def name(self) -> str:
        return self._url.set(drivername="postgresql").render_as_string(hide_password=True)

    @override
    async def lock_schema(self, session: AsyncSession) -> None:
        await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SCHEMA_LOCK})

    @override
    async def lock_devices(self, session: AsyncSession) -> None:
        await session.execute(text("LOCK TABLE devices IN SHARE ROW EXCLUSIVE MODE"))

    @override
    async def close(self) -> None:
        await self.engine.dispose()
