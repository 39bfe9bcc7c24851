"""``serve`` as an operator runs it: processes of their own, TLS, and how they end."""

import asyncio
import json
import os
import re
import signal
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from cloud_stub import audit, logs
from cloud_stub.accounts import IssuedTerminal
from cloud_stub.app import create_app
from cloud_stub.certificate import fingerprint, self_signed
from cloud_stub.postgresql import VARIABLE as DATABASE_VARIABLE
from cloud_stub.server import running
from cloud_stub.store import open_store

from .conftest import Cloud, MadeDevice, Negotiation, StartCloud
from .test_cli import line, process


@dataclass(frozen=True)
class World:
    """What was there before the service was started."""

    terminal: IssuedTerminal
    lock: MadeDevice


async def prepared(data: Path, url: str | None = None) -> World:
    """Make a terminal and its device."""
    async with open_store(data, database_url=url) as store:
        cloud = Cloud(store, "", None)  # type: ignore[arg-type]
        terminal = await cloud.terminal("anna")
        return World(terminal, await cloud.device("2867fa12a3d8"))


@asynccontextmanager
async def serving(
    data: Path, *options: str
) -> AsyncGenerator[tuple[asyncio.subprocess.Process, Cloud]]:
    async with process("serve", "--port", "0", *options, "--data", str(data)) as child:
        announced = await line(child)
        async with aiohttp.ClientSession() as http:
            url = announced.removeprefix("listening on ")
            yield child, Cloud(None, url, http)  # type: ignore[arg-type]


async def uses(data: Path, url: str | None) -> int:
    async with open_store(data, database_url=url) as store:
        kept = await audit.entries(store, None, limit=100_000)
    return sum(entry.action == "authorize" and entry.outcome == "ok" for entry in kept)


