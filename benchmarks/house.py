"""One Home Assistant with a plug of each sort: this integration's, and ESPHome's."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from tempfile import TemporaryDirectory
from unittest.mock import patch

from homeassistant.components.zeroconf.const import DATA_INSTANCE
from homeassistant.components.zeroconf.discovery import ZeroconfDiscovery
from homeassistant.components.zeroconf.models import HaAsyncZeroconf, HaZeroconf
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.loader import DATA_CUSTOM_COMPONENTS, async_get_zeroconf
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
)
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo

from custom_components.secure_pair.const import CONF_DEVICE_ID, DOMAIN
from custom_components.secure_pair.key_store import TerminalToken, get_key_store
from custom_components.secure_pair.protocol.secret import Secret
from custom_components.secure_pair.protocol.sessions import PairedDevice, StoredSession

from .esphome import ESPHOME, EspHome
from .fleet import Fact
from .paired import TERMINAL_ID
from .plug import stored

BESIDE = ("assist_pipeline", "bluetooth", "ffmpeg", "intent", "zeroconf")
"""What ESPHome's integration depends on, and what has nothing to do with what is measured."""


ANNOUNCED = ("_secure-pair._tcp.local.", "_esphomelib._tcp.local.")


@asynccontextmanager
async def home_assistant() -> AsyncGenerator[HomeAssistant]:
    """Run a Home Assistant in this process, with a folder of its own.

    Its zeroconf hears what is announced on loopback, and nothing else.
    """
    with TemporaryDirectory(prefix="secure-pair-bench-") as folder:
        async with async_test_home_assistant(config_dir=folder) as hass:
            asyncio.get_running_loop().set_debug(enabled=False)
            hass.data.pop(DATA_CUSTOM_COMPONENTS)
            hass.config.components |= set(BESIDE)
            with (
                # Bluetooth and ffmpeg are not there; and nobody shall listen to the network.
                patch("homeassistant.components.bluetooth.async_remove_scanner"),
                patch("homeassistant.components.esphome.ffmpeg_proxy.async_setup"),
                patch(
                    "homeassistant.components.esphome.manager.async_register_outgoing_target",
                    return_value=None,
                ),
            ):
                async with _discovery(hass):
                    try:
                        yield hass
                    finally:
                        await hass.async_stop(force=True)


@asynccontextmanager
async def _discovery(hass: HomeAssistant) -> AsyncGenerator[None]:
    """Run Home Assistant's own discovery, on loopback."""
    zeroconf = HaZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
    instance = hass.data[DATA_INSTANCE] = HaAsyncZeroconf(zc=zeroconf)
    types = await async_get_zeroconf(hass)
    types = {name: matchers for name, matchers in types.items() if name in ANNOUNCED}
    itself = AsyncServiceInfo("_home-assistant._tcp.local.", "bench._home-assistant._tcp.local.")
    discovery = ZeroconfDiscovery(hass, zeroconf, types, {}, {}, itself)
    await discovery.async_setup()
    try:
        yield
    finally:
        await discovery.async_stop()
        await instance.ha_async_close()


async def add_device(hass: HomeAssistant, kind: str, fact: Fact) -> ConfigEntry:
    """Add an entry of one of many; it is not set up yet."""
    if kind == ESPHOME:
        device = EspHome.of(fact.device_id)
        device.port, device.psk = fact.port, fact.key
        return add_esphome(hass, device)
    session = stored(fact.session_id, fact.key)
    return await add_secure_pair(hass, fact.device_id, fact.port, session)


async def add_secure_pair(
    hass: HomeAssistant, device_id: str, port: int, session: StoredSession
) -> ConfigEntry:
    """Add an entry of a device that is paired; it is not set up yet."""
    service, token = "http://127.0.0.1:1", TerminalToken(Secret(b"spt"), TERMINAL_ID)
    template = PairedDevice(device_id, service, TERMINAL_ID)
    await get_key_store(hass).pair_device(
        template, lambda device: replace(device, sessions=(session,)), token
    )
    data = {CONF_HOST: "127.0.0.1", CONF_PORT: port, CONF_DEVICE_ID: device_id}
    entry = MockConfigEntry(domain=DOMAIN, unique_id=device_id, title="Plug", data=data)
    entry.add_to_hass(hass)
    return entry


def add_esphome(hass: HomeAssistant, device: EspHome) -> ConfigEntry:
    """Add an entry of an ESPHome device; it is not set up yet."""
    entry = MockConfigEntry(
        domain=ESPHOME,
        unique_id=device.mac.lower(),
        title=device.name,
        data={
            CONF_HOST: "127.0.0.1",
            CONF_PORT: device.port,
            CONF_PASSWORD: "",
            "noise_psk": device.encoded_psk,
            "device_name": device.name,
        },
    )
    entry.add_to_hass(hass)
    return entry


async def set_up(hass: HomeAssistant, domain: str) -> None:
    """Set up all entries of an integration, until nothing is left to do."""
    assert await async_setup_component(hass, domain, {}), domain
    await hass.async_block_till_done()


async def switch_of(hass: HomeAssistant, entry: ConfigEntry) -> str:
    """Return the entity id of an entry's one switch, as soon as it is there."""
    registry = er.async_get(hass)

    def switches() -> list[str]:
        return [
            found.entity_id
            for found in er.async_entries_for_config_entry(registry, entry.entry_id)
            if found.domain == "switch"
        ]

    await until(switches)
    await until(lambda: is_available(hass, switches()[0]))
    return switches()[0]


def is_available(hass: HomeAssistant, entity_id: str) -> bool:
    """Tell whether an entity has a state that its device has told."""
    state = hass.states.get(entity_id)
    return state is not None and state.state != STATE_UNAVAILABLE


async def until(holds: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something holds, looking in each pass of the loop."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
