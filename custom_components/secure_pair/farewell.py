"""Telling a device that this terminal has gone (docs/protocol.md, section 9).

What a removed entry leaves is a tombstone, which stays until the device has been told:
every set-up of the integration tries to.
"""

import asyncio

from homeassistant.core import HomeAssistant, callback

from .connection import ANSWER_SECONDS, Connection
from .const import DOMAIN, LOGGER
from .key_store import KeyStore, Tombstone, get_key_store
from .link import Link, resume
from .protocol import envelope
from .protocol.envelope import AnyFromDevice, Unpaired
from .protocol.errors import Failure, RefusedError, SecurePairError


async def deliver_farewells(hass: HomeAssistant) -> None:
    """Tell every device that is still to be told, where it can be reached."""
    key_store = get_key_store(hass)
    tombstones = await key_store.tombstones()
    await asyncio.gather(*(_deliver(key_store, tombstone) for tombstone in tombstones.values()))


@callback
def schedule_farewells(hass: HomeAssistant) -> None:
    """Try it in the background."""
    hass.async_create_background_task(_deliver_quietly(hass), f"{DOMAIN} farewells")


async def _deliver_quietly(hass: HomeAssistant) -> None:
    try:
        await deliver_farewells(hass)
    except SecurePairError as error:
        LOGGER.debug("%s", error)


async def _deliver(key_store: KeyStore, tombstone: Tombstone) -> None:
    device = tombstone.device
    try:
        connection = await Connection.open(tombstone.host, tombstone.port, device.device_id)
        try:
            await _unpair(await resume(connection, device.sessions[0]))
        except RefusedError as error:
            if error.failure is not Failure.SESSION_UNKNOWN:
                raise
            # Anybody on the way can say so: it costs a farewell at most, no session.
        finally:
            connection.abort()
    except SecurePairError as error:
        LOGGER.debug("%s is still to be told: %s", device.device_id, error)
        return
    await key_store.forget_tombstone(device.device_id)


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
