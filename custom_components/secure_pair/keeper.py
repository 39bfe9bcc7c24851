"""Keeps one device's session: resumes it, has it renewed, and comes back after a loss.

The terminal's rules of docs/protocol.md, section 9, over real connections. Whatever a
device or anybody on the way answers, no session is deleted because of it.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

from .connection import Connection
from .const import LOGGER
from .discovery import Address
from .key_service import KeyService
from .key_store import KeyStore
from .link import Link, resume
from .pairing import negotiate
from .protocol import sessions
from .protocol.envelope import AnyFromDevice
from .protocol.errors import Failure, RefusedError, SecurePairError
from .protocol.sessions import PairedDevice, StoredSession
from .reconnect import HURRY_SECONDS, LASTING_SECONDS, Backoff, Losses

_BEFORE_ANY_SESSION: Final = frozenset(
    {
        Failure.CANNOT_CONNECT,
        Failure.NOT_SECURE_PAIR,
        Failure.WRONG_DEVICE,
        Failure.VERSION_NOT_SUPPORTED,
        Failure.BUSY,
    }
)
"""Failures that came before a session was named: another session would not help."""

_OF_NEGOTIATIONS: Final = frozenset({Failure.AUTHORIZATION_REJECTED, Failure.EPOCH_REFUSED})
"""What only a negotiation can be refused for: there the key service has had its say."""

DESCRIPTION_SECONDS: Final = 10
"""How long a device may take to describe itself on a new connection."""


class Device(Protocol):
    """What the keeper tells of the device's links."""

    def receive(self, link: Link, message: AnyFromDevice) -> None:
        """Take a message; after the full states of a link, `SessionKeeper.described`."""

    def fault(self, error: SecurePairError) -> None:
        """Hear of a message that made no sense, and cost only itself."""

    def unlinked(self, error: SecurePairError) -> None:
        """Hear that there is no link any more: it is time to `SessionKeeper.come_back`."""

    def failed(self, failure: Failure) -> None:
        """Hear why a try to connect or to negotiate failed."""

    def lost(self) -> None:
        """Hear that the device knows no session, and that only the user may have a new one."""

    def renewed(self) -> None:
        """Hear that a new session was negotiated."""

    def found(self, address: Address) -> None:
        """Hear at which of the addresses a session was resumed or made."""


