"""Before the first pairing: a lock is made and registered, an account and a token issued."""

import asyncio
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from .process import run_tool
from .screen import Screen
from .state import Folder, World

ACCOUNT = "demo"
USERNAME = "demo"
LOCK_NAME = "Front door"


@dataclass(frozen=True)
class Made:
    """A device as it leaves its maker: what its label says, and its file."""

    device_id: str
    setup_code: str = field(repr=False)
    file: Path
    registration: Path


async def make_device(folder: Path, name: str, kind: str = "lock") -> Made:
    """Have a device of this kind made."""
    wishes = ["--out", str(folder), "--name", name, "--kind", kind]
    made = json.loads(await run_tool("device_stub", "provision", *wishes, "--json"))
    return Made(
        device_id=made["device_id"],
        setup_code=made["setup_code"],
        file=Path(made["device_file"]),
        registration=Path(made["registration_file"]),
    )


async def register(device: Made, key_service: Path) -> None:
    """Tell the key service, which keeps its data in this folder, of a device."""
    row = str(device.registration)
    await run_tool("cloud_stub", "device", "add", "--registration", row, "--data", str(key_service))


async def add_account(key_service: Path) -> None:
    """Have the key service open the account."""
    await run_tool("cloud_stub", "account", "add", ACCOUNT, "--data", str(key_service))


async def issue_token(key_service: Path) -> str:
    """Have the key service issue a terminal token for the account."""
    data = ["--data", str(key_service)]
    issued = await run_tool("cloud_stub", "terminal", "add", ACCOUNT, "--json", *data)
    return str(json.loads(issued)["token"])


async def make_world(folder: Folder, screen: Screen) -> World:
    """Do what the maker and the key service's operator do, by their own commands."""
    made, _ = await asyncio.gather(
        make_device(folder.lock, LOCK_NAME), add_account(folder.key_service)
    )
    screen.line(f"the maker: lock {made.device_id}, its label with a setup code (not shown)")
    _, token = await asyncio.gather(
        register(made, folder.key_service), issue_token(folder.key_service)
    )
    screen.line("the maker: the lock is registered at the key service")
    screen.line(f"the key service: account {ACCOUNT}, a terminal token for it (not shown)")
    return World(
        device_id=made.device_id,
        device_file=made.file.name,
        setup_code=made.setup_code,
        token=token,
        username=USERNAME,
        password=secrets.token_hex(5),
    )
