"""How a command runs: on the state directory, with refusals as one line and exit 1."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from sqlalchemy.exc import DBAPIError

from cloud_stub.errors import OperatorError
from cloud_stub.store import Store, open_store

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Where the master key and the database are. SECURE_PAIR_DATABASE names "
        "another database: postgresql://user:password@host/name.",
    ),
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

    return attempt(opened())


def attempt[T](work: Coroutine[object, object, T]) -> T:
    """Run to the end what may be refused; exits 1 then."""
    try:
        return asyncio.run(work)
    except OperatorError as error:
        raise fail(str(error)) from None
    except DBAPIError as error:
        raise fail(f"database trouble: {error.orig}") from None
    except OSError as error:
        raise fail(f"trouble: {error}") from None


def bar() -> Progress:
    """Return a progress bar for whoever sits at a terminal."""
    return Progress(console=errors, transient=True, disable=not errors.is_terminal)


def fail(reason: str) -> typer.Exit:
    """Say why a command cannot be carried out; return what to raise."""
    errors.print(f"error: {reason}", style="red")
    return typer.Exit(1)
