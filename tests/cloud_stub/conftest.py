"""A real key service on a real socket, and the two others who take part in pairing."""

import atexit
import json
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pytest_socket import enable_socket

from cloud_stub.accounts import IssuedTerminal, add_account, add_terminal, issue_account_key
from cloud_stub.app import create_app
from cloud_stub.devices import add_device
from cloud_stub.limits import Limit, Limits
from cloud_stub.master_key import NEXT_VARIABLE, VARIABLE
from cloud_stub.postgresql import VARIABLE as DATABASE_VARIABLE
from cloud_stub.registration import Registration
from cloud_stub.server import running
from cloud_stub.settings import Settings
from cloud_stub.steps import OnStep
from cloud_stub.store import Store, open_store
from secure_pair_protocol import base64url, negotiation
from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.keys import claim_hash
from secure_pair_protocol.negotiation import DeviceIdentity, Session
from secure_pair_protocol.secret import Secret

from .postgres import Cluster, cluster


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (VARIABLE, NEXT_VARIABLE, DATABASE_VARIABLE):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    """Put the log back: a command that serves writes it to its own standard error."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Not the plugin's: its debug mode makes a request take twice as long."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        fields = json.loads(self.body)
        assert isinstance(fields, dict)
        return fields

    @property
    def code(self) -> str:
        """The problem's code; checks that the answer is a problem."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.json["status"] == self.status
        code = self.json["code"]
        assert isinstance(code, str)
        return code

    @property
    def seen(self) -> tuple[object, ...]:
        """All that a stranger could tell two answers apart by, but for the time of day."""
        headers = {name: value for name, value in self.headers.items() if name != "date"}
        return self.status, headers, self.body


@dataclass(frozen=True)
class MadeDevice:
    """A device as its maker knows it."""

    device_id: str
    labelled: bool = True
    initial_key: bytes = field(default_factory=lambda: os.urandom(32))
    claim_proof: bytes = field(default_factory=lambda: os.urandom(32))
    pairing_secret: bytes = field(default_factory=lambda: os.urandom(32))

    def row(self) -> dict[str, str | None]:
        """The registration row."""
        proof = claim_hash(PRIMITIVES, self.device_id, Secret(self.claim_proof))
        return {
            "device_id": self.device_id,
            "initial_key": base64url.encode(self.initial_key),
            "claim_hash": base64url.encode(proof) if self.labelled else None,
            "model": "test lock",
        }

    def claim(self, proof: bytes | None = None) -> dict[str, str]:
        """The body of a claim."""
        proof = proof or self.claim_proof
        return {"device_id": self.device_id, "claim_proof": base64url.encode(proof)}


class Negotiation:
    """One negotiation between a terminal and a device, up to the key service's turn."""

    def __init__(self, device: MadeDevice, terminal_id: bytes) -> None:
        pairing_secret = Secret(device.pairing_secret)
        identity = DeviceIdentity(
            device.device_id, Secret(device.initial_key), pairing_secret, "lock", "Door", bytes(8)
        )
        requested, self.m1 = negotiation.request_authentication(
            PRIMITIVES,
            device_id=device.device_id,
            terminal_id=terminal_id,
            private_key=X25519PrivateKey.generate(),
            pairing_secret=pairing_secret,
        )
        self._issued, self.m2 = negotiation.issue_challenge(
            PRIMITIVES, identity, self.m1, os.urandom(32)
        )
        self._challenged = negotiation.receive_challenge(PRIMITIVES, requested, self.m2)

    def body(self) -> dict[str, str]:
        """What the terminal sends to the key service."""
        return {
            "m1": base64url.encode(self.m1),
            "m2": base64url.encode(self.m2),
            "first_public_key": base64url.encode(self._challenged.first_public_key),
        }

    def finish(self, answer: Answer, epoch: int = 0) -> Session:
        """Go on with the key service's answer; return what the device has then.

        Raises SecurePairError as the terminal and the device do.
        """
        assert answer.status == 200
        fields = answer.json
        responded, m5 = negotiation.respond(
            PRIMITIVES,
            self._challenged,
            base64url.decode(fields["first_encrypted_data"]),
            Secret(base64url.decode(fields["ticket_key"])),
            fields["lifetime"],
        )
        opened = negotiation.open_response(PRIMITIVES, self._issued, m5, epoch)
        answered, m6 = negotiation.answer(PRIMITIVES, opened, X25519PrivateKey.generate())
        proven = negotiation.receive_device_key(PRIMITIVES, responded, m6)
        m7 = PRIMITIVES.encode(proven.confirmation)
        accepted = negotiation.accept(PRIMITIVES, answered, m7, epoch)
        assert accepted.session.session_id == proven.session_id
        assert proven.lifetime == accepted.session.grant.lifetime
        return accepted.session


