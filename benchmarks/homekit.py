"""A HomeKit accessory (HAP-python) and its controller (aiohomekit), without announcements."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, override

from aiohomekit.characteristic_cache import CharacteristicCacheMemory
from aiohomekit.controller.ip.discovery import IpDiscovery
from aiohomekit.controller.ip.pairing import IpPairing
from aiohomekit.model import Categories
from aiohomekit.model.feature_flags import FeatureFlags
from aiohomekit.model.status_flags import StatusFlags
from aiohomekit.zeroconf import HomeKitService
from pyhap.accessory import Accessory
from pyhap.accessory_driver import AccessoryDriver
from pyhap.const import CATEGORY_SWITCH

PIN = "031-45-154"


class Switch(Accessory):  # type: ignore[misc]
    """A switch that does at once what it is told."""

    category = CATEGORY_SWITCH

    def __init__(self, driver: AccessoryDriver) -> None:
        """Have one service."""
        super().__init__(driver, "Plug")
        self.on = self.add_preload_service("Switch").configure_char("On")

    @override
    def setup_message(self) -> None:
        """Print no code: the controller knows it."""


class _NoAnnouncer:
    """In the place of zeroconf: nothing is said on the network."""

    async def async_register_service(self, *_: object, **__: object) -> None: ...
    async def async_update_service(self, *_: object) -> None: ...
    async def async_unregister_service(self, *_: object) -> None: ...
    async def async_close(self) -> None: ...


class HomeKit:
    """The accessory, and who wants to control it."""

    def __init__(self, driver: AccessoryDriver, accessory: Switch) -> None:
        """Take an accessory that listens."""
        self.driver = driver
        self.accessory = accessory
        self.port: int = driver.http_server.server.sockets[0].getsockname()[1]
        self.controller = SimpleNamespace(pairings={}, _char_cache=CharacteristicCacheMemory())
        self.pairing_data: dict[str, Any] = {}

    @property
    def characteristic(self) -> tuple[int, int]:
        """Return what turns it on."""
        return self.accessory.aid, self.accessory.iid_manager.get_iid(self.accessory.on)

    async def pair(self) -> None:
        """Run pair-setup on a new connection, as for the first time."""
        discovery = IpDiscovery(self.controller, self._description())
        finish = await discovery.async_start_pairing("plug")
        self.pairing_data = (await finish(PIN)).pairing_data

    def forget(self) -> None:
        """Have the accessory forget everybody."""
        state = self.driver.state
        for client in tuple(state.paired_clients):
            state.remove_paired_client(client)
        self.driver.srp_verifier = None

    async def connect(self) -> IpPairing:
        """Run pair-verify on a new connection, and return when the full state is here."""
        pairing = IpPairing(self.controller, self.pairing_data)
        await pairing.list_accessories_and_characteristics()
        return pairing

    def _description(self) -> HomeKitService:
        return HomeKitService(
            name="Plug",
            id=self.driver.state.mac.lower(),
            model="Plug",
            feature_flags=FeatureFlags(0),
            status_flags=StatusFlags.UNPAIRED,
            config_num=1,
            state_num=1,
            category=Categories.SWITCH,
            protocol_version="1.1",
            type="_hap._tcp.local.",
            address="127.0.0.1",
            addresses=["127.0.0.1"],
            port=self.port,
        )


@asynccontextmanager
async def running_homekit() -> AsyncGenerator[HomeKit]:
    """Run an accessory on this loop."""
    with TemporaryDirectory(prefix="secure-pair-bench-") as folder:
        driver = AccessoryDriver(
            address="127.0.0.1",
            port=0,
            persist_file=str(Path(folder) / "accessory.state"),
            pincode=PIN.encode(),
            loop=asyncio.get_running_loop(),
            async_zeroconf_instance=_NoAnnouncer(),
        )
        # Any port, which the constructor takes for none.
        driver.http_server._addr_port = ("127.0.0.1", 0)  # noqa: SLF001
        accessory = Switch(driver)
        driver.add_accessory(accessory)
        await driver.async_start()
        try:
            yield HomeKit(driver, accessory)
        finally:
            await driver.async_stop()
