"""Home Assistant as a process that may die: its real core, and the integration in it."""

import asyncio
import logging
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from unittest.mock import patch

# First, or the harness's own folder of custom components takes the name.
import custom_components.secure_pair  # noqa: F401

# isort: split
from aiohttp import ThreadedResolver
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
)

from custom_components.secure_pair.const import DOMAIN
from tests.integration.flows import Answers, start, submit_until

from .orders import obey
from .points import Points

LOCK = "lock.front_door"
PATIENCE = 15


class Home:
    """One Home Assistant, of which the disk has nothing but the integration's key store.

    Its own entry is given back to it at a start, as it would be read from its disk.
    """

    def __init__(self, hass: HomeAssistant, answers: Answers, device_id: str) -> None:
        self.hass = hass
        self.answers = answers
        self.device_id = device_id

    @property
    def entry(self) -> ConfigEntry:
        (entry,) = self.hass.config_entries.async_entries(DOMAIN)
        return entry

    async def load(self) -> str:
        """Set up the entry that was there before."""
        entry = MockConfigEntry(
            domain=DOMAIN,
            title="Front door",
            unique_id=self.device_id,
            data={
                "host": self.answers.host,
                "port": self.answers.port,
                "device_id": self.device_id,
            },
        )
        entry.add_to_hass(self.hass)
        await self.hass.config_entries.async_setup(entry.entry_id)
        assert entry.state is ConfigEntryState.LOADED, entry.reason
        return await self.settle()

    async def pair(self) -> str:
        """Go through the config flow, without a mistake."""
        result = await submit_until(self.hass, await start(self.hass), self.answers)
        if result["type"] != "create_entry":
            errors = result.get("errors") or {}
            self.hass.config_entries.flow.async_abort(result["flow_id"])
            return str(errors.get("base"))
        await self.hass.async_block_till_done()
        return "done"

    async def remove(self) -> str:
        await self.hass.config_entries.async_remove(self.entry.entry_id)
        # The device is told behind the user's back.
        await self.hass.async_block_till_done(wait_background_tasks=True)
        return "done"

    async def renew(self) -> str:
        return await self._call("button", "press", "button.front_door_renew_session_key")

    async def act(self, action: str) -> str:
        return await self._call("lock", action, LOCK)

    async def _call(self, domain: str, service: str, entity_id: str) -> str:
        try:
            await self.hass.services.async_call(
                domain, service, {"entity_id": entity_id}, blocking=True
            )
        except HomeAssistantError as error:
            return str(error.translation_key)
        return "done"

    async def hurry(self) -> None:
        """Be a user who does not wait until an entry is tried again."""
        if self.entry.state is ConfigEntryState.SETUP_RETRY:
            await self.hass.config_entries.async_reload(self.entry.entry_id)

    async def settle(self) -> str:
        """Wait until the lock is there; return what is shown of it."""
        async with asyncio.timeout(PATIENCE):
            while (state := self.hass.states.get(LOCK)) is None or state.state == "unavailable":
                await asyncio.sleep(0.002)
        return state.state


def run(pipe: Connection, folder: Path, answers: Answers, device_id: str, die_at: int) -> None:
    """Be this Home Assistant."""
    logging.basicConfig(filename=folder / "log", level=logging.INFO)
    points = Points(die_at)
    points.watch(folder)
    asyncio.run(serve(pipe, points, folder, answers, device_id))


async def serve(
    pipe: Connection, points: Points, folder: Path, answers: Answers, device_id: str
) -> None:
    resolver = ThreadedResolver()
    resolver.real_close = resolver.close  # type: ignore[attr-defined]
    async with AsyncExitStack() as stack:
        for target, value in (
            # No multicast DNS from a test; it only asks for 127.0.0.1.
            ("homeassistant.helpers.aiohttp_client._async_make_resolver", lambda _: resolver),
            ("custom_components.secure_pair.reconnect.MAX_SECONDS", 0.01),
            # What a lock has: to set up all others takes a while.
            ("custom_components.secure_pair.PLATFORMS", [Platform.BUTTON, Platform.LOCK]),
        ):
            stack.enter_context(patch(target, value))
        hass = await stack.enter_async_context(async_test_home_assistant(config_dir=str(folder)))
        del hass.data[DATA_CUSTOM_COMPONENTS]
        home = Home(hass, answers, device_id)
        await obey(
            pipe,
            points,
            {
                "load": home.load,
                "pair": home.pair,
                "remove": home.remove,
                "renew": home.renew,
                "act": home.act,
                "hurry": home.hurry,
                "settle": home.settle,
            },
        )
