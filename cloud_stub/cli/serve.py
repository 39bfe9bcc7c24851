"""``serve``: the key service on a socket until it is told to stop."""

import asyncio
import json
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cloud_stub.app import create_app
from cloud_stub.server import Certificate, running
from cloud_stub.settings import Settings
from cloud_stub.steps import Step
from cloud_stub.store import Store

from .running import DATA, Data, fail, run


def serve(
    *,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8440,
    certificate: Annotated[
        Path | None, typer.Option(help="PEM chain; without it, loopback only.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="PEM private key.")] = None,
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
    data: Data = DATA,
) -> None:
    """Answer terminals until SIGTERM or SIGINT."""
    if (certificate is None) != (key is None):
        raise fail("--certificate and --key go together")
    pair = Certificate(certificate, key) if certificate and key else None
    settings = Settings(grant_lifetime=grant_lifetime)

    async def served(store: Store) -> None:
        application = create_app(store, settings, _print_step if steps else None)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with running(application, host=host, port=port, certificate=pair) as url:
            print(f"listening on {url}", flush=True)  # noqa: T201
            await stop.wait()

    run(data, served)


def _print_step(step: Step) -> None:
    fields = {name: value for name, value in asdict(step).items() if value is not None}
    try:
        print(json.dumps(fields), flush=True)  # noqa: T201
    except OSError:
        # Whoever read the steps has gone; that is no reason to refuse a terminal.
        return
