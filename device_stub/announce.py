"""The device announces itself on the local network, by multicast DNS."""

import ipaddress
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from secure_pair_protocol.messages import VERSION
from secure_pair_protocol.sessions import TERMINALS

from .server import Server

SERVICE_TYPE = "_secure-pair._tcp.local."


def service_info(server: Server) -> AsyncServiceInfo:
    """Return what is announced: id, model, name, versions, whether it takes terminals."""
    device = server.device
    data = device.data
    return AsyncServiceInfo(
        SERVICE_TYPE,
        f"{data.device_id}.{SERVICE_TYPE}",
        port=server.port,
        parsed_addresses=[server.host],
        server=f"{data.device_id}.local.",
        properties={
            "id": data.device_id,
            "model": data.model,
            "name": data.name,
            "version": str(VERSION),
            "pairing": "1" if len(device.register.held) < TERMINALS else "0",
        },
    )


@asynccontextmanager
async def announced(server: Server) -> AsyncGenerator[None]:
    """Announce a running device while the context lasts."""
    interface = ipaddress.ip_address(server.host)
    zeroconf = AsyncZeroconf(interfaces=[str(interface)])
    try:
        info = service_info(server)
        await zeroconf.async_register_service(info)
        yield
    finally:
        await zeroconf.async_unregister_all_services()
        await zeroconf.async_close()
