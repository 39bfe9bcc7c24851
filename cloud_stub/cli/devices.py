"""``device add``, ``device import``, ``device assign``, ``device release``."""

import json
from itertools import batched
from typing import Annotated

import typer

from cloud_stub import devices, ownership
from cloud_stub.errors import OperatorError
from cloud_stub.registration import Registration, parse_registration
from cloud_stub.store import Store

from .running import DATA, Data, console, errors, fail, run

_BATCH = 256
"""Rows in one transaction of an import: short enough for claims to get in between."""

device = typer.Typer(help="Devices: each is registered once.", no_args_is_help=True)

DeviceId = Annotated[str, typer.Argument(metavar="DEVICE", help="The device's id.")]

# An id may begin with a dash, and is no option then.
_ID_FIRST = {"ignore_unknown_options": True}


@device.command("add")
def add_device(
    *,
    registration: Annotated[
        typer.FileBinaryRead | None,
        typer.Option(help="A registration row, JSON; - is standard input."),
    ] = None,
    device_id: Annotated[str | None, typer.Option(help="1 to 64 ASCII.")] = None,
    initial_key: Annotated[
        typer.FileText | None,
        typer.Option(help="A file with the key as base64url; - is standard input."),
    ] = None,
    claim_hash: Annotated[
        str | None, typer.Option(help="As base64url; none: a device without a label.")
    ] = None,
    model: Annotated[str, typer.Option(help="What the device is.")] = "",
    data: Data = DATA,
) -> None:
    """Register one device: from its registration row, or from the other options."""
    if registration is not None:
        row = registration.read()
    elif device_id is not None and initial_key is not None:
        # The key itself is no option: every process may read a command line.
        fields = {
            "device_id": device_id,
            "initial_key": initial_key.read().strip(),
            "claim_hash": claim_hash,
            "model": model,
        }
        row = json.dumps(fields).encode()
    else:
        raise fail("give --registration, or --device-id and --initial-key")
    try:
        parsed = parse_registration(row)
    except OperatorError as error:
        raise fail(str(error)) from None
    run(data, lambda store: devices.add_device(store, parsed))
    console.print(f"device {parsed.device_id} added")


@device.command("import")
def import_devices(
    file: Annotated[
        typer.FileBinaryRead,
        typer.Argument(help="A registration row a line; - is standard input."),
    ],
    data: Data = DATA,
) -> None:
    """Register many devices; a wrong row is reported, and the others go on."""
    added, refused = run(data, lambda store: _import(store, file))
    console.print(f"{added} added, {refused} refused")
    if refused:
        raise typer.Exit(1)


@device.command("assign", context_settings=_ID_FIRST)
def assign_device(
    device_id: DeviceId,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT")],
    data: Data = DATA,
) -> None:
    """Give a device that has no label to an account."""
    run(data, lambda store: ownership.assign(store, device_id, account))
    console.print(f"device {device_id} assigned to {account}")


@device.command("release", context_settings=_ID_FIRST)
def release_device(device_id: DeviceId, data: Data = DATA) -> None:
    """Take a device from its owner, so that another account can have it."""
    run(data, lambda store: ownership.release(store, device_id))
    console.print(f"device {device_id} released")


async def _import(store: Store, file: typer.FileBinaryRead) -> tuple[int, int]:
    """Register the rows of a file; return how many were added and refused."""
    added = refused = 0
    lines = ((line, text) for line, text in enumerate(file, start=1) if text.strip())
    for batch in batched(lines, _BATCH, strict=False):
        rows: dict[int, Registration] = {}
        wrong: dict[int, str] = {}
        for line, text in batch:
            try:
                rows[line] = parse_registration(text)
            except OperatorError as error:
                wrong[line] = str(error)
        numbers = list(rows)
        for place in await devices.add_devices(store, list(rows.values())):
            line = numbers[place]
            wrong[line] = f"there is a device {rows[line].device_id} already"
        for line, reason in sorted(wrong.items()):
            errors.print(f"line {line}: {reason}")
        added += len(batch) - len(wrong)
        refused += len(wrong)
    return added, refused
