"""The server as a guest on a running loop: where it listens, and what it leaves."""

import asyncio
import datetime as dt
import ipaddress
import signal
import socket
import ssl
import struct
import threading
import time
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cloud_stub import server
from cloud_stub.app import create_app
from cloud_stub.database import THREADS
from cloud_stub.errors import OperatorError
from cloud_stub.server import Certificate, running
from cloud_stub.store import open_store

from .conftest import Cloud, StartCloud


@pytest.fixture
def database_url() -> None:
    """One database is enough: this is about sockets."""


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """A certificate that signs itself, for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cloud")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pair = Certificate(tmp_path / "chain.pem", tmp_path / "key.pem")
    pair.chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pair.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pair


async def test_it_leaves_no_task_thread_signal_handler_or_connection(
    start_cloud: StartCloud, data: Path
) -> None:
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

    async with start_cloud(data) as cloud:
        terminal = await cloud.terminal("anna")
        lock = await cloud.device("lock")
        await asyncio.gather(*(cloud.claim(terminal, lock) for _ in range(8)))
        meanwhile = {thread.name for thread in set(threading.enumerate()) - threads}
        during = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
        url = cloud.url

    # Its own are the database's and no others.
    assert meanwhile
    assert all(name.startswith(THREADS) for name in meanwhile)
    assert set(threading.enumerate()) <= threads
    assert asyncio.all_tasks() <= tasks
    assert during == handlers
    host, port = url.removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, int(port))


async def test_it_starts_and_stops_at_once_with_a_client_connected(data: Path) -> None:
    async with open_store(data) as store, aiohttp.ClientSession() as http:
        app = create_app(store)
        took = []
        for _ in range(3):
            start = time.perf_counter()
            async with running(app) as url, http.get(f"{url}/health") as answer:
                assert answer.status == 200
                await answer.read()
            took.append(time.perf_counter() - start)

    # uvicorn by itself takes at least 0.1 s to stop.
    assert min(took) < 0.1


async def test_a_request_that_never_ends_does_not_keep_it_from_stopping(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "GRACE_SECONDS", 0.05)
    async with open_store(data) as store:
        async with running(create_app(store)) as url:
            reader, writer = await _half_a_request(url)
            start = time.perf_counter()

        assert time.perf_counter() - start < 1
    assert await reader.read() == b""
    writer.close()


async def test_a_request_under_way_is_answered_before_it_stops(data: Path) -> None:
    async with open_store(data) as store:
        async with running(create_app(store)) as url:
            reader, writer = await _half_a_request(url)
            finishing = asyncio.create_task(_finish(reader, writer))
        answer = await finishing

    assert answer.startswith(b"HTTP/1.1 401 ")


async def _half_a_request(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a connection on which the service waits for the second half of ``{}``."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = ("POST /v1/claims HTTP/1.1", "Host: x", "Content-Length: 2", "Expect: 100-continue")
    writer.write("\r\n".join([*lines, "", "{"]).encode())
    assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def _finish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    await asyncio.sleep(0.05)
    writer.write(b"}")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_client_that_resets_its_connection_leaves_no_timer(cloud: Cloud) -> None:
    host, port = cloud.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"ok")
    # A reset instead of an end; the plugin looks for the timers when the test is over.
    bare = writer.get_extra_info("socket")
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    await asyncio.sleep(0.05)

    assert (await cloud.call("GET", "/health")).status == 200


async def test_several_run_side_by_side_on_one_loop(
    start_cloud: StartCloud, tmp_path: Path
) -> None:
    async with start_cloud(tmp_path / "one") as one, start_cloud(tmp_path / "two") as two:
        terminal = await one.terminal("anna")

        assert one.url != two.url
        assert (await one.call("GET", "/v1/terminal", terminal.token)).status == 200
        assert (await two.call("GET", "/v1/terminal", terminal.token)).status == 401


async def test_in_the_clear_it_listens_on_loopback_only(data: Path) -> None:
    async with open_store(data) as store:
        app = create_app(store)
        for host in ("0.0.0.0", "::", "192.0.2.1"):
            with pytest.raises(OperatorError, match="not loopback"):
                async with running(app, host=host):
                    pass
        async with running(app, host="localhost") as url:
            assert url.startswith(("http://127.0.0.1:", "http://[::1]:"))


async def test_a_port_that_is_taken_is_refused(cloud: Cloud) -> None:
    port = int(cloud.url.rpartition(":")[2])

    with pytest.raises(OperatorError, match="in use"):
        async with running(create_app(cloud.store), port=port):
            pass


async def test_with_a_certificate_it_speaks_tls_and_may_listen_anywhere(
    data: Path, certificate: Certificate
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate.chain))
    async with open_store(data) as store, aiohttp.ClientSession() as http:
        app = create_app(store)
        async with running(app, host="0.0.0.0", certificate=certificate) as url:
            port = url.rpartition(":")[2]
            async with http.get(f"https://127.0.0.1:{port}/health", ssl=trusting) as answer:
                assert answer.status == 200
            with pytest.raises(aiohttp.ClientError):
                await http.get(f"http://127.0.0.1:{port}/health")

    assert url.startswith("https://0.0.0.0:")


async def test_a_certificate_that_cannot_be_used_is_refused(
    data: Path, certificate: Certificate
) -> None:
    async with open_store(data) as store:
        for chain, key in [
            (certificate.key, certificate.key),
            (certificate.chain, data / "missing.pem"),
        ]:
            with pytest.raises(OperatorError, match="cannot use the certificate"):
                async with running(create_app(store), certificate=Certificate(chain, key)):
                    pass
