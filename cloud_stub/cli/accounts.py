"""``account add``, ``account key``, ``terminal add``, ``terminal revoke``."""

import json
from typing import Annotated

import typer

from cloud_stub import accounts
from cloud_stub.store import Store
from secure_pair_protocol import base64url
from secure_pair_protocol.secret import Secret

from .running import DATA, Data, console, fail, run

account = typer.Typer(help="Accounts: who owns devices.", no_args_is_help=True)
terminal = typer.Typer(help="Terminals: what acts for an account.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]


@account.command("add")
def add_account(
    *,
    name: Annotated[str, typer.Argument(help="A name that no account has yet.")],
    as_json: AsJson = False,
    data: Data = DATA,
) -> None:
    """Make an account, and issue its key, which is shown this once."""

    async def added(store: Store) -> Secret:
        await accounts.add_account(store, name)
        return await accounts.issue_account_key(store, name)

    key = run(data, added)
    if not as_json:
        console.print(f"account {name} added")
    _show_key(name, key, as_json=as_json)


@account.command("key")
def issue_key(
    *,
    name: Annotated[str, typer.Argument(metavar="ACCOUNT")],
    as_json: AsJson = False,
    data: Data = DATA,
) -> None:
    """Issue another account key; the last one is refused from now on."""
    key = run(data, lambda store: accounts.issue_account_key(store, name))
    _show_key(name, key, as_json=as_json)


@terminal.command("add")
def add_terminal(
    *,
    account_name: Annotated[str, typer.Argument(metavar="ACCOUNT")],
    name: Annotated[str, typer.Option(help="How the owner knows it.")] = "Home Assistant",
    as_json: AsJson = False,
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


def _show_key(name: str, key: Secret, *, as_json: bool) -> None:
    text = key.reveal().decode()
    if as_json:
        typer.echo(json.dumps({"account": name, "account_key": text}))
        return
    console.print(f"account key  {text}", style="bold")
    console.print("The key is shown this once: the service keeps only its hash.")
