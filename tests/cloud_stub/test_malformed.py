"""What is not well formed, too long or too slow is refused, and never breaks anything."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cloud_stub.accounts import IssuedTerminal
from cloud_stub.settings import Settings
from secure_pair_protocol import base64url, messages
from secure_pair_protocol.errors import Failure

from .conftest import UNLIMITED, Answer, Cloud, Negotiation, StartCloud

JSON = {"Content-Type": "application/json"}
NO_BYTES: list[Any] = [None, 1, True, [], {}, "", " ", "ä", "A", "AB", "A A A"]


@pytest.fixture
def database_url() -> None:
    """One database is enough: what is refused here does not reach it."""


@pytest.fixture
async def terminal(cloud: Cloud) -> IssuedTerminal:
    return await cloud.terminal("anna")


@pytest.fixture
async def good(cloud: Cloud, terminal: IssuedTerminal) -> AsyncIterator[dict[str, Any]]:
    """A body that the service answers: what is wrong with a variation of it is the variation."""
    lock = await cloud.device("2867fa12a3d8")
    await cloud.claim(terminal, lock)
    body = Negotiation(lock, terminal.terminal_id).body()
    yield dict(body)
    # Nothing that was sent meanwhile has broken the service.
    assert (await cloud.authorize(terminal, body)).status == 200


def assert_malformed(answer: Answer) -> None:
    assert (answer.status, answer.code) == (422, "malformed")
    assert set(answer.json) == {"type", "title", "status", "detail", "code"}
    assert answer.json["detail"] == Failure.MALFORMED.meaning


async def test_what_is_not_the_json_that_is_asked_for(
    cloud: Cloud, terminal: IssuedTerminal
) -> None:
    for raw in (
        b"",
        b"{",
        b"null",
        b"[]",
        b'"m1"',
        b"NaN",
        b"\xff\xfe",
        b'{"m1": "\\ud800"}',
        b"[" * 8000,
        b'{"m1": ' + b"9" * 8000 + b"}",
        b'{"m1": "AAAA"',
    ):
        for path in ("/v1/authorize", "/v1/claims"):
            assert_malformed(await cloud.call("POST", path, terminal.token, data=raw, headers=JSON))


async def test_json_that_does_not_say_so(
    cloud: Cloud, terminal: IssuedTerminal, good: dict[str, Any]
) -> None:
    answer = await cloud.call(
        "POST",
        "/v1/authorize",
        terminal.token,
        data=json.dumps(good).encode(),
        headers={"Content-Type": "text/plain"},
    )

    assert_malformed(answer)


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def with_more(message: bytes, field: bytes) -> bytes:
    """Add a field of a later version to a message."""
    return msgspec.msgpack.encode([*msgspec.msgpack.decode(message), field])


async def test_members_that_are_missing_or_of_a_wrong_form(
    cloud: Cloud, terminal: IssuedTerminal, good: dict[str, Any]
) -> None:
    m1, m2 = good["m1"], good["m2"]
    key = base64url.encode(b"\xff" * 32)
    wrong: list[dict[str, Any]] = [
        *({name: value for name, value in good.items() if name != gone} for gone in good),
        *(good | {name: value} for name in good for value in NO_BYTES),
        good | {"first_public_key": _padded(key)},
        good | {"first_public_key": key.replace("_", "/")},
        good | {"first_public_key": base64url.encode(bytes(31))},
        good | {"first_public_key": base64url.encode(bytes(33))},
        # Another message in its place, more than one message, half a message, no message.
        good | {"m1": m2},
        good | {"m2": m1},
        good | {"m1": base64url.encode(base64url.decode(m1) + b"\0")},
        good | {"m2": base64url.encode(base64url.decode(m2)[:-1])},
        good | {"m2": base64url.encode(os.urandom(4096))},
        # Longer than a frame can be, though the codec passes over what it does not know.
        good | {"m2": base64url.encode(with_more(base64url.decode(m2), bytes(4096)))},
    ]

    for body in wrong:
        assert_malformed(await cloud.authorize(terminal, body))


async def test_claims_of_a_wrong_form(cloud: Cloud, terminal: IssuedTerminal) -> None:
    claim: dict[str, Any] = {
        "device_id": "2867fa12a3d8",
        "claim_proof": base64url.encode(bytes(32)),
    }
    wrong: list[dict[str, Any]] = [
        *(
            claim | {"device_id": device_id}
            for device_id in (None, 1, "", "x" * 65, "a b", "a\n", "\nb", "é", "a\0")
        ),
        *(claim | {"claim_proof": base64url.encode(bytes(size))} for size in (0, 31, 33)),
        claim | {"claim_proof": None},
        {"device_id": "2867fa12a3d8"},
    ]

    for body in wrong:
        assert_malformed(await cloud.call("POST", "/v1/claims", terminal.token, json=body))


async def test_members_of_a_later_version_are_passed_over(
    cloud: Cloud, terminal: IssuedTerminal, good: dict[str, Any]
) -> None:
    assert (await cloud.authorize(terminal, good | {"hint": "x"})).status == 200


async def test_a_version_that_is_unknown(
    cloud: Cloud, terminal: IssuedTerminal, good: dict[str, Any]
) -> None:
    m1 = messages.encode(messages.AuthenticationRequest(2, terminal.terminal_id))

    answer = await cloud.authorize(terminal, good | {"m1": base64url.encode(m1)})

    assert (answer.status, answer.code) == (422, "version_not_supported")


async def test_every_flipped_byte_is_an_answer_and_no_accident(
    cloud: Cloud, terminal: IssuedTerminal, good: dict[str, Any]
) -> None:
    outcomes = {
        (200, None),
        (403, "token_refused"),
        (404, "not_yours"),
        (422, "malformed"),
        (422, "version_not_supported"),
    }
    seen = set()
    for name in ("m1", "m2"):
        message = base64url.decode(good[name])
        for place in range(len(message)):
            altered = bytearray(message)
            altered[place] ^= 0x02
            answer = await cloud.authorize(
                terminal, good | {name: base64url.encode(bytes(altered))}
            )
            seen.add((answer.status, answer.json.get("code")))

    assert seen == outcomes


async def test_an_unknown_path_or_method_is_a_problem_without_a_code(cloud: Cloud) -> None:
    for method, path, status in [
        ("GET", "/", 404),
        ("GET", "/v1/authorize", 405),
        ("GET", "/health/", 404),
    ]:
        answer = await cloud.call(method, path)

        assert (answer.status, answer.json["status"]) == (status, status)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "code" not in answer.json


# On a bare socket: what no well-behaved client sends.


async def raw_answer(cloud: Cloud, *pieces: bytes) -> Answer:
    """Send these bytes and nothing more, and read until the service hangs up."""
    host, port = cloud.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(30):
            answer = await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Answer(int(status.split()[1]), headers, body)


def head(*lines: str) -> bytes:
    return (
        "\r\n".join(
            ["POST /v1/authorize HTTP/1.1", "Host: cloud", "Content-Type: application/json", *lines]
        ).encode()
        + b"\r\n\r\n"
    )


async def test_a_body_that_is_announced_as_too_long_is_not_awaited(cloud: Cloud) -> None:
    answer = await raw_answer(cloud, head("Content-Length: 16385"))

    assert (answer.status, answer.code) == (413, "too_large")
    assert answer.headers["connection"] == "close"


async def test_a_chunked_body_that_gets_too_long_is_not_read_on(cloud: Cloud) -> None:
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"

    # One byte more than there may be, and no end.
    answer = await raw_answer(
        cloud, head("Transfer-Encoding: chunked"), *[chunk] * 4, b"1\r\nx\r\n"
    )

    assert (answer.status, answer.code) == (413, "too_large")


async def test_a_body_may_have_16_kib(cloud: Cloud, terminal: IssuedTerminal) -> None:
    sizes = (16 * 1024, 16 * 1024 + 1)
    answers = [
        await cloud.call(
            "POST", "/v1/claims", terminal.token, data=b" " * (size - 2) + b"{}", headers=JSON
        )
        for size in sizes
    ]

    assert [answer.code for answer in answers] == ["malformed", "too_large"]


async def test_a_body_that_does_not_arrive_is_not_awaited_for_ever(
    start_cloud: StartCloud, data: Path
) -> None:
    async with start_cloud(data, Settings(body_seconds=0.05, limits=UNLIMITED)) as cloud:
        for pieces in (
            [head("Content-Length: 100"), b'{"m1": '],
            [head("Content-Length: 100")],
            [head("Transfer-Encoding: chunked"), b"5\r\n{"],
        ):
            answer = await raw_answer(cloud, *pieces)

            assert (answer.status, answer.code) == (408, "timeout")


async def test_a_client_that_leaves_in_the_middle_leaves_the_service_well(
    cloud: Cloud, terminal: IssuedTerminal, good: dict[str, Any]
) -> None:
    host, port = cloud.url.removeprefix("http://").split(":")
    for sent in (b"", head("Content-Length: 100"), head("Content-Length: 100") + b"{"):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        await writer.drain()
        writer.transport.abort()

    assert (await cloud.authorize(terminal, good)).status == 200
