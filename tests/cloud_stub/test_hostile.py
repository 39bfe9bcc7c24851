"""What only somebody hostile sends."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from cloud_stub import server
from secure_pair_protocol.errors import Failure, SecurePairError

from .conftest import Cloud, Negotiation, StartCloud

INJECTIONS = [
    "x'; DROP TABLE devices; --",
    '"; DELETE FROM audit; --',
    "' OR '1'='1",
    "%' OR 1=1 --",
    "../../etc/passwd",
    "..%2f..%2fmaster.key",
    "a\x00b",
    "\N{GRINNING FACE}",
    "{{7*7}}",
    "A" * 4000,
]


async def test_sql_and_path_tricks_are_text_like_any_other(cloud: Cloud) -> None:
    anna = await cloud.terminal("anna")
    key = await cloud.key("anna")
    lock = await cloud.device("lock")
    await cloud.claim(anna, lock)
    claim = lock.claim()
    for trick in INJECTIONS:
        answers = [
            await cloud.call("POST", "/v1/releases", key, json={"device_id": trick}),
            await cloud.call("POST", "/v1/claims", anna.token, json=claim | {"device_id": trick}),
            await cloud.call("GET", "/v1/devices", key, params={"after": trick}),
            await cloud.call("GET", "/v1/audit", key, params={"device_id": trick, "before": trick}),
            await cloud.call("DELETE", f"/v1/terminals/{trick.replace('%', '%25')}", key),
            await cloud.call("GET", f"/{trick.replace('%', '%25')}"),
        ]
        assert {answer.status for answer in answers} <= {200, 404, 405, 422}
        # A name is the user's own, and comes back as it was.
        named = await cloud.call("POST", "/v1/terminals", key, json={"name": trick[:60]})
        assert named.status == (201 if trick.isprintable() else 422)

    names = [
        entry["name"] for entry in (await cloud.call("GET", "/v1/terminals", key)).json["terminals"]
    ]
    assert {trick[:60] for trick in INJECTIONS if trick.isprintable()} <= set(names)
    await cloud.pair(anna, lock)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1", "utf-7"])
async def test_other_encodings_are_no_accident(cloud: Cloud, encoding: str) -> None:
    key_of = await cloud.terminal("anna")
    key = await cloud.key("anna")
    body = json.dumps({"name": "Küche"}, ensure_ascii=False).encode(encoding)
    headers = {"Content-Type": f"application/json; charset={encoding}"}

    answer = await cloud.call("POST", "/v1/terminals", key, data=body, headers=headers)

    # JSON itself may be UTF-16 or UTF-32; what is neither is refused.
    assert answer.status in {201, 422}
    assert (await cloud.call("GET", "/v1/terminal", key_of.token)).status == 200


async def test_a_body_of_100_mb_is_refused_after_its_first_part(cloud: Cloud) -> None:
    anna = await cloud.terminal("anna")
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1600):
            sent += 65536
            yield b"x" * 65536

    for data in (endless(), b"x" * 100_000_000):
        # The service hangs up while the client is still sending.
        with contextlib.suppress(aiohttp.ClientError):
            answer = await cloud.call("POST", "/v1/authorize", anna.token, data=data)
            assert (answer.status, answer.code) == (413, "too_large")
    # What fits into the buffers on the way, and not more.
    assert sent < 50_000_000
    assert (await cloud.call("GET", "/v1/terminal", anna.token)).status == 200


async def test_a_head_that_arrives_by_the_byte_is_not_awaited_for_ever(
    start_cloud: StartCloud, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    async with start_cloud(data) as cloud:
        host, port = cloud.url.removeprefix("http://").split(":")
        for first in (b"", b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(first)
            if first:
                # The second request on a connection has no more time than the first.
                await reader.readuntil(b'"ok"}')
            writer.write(b"GET /health HTTP/1.1\r\nX-Slow: ")
            gone = asyncio.create_task(reader.read())
            async with asyncio.timeout(30):
                while not gone.done():
                    writer.write(b"x")
                    await asyncio.sleep(0.05)
            with contextlib.suppress(ConnectionError):
                await gone
            writer.close()
        assert (await cloud.call("GET", "/health")).status == 200


async def test_a_replayed_authorization_is_of_no_use(cloud: Cloud) -> None:
    anna, eve = await cloud.terminal("anna"), await cloud.terminal("eve")
    lock = await cloud.device("lock")
    await cloud.claim(anna, lock)
    first = Negotiation(lock, anna.terminal_id)
    body = first.body()
    answer = await cloud.authorize(anna, body)
    first.finish(answer)

    # By somebody else; by herself to a device that has drawn new first data since.
    assert (await cloud.authorize(eve, body)).code == "not_yours"
    again = await cloud.authorize(anna, body)
    assert again.status == 200
    for replayed in (answer, again):
        with pytest.raises(SecurePairError) as refusal:
            Negotiation(lock, anna.terminal_id).finish(replayed)
        assert refusal.value.failure is Failure.AUTHORIZATION_REJECTED
    # And the owner sees each.
    entries = (await cloud.call("GET", "/v1/audit", await cloud.key("anna"))).json["entries"]
    assert [entry["action"] for entry in entries].count("authorize") == 2
