"""The operator's commands: the main path as processes, the refusals in this one."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from typer.testing import CliRunner, Result

from cloud_stub.accounts import IssuedTerminal
from cloud_stub.cli import app
from cloud_stub.ownership import owner_epoch
from cloud_stub.store import open_store
from secure_pair_protocol import base64url
from secure_pair_protocol.secret import Secret

from .conftest import Cloud, MadeDevice

ROOT = Path(__file__).parents[2]

type Command = Callable[..., Result]


@asynccontextmanager
async def process(*arguments: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Run a command as a process of its own."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cloud_stub",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()


async def outcome(*arguments: str) -> tuple[int | None, str, str]:
    """Return exit code, output and errors of a command."""
    async with process(*arguments) as running:
        out, err = await running.communicate()
    return running.returncode, out.decode(), err.decode()


async def line(running: asyncio.subprocess.Process) -> str:
    assert running.stdout is not None
    async with asyncio.timeout(30):
        return (await running.stdout.readline()).decode().rstrip("\n")


@pytest.fixture
def command(data: Path) -> Command:
    """Run a command in this process, on the test's state directory."""

    def invoke(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, [*arguments, "--data", str(data)], input=stdin)

    return invoke


@asynccontextmanager
async def served(data: Path, *options: str) -> AsyncGenerator[tuple[Any, Cloud]]:
    """Run ``serve`` as a process; yield it, and a client of it."""
    arguments = ("serve", "--port", "0", *options, "--data", str(data))
    async with process(*arguments) as serving:
        announced = await line(serving)
        assert announced.startswith("listening on http://127.0.0.1:")
        async with aiohttp.ClientSession() as http:
            yield serving, Cloud(None, announced.removeprefix("listening on "), http)  # type: ignore[arg-type]


async def test_from_nothing_to_a_paired_device_with_the_commands_alone(
    data: Path, tmp_path: Path
) -> None:
    at = ("--data", str(data))
    lock, kettle = MadeDevice("2867fa12a3d8"), MadeDevice("-kettle", labelled=False)
    rows = tmp_path / "rows"
    rows.write_text(
        "\n".join(
            [
                json.dumps(lock.row()),
                "no row",
                "",
                json.dumps(kettle.row()),
                json.dumps(lock.row() | {"model": "again"}),
                json.dumps({"device_id": "x"}),
            ]
        )
    )

    # Both at once, and both find no database.
    account, (imported, out_import, err_import) = await asyncio.gather(
        outcome("account", "add", "anna", *at),
        outcome("device", "import", str(rows), *at),
    )
    assert account[0::2] == (0, "")
    assert account[1].startswith("account anna added\naccount key  spa_")
    assert (imported, out_import) == (1, "2 added, 3 refused\n")
    assert [text.split(":")[0] for text in err_import.splitlines()] == [
        "line 2",
        "line 5",
        "line 6",
    ]
    adding = asyncio.create_task(outcome("terminal", "add", "anna", "--json", *at))
    async with served(data, "--steps", "--grant-lifetime", "3600") as (serving, cloud):
        added, out, err = await adding
        issued = json.loads(out)
        assert (added, err, set(issued)) == (0, "", {"terminal_id", "token"})
        terminal = IssuedTerminal(
            base64url.decode(issued["terminal_id"]), Secret(issued["token"].encode())
        )
        claimed = await cloud.claim(terminal, lock)
        session = await cloud.pair(terminal, lock)
        steps = [json.loads(await line(serving)) for _ in range(2)]
        serving.send_signal(signal.SIGTERM)
        rest, errors = await serving.communicate()

    assert claimed.status == 200
    assert session.grant.lifetime == 3600
    assert [(step.get("step"), step["name"]) for step in steps] == [
        (None, "claim"),
        (4, "first encrypted data"),
    ]
    assert {step["device_id"] for step in steps} == {"2867fa12a3d8"}
    assert all(step.keys() <= {"step", "name", "device_id", "ms"} for step in steps)
    assert (serving.returncode, rest) == (0, b"")
    logged = [json.loads(text) for text in errors.splitlines()]
    assert [(line["route"], line["status"]) for line in logged] == [
        ("/v1/claims", 200),
        ("/v1/authorize", 200),
    ]


async def test_an_epoch_that_was_granted_outlives_a_killed_service(
    data: Path,
) -> None:
    async with open_store(data) as store:
        seeding = Cloud(store, "", None)  # type: ignore[arg-type]
        terminal = await seeding.terminal("anna")
        lock = await seeding.device("2867fa12a3d8")

    async with served(data) as (serving, cloud):
        await cloud.claim(terminal, lock)
        granted = (await cloud.pair(terminal, lock)).grant.epoch
        serving.kill()
        await serving.wait()

    async with open_store(data) as store:
        assert await owner_epoch(store, lock.device_id) == granted > 0


