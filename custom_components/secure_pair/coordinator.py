"""One paired device: kept connected, its entities and states, its commands.

States are dispatched to the one entity that they are about. Docs: docs/protocol.md,
sections 8 and 9.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final, Protocol

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from .commander import Commander
from .const import CONF_DEVICE_ID, CONF_REGISTRY_ID, CONF_RENEW, DOMAIN, LOGGER
from .devices import Devices
from .discovery import Address, announced_address
from .keeper import SessionKeeper
from .key_service import KeyService, key_service_at
from .key_store import KeyStore
from .link import Link
from .mirror import Mirror
from .platforms import Platforms
from .protocol import model
from .protocol.envelope import (
    Answer,
    AnyFromDevice,
    Closing,
    Description,
    Event,
    ListTerminals,
    Notice,
    Outcome,
    Picture,
    PictureRequest,
    Pong,
    Request,
    Result,
    RevokeTerminal,
    States,
    Terminals,
)
from .protocol.errors import Failure, SecurePairError
from .protocol.model import Action, Entity
from .protocol.sessions import PairedDevice
from .renewal import Renewal, Schedule
from .requests import Requests
from .troubles import Troubles

type SecurePairConfigEntry = ConfigEntry[DeviceCoordinator]
type AddEntity = Callable[[Entity], None]


_JPEG_BEGINS: Final = b"\xff\xd8\xff"
_JPEG_ENDS: Final = b"\xff\xd9"


class BoundEntity(Protocol):
    """What the coordinator tells an entity."""

    def update(self) -> None:
        """Show the newest state, or that there is none."""

    def redescribe(self, described: Entity) -> None:
        """Follow a new description of the same kind."""

    def happen(self, event: model.Event) -> None:
        """Tell of an event."""


class DeviceCoordinator:
    """The one place that knows whether a device is there, and what it is like."""

    def __init__(
        self, hass: HomeAssistant, entry: SecurePairConfigEntry, key_store: KeyStore
    ) -> None:
        """Take an entry; `start` connects."""
        self.hass = hass
        self.entry = entry
        self.device_id: str = entry.data[CONF_DEVICE_ID]
        self.mirror = Mirror(entry.title)
        self.platforms = Platforms(hass, entry, self.mirror)
        self.registry_id: str = entry.data.get(CONF_REGISTRY_ID, self.device_id)
        self.devices = Devices(hass, entry.entry_id, self.registry_id, self.mirror)
        self.unclear: set[str] = set()
        """Keys of entities of which a command's outcome is not known at the moment."""
        self.connected = False
        self.keeper = SessionKeeper(
            entry.title, self.device_id, self._addresses, key_store, self._key_service, self
        )
        self.troubles = Troubles(hass, entry)
        self.connected_since: datetime | None = None
        self._renewal = Renewal(hass, self._renew_by_itself, self.troubles)
        self._key_store = key_store
        self._former: Address | None = None
        self._loss_logged = False
        self._session_listeners: list[CALLBACK_TYPE] = []
        self._pong_listeners: list[CALLBACK_TYPE] = []
        self._bound: dict[str, BoundEntity] = {}
        self._adders: list[AddEntity] = []
        self._commander = Commander(self._set_clarity)
        self._requests = Requests()

    # Life

    async def start(self) -> None:
        """Connect for the first time, and keep connected from then on.

        Raises SecurePairError.
        """
        try:
            await self.keeper.connect()
        except SecurePairError as error:
            self.failed(error.failure)
            raise

    async def stop(self) -> None:
        """End the connection on purpose; the entry's tasks end with the entry."""
        self.connected = False
        self._renewal.cancel()
        self._commander.close()
        await self.keeper.stop()

    async def renew(self) -> None:
        """Renew the session key because the user says so; raises a translated error."""
        try:
            await self.keeper.renew(asked_by_user=True)
        except SecurePairError as error:
            raise self.error(error.failure.value) from error

    async def _renew_by_itself(self) -> None:
        await self.keeper.renew(asked_by_user=False)

    @callback
    def lost(self) -> None:
        """Ask the user to pair again: by itself there were too many tries already."""
        self.troubles.pair_again(Failure.SESSION_UNKNOWN)

    @callback
    def renewed(self) -> None:
        """Tell that there is a new session key."""
        self.troubles.renewed()

    @callback
    def failed(self, failure: Failure) -> None:
        """Tell what there is to tell of a failure."""
        self.troubles.failed(failure)

    def _follow_session(self, link: Link) -> None:
        session, remaining = self.keeper.session, link.welcome.remaining
        schedule = None
        if session is not None and remaining is not None and session.lifetime:
            schedule = Schedule(session.lifetime, remaining)
        by_itself = self.entry.options.get(CONF_RENEW, True)
        self._renewal.schedule(schedule, by_itself=by_itself)
        self.troubles.connected()
        self._update_session()

    def _addresses(self) -> tuple[Address, ...]:
        address = Address(self.entry.data[CONF_HOST], self.entry.data[CONF_PORT])
        others = (announced_address(self.hass, self.device_id), self._former)
        return (address, *{other for other in others if other not in {None, address}})

    @callback
    def found(self, address: Address) -> None:
        """Keep the address at which a session was resumed: the device has moved."""
        data = {CONF_HOST: address.host, CONF_PORT: address.port}
        if data.items() <= self.entry.data.items():
            return
        # Whoever relays the device from elsewhere must not become the only way to it.
        self._former = Address(self.entry.data[CONF_HOST], self.entry.data[CONF_PORT])
        self.hass.config_entries.async_update_entry(self.entry, data={**self.entry.data, **data})

    async def _key_service(self, device: PairedDevice) -> KeyService:
        token = (await self._key_store.key_services()).get(device.key_service)
        if token is None:
            raise SecurePairError(Failure.TOKEN_REFUSED, "no token is stored")
        return key_service_at(self.hass, device.key_service, token)

    # What the device says

    @callback
    def receive(self, link: Link, message: AnyFromDevice) -> None:
        """Take a message of the device."""
        match message:
            case States():
                self._take_states(link, message)
            case Outcome():
                self._commander.receive(message)
            case Event():
                self._take_event(message)
            case Answer():
                self._requests.receive(message)
            case Description():
                self._take_description(message)
            case Notice():
                self.troubles.noticed(message)
            case Pong():
                _call(self._pong_listeners)
            case Closing(code=code):
                LOGGER.debug("%s: the device closes: %s", self.entry.title, code)
                if code == Failure.TERMINAL_REVOKED:
                    self.failed(Failure.TERMINAL_REVOKED)

    @callback
    def fault(self, error: SecurePairError) -> None:
        """Say so, once."""
        self.mirror.drop_message(error)

    @callback
    def unlinked(self, error: SecurePairError) -> None:
        """Show that the device is away, until it is back."""
        self.connected_since = None
        # Whatever comes of the rest, it is tried again.
        self.entry.async_create_background_task(
            self.hass, self.keeper.come_back(), f"{DOMAIN} {self.device_id}"
        )
        if self.connected:
            # Before all else: somebody may be about to rely on it.
            self.connected = False
            self._update_all()
            self._loss_logged = True
            LOGGER.info("%s is not connected any more: %s", self.entry.title, error)
        self._commander.unlinked()
        self._requests.unlinked()
        self._update_session()
        self.failed(error.failure)

    def _take_description(self, description: Description) -> None:
        changes = self.mirror.describe(description)
        for entity in changes.gone:
            self.devices.remove(entity)
        self.devices.register()
        for entity in changes.redescribed:
            if (bound := self._bound.get(entity.key)) is not None:
                bound.redescribe(entity)
        for entity in changes.added:
            self.add(entity)
        self.platforms.follow()

    def _take_states(self, link: Link, states: States) -> None:
        changed = self.mirror.update(states)
        if not states.full:
            for key in changed:
                self._update(key)
            return
        if link is not self.keeper.link:
            self.keeper.described(link)
            self._commander.linked(link)
            self.connected_since = dt_util.utcnow()
            self._follow_session(link)
        if not self.connected:
            self.connected = True
            if self._loss_logged:
                self._loss_logged = False
                LOGGER.info("%s is connected again", self.entry.title)
        self._update_all()

    def _take_event(self, message: Event) -> None:
        event = self.mirror.event(message.event)
        if event is not None and (bound := self._bound.get(event.key)) is not None:
            bound.happen(event)

    async def terminals(self) -> Terminals:
        """Return who is paired with the device; raises a translated error."""
        return await self._ask("terminals", ListTerminals)

    async def revoke(self, terminal_id: bytes) -> Terminals:
        """Have the device forget a terminal and refuse it; raises a translated error."""
        return await self._ask(terminal_id, lambda number: RevokeTerminal(number, terminal_id))

    async def _ask(self, subject: str | bytes, make: Callable[[int], Request]) -> Terminals:
        link = self.keeper.link
        if link is None or not self.connected:
            raise self.error("not_connected")
        try:
            answer = await self._requests.ask(link, subject, make)
        except SecurePairError as error:
            raise self.error(error.failure.value) from error
        if not isinstance(answer, Terminals):
            raise self.error(Failure.MALFORMED.value)
        if answer.code is not None:
            raise self.error("command_failed", reason=answer.code)
        return answer

    # What Home Assistant's entities need

    @callback
    def listen_session(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call the listener when session or connection changed; returns how to stop."""
        self._session_listeners.append(listener)
        return partial(self._session_listeners.remove, listener)

    @callback
    def listen_pongs(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call the listener at each sign of life; returns how to stop."""
        self._pong_listeners.append(listener)
        return partial(self._pong_listeners.remove, listener)

    def _update_session(self) -> None:
        _call(self._session_listeners)

    @callback
    def add_platform(self, add: AddEntity) -> None:
        """Give every entity of the device to a platform, now and later."""
        self._adders.append(add)
        for entity in list(self.mirror.entities.values()):
            add(entity)

    @callback
    def add(self, entity: Entity) -> None:
        """Have one entity added, by the platform that it is for."""
        for add in self._adders:
            add(entity)

    @callback
    def bind(self, key: str, bound: BoundEntity) -> CALLBACK_TYPE:
        """Tell this one of what happens to the entity; returns how to stop."""
        self._bound[key] = bound
        return partial(self._unbind, key, bound)

    def _unbind(self, key: str, bound: BoundEntity) -> None:
        # Another of the same key may have come before this one has gone.
        if self._bound.get(key) is bound:
            del self._bound[key]

    async def picture(self, entity: Entity) -> bytes | None:
        """Return a camera's picture as JPEG, or None where there is none."""
        link = self.keeper.link
        if link is None or not self.connected:
            return None
        try:
            answer = await self._requests.ask(
                link, entity.key, lambda number: PictureRequest(number, entity.key)
            )
        except SecurePairError as error:
            LOGGER.debug("%s: no picture of %s: %s", self.entry.title, entity.key, error)
            return None
        if not isinstance(answer, Picture) or not answer.data:
            return None
        if not (
            answer.data.startswith(_JPEG_BEGINS) and answer.data.rstrip(b"\0").endswith(_JPEG_ENDS)
        ):
            self.mirror.drop_picture(entity.key)
            return None
        return answer.data

    async def carry_out(self, entity: Entity, action: Action) -> None:
        """Have an action carried out; raises a translated HomeAssistantError."""
        link = self.keeper.link
        if link is None or not self.connected:
            raise self.error("not_connected")
        match await self._commander.carry_out(link, entity, action):
            case Outcome(result=Result.DONE):
                return
            case Outcome(result=Result.FAILED, code=code, text=text):
                raise self.error("command_failed", reason=text or code or "")
            case Outcome(result=Result.VOID):
                raise self.error("command_void")
            case Outcome(result=Result.RESTARTED):
                raise self.error("command_restarted")
            case _:
                raise self.error("command_unknown")

    def error(self, key: str, **placeholders: str) -> HomeAssistantError:
        """Return a translated error about this device."""
        return HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=key,
            translation_placeholders={"device": self.entry.title, **placeholders},
        )

    def _set_clarity(self, key: str, *, clear: bool) -> None:
        before = key in self.unclear
        (self.unclear.discard if clear else self.unclear.add)(key)
        if before == clear:
            self._update(key)

    def _update(self, key: str) -> None:
        if (bound := self._bound.get(key)) is not None:
            bound.update()

    def _update_all(self) -> None:
        for bound in list(self._bound.values()):
            bound.update()


def _call(listeners: list[CALLBACK_TYPE]) -> None:
    for listener in listeners.copy():
        listener()
