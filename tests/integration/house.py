"""A lock that is paired through an attacker's hands, and all that a test wants to see of it."""

import json
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.secure_pair import key_store
from custom_components.secure_pair.const import DOMAIN
from custom_components.secure_pair.coordinator import DeviceCoordinator
from custom_components.secure_pair.keeper import SessionKeeper
from device_stub.device import Device
from device_stub.lock import DoorLock
from device_stub.server import Server
from secure_pair_protocol import sessions
from tests.device_stub.terminal import Cloud, Terminal

from .attacker import Attacker

LOCK = "lock.front_door"
SECURITY = "event.front_door_security"
BUTTON = "button.front_door_renew_session_key"


@dataclass
class House:
    """One entry, one lock, and the network between them."""

    hass: HomeAssistant
    entry: ConfigEntry[DeviceCoordinator]
    device: Device
    lock: DoorLock
    server: Server
    attacker: Attacker
    until: Callable[[Callable[[], object]], Awaitable[None]]
    changes: list[Event[EventStateChangedData]] = field(default_factory=list)

    def watch(self) -> None:
        """Keep every change of a state from now on."""

        @callback
        def keep(change: Event[EventStateChangedData]) -> None:
            self.changes.append(change)

        self.hass.bus.async_listen(EVENT_STATE_CHANGED, keep)

    # What Home Assistant shows

    def show(self, entity_id: str = LOCK) -> State:
        state = self.hass.states.get(entity_id)
        assert state is not None, entity_id
        return state

    @property
    def state(self) -> str:
        return self.show().state

    @property
    def shown(self) -> list[str]:
        """Every state that the lock has had since `watch`."""
        return [
            change.data["new_state"].state
            for change in self.changes
            if change.data["entity_id"] == LOCK and change.data["new_state"] is not None
        ]

    @property
    def events(self) -> list[tuple[str, str | None]]:
        """The types of the security events since `watch`, each with its reason or terminal."""
        return [
            (attributes["event_type"], attributes.get("reason", attributes.get("terminal_id")))
            for change in self.changes
            if change.data["entity_id"] == SECURITY
            and (state := change.data["new_state"]) is not None
            and (attributes := state.attributes).get("event_type") is not None
            and (before := change.data["old_state"]) is not None
            # What comes back with the entity is as old as it was.
            and before.state not in {state.state, STATE_UNAVAILABLE}
        ]

    @property
    def repairs(self) -> set[str | None]:
        issues = ir.async_get(self.hass).issues.values()
        return {
            issue.translation_key for issue in issues if issue.domain == DOMAIN and issue.active
        }

    @property
    def reauths(self) -> list[Mapping[str, Any]]:
        flows = self.hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        return [flow for flow in flows if flow["context"]["source"] == "reauth"]

    # What Home Assistant does

    async def call(self, service: str, domain: str = "lock", entity_id: str = LOCK) -> None:
        await self.hass.services.async_call(
            domain, service, {"entity_id": entity_id}, blocking=True
        )

    async def act(self, name: str, **data: Any) -> Any:
        """Call an action of this integration for the lock."""
        return await self.hass.services.async_call(
            DOMAIN,
            name,
            {"device_id": self.registry_id, **data},
            blocking=True,
            return_response=name != "renew_session_key",
        )

    async def renew(self) -> None:
        await self.act("renew_session_key")

    @property
    def registry_id(self) -> str:
        (device,) = dr.async_entries_for_config_entry(dr.async_get(self.hass), self.entry.entry_id)
        return device.id

    async def works(self) -> None:
        """Have the bolt go there and back."""
        for service, state in (("unlock", "unlocked"), ("lock", "locked")):
            await self.call(service)
            assert self.state == state

    def status(self) -> ConfigEntryState:
        """Return how it stands with the entry: a call, for it changes behind mypy's back."""
        return self.entry.state

    async def unload(self) -> None:
        assert await self.hass.config_entries.async_unload(self.entry.entry_id)

    async def load(self) -> None:
        """Set the entry up, whatever comes of it."""
        await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.hass.async_block_till_done()

    async def reload(self) -> None:
        await self.hass.config_entries.async_reload(self.entry.entry_id)
        await self.hass.async_block_till_done()

    async def fire(self, seconds: float) -> None:
        """Let time pass for every timer; what they begin is awaited."""
        async_fire_time_changed(self.hass, dt_util.utcnow() + timedelta(seconds=seconds))
        await self.hass.async_block_till_done()

    async def fix(self, repair: str) -> FixFlow:
        """Open the fix flow of a repair."""
        assert await async_setup_component(self.hass, REPAIRS, {})
        manager = self.hass.data[REPAIRS]["flow_manager"]
        issue_id = f"{self.entry.entry_id}_{repair}"
        shown = await manager.async_init(DOMAIN, context={"issue_id": issue_id})
        assert (shown["type"], shown["step_id"]) == ("form", "confirm")
        return FixFlow(self.hass, manager, shown["flow_id"])

    # The session

    @property
    def keeper(self) -> SessionKeeper:
        return self.entry.runtime_data.keeper

    @property
    def session_id(self) -> bytes:
        assert self.keeper.session is not None
        return self.keeper.session.session_id

    @property
    def file(self) -> Path:
        return Path(self.hass.config.path(".storage", DOMAIN))

    @property
    def stored(self) -> list[tuple[bytes, bool]]:
        """The sessions in the key file, the newest first: id, and whether provisional."""
        content = json.loads(self.file.read_text())
        return [
            (b64decode(session["session_id"]), session["provisional"])
            for session in content["devices"][self.device.data.device_id]["sessions"]
        ]

    def forget_in_memory(self) -> None:
        """Let the key store read its file again, as after a restart of Home Assistant."""
        del self.hass.data[key_store._KEY_STORE]

    @property
    def held(self) -> list[bytes]:
        """The sessions that the device keeps."""
        return [held.session.session_id for held in self.device.register.held]

    # The device

    async def reconnected(self, lose: Callable[[], object]) -> None:
        """Lose the connection, and wait for the next."""
        former = self.keeper.link
        lose()
        await self.until(lambda: self.keeper.link not in {None, former})
        assert self.entry.runtime_data.connected

    async def forget(self) -> None:
        """Have the device forget Home Assistant's session, and end its connection."""
        session_id = self.session_id
        await self.device.ledger.change(lambda register: sessions.unpaired(register, session_id))
        self.device.end_forgotten()

    async def tries(self, count: int = 3) -> None:
        """Wait until Home Assistant has tried to connect so many times more."""
        before = self.attacker.connections
        await self.until(lambda: self.attacker.connections >= before + count)

    def terminal(self, terminal_id: bytes | None = None) -> Terminal:
        """Return another terminal of the owner's."""
        data = self.device.data
        cloud = Cloud(data.initial_key, self.device.epoch)
        terminal = Terminal(cloud, data.device_id, data.pairing_secret)
        if terminal_id is not None:
            terminal.terminal_id = terminal_id
        return terminal


@dataclass
class FixFlow:
    """A user in front of a repair."""

    hass: HomeAssistant
    manager: Any
    flow_id: str

    async def submit(self) -> str | None:
        """Confirm; return what went wrong, or None: it is mended."""
        shown = await self.manager.async_configure(self.flow_id, {})
        await self.hass.async_block_till_done()
        if shown["type"] == "create_entry":
            return None
        assert (shown["type"], shown["step_id"]) == ("form", "confirm")
        error: str = shown["errors"]["base"]
        return error
