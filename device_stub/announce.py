"""The device announces itself by multicast DNS (docs/protocol.md, section 2)."""

import asyncio
import hashlib
import ipaddress
import logging
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import ifaddr
import zeroconf
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from secure_pair_protocol.messages import VERSION
from secure_pair_protocol.sessions import TERMINALS

from .server import Server

_LOGGER = logging.getLogger(__name__)

SERVICE_TYPE = "_secure-pair._tcp.local."

TEXT_BYTES = 255
"""What one key, its `=` and its value may have at most, of DNS."""

UPDATE_SECONDS = 1
"""Between two values: who hears of both within a second keeps both (RFC 6762, section 10.2)."""


def service_info(server: Server) -> AsyncServiceInfo:
    """Return what is announced: id, model, name, versions, whether it takes terminals."""
    device = server.device
    data = device.data
    label = _label(data.device_id)
    properties = {
        "id": data.device_id,
        "model": data.model,
        "name": data.name,
        "version": str(VERSION),
        "pairing": "1" if len(device.register.held) < TERMINALS else "0",
    }
    return AsyncServiceInfo(
        SERVICE_TYPE,
        f"{label}.{SERVICE_TYPE}",
        port=server.port,
        parsed_addresses=_addresses(server.host),
        server=f"{label}.local.",
        properties={key: _cut(key, value) for key, value in properties.items()},
    )


@asynccontextmanager
async def announced(server: Server) -> AsyncGenerator[None]:
    """Announce a running device while the context lasts, and what changes meanwhile.

    Where the machine has no multicast the log says so, and the device runs on.
    """
    changed = asyncio.Event()
    listeners = server.device.ledger.listeners
    listeners.append(changed.set)
    announcing = asyncio.create_task(_announce(server, changed))
    try:
        yield
    finally:
        listeners.remove(changed.set)
        announcing.cancel()
        await asyncio.wait([announcing])


async def _announce(server: Server, changed: asyncio.Event) -> None:
    try:
        info = service_info(server)
        if not (addresses := info.parsed_addresses()):
            _LOGGER.warning("not announced: this machine has no address but loopback")
            return
        async with AsyncZeroconf(interfaces=addresses) as responder:
            # Who finds it goes by the id in its text, not by the instance's name.
            await (await responder.async_register_service(info, allow_name_change=True))
            while True:
                await asyncio.sleep(UPDATE_SECONDS)
                await changed.wait()
                changed.clear()
                newer = service_info(server)
                if newer.text != info.text:
                    newer.name = info.name
                    info = newer
                    await (await responder.async_update_service(info))
    except (OSError, zeroconf.Error) as error:
        _LOGGER.warning("not announced: %r", error)


def _label(device_id: str) -> str:
    """Return a name for DNS that no other device has: the id, where it can be one."""
    if re.fullmatch(r"[0-9A-Za-z-]{1,63}", device_id):
        return device_id
    return hashlib.sha256(device_id.encode()).hexdigest()[:32]


def _addresses(host: str) -> list[str]:
    """Return at which addresses others reach what listens on this one; none: on loopback only."""
    listening = ipaddress.ip_address(host)
    if not listening.is_unspecified:
        # A scope is this machine's own affair.
        return [host.partition("%")[0]]
    found = (
        ipaddress.ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0])
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
    )
    return [
        str(address)
        for address in found
        if address.version == listening.version and not address.is_loopback
    ]


def _cut(key: str, value: str) -> bytes:
    return value.encode()[: TEXT_BYTES - len(f"{key}=")].decode(errors="ignore").encode()
