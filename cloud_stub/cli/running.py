"""How a command runs: on the state directory, with refusals as one line and exit 1."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from cloud_stub.errors import OperatorError
from cloud_stub.store import Store, open_store

Data = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", help="Where the database and the master key are."),
]
DATA = Path(".secure_pair_cloud")

# Names and ids are printed as they are.
console = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
errors = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def run[T](data: Path, command: Callable[[Store], Awaitable[T]]) -> T:
    """Run a command on the opened state directory; exits 1 where it is refused."""

    async def opened() -> T:
        async with open_store(data) as store:
            return await command(store)

    try:
        return asyncio.run(opened())
    except OperatorError as error:
        raise fail(str(error)) from None
    except DBAPIError as error:
        raise fail(f"database trouble: {error.orig}") from None


def fail(reason: str) -> typer.Exit:
    """Say why a command cannot be carried out; return what to raise."""
    errors.print(f"error: {reason}", style="red")
    return typer.Exit(1)
