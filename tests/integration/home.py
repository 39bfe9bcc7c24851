"""A device at home: paired with Home Assistant, and reachable through a relay."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er

from custom_components.secure_pair.const import DOMAIN
from custom_components.secure_pair.coordinator import DeviceCoordinator
from device_stub.device import Device
from device_stub.factory import FactoryData
from device_stub.server import Server
from device_stub.store import Store

from .relay import Relay

type Make = Callable[[FactoryData, Store], Device]
"""Builds a device of what its maker gives it."""

PATIENCE = 20


@dataclass
class Home:
    """What a test wants of a device that is paired."""

    hass: HomeAssistant
    entry: ConfigEntry[DeviceCoordinator]
    device: Device
    server: Server
    relay: Relay

    @property
    def coordinator(self) -> DeviceCoordinator:
        return self.entry.runtime_data

    def entity_id(self, key: str) -> str:
        """Return the id that Home Assistant gave to an entity of the device."""
        entity_id = self.find(key)
        assert entity_id is not None, key
        return entity_id

    def find(self, key: str) -> str | None:
        """Return an entity's id, or None where there is no such entity."""
        unique_id = f"{self.device.data.device_id}_{key}"
        registry = er.async_get(self.hass)
        for entity in er.async_entries_for_config_entry(registry, self.entry.entry_id):
            if (entity.platform, entity.unique_id) == (DOMAIN, unique_id):
                return entity.entity_id
        return None

    def show(self, key: str) -> State:
        """Return what Home Assistant shows of an entity."""
        state = self.hass.states.get(self.entity_id(key))
        assert state is not None, key
        return state

    def state(self, key: str) -> str:
        return self.show(key).state

    async def call(self, service: str, key: str | None = None, **data: Any) -> None:
        """Call an action of Home Assistant, `domain.service`."""
        domain, name = service.split(".")
        if key is not None:
            data[ATTR_ENTITY_ID] = self.entity_id(key)
        await self.hass.services.async_call(domain, name, data, blocking=True)

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds: sockets are real, so it takes as long as it takes."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await asyncio.sleep(0.002)

    async def settle(self) -> None:
        """Wait until all is done that what the device has said brings with it.

        Not while a command is under way: that is one of the things to be done.
        """
        await self.heard()
        await self.hass.async_block_till_done()

    async def heard(self) -> None:
        """Wait until Home Assistant has taken all that the device has said."""
        await self.until(lambda: all(live._outbox.takes_states for live in self.device.live))  # type: ignore[attr-defined]
        link = self.coordinator.keeper.link
        assert link is not None
        link.ping()
        await self.until(lambda: link._pinged is None)

    async def cut(self) -> None:
        """Break the connection, and wait until Home Assistant knows."""
        await self.relay.cut()
        await self.until(lambda: not self.coordinator.connected)

    async def back(self) -> None:
        """Let the connection come back, and wait until Home Assistant has all states."""
        await self.relay.mend()
        await self.connected()

    async def connected(self) -> None:
        """Wait until Home Assistant has come back."""

        def connected() -> bool:
            # Past the limit that there is to being hurried: a test shall not wait.
            self.coordinator.keeper._hurry()
            return self.coordinator.connected

        await self.until(connected)
        await self.heard()