@pytest.mark.parametrize(
    ("database_url", "processes", "number"),
    [("sqlite", "1", signal.SIGKILL), ("postgresql", "2", signal.SIGTERM)],
    indirect=["database_url"],
)
async def test_what_was_answered_is_in_the_audit_however_it_ends(
    data: Path,
    database_url: str | None,
    processes: str,
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = await prepared(data, database_url)
    if database_url is not None:
        monkeypatch.setenv(DATABASE_VARIABLE, database_url)
    answered: list[int] = []

    async with serving(data, "--processes", processes) as (child, cloud):
        await cloud.claim(world.terminal, world.lock)
        body = Negotiation(world.lock, world.terminal.terminal_id).body()

        async def ask() -> None:
            while True:
                try:
                    answered.append((await cloud.authorize(world.terminal, body)).status)
                except aiohttp.ClientError:
                    return

        asking = [asyncio.create_task(ask()) for _ in range(8)]
        async with asyncio.timeout(20):
            while len(answered) < 60:
                await asyncio.sleep(0.01)
            child.send_signal(number)
            _, errors = await child.communicate()
            await asyncio.gather(*asking)

    assert set(answered) <= {200, 429}
    acknowledged = answered.count(200)
    assert acknowledged >= 60
    kept = await uses(data, database_url)
    if number is signal.SIGKILL:
        # What was written and not yet answered is no loss: one of each that asked.
        assert acknowledged <= kept <= acknowledged + len(asking)
    else:
        assert child.returncode == 0
        assert kept == acknowledged
        logged = [json.loads(text) for text in errors.splitlines()]
        assert [entry["status"] for entry in logged if entry["route"] == "/v1/authorize"].count(
            200
        ) == acknowledged


async def test_processes_count_together_are_replaced_and_none_stays_behind(data: Path) -> None:
    world = await prepared(data)

    def children(parent: int) -> list[int]:
        path = Path(f"/proc/{parent}/task/{parent}/children")
        return [int(number) for number in path.read_text().split()]

    async def two() -> list[int]:
        async with asyncio.timeout(15):
            while len(found := children(child.pid)) < 2:
                await asyncio.sleep(0.05)
        return found

    async with serving(data, "--processes", "2") as (child, cloud):
        first = await two()
        for _ in range(20):
            # Each on a connection of its own, so that both processes get some.
            async with aiohttp.ClientSession() as http:
                await Cloud(cloud.store, cloud.url, http).call(
                    "GET", "/v1/terminal", world.terminal.token
                )
        text = (await cloud.call("GET", "/metrics")).body.decode()
        sample = 'secure_pair_requests_total{method="GET",route="/v1/terminal",status="200"}'
        assert f"{sample} 20.0" in text

        os.kill(first[0], signal.SIGKILL)
        async with asyncio.timeout(15):
            while children(child.pid) == first:
                await asyncio.sleep(0.05)
        second = await two()
        assert second != first
        assert (await cloud.call("GET", "/ready")).status == 200
        # Not even time to tell them.
        child.kill()
        await child.wait()
        async with asyncio.timeout(15):
            while any(Path(f"/proc/{number}/cmdline").exists() for number in second):
                await asyncio.sleep(0.05)


async def test_a_certificate_is_made_once_and_its_fingerprint_shown(data: Path) -> None:
    options = ("--self-signed", "--name", "keys.example", "--host", "0.0.0.0", "--port", "0")
    async with process("serve", *options, "--data", str(data)) as running_one:
        shown = (await line(running_one)).removeprefix("certificate SHA-256 ")
        url = (
            (await line(running_one)).removeprefix("listening on ").replace("0.0.0.0", "127.0.0.1")
        )
        pinned = aiohttp.Fingerprint(bytes.fromhex(shown.replace(":", "")))
        trusting = ssl.create_default_context(cafile=str(data / "tls.pem"))
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{url}/ready", ssl=pinned) as answer:
                assert answer.status == 200
            async with http.get(
                f"{url}/ready", ssl=trusting, server_hostname="keys.example"
            ) as answer:
                assert answer.status == 200

    assert re.fullmatch("([0-9A-F]{2}:){31}[0-9A-F]{2}", shown)
    assert (data / "tls.key").stat().st_mode & 0o777 == 0o600
    # At the next start it is the same: clients have pinned it.
    assert fingerprint(self_signed(data, ["another.example"])) == shown


async def test_the_log_is_json_and_says_what_happened_without_a_secret(
    start_cloud: StartCloud, data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with start_cloud(data) as cloud:
        terminal = await cloud.terminal("anna")
        lock = await cloud.device("2867fa12a3d8")
        capfd.readouterr()
        logs.set_up("info")
        await cloud.claim(terminal, lock, bytes(32))
        await cloud.claim(terminal, lock)
        answer = await cloud.authorize(terminal, Negotiation(lock, terminal.terminal_id).body())
        await cloud.call("GET", f"/{terminal.token.reveal().decode()}")
        await cloud.call("GET", "/v1/terminal", f"Bearer {'spt_' + 'x' * 43}")
    text = capfd.readouterr().err

    lines = [json.loads(written) for written in text.splitlines()]
    assert [(entry["route"], entry["status"], entry.get("code")) for entry in lines] == [
        ("/v1/claims", 404, "claim_refused"),
        ("/v1/claims", 200, None),
        ("/v1/authorize", 200, None),
        ("-", 404, None),
        ("/v1/terminal", 401, "token_refused"),
    ]
    assert (lines[2]["device"], lines[2]["account"]) == (lock.device_id, "anna")
    for secret in (
        terminal.token.reveal().decode(),
        "x" * 43,
        answer.json["ticket_key"],
        lock.claim()["claim_proof"],
        str(lock.row()["initial_key"]),
    ):
        assert secret not in text


@pytest.mark.parametrize(
    ("trusted", "address"), [(None, "127.0.0.1"), ("127.0.0.0/8", "203.0.113.9")]
)
async def test_behind_a_proxy_the_audit_has_the_clients_address(
    data: Path, trusted: str | None, address: str
) -> None:
    # What the client itself wrote in front is not believed.
    forged = {"X-Forwarded-For": "198.51.100.7, 203.0.113.9"}
    async with (
        open_store(data) as store,
        running(create_app(store), trusted_proxies=trusted) as url,
        aiohttp.ClientSession() as http,
    ):
        cloud = Cloud(store, url, http)
        anna = await cloud.terminal("anna")
        lock = await cloud.device("lock")
        await cloud.call("POST", "/v1/claims", anna.token, json=lock.claim(), headers=forged)
        (claimed, *_) = await audit.entries(store, None)

    assert (claimed.action, claimed.address) == ("claim", address)
