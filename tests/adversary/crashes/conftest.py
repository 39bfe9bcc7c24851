"""A lock and a Home Assistant in processes of their own, and a real key service."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from pytest_socket import socket_allow_hosts

from cloud_stub.limits import Limits
from cloud_stub.settings import Settings
from device_stub.provision import provision
from tests.integration.key_services import running_key_service

from .world import World

LIFETIME = 90 * 86_400
"""So that the lock counts it, and writes that it has started; each start costs an hour."""


@pytest.fixture
async def world(tmp_path: Path, socket_enabled: None) -> AsyncGenerator[World]:
    """Nobody runs yet, and nothing is paired."""
    # Processes are forked by a server on a Unix socket.
    socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
    asyncio.get_running_loop().set_debug(enabled=False)
    made = provision(
        tmp_path / "maker",
        device_id="aabbccddeeff",
        model="Virtual door lock",
        name="Front door",
    )
    settings = Settings(grant_lifetime=LIFETIME, limits=Limits().times(1000))
    async with running_key_service(tmp_path / "cloud", settings=settings) as key_service:
        await key_service.register(made.device)
        world = World(tmp_path, made, key_service)
        try:
            yield world
        finally:
            world.end()
