"""``serve``: the key service on a socket until it is told to stop."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer
from sqlalchemy.exc import SQLAlchemyError

from cloud_stub.limits import Limits, forget
from cloud_stub.steps import Step
from cloud_stub.store import Store

from .running import DATA, Data, fail, run

METRICS_TOKEN = "SECURE_PAIR_METRICS_TOKEN"  # noqa: S105
_FORGET_SECONDS = 600
_BACKLOG = 2048


def serve(
    *,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8440,
    certificate: Annotated[
        Path | None, typer.Option(help="PEM chain; without one, loopback only.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="PEM private key.")] = None,
    self_signed: Annotated[
        bool, typer.Option("--self-signed", help="Make a certificate at the first start.")
    ] = False,
    name: Annotated[
        list[str] | None, typer.Option(help="What the certificate is for: a name or an address.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Behind one address.")] = 1,
    trusted_proxies: Annotated[
        str | None,
        typer.Option(metavar="NETWORKS", help="Reverse proxies whose X-Forwarded-For is believed."),
    ] = None,
    limits: Annotated[
        float, typer.Option(min=0.01, help="So many times the usual rate limits.")
    ] = 1,
    grant_lifetime: Annotated[
        int,
        typer.Option(
            min=0,
            max=2**32 - 1,
            metavar="SECONDS",
            help="How long a grant lasts, of the device's powered time; 0: no end.",
        ),
    ] = 0,
    steps: Annotated[
        bool, typer.Option("--steps", help="Print each answered step as JSON.")
    ] = False,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option(help="Of the log.")
    ] = "info",
    child: Annotated[int | None, typer.Option(hidden=True)] = None,
    data: Data = DATA,
) -> None:
    """Answer terminals until SIGTERM or SIGINT; the log is on standard error."""
    # Here, since the other commands start twice as fast without them.
    from cloud_stub import certificate as certificates  # noqa: PLC0415
    from cloud_stub import logs  # noqa: PLC0415
    from cloud_stub.server import Certificate, listen, running, url_of  # noqa: PLC0415
    from cloud_stub.settings import Settings  # noqa: PLC0415

    if (certificate is None) != (key is None):
        raise fail("--certificate and --key go together")
    if self_signed and certificate is not None:
        raise fail("--self-signed makes a certificate: it goes without --certificate")
    logs.set_up(log_level)
    settings = Settings(
        limits=Limits().times(limits),
        grant_lifetime=grant_lifetime,
        metrics_token=os.environ.get(METRICS_TOKEN),
    )

    async def served(store: Store) -> None:
        pair = Certificate(certificate, key) if certificate and key else None
        if self_signed:
            pair = certificates.self_signed(data, name or [])
        async with _until_told() as stop:
            if processes > 1 and child is None:
                listener = listen(host, port, in_the_clear=pair is None)
                # From now on clients may come: they wait until a process has started.
                listener.listen(_BACKLOG)
                _announce(url_of(listener, secure=pair is not None), pair)
                from cloud_stub.supervisor import supervise  # noqa: PLC0415

                # Its own connections are of no use any more.
                await store.database.close()
                again = [*_own_arguments(), "--child"]
                await supervise(listener, again, processes, stop)
                listener.close()
                return
            from cloud_stub.app import create_app  # noqa: PLC0415
            from cloud_stub.supervisor import parent_gone  # noqa: PLC0415

            application = create_app(store, settings, _print_step if steps else None)
            async with running(
                application,
                host=host,
                port=port,
                certificate=pair,
                trusted_proxies=trusted_proxies,
                listener=None if child is None else socket.socket(fileno=child),
            ) as url:
                aside = [asyncio.create_task(_forget_now_and_then(store))]
                if child is None:
                    _announce(url, pair)
                else:
                    aside.append(asyncio.create_task(parent_gone(stop)))
                await stop.wait()
                for task in aside:
                    task.cancel()
                await asyncio.wait(aside)

    def _announce(url: str, pair: Certificate | None) -> None:
        if self_signed and pair is not None:
            print(f"certificate SHA-256 {certificates.fingerprint(pair)}", flush=True)  # noqa: T201
        print(f"listening on {url}", flush=True)  # noqa: T201

    run(data, served)


@asynccontextmanager
async def _until_told() -> AsyncIterator[asyncio.Event]:
    """Yield what is set when the process is told to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _forget_now_and_then(store: Store) -> None:
    while True:
        await asyncio.sleep(_FORGET_SECONDS)
        with contextlib.suppress(SQLAlchemyError, OSError):
            await forget(store)


def _own_arguments() -> list[str]:
    """Return what this command was called with, as another process's arguments."""
    return sys.argv[sys.argv.index("serve") :]


def _print_step(step: Step) -> None:
    fields = {name: value for name, value in asdict(step).items() if value is not None}
    try:
        print(json.dumps(fields), flush=True)  # noqa: T201
    except OSError:
        # Whoever read the steps has gone; that is no reason to refuse a terminal.
        return
