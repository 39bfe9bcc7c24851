"""Before the first pairing: a lock is made and registered, an account and a token issued."""

import asyncio
import json
import secrets
from pathlib import Path

from .process import run_tool
from .screen import Screen
from .state import Folder, World

ACCOUNT = "demo"
USERNAME = "demo"
LOCK_NAME = "Front door"


async def make_world(folder: Folder, screen: Screen) -> World:
    """Do what the maker and the key service's operator do, by their own commands."""
    data = ["--data", str(folder.key_service)]
    made, _ = await asyncio.gather(
        run_tool(
            "device_stub", "provision", "--out", str(folder.lock), "--name", LOCK_NAME, "--json"
        ),
        run_tool("cloud_stub", "account", "add", ACCOUNT, *data),
    )
    device = json.loads(made)
    screen.line(f"the maker: lock {device['device_id']}, its label with a setup code (not shown)")
    row = device["registration_file"]
    _, terminal = await asyncio.gather(
        run_tool("cloud_stub", "device", "add", "--registration", row, *data),
        run_tool("cloud_stub", "terminal", "add", ACCOUNT, "--json", *data),
    )
    issued = json.loads(terminal)
    screen.line("the maker: the lock is registered at the key service")
    screen.line(f"the key service: account {ACCOUNT}, a terminal token for it (not shown)")
    return World(
        device_id=device["device_id"],
        device_file=Path(device["device_file"]).name,
        setup_code=device["setup_code"],
        token=issued["token"],
        username=USERNAME,
        password=secrets.token_hex(5),
    )
