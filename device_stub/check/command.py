"""`python -m device_stub check`: what a maker types."""

import asyncio
import json
import signal
from collections.abc import Awaitable
from enum import IntEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Raw
from rich.console import Console

from secure_pair_protocol.errors import SecurePairError
from secure_pair_protocol.keys import EMPTY_PAIRING_SECRET
from secure_pair_protocol.label import SetupCode, parse_setup_code
from secure_pair_protocol.secret import Secret

from ..factory import DeviceFileError, FactoryData, read_device_file
from .authority import Authority, KeyService, Maker
from .bench import Bench, Wish
from .errors import CannotCheckError, FoundError
from .line import Line
from .report import Report
from .run import findings

WARNING = (
    "This pairs a terminal with the device and unpairs it at the end. With a key service that "
    "is the token's own terminal: a session that it has with the device ends."
)


class Exit(IntEnum):
    """What the program's caller learns."""

    HELD = 0
    BROKEN = 1
    NOT_CHECKED = 2


def check(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where the device listens.")],
    setup_code: Annotated[
        str | None,
        typer.Option(
            envvar="SECURE_PAIR_SETUP_CODE", help="The label's code, or its QR code's text."
        ),
    ] = None,
    key_service: Annotated[
        str | None, typer.Option(metavar="URL", help="The key service that knows the device.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="SECURE_PAIR_TOKEN", help="A terminal token of it, for this check alone."
        ),
    ] = None,
    device_file: Annotated[
        Path | None,
        typer.Option(help="Instead of a key service: the device's file, of `provision`."),
    ] = None,
    entity: Annotated[
        str | None, typer.Option(metavar="KEY", help="An entity that may be commanded, once.")
    ] = None,
    action: Annotated[
        str | None, typer.Option(metavar="JSON", help='What it shall do: {"do": "turn_on"}.')
    ] = None,
    patience: Annotated[
        float, typer.Option(min=0.1, max=60, help="Seconds that an answer may take.")
    ] = 5,
    *,
    no_label: Annotated[bool, typer.Option("--no-label", help="It has no setup code.")] = False,
    log_out_everyone: Annotated[
        bool,
        typer.Option("--log-out-everyone", help="With the device's file: raise its epoch, too."),
    ] = False,
) -> None:
    """Play a terminal, good and bad, against any device, and print what of the protocol held.

    Exits with 0 if all held, 1 if anything did not, 2 if it could not be checked. Every process
    may read a command line: code and token are taken from the environment as well. An entity is
    commanded only where one is named.
    """
    report = Report(Console())
    try:
        host, port = _parse_address(address)
        wish = _parse_wish(entity, action)
        code = _parse_code(setup_code)
        cloud = _parse_cloud(key_service, token, device_file)
        if isinstance(cloud, KeyService) and (code is None) != no_label:
            raise CannotCheckError("it takes either --setup-code, or --no-label")
        report.say(WARNING)
        bench = _bench(host, port, cloud, code, patience, wish, may_log_out=log_out_everyone)
        exit_code = asyncio.run(_check(report, bench))
    except CannotCheckError as error:
        typer.echo(str(error), err=True)
        exit_code = Exit.NOT_CHECKED
    raise typer.Exit(exit_code)


async def _check(report: Report, bench: Awaitable[Bench]) -> Exit:
    return await run(report, await bench)


async def _bench(
    host: str,
    port: int,
    cloud: KeyService | FactoryData,
    code: SetupCode | None,
    patience: float,
    wish: Wish | None,
    *,
    may_log_out: bool,
) -> Bench:
    """Find the device, and whoever authorizes; raises CannotCheckError."""
    device_id = await _device_at(host, port, patience)
    label = None
    if code is not None:
        _demand_device(device_id, code.device_id)
        label = await asyncio.to_thread(code.stretch, device_id)
    authority: Authority
    if isinstance(cloud, FactoryData):
        _demand_device(device_id, cloud.device_id)
        authority = Maker(cloud.initial_key)
        pairing_secret = cloud.pairing_secret
    else:
        await cloud.open()
        if label is not None:
            await cloud.claim(device_id, label.claim_proof)
        authority = cloud
        pairing_secret = EMPTY_PAIRING_SECRET
    return Bench(
        host=host,
        port=port,
        device_id=device_id,
        authority=authority,
        pairing_secret=pairing_secret if label is None else label.pairing_secret,
        patience=patience,
        wish=wish,
        may_log_out=may_log_out,
    )


async def run(report: Report, bench: Bench) -> Exit:
    """Try everything, and unpair however it ends; raises CannotCheckError."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        if task is not None:
            loop.add_signal_handler(number, task.cancel)
    complete = left = False
    try:
        await _authorize(bench)
        async for finding in findings(bench):
            report.show(finding)
        complete = True
    except asyncio.CancelledError:
        report.say("interrupted")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            # It is leaving already, and that takes a minute at most.
            loop.add_signal_handler(number, lambda: None)
        left = await bench.leave()
        if not left:
            terminal = bench.authority.terminal_id.hex()
            report.say(f"THE DEVICE IS STILL PAIRED with the terminal {terminal}: reset it")
    report.end()
    if not complete:
        return Exit.NOT_CHECKED
    return Exit.HELD if left and report.all_held else Exit.BROKEN


async def _authorize(bench: Bench) -> None:
    """Learn whether there can be a negotiation at all; raises CannotCheckError."""
    try:
        if isinstance(bench.authority, Maker):
            await bench.find_epoch()
        else:
            await bench.authorized(await bench.to_m2())
    except (FoundError, SecurePairError) as error:
        raise CannotCheckError(f"no negotiation is authorized: {error}") from None


async def _device_at(host: str, port: int, patience: float) -> str:
    try:
        line = await Line.connect(host, port, patience)
    except OSError as error:
        raise CannotCheckError(f"cannot connect to {host}:{port}: {error.strerror}") from None
    except (FoundError, SecurePairError) as error:
        raise CannotCheckError(f"{host}:{port} is no Secure Pair device: {error}") from None
    line.abort()
    return line.greeting.device_id


def _demand_device(answering: str, meant: str | None) -> None:
    if meant not in {None, answering}:
        raise CannotCheckError(f"another device answers: {answering} instead of {meant}")


def _parse_address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise CannotCheckError(f"{text} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _parse_wish(entity: str | None, action: str | None) -> Wish | None:
    if entity is None and action is None:
        return None
    try:
        fields = json.loads(action or "")
    except ValueError:
        fields = None
    if entity is None or not isinstance(fields, dict):
        raise CannotCheckError("it takes both --entity KEY and --action '{\"do\": …}'")
    return Wish(entity, Raw(msgspec.msgpack.encode(fields)))


def _parse_code(text: str | None) -> SetupCode | None:
    try:
        return None if text is None else parse_setup_code(text)
    except SecurePairError as error:
        raise CannotCheckError(error.failure.meaning) from None


def _parse_cloud(
    key_service: str | None, token: str | None, device_file: Path | None
) -> KeyService | FactoryData:
    """Return who authorizes."""
    if key_service is not None and token is not None and device_file is None:
        return KeyService(key_service, Secret(token.strip().encode()))
    if device_file is None or key_service is not None:
        raise CannotCheckError("it takes either --key-service and --token, or --device-file")
    try:
        return read_device_file(device_file)
    except DeviceFileError as error:
        raise CannotCheckError(str(error)) from None
