"""The operator's commands: ``python -m cloud_stub --help``."""

import typer

from . import accounts, audit, devices, serve, state

app = typer.Typer(
    help="The key service of Secure Pair: who may pair with which device.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with the values in it would show keys and tokens.
    pretty_exceptions_show_locals=False,
)
app.command("serve")(serve.serve)
app.command("audit")(audit.show)
app.command("backup")(state.make_backup)
app.command("restore")(state.restore_backup)
app.command("raise-epochs")(state.raise_epochs)
app.command("rotate-master-key")(state.rotate_master_key)
app.add_typer(accounts.account, name="account")
app.add_typer(accounts.terminal, name="terminal")
app.add_typer(devices.device, name="device")