def test_a_terminal_shows_its_token_once_and_can_be_revoked(
    command: Command,
) -> None:
    added = command("account", "add", "a [bold] :smile:")
    shown = command("terminal", "add", "a [bold] :smile:", "--name", "kitchen")
    terminal_id = shown.stdout.split()[1]
    revoked = command("terminal", "revoke", terminal_id)
    unknown = command("terminal", "revoke", "-" * 22)
    wrong = command("terminal", "revoke", "?")

    assert added.stdout.startswith("account a [bold] :smile: added\n")
    assert shown.exit_code == 0
    assert "spt_" in shown.stdout
    assert (revoked.exit_code, revoked.stdout) == (0, f"terminal {terminal_id} revoked\n")
    assert (unknown.exit_code, wrong.exit_code) == (1, 1)


def test_one_device_is_added_from_a_row_or_from_options(command: Command, tmp_path: Path) -> None:
    lock, kettle = MadeDevice("2867fa12a3d8"), MadeDevice("kettle", labelled=False)
    file = tmp_path / "row"
    file.write_text(json.dumps(lock.row(), indent=2))
    key = str(kettle.row()["initial_key"])
    options = ("device", "add", "--device-id", "kettle", "--model", "kettle", "--initial-key", "-")

    assert command("device", "add", "--registration", str(file)).stdout == (
        "device 2867fa12a3d8 added\n"
    )
    again = command("device", "add", "--registration", str(file))
    by_options = command(*options, stdin=f"{key}\n")
    without_key = command("device", "add", "--device-id", "kettle2")
    wrong_key = command(*options, stdin=key[:-1])

    assert (again.exit_code, again.stderr) == (
        1,
        "error: there is a device 2867fa12a3d8 already\n",
    )
    assert (by_options.exit_code, by_options.stdout) == (0, "device kettle added\n")
    assert (without_key.exit_code, wrong_key.exit_code) == (1, 1)
    assert "initial_key" in wrong_key.stderr
    assert key[:-1] not in wrong_key.stderr


def test_a_device_that_is_there_is_not_changed_by_another_row(
    command: Command, data: Path, tmp_path: Path
) -> None:
    lock = MadeDevice("2867fa12a3d8")
    for name, made in (("first", lock), ("second", MadeDevice("2867fa12a3d8"))):
        (tmp_path / name).write_text(json.dumps(made.row()))
    command("device", "add", "--registration", str(tmp_path / "first"))
    before = (data / "cloud.sqlite").read_bytes()

    added = command("device", "add", "--registration", str(tmp_path / "second"))
    imported = command("device", "import", str(tmp_path / "second"))

    assert (added.exit_code, imported.exit_code) == (1, 1)
    assert (data / "cloud.sqlite").read_bytes() == before


def test_the_operator_assigns_and_releases(command: Command) -> None:
    command("account", "add", "anna")
    row = json.dumps(MadeDevice("-kettle", labelled=False).row())
    command("device", "add", "--registration", "-", stdin=row)

    assert command("device", "assign", "-kettle", "anna").stdout == (
        "device -kettle assigned to anna\n"
    )
    assert command("device", "assign", "-kettle", "anna").exit_code == 1
    assert command("device", "release", "-kettle").stdout == "device -kettle released\n"
    assert command("device", "release", "-kettle").exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("account", "add", "anna"),
        ("account", "add", ""),
        ("account", "add", "x" * 65),
        ("account", "add", "two\nlines"),
        ("terminal", "add", "nobody"),
        ("device", "assign", "kettle", "anna"),
        ("serve", "--host", "0.0.0.0", "--port", "0"),
        ("serve", "--certificate", "chain.pem"),
        ("serve", "--certificate", "no.pem", "--key", "no.pem", "--port", "0"),
    ],
)
def test_a_refusal_is_one_line_and_exit_1(command: Command, arguments: tuple[str, ...]) -> None:
    command("account", "add", "anna")

    refused = command(*arguments)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("error: ")
    assert refused.stderr.count("\n") == 1


def test_a_wrong_master_key_stops_every_command(
    command: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("account", "add", "anna")
    (data / "master.key").write_text(base64url.encode(os.urandom(32)))
    before = (data / "cloud.sqlite").read_bytes()

    for arguments in [("serve", "--port", "0"), ("account", "add", "ben")]:
        refused = command(*arguments)

        assert refused.exit_code == 1
        assert "the master key is not the one" in refused.stderr
    assert (data / "cloud.sqlite").read_bytes() == before


async def test_it_never_imports_home_assistant() -> None:
    code = "import sys, cloud_stub.cli; print([m for m in sys.modules if 'homeassistant' in m])"
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )

    assert (await running.communicate())[0] == b"[]\n"
