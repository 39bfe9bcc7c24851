"""The application on a socket: uvicorn as a guest on the running event loop."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import override

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from .errors import OperatorError

HEAD_SECONDS = 10
"""How long the head of a request may take to arrive."""
GRACE_SECONDS = 2
"""How long a request that is under way may take when the server stops."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files of the certificate chain and of its private key."""

    chain: Path
    key: Path


class _Protocol(H11Protocol):
    """uvicorn's, that does not wait for ever for a request to begin.

    Nor does it leave a timer behind after a connection reset.
    """

    _head_timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            # Its timer has ended with the first byte of the next request.
            if self.timeout_keep_alive_task is None:
                self._await_head()
        else:
            self._head_came()

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._head_came()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()


@asynccontextmanager
async def running(
    app: ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    certificate: Certificate | None = None,
    trusted_proxies: str | None = None,
    listener: socket.socket | None = None,
) -> AsyncGenerator[str]:
    """Serve the application on the running loop; yields the base URL.

    Port 0 takes a free one. In the clear it listens on loopback only. `trusted_proxies`
    are addresses and networks, with commas between them, whose word on the client's address
    (X-Forwarded-For) is taken. A `listener` is used in the place of host and port. No signal
    handler, thread, task or connection is left when the context ends. Raises OperatorError.
    """
    listener = listener or listen(host, port, in_the_clear=certificate is None)
    try:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=trusted_proxies is not None,
            forwarded_allow_ips=trusted_proxies,
            server_header=False,
            ssl_certfile=certificate.chain if certificate else None,
            ssl_keyfile=certificate.key if certificate else None,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            raise OperatorError(f"cannot use the certificate: {error}") from error
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.on_tick(0)
        # Not serve(): that takes the process's signals.
        await server.startup(sockets=[listener])
        # Keeps the Date header right.
        ticking = asyncio.create_task(server.main_loop())
        try:
            yield url_of(listener, secure=certificate is not None)
        finally:
            ticking.cancel()
            await asyncio.wait([ticking])
            await _stop(server)
    finally:
        listener.close()


async def _stop(server: uvicorn.Server) -> None:
    """Let what is under way finish, then close. uvicorn's own way waits 0.1 s at least."""
    state = server.server_state
    for listening in server.servers:
        listening.close()
    for connection in list(state.connections):
        connection.shutdown()
    for listening in server.servers:
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await listening.wait_closed()
        except TimeoutError:
            listening.abort_clients()
            await listening.wait_closed()
    if state.tasks:
        _, late = await asyncio.wait(state.tasks, timeout=GRACE_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)


def listen(host: str, port: int, *, in_the_clear: bool) -> socket.socket:
    """Bind a socket, which uvicorn then listens on; raises OperatorError."""
    # With the protocol named, asyncio sends answers without waiting (TCP_NODELAY).
    listener: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )[0]
        # Of the address itself and not of its name, which may lead anywhere.
        if in_the_clear and not ipaddress.ip_address(address[0]).is_loopback:
            raise OperatorError(f"{host} is not loopback: it takes --certificate and --key")
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise OperatorError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    return listener


def url_of(listener: socket.socket, *, secure: bool) -> str:
    """Return what a socket is reached by."""
    host, port = listener.getsockname()[:2]
    if listener.family == socket.AF_INET6:
        host = f"[{host}]"
    return f"{'https' if secure else 'http'}://{host}:{port}"
