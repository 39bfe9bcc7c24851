"""Telling a device that this terminal has gone (docs/protocol.md, section 9).

What a removed entry leaves is a tombstone, which stays until the device has been told:
its removal and every set-up of the integration try to, and nobody waits for it.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from homeassistant.core import HomeAssistant, callback

from .connection import ANSWER_SECONDS, Connection
from .const import DOMAIN, LOGGER
from .discovery import Address
from .key_store import KeyStore, Tombstone, get_key_store
from .link import Link, resume
from .protocol import envelope
from .protocol.envelope import AnyFromDevice, Unpaired
from .protocol.errors import Failure, SecurePairError

EXPIRY_SECONDS: Final = 30 * 86400
"""How long a device is tried that was not there, or did not know its session."""

_MOST_SECONDS: Final = 86400
"""What the time between two tries counts at most: a clock may jump by years."""

_LEAST_SECONDS: Final = 3600
"""Less than that between two tries is not worth a write."""


async def deliver_farewells(
    hass: HomeAssistant, announced: Mapping[str, Address] | None = None
) -> None:
    """Tell every device that is still to be told, where it can be reached.

    `announced`: where else devices say that they are.
    """
    key_store = get_key_store(hass)
    for_device = announced or {}
    await asyncio.gather(
        *(
            _deliver(key_store, device_id, for_device.get(device_id))
            for device_id in await key_store.tombstones()
        )
    )


@callback
def schedule_farewells(hass: HomeAssistant, announced: Mapping[str, Address] | None = None) -> None:
    """Try it in the background."""
    hass.async_create_background_task(_deliver_quietly(hass, announced), f"{DOMAIN} farewells")


async def _deliver_quietly(hass: HomeAssistant, announced: Mapping[str, Address] | None) -> None:
    try:
        await deliver_farewells(hass, announced)
    except SecurePairError as error:
        LOGGER.debug("%s", error)


async def _deliver(key_store: KeyStore, device_id: str, announced: Address | None) -> None:
    if (handshake := key_store.handshake(device_id)).locked():
        # Somebody tells it already, or pairs with it: there will be another time.
        return
    async with handshake:
        if (tombstone := (await key_store.tombstones()).get(device_id)) is None:
            return
        for address in (Address(tombstone.host, tombstone.port), announced):
            if address is not None and await _tell(address, tombstone):
                await key_store.change_tombstone(tombstone, None)
                return
        LOGGER.debug("%s is still to be told", device_id)
        await _age(key_store, tombstone, time.time())


async def _age(key_store: KeyStore, tombstone: Tombstone, now: float) -> None:
    """Let a try in vain count, and give up where there were enough."""
    waited = now - tombstone.tried_at
    tried_for = tombstone.tried_for + min(max(waited, 0), _MOST_SECONDS)
    if tried_for > EXPIRY_SECONDS:
        await key_store.change_tombstone(tombstone, None)
    elif not 0 <= waited < _LEAST_SECONDS:
        aged = replace(tombstone, tried_at=now, tried_for=tried_for)
        await key_store.change_tombstone(tombstone, aged)


async def _tell(address: Address, tombstone: Tombstone) -> bool:
    """Tell whether the device has heard it, on whichever of its sessions.

    Anybody on the way can say that it knows none: so that counts for nothing.
    """
    device = tombstone.device
    for session in device.sessions:
        try:
            connection = await Connection.open(address.host, address.port, device.device_id)
            try:
                await _unpair(await resume(connection, session))
            finally:
                connection.abort()
        except SecurePairError as error:
            LOGGER.debug("%s: %s", device.device_id, error)
            continue
        return True
    return False


async def _unpair(link: Link) -> None:
    """Ask the device to forget the session, and wait until it has."""
    unpaired = asyncio.get_running_loop().create_future()

    def receive(message: AnyFromDevice) -> None:
        if isinstance(message, Unpaired) and not unpaired.done():
            unpaired.set_result(None)

    def end(error: SecurePairError) -> None:
        if not unpaired.done():
            unpaired.set_exception(error)

    link.start(receive, end)
    link.send(envelope.Unpair())
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await unpaired
    except TimeoutError as error:
        raise SecurePairError(Failure.TIMEOUT, "unpairing") from error
    finally:
        link.abort()
