"""`python -m device_stub check` as a maker runs it: processes, a real key service, mistakes."""

import json
import socket
from pathlib import Path

import pytest

from cloud_stub.accounts import add_account, add_terminal
from cloud_stub.devices import add_device
from cloud_stub.registration import parse_registration
from device_stub.provision import Provisioned, provision
from device_stub.store import Store
from tests.cloud_stub.conftest import started

from .checking import ALL
from .test_cli import invoke, lock, run

LONG = 45
"""Seconds for a whole run, on a machine that has other things to do."""

MAKERS_ALONE = {
    "refuses an authorization with other first data",
    "refuses a lower epoch",
}


@pytest.fixture
def made(tmp_path: Path) -> Provisioned:
    return provision(tmp_path / "maker", model="Lock")


def held(made: Provisioned) -> int:
    """Return how many sessions the device has on its disk."""
    register = Store(made.device_file.with_suffix(".state.json"), None).read()
    assert register is not None
    return len(register.held)


async def test_with_the_device_file(made: Provisioned) -> None:
    async with lock("--device", made.device_file, "--speed", 1000) as (_, port):
        code, out, errors = await run(
            *("check", f"127.0.0.1:{port}", "--device-file", made.device_file),
            *("--setup-code", made.qr_text, "--entity", "lock", "--action", '{"do": "unlock"}'),
            *("--patience", 3, "--log-out-everyone"),
            seconds=LONG,
        )
    assert (code, errors) == (0, ""), out
    assert "This pairs a terminal with the device and unpairs it at the end." in out
    assert "held          §10  carries out the named command, once\n" in out
    assert out.endswith(f"{len(ALL)} held, 0 did not hold, 0 not tried\n")
    assert "\x1b" not in out
    assert made.setup_code is not None
    assert made.setup_code not in out
    assert held(made) == 0


async def test_with_a_key_service(made: Provisioned, tmp_path: Path) -> None:
    async with started(tmp_path / "cloud") as cloud:
        await add_device(cloud.store, parse_registration(made.registration_file.read_bytes()))
        await add_account(cloud.store, "maker")
        terminal = await add_terminal(cloud.store, "maker")
        token = terminal.token.reveal().decode()
        async with lock("--device", made.device_file) as (_, port):
            service = ("check", f"127.0.0.1:{port}", "--key-service", cloud.url, "--token")
            wrong = await run(*service, token[:-1], "--setup-code", made.setup_code)
            assert wrong == (2, wrong[1], "the key service: token_refused\n")
            unclaimed = await run(*service, token, "--no-label")
            assert unclaimed == (2, unclaimed[1], "the key service: not_yours\n")
            code, out, errors = await run(
                *service, token, "--setup-code", made.setup_code, "--patience", 3, seconds=LONG
            )
    assert (code, errors) == (0, ""), out
    lines = out.splitlines()
    for name in MAKERS_ALONE:
        assert f"not tried     §4   {name}" in lines
    assert "held          §4   refuses a public key of low order" in lines
    assert token not in out
    assert held(made) == 0


def test_what_cannot_be_checked(made: Provisioned, tmp_path: Path) -> None:
    file = ("--device-file", made.device_file)
    service = ("--key-service", "http://127.0.0.1:1", "--token", "spt_x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        for arguments, text in (
            ((address,), "either --key-service and --token, or --device-file"),
            ((address, *file, *service), "either --key-service and --token, or --device-file"),
            ((address, *service), "either --setup-code, or --no-label"),
            ((address, *service, "--setup-code", "0000"), "the setup code has a typing error"),
            ((address, "--device-file", tmp_path / "none"), "No such file"),
            ((address, *file, "--entity", "lock"), "both --entity KEY and --action"),
            ((address, *file, "--entity", "lock", "--action", "unlock"), "both --entity"),
            ((address, "--key-service", "http://192.0.2.1", "--token", "x"), "plain HTTP"),
            ((address, "--key-service", "keys", "--token", "x"), "address is none"),
            (("lock.local", *file), "lock.local is not HOST:PORT"),
            (("lock.local:0", *file), "lock.local:0 is not HOST:PORT"),
            # It accepts, and says nothing.
            ((address, *file, "--patience", 0.1), "is no Secure Pair device"),
        ):
            code, output = invoke("check", *arguments)
            assert (code, text in output) == (2, True), output
    code, output = invoke("check", address, *file)
    assert code == 2
    assert f"cannot connect to {address}" in output


async def test_another_device(made: Provisioned, tmp_path: Path) -> None:
    other = provision(tmp_path / "other", device_id="other", model="Lock")
    async with lock("--device", made.device_file) as (_, port):
        for arguments in (
            ("--device-file", other.device_file),
            ("--device-file", made.device_file, "--setup-code", other.qr_text),
        ):
            code, _, errors = await run("check", f"127.0.0.1:{port}", *arguments)
            assert code == 2
            device_id = json.loads(made.device_file.read_text())["device_id"]
            assert errors == f"another device answers: {device_id} instead of other\n"
