"""A real key service on a real socket, and the two others who take part in pairing."""

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cloud_stub import base64url
from cloud_stub.accounts import IssuedTerminal, add_account, add_terminal
from cloud_stub.app import create_app
from cloud_stub.devices import add_device
from cloud_stub.master_key import VARIABLE
from cloud_stub.registration import Registration
from cloud_stub.server import running
from cloud_stub.settings import Settings
from cloud_stub.steps import OnStep
from cloud_stub.store import Store, open_store
from secure_pair_protocol import negotiation
from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.keys import claim_hash
from secure_pair_protocol.negotiation import DeviceIdentity, Session
from secure_pair_protocol.secret import Secret


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


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


type StartCloud = Callable[..., AbstractAsyncContextManager[Cloud]]


@asynccontextmanager
async def started(
    data: Path,
    settings: Settings | None = None,
    on_step: OnStep | None = None,
    **opening: Any,
) -> AsyncGenerator[Cloud]:
    """Start the key service on a state directory."""
    async with (
        open_store(data, **opening) as store,
        running(create_app(store, settings, on_step)) as url,
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


@pytest.fixture
async def cloud(data: Path) -> AsyncIterator[Cloud]:
    async with started(data) as service:
        yield service
