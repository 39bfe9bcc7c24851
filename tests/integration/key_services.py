"""The real key service on a real socket, behind a door at which a test can make trouble."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fastapi import Request, Response
from sqlalchemy import Connection
from yarl import URL

from cloud_stub.accounts import (
    IssuedTerminal,
    add_account,
    add_terminal,
    find_terminal,
    revoke_terminal,
)
from cloud_stub.app import create_app
from cloud_stub.devices import add_device
from cloud_stub.ownership import claim
from cloud_stub.registration import parse_registration
from cloud_stub.server import Certificate, running
from cloud_stub.settings import Settings
from cloud_stub.store import Store, open_store
from device_stub.factory import NewDevice
from secure_pair_protocol.errors import SecurePairError

ACCOUNT: Final = "owner"

TERMINAL: Final = "/v1/terminal"
CLAIM: Final = "/v1/claims"
AUTHORIZE: Final = "/v1/authorize"

SILENT: Final = 0
"""In the place of an HTTP status: no answer, until the service stops or `go_on` is set."""

type Hook = Callable[[], Awaitable[None]]


@dataclass(kw_only=True)
class KeyService:
    """One key service; it can go away and come back at the same address."""

    store: Store
    terminal: IssuedTerminal
    settings: Settings = field(default_factory=Settings)
    certificate: Certificate | None = None
    url: str = ""
    trouble: dict[str, int] = field(default_factory=dict)
    """By path: the HTTP status that is answered in the place of what was asked for."""
    hooks: dict[str, Hook] = field(default_factory=dict)
    """By path: what happens before the answer."""
    asked: list[str] = field(default_factory=list)
    """The paths that were asked for."""
    go_on: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack, repr=False)

    @property
    def token(self) -> str:
        return self.terminal.token.reveal().decode()

    async def start(self) -> None:
        """Be there."""
        app = create_app(self.store, self.settings)
        app.middleware("http")(self._answer)
        port = URL(self.url).port or 0 if self.url else 0
        self.go_on.clear()
        self.url = await self._stack.enter_async_context(
            running(app, port=port, certificate=self.certificate)
        )

    async def stop(self) -> None:
        """Go away."""
        self.go_on.set()
        await self._stack.aclose()

    async def register(self, made: NewDevice) -> None:
        """Take a device's row from its maker."""
        await add_device(self.store, parse_registration(made.registration))

    async def issue(self, account: str = ACCOUNT) -> IssuedTerminal:
        """Issue another terminal."""
        return await add_terminal(self.store, account)

    async def revoke(self, terminal: IssuedTerminal | None = None) -> None:
        """Refuse a terminal's token from now on."""
        await revoke_terminal(self.store, (terminal or self.terminal).terminal_id)

    async def _answer(
        self, request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        path = request.url.path
        self.asked.append(path)
        if (hook := self.hooks.get(path)) is not None:
            await hook()
        if (status := self.trouble.get(path)) is None:
            return await call_next(request)
        if status == SILENT:
            await self.go_on.wait()
            return Response(status_code=503)
        return Response(status_code=status, headers={"Retry-After": "1"})


@asynccontextmanager
async def running_key_service(
    path: Path, *, settings: Settings | None = None, certificate: Certificate | None = None
) -> AsyncGenerator[KeyService]:
    """A key service with one account and one terminal."""
    async with open_store(path) as store:
        await add_account(store, ACCOUNT)
        terminal = await add_terminal(store, ACCOUNT)
        service = KeyService(
            store=store,
            terminal=terminal,
            settings=settings or Settings(),
            certificate=certificate,
        )
        await service.start()
        try:
            yield service
        finally:
            await service.stop()


async def own(key_service: KeyService, made: NewDevice, terminal: IssuedTerminal) -> None:
    """Make a device the property of a terminal's account."""
    assert made.setup_code is not None
    store, device_id = key_service.store, made.data.device_id
    proof = made.setup_code.stretch(device_id).claim_proof

    def claimed(connection: Connection) -> SecurePairError | None:
        calling = find_terminal(connection, terminal.token, None)
        assert calling is not None
        return claim(connection, store, calling, device_id, proof)

    await store.database.write(claimed)
