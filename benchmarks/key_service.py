"""The key service under load, beside the same server's empty answer.

Durable as in earnest: fsync is on. The clients are this process; on a machine of few cores
they take their share. At the end a service is killed with SIGKILL under load, and what was
acknowledged is counted again in the audit.
"""

import asyncio
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from cloud_stub import audit
from cloud_stub.accounts import add_account, add_terminal, find_terminal
from cloud_stub.devices import add_device
from cloud_stub.ownership import claim
from cloud_stub.registration import Registration
from cloud_stub.store import open_store
from secure_pair_protocol.secret import Secret
from tests.cloud_stub.conftest import MadeDevice, Negotiation
from tests.cloud_stub.postgres import cluster

from .measuring import Effort, Row, Sample, in_turns
from .serving import serving

CLIENTS = 16
SECONDS = 1.0


@dataclass(frozen=True)
class Client:
    """A terminal of an account of its own, so that no limit is met."""

    token: str
    body: dict[str, str]


async def measure(effort: Effort) -> list[Row]:
    """Ask one process and several, on SQLite and on PostgreSQL."""
    with ExitStack() as stack:
        folders = [
            Path(stack.enter_context(TemporaryDirectory(prefix="secure-pair-bench-")))
            for _ in range(2)
        ]
        server = stack.enter_context(cluster(durable=True))
        url = server.url(await server.database())
        return [
            *await _measure("SQLite", folders[0], None, effort),
            *await _measure("PostgreSQL", folders[1], url, effort),
        ]


async def _measure(name: str, folder: Path, url: str | None, effort: Effort) -> list[Row]:
    data, rows = folder / "state", []
    clients = await _prepare(data, url)
    for processes in (1, 2):
        async with serving(data, url, processes) as (_, address):
            seconds = SECONDS / 5 if effort.quick else SECONDS
            rows.append(
                await in_turns(
                    f"authorization, {name}, {processes} process{'es' * (processes > 1)}",
                    _sample(address, clients, seconds, empty=False),
                    {"empty answer": _sample(address, clients, seconds, empty=True)},
                    counts=f"wall time by answers, {CLIENTS} clients that ask without a pause;"
                    " beside GET /health of the same server",
                    unit="ms",
                    aim=0.1,
                    effort=effort,
                    rounds=10,
                )
            )
    await _kill(data, url, clients)
    return rows


async def _prepare(data: Path, url: str | None) -> list[Client]:
    """Make accounts, terminals and devices that they own."""
    clients = []
    async with open_store(data, database_url=url) as store:
        for number in range(CLIENTS):
            await add_account(store, f"account {number}")
            issued = await add_terminal(store, f"account {number}")
            made = MadeDevice(f"{number:012x}")
            await add_device(store, Registration.model_validate(made.row()))
            calling = await store.database.read(
                partial(find_terminal, token=issued.token, address=None)
            )
            assert calling is not None
            proof = Secret(made.claim_proof)
            claiming = partial(
                claim, store=store, terminal=calling, device_id=made.device_id, proof=proof
            )
            await store.database.write(claiming)
            body = Negotiation(made, issued.terminal_id).body()
            clients.append(Client(issued.token.reveal().decode(), body))
    return clients


def _sample(url: str, clients: list[Client], seconds: float, *, empty: bool) -> Sample:
    async def sample() -> float:
        start = time.perf_counter()
        answers = await _ask(url, clients, seconds, empty=empty)
        return (time.perf_counter() - start) * 1e3 / answers

    return sample


async def _ask(url: str, clients: list[Client], seconds: float, *, empty: bool) -> int:
    """Ask without a pause, each client one request at a time; return how many were answered."""
    answers = 0
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        end = time.perf_counter() + seconds

        async def one(client: Client) -> None:
            nonlocal answers
            headers = {"Authorization": f"Bearer {client.token}"}
            while time.perf_counter() < end:
                try:
                    if empty:
                        request = http.get(f"{url}/health")
                    else:
                        request = http.post(
                            f"{url}/v1/authorize", json=client.body, headers=headers
                        )
                    async with request as answer:
                        await answer.read()
                except aiohttp.ClientError:
                    return
                answer.raise_for_status()
                answers += 1

        await asyncio.gather(*(one(client) for client in clients))
    return answers


async def _kill(data: Path, url: str | None, clients: list[Client]) -> None:
    """Kill a service under load: what it has acknowledged is in the audit."""
    before = await _count(data, url)
    async with serving(data, url, 1) as (running, address):
        asking = asyncio.create_task(_ask(address, clients, SECONDS, empty=False))
        await asyncio.sleep(SECONDS / 2)
        running.send_signal(signal.SIGKILL)
        acknowledged = await asking
        await running.wait()
    kept = await _count(data, url) - before
    assert kept >= acknowledged > 0, f"{acknowledged} were acknowledged, {kept} are kept"


async def _count(data: Path, url: str | None) -> int:
    """Return how many authorizations the audit has."""
    found = 0
    before: int | None = None
    async with open_store(data, database_url=url) as store:
        while page := await audit.entries(store, None, before=before, limit=5000):
            found += sum(entry.action == "authorize" for entry in page)
            before = page[-1].entry_id
    return found
