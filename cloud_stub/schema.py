"""Which tables a database has, and how it gets the present ones: alembic's migrations."""

import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from . import migrations
from .errors import OperatorError
from .tables import METADATA

HEAD = "0002"
"""The newest revision in migrations/: a database at this one is opened as it is."""

_FIRST = "0001"
_VERSION_TABLE = "alembic_version"
_ALONE = threading.Lock()
"""What alembic works on is known to the whole process, and not to its thread."""


def revision(connection: Connection) -> str | None:
    """Return the revision of a database's tables, None if it is empty.

    Raises OperatorError for a database that is somebody else's or of a later version.
    """
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return None
    found = None
    if _VERSION_TABLE in tables:
        found = connection.scalar(text(f"SELECT version_num FROM {_VERSION_TABLE}"))  # noqa: S608
    elif {"service", "accounts", "terminals", "devices"} <= tables:
        # From before there were migrations.
        found = _FIRST
    if found is None or not _FIRST <= found <= HEAD:
        raise OperatorError("it is not a database of this version of the key service")
    return str(found)


def upgrade(connection: Connection, found: str | None) -> None:
    """Bring the tables from the revision that was found to the present one.

    All of it in the connection's transaction, so that it happens whole or not at all.
    """
    # Here, because a database is opened far more often than it is upgraded.
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    folder = str(Path(migrations.__file__).parent)
    script = ScriptDirectory(folder, version_locations=[folder])
    with (
        _ALONE,
        EnvironmentContext(
            Config(),
            script,
            fn=lambda present, _context: script._upgrade_revs(HEAD, present),  # noqa: SLF001
        ) as environment,
    ):
        environment.configure(
            connection=connection, target_metadata=METADATA, transactional_ddl=True
        )
        if found is not None:
            context = environment.get_context()
            if context.get_current_revision() is None:
                context.stamp(script, found)
        environment.run_migrations()
