"""`python -m device_stub`: make a device, run it, reset it, and check any device."""

import asyncio
import json
import logging
import re
import secrets
import signal
from collections.abc import Iterable
from contextlib import nullcontext
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from secure_pair_protocol import sessions
from secure_pair_protocol.errors import SecurePairError

from .announce import announced
from .appliances.appliance import Appliance, build_in
from .appliances.door import Door
from .appliances.kinds import KINDS, Kind, KindName
from .check.command import check
from .device import Device
from .factory import DeviceFileError, read_device_file
from .provision import MadeBeforeError, print_label, provision
from .server import Server, running
from .steps import Trace
from .store import StateError, Store

app = typer.Typer(
    help="Virtual Secure Pair devices. SIGTERM stops one, SIGUSR1 resets it to factory state, "
    "SIGUSR2 lets the next thing happen to it: somebody rings, types a code, takes a shower.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with the values in it would show keys and tokens.
    pretty_exceptions_show_locals=False,
)


DeviceFile = Annotated[Path, typer.Option("--device", help="The device's file, of `provision`.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0: any.")]
Host = Annotated[str, typer.Option(help="The address to listen on.")]
StateFile = Annotated[
    Path | None, typer.Option("--state", help="The state file; beside the device's file.")
]
Speed = Annotated[float, typer.Option(min=0.01, help="Times as fast as a real one.")]
Announce = Annotated[
    bool | None,
    typer.Option(
        "--announce/--no-announce",
        help="By multicast DNS; if neither is said: unless it listens on loopback.",
    ),
]
WithSteps = Annotated[bool, typer.Option("--steps", help="A line of JSON for each step.")]


@app.command("provision")
def provision_command(
    out: Annotated[Path, typer.Option(help="The folder for the two files.")],
    device_id: Annotated[
        str | None, typer.Option(help="A MAC, or 1 to 64 ASCII characters; drawn if not given.")
    ] = None,
    kind: Annotated[KindName, typer.Option(help="What it is going to run as.")] = KindName.LOCK,
    model: Annotated[str | None, typer.Option(help="What the device is; of its kind.")] = None,
    name: Annotated[str | None, typer.Option(help="What it is called; the model.")] = None,
    *,
    label: Annotated[bool, typer.Option(help="With a setup code on a label.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: one line.")] = False,
) -> None:
    """Draw a device's secrets, print its label, write its file and its registration row."""
    model = KINDS[kind].model if model is None else model
    try:
        made = provision(out, device_id=device_id, model=model, name=name, label=label)
    except (MadeBeforeError, ValueError, OSError) as error:
        _fail(str(error))
    if as_json:
        typer.echo(made.to_json())
    else:
        print_label(Console(), made)


@app.command("lock")
def lock_command(
    device: DeviceFile,
    port: Port = 8441,
    host: Host = "127.0.0.1",
    state: StateFile = None,
    speed: Speed = 1,
    *,
    latch: Annotated[bool, typer.Option(help="It can pull the latch as well.")] = False,
    code: Annotated[
        str | None,
        typer.Option(help="The digits that commands need; no more secret than --user's."),
    ] = None,
    user: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DIGITS",
            help="A user's code at the keypad; may be given again for another user. Whoever sees "
            "this computer's processes can read it: take one that opens nothing else.",
        ),
    ] = None,
    announce: Announce = None,
    steps: WithSteps = False,
) -> None:
    """Run a virtual door lock."""
    door = Door(latch=latch, code=code, users=_users(user or ()))
    _run(door, device, port, host, state, speed, announce=announce, steps=steps)


def _users(options: Iterable[str]) -> dict[str, str]:
    """Return the digits of each user; raises BadParameter."""
    users: dict[str, str] = {}
    for option in options:
        written = re.fullmatch("(.{1,255})=([0-9]+)", option)
        if written is None or written[1] in users:
            # Not the option itself: it may hold a code.
            raise typer.BadParameter("NAME=DIGITS, each name once", param_hint="--user")
        users[written[1]] = written[2]
    return users


def _add_command(name: KindName, kind: Kind) -> None:
    def command(
        device: DeviceFile,
        port: Port = 8441,
        host: Host = "127.0.0.1",
        state: StateFile = None,
        speed: Speed = 1,
        *,
        announce: Announce = None,
        steps: WithSteps = False,
    ) -> None:
        _run(kind.make(), device, port, host, state, speed, announce=announce, steps=steps)

    app.command(name, help=kind.does)(command)


for _name, _kind in KINDS.items():
    # The lock has options of its own.
    if _name is not KindName.LOCK:
        _add_command(_name, _kind)


@app.command("reset")
def reset_command(
    state: Annotated[Path, typer.Option(help="The state file of a device that is not running.")],
) -> None:
    """Reset a device to factory state: all of its terminals are forgotten."""
    store = Store(state, None)
    if not state.exists():
        _fail(f"{state} does not exist: the device has never run, or the path is wrong")
    try:
        store.acquire()
        store.read()
        store.write(sessions.factory_reset(secrets.token_bytes(8)))
    except StateError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{state} cannot be written: {error.strerror}")
    finally:
        store.release()
    typer.echo(f"{store.device_id} is in factory state")


app.command("check")(check)


def _run(
    appliance: Appliance,
    device: Path,
    port: int,
    host: str,
    state: Path | None,
    speed: float,
    *,
    announce: bool | None,
    steps: bool,
) -> None:
    """Run one device until it is told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    appliance.set_speed(speed)
    trace = _print_step if steps else None
    try:
        data = read_device_file(device)
        store = Store(state or device.with_suffix(".state.json"), data.device_id)
        built = build_in(appliance, data, store)
        asyncio.run(_serve(appliance, built, host, port, trace, announce=announce))
    except (DeviceFileError, StateError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"cannot listen on {host}:{port}: {error.strerror}")


async def _serve(
    appliance: Appliance,
    device: Device,
    host: str,
    port: int,
    trace: Trace | None,
    *,
    announce: bool | None,
) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    resets = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGUSR1, resets.set)
    loop.add_signal_handler(signal.SIGUSR2, appliance.surprise)
    async with running(device, host, port, trace=trace) as server:
        typer.echo(f"listening on {server.host}:{server.port}")
        if announce is None:
            announce = not ip_address(server.host).is_loopback
        async with announced(server) if announce else nullcontext():
            resetting = asyncio.create_task(_reset_when_told(server, resets))
            await stopped.wait()
            resetting.cancel()


async def _reset_when_told(server: Server, told: asyncio.Event) -> None:
    while True:
        await told.wait()
        told.clear()
        try:
            await server.factory_reset()
        except SecurePairError as error:
            logging.getLogger(__name__).error("no factory reset: %s", error.failure)  # noqa: TRY400
        else:
            logging.getLogger(__name__).info("factory reset")


def _print_step(step: dict[str, Any]) -> None:
    typer.echo(json.dumps(step))


def _fail(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
