"""When the database fails: 503 or 500, and not a word too many."""

import sqlite3
from pathlib import Path

import pytest

from .conftest import Negotiation, StartCloud


async def test_a_write_that_waits_too_long_is_unavailable_and_reads_go_on(
    start_cloud: StartCloud, data: Path
) -> None:
    async with start_cloud(data, busy_seconds=0.05) as cloud:
        terminal = await cloud.terminal("anna")
        lock, kettle = await cloud.device("lock"), await cloud.device("kettle")
        await cloud.claim(terminal, lock)
        other = sqlite3.connect(data / "cloud.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        waiting = await cloud.claim(terminal, kettle)
        reading = await cloud.pair(terminal, lock)
        other.execute("ROLLBACK")
        other.close()
        later = await cloud.claim(terminal, kettle)

    assert (waiting.status, waiting.code) == (503, "key_service_unavailable")
    assert waiting.headers["retry-after"] == "5"
    assert reading.terminal_id == terminal.terminal_id
    assert later.status == 200


async def test_a_broken_database_is_unavailable(
    start_cloud: StartCloud, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with start_cloud(data) as cloud:
        terminal = await cloud.terminal("anna")
        lock = await cloud.device("lock")
        healthy = await cloud.call("GET", "/health")
        other = sqlite3.connect(data / "cloud.sqlite", isolation_level=None)
        for table in ("devices", "terminals", "service"):
            other.execute(f"DROP TABLE {table}")
        other.close()

        answers = [
            await cloud.claim(terminal, lock),
            await cloud.authorize(terminal, Negotiation(lock, terminal.terminal_id).body()),
            await cloud.call("GET", "/v1/terminal", terminal.token),
            await cloud.call("GET", "/health"),
        ]

    assert (healthy.status, healthy.json) == (200, {"status": "ok"})
    for answer in answers:
        assert (answer.status, answer.code) == (503, "key_service_unavailable")
        assert answer.headers["retry-after"] == "5"
        assert b"table" not in answer.body
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
