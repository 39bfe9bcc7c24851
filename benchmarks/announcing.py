"""How a device says that it is here: its records by multicast DNS, on loopback.

A real one asks first whether its name is taken, for three quarters of a second; that is the
same for both kinds, and left out.
"""

import asyncio
import socket

from zeroconf import ServiceInfo
from zeroconf._protocol.outgoing import DNSOutgoing

_GROUP = ("224.0.0.251", 5353)
_ANSWER = 0x8400
"""The flags of an answer by whom the records belong to."""

GAP_SECONDS = 0.001
"""Between two devices: what a wireless network takes for one announcement."""

AGAIN_SECONDS = 1.0
"""After it the announcement is repeated (RFC 6762, section 8.3)."""


def service(kind: str, name: str, port: int, properties: dict[str, str]) -> ServiceInfo:
    """Return what a device at loopback announces; `kind`: of its service, as `_http._tcp`."""
    return ServiceInfo(
        f"{kind}.local.",
        f"{name}.{kind}.local.",
        port=port,
        parsed_addresses=["127.0.0.1"],
        server=f"{name}.local.",
        properties=properties,
    )


class Announcer:
    """Announces the devices of one process."""

    def __init__(self) -> None:
        """Open a socket, for as long as the process lives."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(
            socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1")
        )
        self._repeating: asyncio.Task[None] | None = None

    async def announce(self, services: list[ServiceInfo]) -> None:
        """Announce each; the repetition is still to come when this returns."""
        await self._announce(services)
        self._repeating = asyncio.create_task(self._again(services))

    async def _announce(self, services: list[ServiceInfo]) -> None:
        for number, info in enumerate(services):
            if number:
                await asyncio.sleep(GAP_SECONDS)
            message = DNSOutgoing(_ANSWER)
            for record in (
                info.dns_pointer(),
                info.dns_service(),
                info.dns_text(),
                *info.dns_addresses(),
            ):
                message.add_answer_at_time(record, 0)
            for packet in message.packets():
                self._socket.sendto(packet, _GROUP)

    async def _again(self, services: list[ServiceInfo]) -> None:
        await asyncio.sleep(AGAIN_SECONDS)
        await self._announce(services)
