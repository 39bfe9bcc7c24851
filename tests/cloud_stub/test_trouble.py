"""When the database fails: 503 with Retry-After, nothing half-written, and on it goes after."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_stub import audit
from cloud_stub.errors import OperatorError
from cloud_stub.ownership import owner_epoch
from cloud_stub.sqlite import SqliteDatabase
from cloud_stub.store import open_store
from secure_pair_protocol import base64url

from .conftest import Answer, Cloud, Negotiation, StartCloud
from .postgres import Cluster, cluster


def assert_unavailable(answer: Answer) -> None:
    assert (answer.status, answer.code) == (503, "key_service_unavailable")
    assert answer.headers["retry-after"] == "5"
    for word in (b"table", b"audit", b"sqlite", b"disk", b"127.0.0.1", b"connect"):
        assert word not in answer.body


async def test_a_database_that_is_locked_for_a_while(start_cloud: StartCloud, data: Path) -> None:
    async with start_cloud(data, busy_seconds=0.05) as cloud:
        terminal = await cloud.terminal("anna")
        lock, kettle = await cloud.device("lock"), await cloud.device("kettle")
        await cloud.claim(terminal, lock)
        other = sqlite3.connect(data / "cloud.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        claiming = await cloud.claim(terminal, kettle)
        # No use of an initial key without its entry in the audit.
        using = await cloud.authorize(terminal, Negotiation(lock, terminal.terminal_id).body())
        reading = await cloud.call("GET", "/v1/terminal", terminal.token)
        other.execute("ROLLBACK")
        other.close()
        later = await cloud.claim(terminal, kettle)

    assert_unavailable(claiming)
    assert_unavailable(using)
    assert reading.status == 200
    assert later.status == 200


async def test_a_row_that_another_process_holds(
    start_cloud: StartCloud, data: Path, new_database: str
) -> None:
    async with start_cloud(data, busy_seconds=0.2, database_url=new_database) as cloud:
        terminal = await cloud.terminal("anna")
        lock = await cloud.device("lock")
        with cloud.store.database.engine.begin() as connection:
            cloud.store.database.lock_devices(connection)
            waiting = await cloud.claim(terminal, lock)
        later = await cloud.claim(terminal, lock)

    assert_unavailable(waiting)
    assert later.status == 200


async def assert_nothing_of_it(cloud: Cloud, device_id: str) -> None:
    """Check that what was refused left no trace."""
    assert await owner_epoch(cloud.store, device_id) == 0
    kept = await audit.entries(cloud.store, None)
    assert [entry for entry in kept if entry.device_id == device_id] == []


async def test_a_full_disk(start_cloud: StartCloud, data: Path) -> None:
    async with start_cloud(data) as cloud:
        terminal = await cloud.terminal("anna")
        lock, kettle = await cloud.device("lock"), await cloud.device("kettle")
        await cloud.claim(terminal, lock)
        engine = cloud.store.database.engine
        with engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        # Of each connection in the pool: there is no room for one page more.
        engine.dispose()
        opened = SqliteDatabase._open

        def full(self: SqliteDatabase) -> sqlite3.Connection:
            made = opened(self)
            made.execute(f"PRAGMA max_page_count = {pages}")
            return made

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SqliteDatabase, "_open", full)
            body = Negotiation(lock, terminal.terminal_id).body()
            answers = [await cloud.authorize(terminal, body)]
            while answers[-1].status == 200 and len(answers) < 300:
                answers.append(await cloud.authorize(terminal, body))
            claiming = await cloud.claim(terminal, kettle)
            engine.dispose()
        statuses = [answer.status for answer in answers]
        acknowledged = statuses.count(200)
        uses = [
            entry
            for entry in await audit.entries(cloud.store, None, limit=1000)
            if entry.action == "authorize"
        ]
        await assert_nothing_of_it(cloud, "kettle")
        after = await cloud.claim(terminal, kettle)

    # First into what was left of the last page.
    assert set(statuses) == {200, 503}
    assert_unavailable(answers[-1])
    assert_unavailable(claiming)
    assert len(uses) == acknowledged
    assert after.status == 200


async def test_a_file_that_is_gone_takes_no_more_writes(
    start_cloud: StartCloud, data: Path
) -> None:
    async with start_cloud(data) as cloud:
        terminal = await cloud.terminal("anna")
        lock = await cloud.device("lock")
        away = data / "away"
        (data / "cloud.sqlite").rename(away)
        gone = [
            await cloud.claim(terminal, lock),
            await cloud.call("GET", "/v1/terminal", terminal.token),
            await cloud.call("GET", "/ready"),
        ]
        alive = await cloud.call("GET", "/health")
        made_anew = list(data.glob("cloud.sqlite"))
        away.rename(data / "cloud.sqlite")
        await assert_nothing_of_it(cloud, "lock")
        after = await cloud.claim(terminal, lock)

    for answer in gone:
        assert_unavailable(answer)
    assert alive.status == 200
    assert made_anew == []
    assert after.status == 200


@pytest.fixture
def mortal() -> Iterator[Cluster]:
    """A server that a test may stop."""
    with cluster() as running:
        yield running


async def test_a_server_that_goes_away_and_comes_back(
    start_cloud: StartCloud, data: Path, mortal: Cluster
) -> None:
    url = mortal.url(await mortal.database())
    async with start_cloud(data, busy_seconds=2, database_url=url) as cloud:
        terminal = await cloud.terminal("anna")
        lock = await cloud.device("lock")
        ready = await cloud.call("GET", "/ready")
        mortal.stop()
        gone = [
            await cloud.claim(terminal, lock),
            await cloud.call("GET", "/v1/terminal", terminal.token),
            await cloud.call("GET", "/ready"),
        ]
        alive = await cloud.call("GET", "/health")
        mortal.start()
        # At once: no request is spent on finding out that old connections are dead.
        claimed = await cloud.claim(terminal, lock)
        session = await cloud.pair(terminal, lock)
    mortal.stop()
    with pytest.raises(OperatorError, match="cannot open postgresql://keys@"):
        async with open_store(data, database_url=url, busy_seconds=2):
            pass

    for answer in gone:
        assert_unavailable(answer)
    assert (ready.status, alive.status, claimed.status) == (200, 200, 200)
    assert session.terminal_id == terminal.terminal_id


async def test_a_password_is_in_no_refusal(data: Path) -> None:
    for url in ("postgresql://me:hush@127.0.0.1:1/none", "mysql://me:hush@127.0.0.1/none"):
        with pytest.raises(OperatorError) as refusal:
            async with open_store(data, database_url=url, busy_seconds=1):
                pass
        assert "hush" not in str(refusal.value)
    assert not data.exists()


async def test_a_wrong_master_key_is_refused_by_postgresql_too(
    data: Path, new_database: str
) -> None:
    async with open_store(data, database_url=new_database):
        pass
    (data / "master.key").write_text(base64url.encode(bytes(32)))
    with pytest.raises(OperatorError, match="not the one"):
        async with open_store(data, database_url=new_database):
            pass
    (data / "master.key").unlink()
    with pytest.raises(OperatorError, match=r"master\.key is not there"):
        async with open_store(data, database_url=new_database):
            pass
    assert list(data.iterdir()) == []


async def test_a_broken_database_is_unavailable(
    start_cloud: StartCloud, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with start_cloud(data) as cloud:
        terminal = await cloud.terminal("anna")
        lock = await cloud.device("lock")
        other = sqlite3.connect(data / "cloud.sqlite", isolation_level=None)
        for table in ("devices", "terminals", "service"):
            other.execute(f"DROP TABLE {table}")
        other.close()

        answers = [
            await cloud.claim(terminal, lock),
            await cloud.authorize(terminal, Negotiation(lock, terminal.terminal_id).body()),
            await cloud.call("GET", "/v1/terminal", terminal.token),
            await cloud.call("GET", "/ready"),
        ]

    for answer in answers:
        assert_unavailable(answer)
    assert terminal.token.reveal().decode() not in caplog.text


async def test_the_unexpected_is_a_problem_without_a_trace(
    start_cloud: StartCloud, data: Path
) -> None:
    async with start_cloud(data) as cloud:
        terminal = await cloud.terminal("anna")
        lock = await cloud.device("lock")
        await cloud.claim(terminal, lock)
        other = sqlite3.connect(data / "cloud.sqlite", isolation_level=None)
        other.execute("UPDATE devices SET sealed_initial_key = x'00'")
        other.close()

        answer = await cloud.authorize(terminal, Negotiation(lock, terminal.terminal_id).body())

    assert (answer.status, answer.code) == (500, "key_service_unavailable")
    assert answer.json == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "the key service answers, but cannot work at the moment",
        "code": "key_service_unavailable",
    }
