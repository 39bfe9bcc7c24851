"""Who authorizes the check's negotiations: a key service, or the maker with the initial key."""

import asyncio
import json
import os
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from secure_pair_protocol import base64url, negotiation
from secure_pair_protocol.crypto import KEY_SIZE, NONCE_SIZE, PRIMITIVES
from secure_pair_protocol.keys import Grant
from secure_pair_protocol.messages import FIRST_ENCRYPTED_DATA_SIZE
from secure_pair_protocol.negotiation import Authorization, AuthorizationRequest
from secure_pair_protocol.secret import Secret

from .errors import CannotCheckError

LIFETIME = 3600
"""Seconds after which a device forgets the maker's session by itself, come what may."""

REQUEST_SECONDS = 10
_ANSWER_LIMIT = 16 * 1024
_NO_SENSE = "the key service: its answer makes no sense"


class Authority(Protocol):
    """The cloud's part of a negotiation."""

    @property
    def terminal_id(self) -> bytes:
        """Whom it authorizes."""

    async def authorize(self, m1: bytes, m2: bytes, first_public_key: bytes) -> Authorization:
        """Answer as in step 4; raises CannotCheckError."""


class Maker:
    """Has the device's initial key, and plays the cloud; draws a terminal id of its own."""

    def __init__(self, initial_key: Secret) -> None:
        """Follow no epoch yet: see `bench.Bench.find_epoch`."""
        self.terminal_id = os.urandom(16)
        self.epoch = 0
        self._initial_key = initial_key

    def another(self) -> Maker:
        """Return one that grants the same, to another terminal."""
        maker = Maker(self._initial_key)
        maker.epoch = self.epoch
        return maker

    async def authorize(
        self,
        m1: bytes,
        m2: bytes,
        first_public_key: bytes,
        *,
        epoch: int | None = None,
        first_data: bytes | None = None,
    ) -> Authorization:
        """Answer as in step 4, or, where something is given, as no key service would."""
        request = negotiation.parse_authorization_request(PRIMITIVES, m1, m2)
        return negotiation.authorize(
            PRIMITIVES,
            AuthorizationRequest(
                request.terminal_id, request.device_id, first_data or request.first_data
            ),
            m1=m1,
            m2=m2,
            first_public_key=first_public_key,
            token_terminal_id=request.terminal_id,
            initial_key=self._initial_key,
            grant=Grant(self.epoch if epoch is None else epoch, LIFETIME),
            nonce=os.urandom(NONCE_SIZE),
        )


class KeyService:
    """A real key service, asked with a terminal token (docs/protocol.md, section 11).

    HTTPS with the system's trusted certificates, or those of SSL_CERT_FILE.
    """

    def __init__(self, url: str, token: Secret) -> None:
        """Check the address; raises CannotCheckError. `open` comes next."""
        self._url = _parse(url)
        self._token = token
        self.terminal_id = b""

    async def open(self) -> None:
        """Learn whose token it is; raises CannotCheckError."""
        answer = await self._request("GET", "/v1/terminal")
        try:
            self.terminal_id = base64url.decode(answer.get("terminal_id"), 16)
        except ValueError:
            raise CannotCheckError(_NO_SENSE) from None

    async def claim(self, device_id: str, claim_proof: Secret) -> None:
        """Claim the device for the token's account; raises CannotCheckError."""
        body = {"device_id": device_id, "claim_proof": base64url.encode(claim_proof.reveal())}
        await self._request("POST", "/v1/claims", body)

    async def authorize(self, m1: bytes, m2: bytes, first_public_key: bytes) -> Authorization:
        """Ask for steps 3 and 4; raises CannotCheckError."""
        body = {"m1": m1, "m2": m2, "first_public_key": first_public_key}
        answer = await self._request(
            "POST", "/v1/authorize", {name: base64url.encode(body[name]) for name in body}
        )
        try:
            return Authorization(
                base64url.decode(answer.get("first_encrypted_data"), FIRST_ENCRYPTED_DATA_SIZE),
                Secret(base64url.decode(answer.get("ticket_key"), KEY_SIZE)),
                int(answer["lifetime"]),
            )
        except KeyError, TypeError, ValueError:
            raise CannotCheckError(_NO_SENSE) from None

    async def _request(
        self, method: str, path: str, body: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        return await asyncio.to_thread(self._ask, method, path, body)

    def _ask(self, method: str, path: str, body: Mapping[str, str] | None) -> dict[str, Any]:
        url = self._url
        kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
        connection = kind(url.hostname or "", url.port, timeout=REQUEST_SECONDS)
        headers = {
            "Authorization": f"Bearer {self._token.reveal().decode()}",
            "Content-Type": "application/json",
        }
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, url.path.rstrip("/") + path, content, headers)
            response = connection.getresponse()
            answer = json.loads(response.read(_ANSWER_LIMIT))
        except (OSError, HTTPException, ValueError) as error:
            # Not its text: it may hold the request.
            raise CannotCheckError(f"the key service: {type(error).__name__}") from None
        finally:
            connection.close()
        if response.status != HTTPStatus.OK or not isinstance(answer, dict):
            code = answer.get("code") if isinstance(answer, dict) else None
            raise CannotCheckError(f"the key service: {code or f'HTTP status {response.status}'}")
        return answer


def _parse(text: str) -> SplitResult:
    """Return the address; in the clear only to this machine, as of section 11."""
    try:
        url = urlsplit(text)
        host, _ = url.hostname or "", url.port
    except ValueError:
        raise CannotCheckError("the key service's address is none") from None
    if url.scheme not in {"http", "https"} or not host:
        raise CannotCheckError("the key service's address is none")
    if url.scheme == "http" and not _is_loopback(host):
        raise CannotCheckError("plain HTTP is only for a key service on this machine")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
