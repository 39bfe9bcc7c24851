"""A program: Home Assistant in a folder of its own, with whatever custom integration is in it.

    python -P unzipped_home.py FOLDER     pairs a device if the folder has none

Nothing of this repository is imported: all that is known of the integration comes from the
folder. The answers to the flow's forms are on standard input, by step, as JSON; what came of
it is the last line of standard output.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from aiohttp import ThreadedResolver
from homeassistant import bootstrap, loader
from homeassistant.config_entries import ConfigEntries, ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import aiohttp_client
from homeassistant.setup import async_setup_component

DOMAIN = "secure_pair"
LOCK = "lock.front_door"
PATIENCE = 20


async def pair(hass: HomeAssistant, answers: dict[str, dict[str, Any]]) -> None:
    """Answer each form once."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": "user"})
    async with asyncio.timeout(PATIENCE):
        while result["type"] != "create_entry":
            given = None
            if result["type"] != "progress":
                given = answers.pop(str(result["step_id"]))
            await asyncio.sleep(0.01)
            result = await hass.config_entries.flow.async_configure(result["flow_id"], given)


async def state(hass: HomeAssistant, *wanted: str) -> str:
    """Wait until the lock shows one of these."""
    async with asyncio.timeout(PATIENCE):
        while (shown := hass.states.get(LOCK)) is None or shown.state not in wanted:
            await asyncio.sleep(0.01)
    return shown.state


async def live(folder: Path, answers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    resolver = ThreadedResolver()
    resolver.real_close = resolver.close  # type: ignore[attr-defined]
    # No multicast DNS: it only asks for 127.0.0.1.
    aiohttp_client._async_make_resolver = lambda _: resolver  # type: ignore[assignment, return-value]
    hass = HomeAssistant(str(folder))
    hass.config.skip_pip = True
    loader.async_setup(hass)
    hass.config_entries = ConfigEntries(hass, {})
    await bootstrap.async_load_base_functionality(hass)
    assert await async_setup_component(hass, "homeassistant", {})
    await hass.async_start()
    try:
        if not hass.config_entries.async_entries(DOMAIN):
            await pair(hass, answers)
        else:
            assert await async_setup_component(hass, DOMAIN, {})
        await hass.async_block_till_done()
        (entry,) = hass.config_entries.async_entries(DOMAIN)
        states = [await state(hass, "locked", "unlocked")]
        for service in ("unlock", "lock"):
            await hass.services.async_call("lock", service, {"entity_id": LOCK}, blocking=True)
            states.append(await state(hass, f"{service}ed"))
        return {
            "states": states,
            "entry": name(entry),
            "from": sys.modules[f"custom_components.{DOMAIN}"].__file__,
        }
    finally:
        await hass.async_stop()


def name(entry: ConfigEntry) -> str:
    return f"{entry.title}: {entry.state.value}"


def main() -> None:
    print(json.dumps(asyncio.run(live(Path(sys.argv[1]), json.load(sys.stdin)))))  # noqa: T201


if __name__ == "__main__":
    main()
