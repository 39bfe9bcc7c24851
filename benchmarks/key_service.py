"""Authorizations per second and their latency, beside the same server's empty answer.

    .venv/bin/python benchmarks/key_service.py [--seconds 5] [--clients 16] [--quick]

One process and several, on SQLite and on PostgreSQL, durable as in earnest (fsync is on).
The clients are one process of their own; on a machine of few cores they take their share.
At the end a service is killed with SIGKILL under load, and what was acknowledged is counted
again in the audit.
"""

import argparse
import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cloud_stub import audit  # noqa: E402
from cloud_stub.accounts import (  # noqa: E402
    add_account,
    add_terminal,
    authenticate,
)
from cloud_stub.devices import add_device  # noqa: E402
from cloud_stub.ownership import claim  # noqa: E402
from cloud_stub.registration import Registration  # noqa: E402
from cloud_stub.store import open_store  # noqa: E402
from secure_pair_protocol.secret import Secret  # noqa: E402
from tests.cloud_stub.conftest import MadeDevice, Negotiation  # noqa: E402
from tests.cloud_stub.postgres import cluster  # noqa: E402


@dataclass(frozen=True)
class Client:
    """A terminal of an account of its own, so that no limit is met."""

    token: str
    body: dict[str, str]


async def prepare(data: Path, url: str | None, count: int) -> list[Client]:
    """Make accounts, terminals and devices that they own."""
    clients = []
    async with open_store(data, database_url=url) as store:
        for number in range(count):
            await add_account(store, f"account {number}")
            issued = await add_terminal(store, f"account {number}")
            made = MadeDevice(f"{number:012x}")
            await add_device(store, Registration.model_validate(made.row()))
            calling = await authenticate(store, issued.token)
            assert calling is not None
            await claim(store, calling, made.device_id, Secret(made.claim_proof))
            body = Negotiation(made, issued.terminal_id).body()
            clients.append(Client(issued.token.reveal().decode(), body))
    return clients


@asynccontextmanager
async def serving(
    data: Path, url: str | None, processes: int
) -> AsyncGenerator[tuple[asyncio.subprocess.Process, str]]:
    """Run the service as its operator would, without limits and without a log."""
    environment = os.environ | ({"SECURE_PAIR_DATABASE": url} if url else {})
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cloud_stub", "serve", "--port", "0", "--processes", str(processes)),
        # Nobody is to be slowed down here; the limits are counted all the same.
        *("--limits", "100000", "--log-level", "error", "--data", str(data)),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    assert running.stdout is not None
    try:
        announced = (await running.stdout.readline()).decode().strip()
        yield running, announced.removeprefix("listening on ")
    finally:
        if running.returncode is None:
            running.terminate()
            await running.wait()


async def ask(
    url: str, clients: list[Client], seconds: float, *, empty: bool
) -> tuple[list[float], int]:
    """Ask without a pause, each client one request at a time.

    Return the latencies of what was answered in ms, and how many answers were not 200.
    """
    latencies: list[float] = []
    others = 0
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        end = time.perf_counter() + seconds

        async def one(client: Client) -> None:
            nonlocal others
            headers = {"Authorization": f"Bearer {client.token}"}
            while (start := time.perf_counter()) < end:
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
                if answer.status == 200:  # noqa: PLR2004
                    latencies.append((time.perf_counter() - start) * 1000)
                else:
                    others += 1

        await asyncio.gather(*(one(client) for client in clients))
    return latencies, others


def show(name: str, latencies: list[float], seconds: float, others: int) -> None:
    """Print a line of the table."""
    if not latencies:
        print(f"{name:<34} no answer")
        return
    cuts = statistics.quantiles(latencies, n=100)
    print(
        f"{name:<34} {len(latencies) / seconds:9.0f} {cuts[49]:8.1f} {cuts[94]:8.1f}"
        f" {cuts[98]:8.1f} {others:7}",
        flush=True,
    )


async def measure(name: str, folder: Path, url: str | None, arguments: argparse.Namespace) -> int:
    """Print the lines of one database; return how many acknowledged writes were lost."""
    data = folder / "state"
    clients = await prepare(data, url, arguments.clients)
    for processes in (1, arguments.processes):
        async with serving(data, url, processes) as (_, address):
            await ask(address, clients, 1, empty=True)
            for what, empty in (("empty answer", True), ("authorize", False)):
                latencies, others = await ask(address, clients, arguments.seconds, empty=empty)
                title = f"{name}, {processes} process{'es' * (processes > 1)}: {what}"
                show(title, latencies, arguments.seconds, others)
    before = await count(data, url)
    async with serving(data, url, 1) as (running, address):
        asking = asyncio.create_task(ask(address, clients, arguments.seconds, empty=False))
        await asyncio.sleep(arguments.seconds / 2)
        running.send_signal(signal.SIGKILL)
        latencies, _ = await asking
        await running.wait()
    kept = await count(data, url) - before
    lost = max(0, len(latencies) - kept)
    print(
        f"{name}, killed with SIGKILL under load: {len(latencies)} acknowledged,"
        f" {kept} in the audit, {lost} lost"
    )
    return lost


async def count(data: Path, url: str | None) -> int:
    """Return how many authorizations the audit has."""
    found = 0
    before: int | None = None
    async with open_store(data, database_url=url) as store:
        while page := await audit.entries(store, None, before=before, limit=5000):
            found += sum(entry.action == "authorize" for entry in page)
            before = page[-1].entry_id
    return found


async def main() -> int:
    """Measure both databases."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--processes", type=int, default=max(2, min(4, os.cpu_count() or 2)))
    parser.add_argument("--quick", action="store_true", help="a second each")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seconds = 1
    print(f"{os.cpu_count()} cores, {arguments.clients} clients, {arguments.seconds:g} s each")
    print(f"{'':<34} {'answers/s':>9} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'not 200':>7}")
    with ExitStack() as stack:
        folders = [
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="secure-pair-bench-")))
            for _ in range(2)
        ]
        lost = await measure("SQLite", folders[0], None, arguments)
        server = stack.enter_context(cluster(durable=True))
        url = server.url(await server.database())
        lost += await measure("PostgreSQL", folders[1], url, arguments)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
