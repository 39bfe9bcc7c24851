"""``device``: add, import, export, seal, assign, release."""

import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from cloud_stub import devices, ownership, production, transfer
from cloud_stub.errors import OperatorError
from cloud_stub.registration import Registration, parse_registration
from cloud_stub.store import Store

from .running import DATA, Data, bar, console, errors, fail, run

_BAR_STEP = 64 * 1024
"""After how many bytes the bar moves."""

device = typer.Typer(help="Devices: each is registered once.", no_args_is_help=True)

DeviceId = Annotated[str, typer.Argument(metavar="DEVICE", help="The device's id.")]
TransferKey = Annotated[
    Path | None, typer.Option("--transfer-key", help="A file with the key of sealed CSV.")
]

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
    *,
    file: Annotated[
        typer.FileBinaryRead,
        typer.Argument(help="Sealed CSV, or a registration row a line; - is standard input."),
    ],
    key: TransferKey = None,
    whole: Annotated[
        bool, typer.Option("--all-or-nothing", help="Write nothing if any row is wrong.")
    ] = False,
    data: Data = DATA,
) -> None:
    """Register many devices; a wrong row is reported, and the others go on."""

    async def imported(store: Store) -> production.Outcome:
        secret = transfer.transfer_key(key, create=False) if key is not None else None
        with _bar(file) as lines:
            return await production.import_devices(
                store, transfer.read_rows(lines, secret), _report, whole=whole
            )

    outcome = run(data, imported)
    unchanged = f", {outcome.unchanged} there already" if outcome.unchanged else ""
    console.print(f"{outcome.added} added{unchanged}, {outcome.refused} refused")
    if outcome.refused:
        if whole:
            console.print("nothing was written")
        raise typer.Exit(1)


@device.command("export")
def export_devices(
    *,
    file: Annotated[Path, typer.Argument(help="A file that is not there yet.")],
    key: Annotated[
        Path, typer.Option("--transfer-key", help="A file with the key; made if missing.")
    ],
    data: Data = DATA,
) -> None:
    """Write every device into a CSV file, sealed for another key service.

    Who owns them is not in it: there they are claimed again.
    """

    async def exported(store: Store) -> int:
        secret = transfer.transfer_key(key, create=True)
        count = 0
        with bar() as progress:
            task = progress.add_task("exporting", total=await devices.count(store))
            with _new_file(file) as out:
                async for page in devices.pages(store):
                    for line in transfer.write_rows(page, secret, header=count == 0):
                        out.write(line)
                    count += len(page)
                    progress.update(task, completed=count)
                if count == 0:
                    out.writelines(transfer.write_rows([], secret))
        await production.record_export(store)
        return count

    console.print(f"{run(data, exported)} devices written to {file}")


@device.command("seal")
def seal_rows(
    *,
    rows: Annotated[
        typer.FileBinaryRead, typer.Argument(help="Registration rows; - is standard input.")
    ],
    file: Annotated[Path, typer.Argument(help="A file that is not there yet.")],
    key: Annotated[
        Path, typer.Option("--transfer-key", help="A file with the key; made if missing.")
    ],
) -> None:
    """Turn registration rows into sealed CSV: where devices are made, without a service."""
    try:
        secret = transfer.transfer_key(key, create=True)
        refused = 0

        def right() -> Iterator[Registration]:
            nonlocal refused
            for line, parsed in transfer.read_rows(rows, None):
                if isinstance(parsed, Registration):
                    yield parsed
                else:
                    _report(line, parsed)
                    refused += 1

        with _new_file(file) as out:
            out.writelines(transfer.write_rows(right(), secret))
    except OperatorError as error:
        raise fail(str(error)) from None
    console.print(f"sealed into {file}, {refused} refused")
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


@contextmanager
def _bar(file: typer.FileBinaryRead) -> Generator[Iterator[bytes]]:
    """Show how much of a file was read, if it is one."""
    size = os.fstat(file.fileno()).st_size if file.seekable() else None
    with bar() as progress:
        task = progress.add_task("importing", total=size)

        def lines() -> Iterator[bytes]:
            read = shown = 0
            # Of a line that has no end only a piece is held at a time.
            while line := file.readline(transfer.LINE_LIMIT + 1):
                read += len(line)
                if read - shown > _BAR_STEP:
                    progress.update(task, completed=read)
                    shown = read
                yield line

        yield lines()


@contextmanager
def _new_file(path: Path) -> Generator[TextIO]:
    """Write a file that only its owner reads, whole or not at all; raises OperatorError."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    if path.exists():
        raise OperatorError(f"{path} exists already")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
                yield out
                out.flush()
                os.fsync(descriptor)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror}") from error


def _report(line: int, reason: str) -> None:
    errors.print(f"line {line}: {reason}")
