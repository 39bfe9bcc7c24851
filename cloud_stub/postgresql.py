"""PostgreSQL, for those who outgrow one file: several processes and machines at once."""

import math
import select
from typing import TYPE_CHECKING, override

from sqlalchemy import Connection, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, InvalidatePoolError

from .database import Database, Work, settled
from .errors import OperatorError

if TYPE_CHECKING:
    # SQLAlchemy loads it, and only for who has a PostgreSQL.
    import psycopg

VARIABLE = "SECURE_PAIR_DATABASE"
"""Environment variable: the database's URL, which may hold a password."""

_CONNECTIONS = 8
_STATEMENT_SECONDS = 30
# Any number that nobody else takes in the same database.
_SCHEMA_LOCK = 0x5EC9A1


class PostgresqlDatabase(Database):
    """A PostgreSQL database behind a pool of connections, each for a thread at a time."""

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
        self._url = parsed.set(drivername="postgresql+psycopg")
        settings = {
            # An answer is given when its change is on the disk, and not before.
            "synchronous_commit": "on",
            "lock_timeout": max(1, int(busy_seconds * 1000)),
            "statement_timeout": _STATEMENT_SECONDS * 1000,
        }
        engine = create_engine(
            self._url,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            hide_parameters=True,
            connect_args={
                "application_name": "secure-pair-key-service",
                "connect_timeout": math.ceil(busy_seconds),
                "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
                # A server that is there no more sends no word of it.
                "tcp_user_timeout": _STATEMENT_SECONDS * 1000,
                "keepalives_idle": _STATEMENT_SECONDS // 3,
                "keepalives_interval": _STATEMENT_SECONDS // 3,
                "keepalives_count": 2,
            },
        )
        event.listen(engine, "checkout", _refuse_the_dead)
        super().__init__(engine, _CONNECTIONS, busy_seconds)

    @property
    @override
    def name(self) -> str:
        return self._url.set(drivername="postgresql").render_as_string(hide_password=True)

    @override
    async def write[T](self, work: Work[T]) -> T:
        return settled(await self._in_a_thread(self.engine.begin, work))

    @override
    def lock_schema(self, connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SCHEMA_LOCK})

    @override
    def lock_devices(self, connection: Connection) -> None:
        connection.execute(text("LOCK TABLE devices IN SHARE ROW EXCLUSIVE MODE"))


def _refuse_the_dead(connection: psycopg.Connection, *_: object) -> None:
    """Take no connection from the pool on which something has come meanwhile.

    Whoever is idle is told nothing but that the connection ends: the server may have been
    started anew since. It takes no question to the server.
    """
    ready = select.poll()
    ready.register(connection, select.POLLIN)
    if ready.poll(0):
        raise InvalidatePoolError
