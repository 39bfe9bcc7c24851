"""``account add``, ``terminal add``, ``terminal revoke``."""

import json
from typing import Annotated

import typer

from cloud_stub import accounts, base64url

from .running import DATA, Data, console, fail, run

account = typer.Typer(help="Accounts: who owns devices.", no_args_is_help=True)
terminal = typer.Typer(help="Terminals: what acts for an account.", no_args_is_help=True)


@account.command("add")
def add_account(
    name: Annotated[str, typer.Argument(help="A name that no account has yet.")],
    data: Data = DATA,
) -> None:
    """Make an account."""
    run(data, lambda store: accounts.add_account(store, name))
    console.print(f"account {name} added")


@terminal.command("add")
def add_terminal(
    *,
    account_name: Annotated[str, typer.Argument(metavar="ACCOUNT")],
    name: Annotated[str, typer.Option(help="How the owner knows it.")] = "Home Assistant",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")] = False,
    data: Data = DATA,
) -> None:
    """Issue a terminal id and its token, which is shown this once."""
    issued = run(data, lambda store: accounts.add_terminal(store, account_name, name))
    terminal_id = base64url.encode(issued.terminal_id)
    token = issued.token.reveal().decode()
    if as_json:
        typer.echo(json.dumps({"terminal_id": terminal_id, "token": token}))
        return
    console.print(f"terminal  {terminal_id}")
    console.print(f"token     {token}", style="bold")
    console.print("The token is shown this once: the service keeps only its hash.")


# An id may begin with a dash, and is no option then.
@terminal.command("revoke", context_settings={"ignore_unknown_options": True})
def revoke_terminal(
    terminal_id: Annotated[str, typer.Argument(help="As `terminal add` showed it.")],
    data: Data = DATA,
) -> None:
    """Refuse a terminal's token from now on."""
    try:
        raw = base64url.decode(terminal_id)
    except ValueError as error:
        raise fail(f"a terminal id is {error}: {terminal_id}") from None
    run(data, lambda store: accounts.revoke_terminal(store, raw))
    console.print(f"terminal {terminal_id} revoked")
