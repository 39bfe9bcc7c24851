"""The tables' history: from any version to the present one, whole or not at all."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from cloud_stub import migrations, schema
from cloud_stub.credentials import credential_hash
from cloud_stub.errors import OperatorError
from cloud_stub.store import open_store
from cloud_stub.tables import METADATA
from secure_pair_protocol import base64url
from secure_pair_protocol.secret import Secret

from .conftest import MadeDevice, StartCloud

# As the first version made them.
FIRST = """
CREATE TABLE service ("row" INTEGER NOT NULL, schema INTEGER NOT NULL, check_value BLOB NOT NULL,
 PRIMARY KEY ("row"));
CREATE TABLE accounts (account_id INTEGER NOT NULL, name VARCHAR(64) NOT NULL,
 PRIMARY KEY (account_id), UNIQUE (name));
CREATE TABLE terminals (terminal_id BLOB NOT NULL, account_id INTEGER NOT NULL,
 name VARCHAR(64) NOT NULL, token_hash BLOB NOT NULL, revoked BOOLEAN NOT NULL,
 PRIMARY KEY (terminal_id), FOREIGN KEY(account_id) REFERENCES accounts (account_id),
 UNIQUE (token_hash));
CREATE TABLE devices (device_id VARCHAR(64) NOT NULL, model VARCHAR(64) NOT NULL,
 sealed_initial_key BLOB NOT NULL, claim_hash BLOB, owner_id INTEGER,
 owner_epoch BIGINT NOT NULL, PRIMARY KEY (device_id),
 FOREIGN KEY(owner_id) REFERENCES accounts (account_id));
"""
TOKEN = Secret(b"spt_of_the_first_version")


@contextmanager
def connected(data: Path, url: str | None) -> Iterator[Connection]:
    """Look at a database from beside the service."""
    address = url or f"sqlite:///{data / 'cloud.sqlite'}"
    engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


async def first_version(data: Path, lock: MadeDevice) -> None:
    """Make a state directory of the first version, with an owner and a device in it."""
    async with open_store(data) as store:
        check_value = store.vault.current.check_value()
        sealed = store.vault.seal(lock.device_id, Secret(lock.initial_key))
    (data / "cloud.sqlite").unlink()
    other = sqlite3.connect(data / "cloud.sqlite")
    other.executescript(FIRST)
    other.execute("INSERT INTO service VALUES (1, 1, ?)", [check_value])
    other.execute("INSERT INTO accounts VALUES (1, 'anna')")
    other.execute(
        "INSERT INTO terminals VALUES (?, 1, 'hall', ?, 0)", [bytes(16), credential_hash(TOKEN)]
    )
    row = [lock.device_id, sealed, base64url.decode(lock.row()["claim_hash"])]
    other.execute("INSERT INTO devices VALUES (?, 'lock', ?, ?, 1, 1700000000)", row)
    other.commit()
    other.close()


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, METADATA))


async def test_the_migrations_lead_to_the_tables_that_the_code_has(
    data: Path, database_url: str | None
) -> None:
    async with open_store(data, database_url=database_url):
        pass

    with connected(data, database_url) as connection:
        assert differences(connection) == []
    folder = Path(migrations.__file__).parent
    assert ScriptDirectory(folder, version_locations=[folder]).get_heads() == [schema.HEAD]


async def test_a_database_of_the_first_version_goes_on_with_all_that_was_in_it(
    start_cloud: StartCloud, data: Path
) -> None:
    lock = MadeDevice("2867fa12a3d8")
    await first_version(data, lock)

    async with start_cloud(data) as cloud:
        answer = await cloud.call("GET", "/v1/terminal", TOKEN)
        listed = await cloud.call("GET", "/v1/devices", await cloud.key("anna"))
        with connected(data, None) as connection:
            assert differences(connection) == []
    assert answer.json == {"terminal_id": base64url.encode(bytes(16)), "account": "anna"}
    assert listed.json["devices"] == [
        {"device_id": lock.device_id, "model": "lock", "labelled": True, "owner_epoch": 1700000000}
    ]


async def test_an_upgrade_that_fails_in_the_middle_changes_nothing(
    start_cloud: StartCloud, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await first_version(data, MadeDevice("lock"))

    def tables() -> list[tuple[str]]:
        other = sqlite3.connect(data / "cloud.sqlite")
        found = other.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
        other.close()
        return found

    before = tables()
    with monkeypatch.context() as patch:
        # One of the last steps.
        patch.setattr(op, "execute", lambda _: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OperatorError, match="full"):
            async with open_store(data):
                pass
    assert tables() == before
    async with start_cloud(data) as cloud:
        assert (await cloud.call("GET", "/v1/terminal", TOKEN)).status == 200


async def test_a_later_version_is_left_alone(data: Path, database_url: str | None) -> None:
    async with open_store(data, database_url=database_url):
        pass
    with connected(data, database_url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()

    with pytest.raises(OperatorError, match="not a database of this version"):
        async with open_store(data, database_url=database_url):
            pass


async def test_several_processes_may_start_on_an_empty_database(
    data: Path, database_url: str | None
) -> None:
    async def start() -> None:
        async with open_store(data, database_url=database_url):
            pass

    await asyncio.gather(*(start() for _ in range(4)))

    with connected(data, database_url) as connection:
        count = connection.scalar(text("SELECT count(*) FROM service"))
    assert count == 1


@pytest.mark.parametrize("statement", ["UPDATE audit SET outcome = 'ok'", "DELETE FROM audit"])
async def test_the_audit_is_append_only(
    start_cloud: StartCloud, data: Path, database_url: str | None, statement: str
) -> None:
    async with start_cloud(data, database_url=database_url) as cloud:
        await cloud.terminal("anna")
        with (
            connected(data, database_url) as connection,
            pytest.raises(DBAPIError, match="append-only"),
        ):
            connection.execute(text(statement))