@dataclass(frozen=True)
class Cloud:
    """The key service under test, through its public door."""

    store: Store
    url: str
    http: aiohttp.ClientSession

    async def call(
        self,
        method: str,
        path: str,
        token: Secret | str | None = None,
        **request: Any,
    ) -> Answer:
        headers = dict(request.pop("headers", {}))
        if isinstance(token, Secret):
            token = f"Bearer {token.reveal().decode()}"
        if token is not None:
            headers["Authorization"] = token
        async with self.http.request(method, self.url + path, headers=headers, **request) as answer:
            names = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, names, await answer.read())

    async def terminal(self, account: str) -> IssuedTerminal:
        """Issue a terminal to a new account."""
        await add_account(self.store, account)
        return await add_terminal(self.store, account)

    async def key(self, account: str) -> Secret:
        """Issue the account key of an account that is there."""
        return await issue_account_key(self.store, account)

    async def device(self, device_id: str, *, labelled: bool = True) -> MadeDevice:
        """Make a device and register it."""
        made = MadeDevice(device_id, labelled)
        await add_device(self.store, Registration.model_validate(made.row()))
        return made

    async def claim(
        self, terminal: IssuedTerminal, device: MadeDevice, proof: bytes | None = None
    ) -> Answer:
        return await self.call("POST", "/v1/claims", terminal.token, json=device.claim(proof))

    async def authorize(self, terminal: IssuedTerminal, body: dict[str, str]) -> Answer:
        return await self.call("POST", "/v1/authorize", terminal.token, json=body)

    async def pair(self, terminal: IssuedTerminal, device: MadeDevice, epoch: int = 0) -> Session:
        """Negotiate to the end; returns what the device keeps."""
        negotiating = Negotiation(device, terminal.terminal_id)
        return negotiating.finish(await self.authorize(terminal, negotiating.body()), epoch)


AT_WILL = Limit(10**6, 0.001)
UNLIMITED = Limits(**dict.fromkeys(Limits.__dataclass_fields__, AT_WILL))
"""For tests that are about something else, and ask faster than anybody may."""


type StartCloud = Callable[..., AbstractAsyncContextManager[Cloud]]


async def _new_state(data: Path) -> None:
    """Make a state directory as the service does, by a copy: it is quicker."""
    made = _made.get("state")
    if made is None:
        folder = tempfile.TemporaryDirectory(prefix="secure-pair-state-")
        atexit.register(folder.cleanup)
        made = _made["state"] = Path(folder.name) / "state"
        async with open_store(made):
            pass
    shutil.copytree(made, data)


_made: dict[str, Path] = {}


@asynccontextmanager
async def started(
    data: Path,
    settings: Settings | None = None,
    on_step: OnStep | None = None,
    **opening: Any,
) -> AsyncGenerator[Cloud]:
    """Start the key service on a state directory."""
    if not data.exists() and opening.get("database_url") is None:
        await _new_state(data)
    async with (
        open_store(data, **opening) as store,
        running(create_app(store, settings or Settings(limits=UNLIMITED), on_step)) as url,
        aiohttp.ClientSession() as http,
    ):
        yield Cloud(store, url, http)


@pytest.fixture
def start_cloud() -> StartCloud:
    return started


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A state directory that is not there yet."""
    return tmp_path / "state"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """One server for all tests; each has a database of its own in it."""
    # It is made before what each test is allowed.
    enable_socket()
    with cluster() as running_one:
        yield running_one


@pytest.fixture
async def new_database(postgresql: Cluster) -> str:
    """The URL of an empty PostgreSQL database."""
    return postgresql.url(await postgresql.database())


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, data: Path) -> str | None:
    """Where a test keeps its state: it runs twice. None is the file in `data`."""
    if request.param == "sqlite":
        return None
    server: Cluster = request.getfixturevalue("postgresql")
    return server.url(await server.database())


@pytest.fixture
async def cloud(data: Path, database_url: str | None) -> AsyncIterator[Cloud]:
    async with started(data, database_url=database_url) as service:
        yield service
