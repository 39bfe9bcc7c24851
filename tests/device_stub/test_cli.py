"""`python -m device_stub` as a process of its own."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import chain
from pathlib import Path

import pytest
from typer.testing import CliRunner

from device_stub.__main__ import app
from device_stub.factory import read_device_file
from device_stub.provision import Provisioned, provision
from secure_pair_protocol.envelope import Result
from secure_pair_protocol.label import parse_setup_code

from .terminal import PATIENCE, Cloud, Terminal, refused

ROOT = Path(__file__).parents[2]


async def start(*arguments: object) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "device_stub",
        *map(str, arguments),
        stdout=PIPE,
        stderr=PIPE,
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120"},
    )


async def run(*arguments: object, seconds: float = PATIENCE) -> tuple[int, str, str]:
    process = await start(*arguments)
    async with asyncio.timeout(seconds):
        out, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), errors.decode()


async def line(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        return (await process.stdout.readline()).decode().strip()


@asynccontextmanager
async def lock(*arguments: object) -> AsyncGenerator[tuple[Process, int]]:
    """Run a lock, and stop it as a service manager does."""
    process = await start("lock", *arguments, "--port", 0)
    try:
        listening = await line(process)
        assert listening.startswith("listening on 127.0.0.1:"), listening
        yield process, int(listening.rpartition(":")[2])
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(PATIENCE):
            await process.communicate()


async def test_main_path(tmp_path: Path) -> None:
    code, out, errors = await run("provision", "--out", tmp_path, "--json", "--name", "Front door")
    assert (code, errors) == (0, "")
    made = json.loads(out)
    assert set(made) == {
        "device_id",
        "setup_code",
        "qr_text",
        "device_file",
        "registration_file",
    }
    assert made["qr_text"] == f"SP1:{made['device_id']}:{made['setup_code']}"
    data = read_device_file(Path(made["device_file"]))
    keys = parse_setup_code(made["qr_text"]).stretch(made["device_id"])
    terminal = Terminal(Cloud(data.initial_key), data.device_id, keys.pairing_secret)
    state = tmp_path / "lock.state"
    arguments = ("--device", made["device_file"], "--state", state, "--speed", 1000, "--steps")

    async with lock(*arguments) as (process, port):
        wire = await terminal.negotiate(port)
        steps = [json.loads(await line(process)) for _ in range(5)]
        assert [step["step"] for step in steps] == [1, 2, 5, 6, 7]
        assert all(isinstance(step["ms"], float) for step in steps)
        command = wire.command()
        wire.send(command)
        assert (await wire.outcome(command.id)).result is Result.DONE
        code, out, errors = await run("reset", "--state", state)
        assert code == 1
        assert "in use" in errors
        boot = wire.welcome.boot
        process.terminate()
        # The authenticated close of a graceful stop.
        assert await wire.closing() is None
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0
    assert state.stat().st_mode & 0o777 == 0o600

    async with lock(*arguments) as (process, port):
        wire = await terminal.resume(port)
        assert wire.welcome.boot != boot
        steps = [json.loads(await line(process)) for _ in range(3)]
        assert [step["step"] for step in steps] == ["r1", "r2", "r3"]
        process.send_signal(signal.SIGUSR1)
        assert await wire.closing() == "device_reset"
        with refused("session_unknown"):
            await terminal.resume(port)
        await (await terminal.negotiate(port)).close()

    code, out, errors = await run("reset", "--state", state)
    assert (code, errors) == (0, "")
    assert made["device_id"] in out
    async with lock(*arguments) as (_, port):
        with refused("session_unknown"):
            await terminal.resume(port)


async def test_killed_process_keeps_its_sessions(tmp_path: Path) -> None:
    made = provision(tmp_path, model="Lock", label=False)
    terminal = Terminal(Cloud(made.device.data.initial_key), made.device.data.device_id)
    async with AsyncExitStack() as stack:
        process, port = await stack.enter_async_context(lock("--device", made.device_file))
        wire = await terminal.negotiate(port)
        process.kill()
        await wire.peer.end()
    async with lock("--device", made.device_file) as (_, port):
        await (await terminal.resume(port)).close()


# In this process: what ends before anything runs


def invoke(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.exit_code, result.output


@pytest.fixture
def made(tmp_path: Path) -> Provisioned:
    return provision(tmp_path / "maker", device_id="d", model="Lock", label=False)


def test_refuses_what_it_cannot_use(made: Provisioned, tmp_path: Path) -> None:
    state, device = tmp_path / "state", made.device_file
    state.write_bytes(b"not a state")
    for arguments, text in (
        (("lock", "--device", device, "--state", state, "--port", 0), "is damaged"),
        (("reset", "--state", state), "is damaged"),
        (("lock", "--device", tmp_path / "nothing", "--port", 0), "No such file"),
        (("lock", "--device", state, "--port", 0), "is not a device's file"),
        (("lock", "--device", device, "--state", device / "x", "--port", 0), "File exists"),
        (("reset", "--state", tmp_path / "nothing"), "does not exist"),
        (("provision", "--out", device.parent, "--device-id", "d"), "made before"),
        (("provision", "--out", tmp_path, "--device-id", "a b"), "a b"),
        (("provision", "--out", state), "File exists"),
    ):
        code, output = invoke(*arguments)
        assert code == 1, arguments
        assert text in output
    assert state.read_bytes() == b"not a state"


@pytest.mark.parametrize("users", [["Anna"], ["=1"], ["Anna="], ["Anna=12b4"], ["A=1", "A=2"]])
def test_users_that_make_no_sense(made: Provisioned, users: list[str]) -> None:
    options = chain.from_iterable(("--user", user) for user in users)
    code, output = invoke("lock", "--device", made.device_file, *options)
    assert code == 2
    assert "NAME=DIGITS" in output
    assert "12b4" not in output


def test_port_that_is_taken(made: Provisioned) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output = invoke("lock", "--device", made.device_file, "--port", port)
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in output


def test_printed_label(tmp_path: Path) -> None:
    code, output = invoke("provision", "--out", tmp_path, "--device-id", "d")
    assert code == 0
    assert "Setup code" in output
    assert f"device file        {tmp_path}/d.device.json" in output