class SessionKeeper:
    """One device's link, over however many connections and sessions."""

    def __init__(
        self,
        name: str,
        device_id: str,
        addresses: Callable[[], tuple[Address, ...]],
        key_store: KeyStore,
        get_key_service: Callable[[PairedDevice], Awaitable[KeyService]],
        device: Device,
    ) -> None:
        """`name` is for the log; `get_key_service` may raise SecurePairError."""
        self._name = name
        self._device_id = device_id
        self._addresses = addresses
        self._key_store = key_store
        self._get_key_service = get_key_service
        self._device = device
        self._loop = asyncio.get_running_loop()
        self._handshake = key_store.handshake(device_id)
        self._stopped = False
        self._connection: Connection | None = None
        """Of the handshake under way."""
        self._coming_back = False
        self._linked_at = self._loop.time()
        self._backoff = Backoff().failed()
        self._heard = False
        """Of the device, since the last try began."""
        self._hurried = -HURRY_SECONDS
        self._pausing: asyncio.Future[None] | None = None
        self._adopting: Link | None = None
        self._adopting_session: StoredSession | None = None
        self._described = self._loop.create_future()
        self._opened: Address | None = None
        self._renewing = False
        self._ended_while_renewing: SecurePairError | None = None
        self.session: StoredSession | None = None
        """The one that the link rests on, or the last one did."""
        self.link: Link | None = None
        """Serves at the moment."""
        self.failure: Failure | None = None
        """Why the last try failed, or the link ended."""

    # Life

    async def connect(self) -> None:
        """Link to the device by the newest session that it still knows.

        Raises SecurePairError.
        """
        await self._key_store.turns.take()
        async with self._handshake:
            if self.link is None and not self._stopped:
                await self._connect_anywhere()

    async def come_back(self) -> None:
        """Link again after a loss; returns when there is a link that serves."""
        if self._coming_back:
            return
        self._coming_back = True
        if self._loop.time() - self._linked_at >= LASTING_SECONDS:
            self._backoff = Backoff()
        said = {self.failure}
        try:
            while self.link is None:
                await self._pause(self._backoff.delay(random.random()))  # noqa: S311
                # Whoever is heard of from now on is tried behind this try.
                self._heard = False
                # A link that is cut at once counts as one more failure.
                self._backoff = self._backoff.failed()
                try:
                    await self._try(said)
                except Exception:  # noqa: BLE001
                    # Whatever it was: a device that is never tried again is lost.
                    LOGGER.exception("Unexpected error while connecting to %s", self._name)
            self._linked_at = self._loop.time()
        finally:
            self._coming_back = False

    async def _try(self, said: set[Failure | None]) -> None:
        try:
            await self.connect()
        except SecurePairError as error:
            level = logging.DEBUG if error.failure in said else logging.INFO
            LOGGER.log(level, "%s does not come back: %s", self._name, error)
            said.add(error.failure)
            self.failure = error.failure
            self._device.failed(error.failure)

    def try_now(self) -> None:
        """Hear of the device: try it without waiting, or see whether its link still works.

        Anybody can say so: it happens now and then, no more.
        """
        if self._loop.time() - self._hurried >= HURRY_SECONDS:
            self._hurried = self._loop.time()
            if self.link is None:
                self._hurry()
            elif self.link.is_open:
                self.link.ping()

    def _hurry(self) -> None:
        self._heard = True
        if self._pausing is not None and not self._pausing.done():
            self._pausing.set_result(None)

    async def _pause(self, seconds: float) -> None:
        if not self._heard:
            self._pausing = self._loop.create_future()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._pausing, seconds)

    async def renew(self, *, asked_by_user: bool) -> None:
        """Negotiate a new session; the old link serves until the new one does.

        `asked_by_user`: also where the device was reset since. Raises SecurePairError.
        """
        async with self._handshake:
            if self._stopped:
                raise SecurePairError(Failure.CONNECTION_LOST, "the entry is not loaded")
            device = await self._paired()
            self._renewing = True
            try:
                await self._negotiate(device, self._addresses(), asked_by_user=asked_by_user)
            finally:
                self._renewing = False
                error, self._ended_while_renewing = self._ended_while_renewing, None
                if error is not None and self.link is not None and not self.link.is_open:
                    self._unlink(error)

    async def stop(self) -> None:
        """End the link, and any handshake under way, on purpose."""
        self._stopped = True
        if self._connection is not None:
            self._connection.abort()
        links = (self.link, self._adopting)
        self.link = self._adopting = None
        for link in links:
            if link is not None:
                await link.close()

    def described(self, link: Link) -> None:
        """Hear that the device has described itself on this link: it serves from now on."""
        if link is self._adopting:
            former = self.link
            self._adopting, self.link, self.failure = None, link, None
            self.session = self._adopting_session
            # From here on it is the link's, which ends it with a word.
            self._connection = None
            if former is not None:
                # What is still on its way there is older than what this link has said.
                former.detach()
            if not self._described.done():
                self._described.set_result(None)

    # Handshakes, one at a time

    async def _connect_anywhere(self) -> None:
        """Link to the device where it was last, or else where it was announced."""
        device = await self._paired()
        failure: SecurePairError | None = None
        for address in self._addresses():
            try:
                await self._resume_or_negotiate(device, address)
            except SecurePairError as error:
                # Whoever answers there may not be the device at all.
                if failure is None or failure.failure in _BEFORE_ANY_SESSION:
                    failure = error
            else:
                return
        raise failure or SecurePairError(Failure.CANNOT_CONNECT)

    async def _resume_or_negotiate(self, device: PairedDevice, address: Address) -> None:
        failures: list[SecurePairError] = []
        for session in device.sessions:
            try:
                link = await self._resume(session, address)
            except SecurePairError as error:
                failures.append(error)
                if error.failure in _BEFORE_ANY_SESSION:
                    break
                continue
            try:
                # At the first record, and never at a later one.
                await self._confirm(session)
            except BaseException:
                link.abort()
                raise
            await self._adopt(link, session)
            return
        if all(error.failure is Failure.SESSION_UNKNOWN for error in failures):
            await self._replace_lost(device, address)
            return
        raise failures[0]

    async def _replace_lost(self, device: PairedDevice, address: Address) -> None:
        """Negotiate by itself; nothing is deleted, for the answer may be a forged one."""
        if not sessions.may_negotiate(device, asked_by_user=False):
            self._device.lost()
            raise SecurePairError(Failure.SESSION_UNKNOWN, "too many sessions are unconfirmed")
        now, before = self._loop.time(), self._losses
        before.check(now)
        self._losses = before.try_at(now)
        await self._negotiate(device, (address,), asked_by_user=False)
        if not before.is_explained(now):
            self._losses = self._losses.mend_at(now)

    async def _resume(self, session: StoredSession, address: Address) -> Link:
        try:
            connection = await self._open(address)
            try:
                return await resume(connection, session)
            except BaseException:
                connection.abort()
                raise
        except RefusedError as error:
            if error.failure in _OF_NEGOTIATIONS:
                raise RefusedError(Failure.OUT_OF_ORDER, "refused, but not as a device") from error
            raise

    async def _negotiate(
        self, device: PairedDevice, addresses: tuple[Address, ...], *, asked_by_user: bool
    ) -> None:
        if not sessions.may_negotiate(device, asked_by_user=asked_by_user):
            raise SecurePairError(Failure.SESSION_UNKNOWN, "too many sessions are unconfirmed")
        try:
            await self._negotiate_now(device, addresses, asked_by_user=asked_by_user)
        except SecurePairError as error:
            self._device.failed(error.failure)
            raise

    async def _negotiate_now(
        self, device: PairedDevice, addresses: tuple[Address, ...], *, asked_by_user: bool
    ) -> None:
        key_service = await self._get_key_service(device)
        connection = await self._open(*addresses)
        try:
            paired = await negotiate(
                connection,
                device,
                key_service,
                partial(self._key_store.change_device, self._device_id),
                expected_installation=None if asked_by_user else device.installation,
                on_stage=partial(LOGGER.debug, "%s: negotiation: %s", self._name),
            )
            await self._adopt(paired.link, paired.device.sessions[0])
        except BaseException:
            connection.abort()
            raise
        self._device.renewed()

    async def _adopt(self, link: Link, session: StoredSession) -> None:
        """Let a new link serve as soon as the device has described itself on it."""
        former, former_session = self.link, self.session
        self._adopting, self._adopting_session = link, session
        self._described = self._loop.create_future()
        try:
            receive, end = partial(self._device.receive, link), partial(self._ended, link)
            link.start(receive, end, self._device.fault, self._key_store.pulse)
            async with asyncio.timeout(DESCRIPTION_SECONDS):
                await self._described
            link.rest()  # It may be quiet for long.
        except TimeoutError as error:
            raise SecurePairError(Failure.TIMEOUT, "no description") from error
        finally:
            if self.link is not link:
                self._adopting = None
                link.abort()
        self._losses = self._losses.serves(self._loop.time(), link.welcome.remaining)
        if self._opened is not None:
            self._device.found(self._opened)
        if former is not None and former_session is not None:
            # Where it can still be told: a former terminal id gives up its place.
            await former.close(unpair=former_session.terminal_id != session.terminal_id)

    async def _confirm(self, session: StoredSession) -> None:
        """Let the older sessions go, now that the device was heard on this one."""
        try:
            await self._key_store.change_device(
                self._device_id, lambda now: sessions.confirmed(now, session.session_id)
            )
        except SecurePairError as error:
            # Nothing is lost: the session stays provisional until the next connection.
            LOGGER.warning("%s: %s", self._name, error)

    @property
    def _losses(self) -> Losses:
        return self._key_store.losses.get(self._device_id, Losses())

    @_losses.setter
    def _losses(self, losses: Losses) -> None:
        self._key_store.losses[self._device_id] = losses

    async def _open(self, *addresses: Address) -> Connection:
        """Connect to the first of the addresses where the device's id answers."""
        failure: SecurePairError | None = None
        for address in addresses:
            try:
                connection = await Connection.open(address.host, address.port, self._device_id)
            except SecurePairError as error:
                failure = failure or error
                continue
            self._opened, self._connection = address, connection
            if self._stopped:
                connection.abort()
            return connection
        raise failure or SecurePairError(Failure.CANNOT_CONNECT)

    async def _paired(self) -> PairedDevice:
        device = await self._key_store.device(self._device_id)
        if device is None or not device.sessions:
            raise SecurePairError(Failure.SESSION_NOT_STORED)
        return device

    def _ended(self, link: Link, error: SecurePairError) -> None:
        if link is self._adopting:
            if not self._described.done():
                self._described.set_exception(error)
        elif link is self.link:
            if self._renewing:
                # The device ends the former link when it has accepted the new session.
                self._ended_while_renewing = error
            else:
                self._unlink(error)

    def _unlink(self, error: SecurePairError) -> None:
        self.link, self.failure, self._hurried = None, error.failure, -HURRY_SECONDS
        self._device.unlinked(error)
