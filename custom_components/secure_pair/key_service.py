"""Client of the key service's HTTP API (docs/protocol.md, section 11)."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Annotated, Final

import aiohttp
import msgspec
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from msgspec import Meta, Struct
from yarl import URL

from .key_store import TerminalToken
from .protocol import base64url
from .protocol.crypto import KEY_SIZE
from .protocol.errors import UNDECODABLE, Failure, SecurePairError
from .protocol.messages import FIRST_ENCRYPTED_DATA_SIZE
from .protocol.secret import Secret

REQUEST_SECONDS: Final = 10
"""How long one request may take."""

FINGERPRINT_SIZE: Final = 32
"""SHA-256, in bytes."""

_ANSWER_LIMIT: Final = 16 * 1024
"""The longest answer that is read, in bytes."""

_STATUS_FAILURES: Final[dict[int, Failure]] = {
    HTTPStatus.UNAUTHORIZED: Failure.TOKEN_REFUSED,
    HTTPStatus.TOO_MANY_REQUESTS: Failure.SLOW_DOWN,
    HTTPStatus.SERVICE_UNAVAILABLE: Failure.KEY_SERVICE_UNAVAILABLE,
}
_CODES: Final = frozenset(
    {
        Failure.TOKEN_REFUSED,
        Failure.NOT_YOURS,
        Failure.OWNED_BY_ANOTHER,
        Failure.CLAIM_REFUSED,
        Failure.WRONG_SETUP_CODE,
        Failure.SLOW_DOWN,
        Failure.VERSION_NOT_SUPPORTED,
        Failure.KEY_SERVICE_UNAVAILABLE,
    }
)
"""The failures that a key service may name; any other answer makes no sense."""


@dataclass(frozen=True, slots=True)
class TerminalAnswer:
    """Whom the token was issued to."""

    terminal_id: bytes
    account: str


@dataclass(frozen=True, slots=True, eq=False)
class AuthorizationAnswer:
    """The first encrypted data and what goes with it."""

    first_encrypted_data: bytes
    ticket_key: Secret
    lifetime: int
    """Seconds of the device's powered time; 0: no end."""


class _TerminalWire(Struct, frozen=True):
    terminal_id: str
    account: Annotated[str, Meta(max_length=255)]


class _AuthorizationWire(Struct, frozen=True):
    first_encrypted_data: str
    ticket_key: str
    lifetime: Annotated[int, Meta(ge=0, lt=1 << 32)]


class _ClaimWire(Struct, frozen=True):
    device_id: str


class _ProblemWire(Struct, frozen=True):
    code: str = ""


def parse_key_service_url(text: str) -> URL:
    """Return the service's address; raises SecurePairError.

    key_service_invalid: this is no address. key_service_insecure: plain HTTP to another
    machine, where anybody on the way could read the token.
    """
    try:
        url = URL(text.strip())
    except ValueError as error:
        raise SecurePairError(Failure.KEY_SERVICE_INVALID) from error
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment:
        raise SecurePairError(Failure.KEY_SERVICE_INVALID)
    if url.user is not None or url.password is not None:
        raise SecurePairError(Failure.KEY_SERVICE_INVALID)
    if url.scheme == "http" and not _is_loopback(url.host):
        raise SecurePairError(Failure.KEY_SERVICE_INSECURE)
    return url.with_path(url.path.rstrip("/") or "/")


def parse_token(text: str) -> Secret:
    """Return a terminal token; raises SecurePairError (token_refused) if it can be none."""
    token = text.strip()
    if not token.isascii() or not token.isprintable() or not token:
        raise SecurePairError(Failure.TOKEN_REFUSED)
    return Secret(token.encode())


def parse_fingerprint(text: str) -> bytes | None:
    """Return a certificate's SHA-256, or None for no text.

    Takes hexadecimal digits, with colons or spaces or without. Raises SecurePairError
    (invalid_fingerprint).
    """
    digits = "".join(text.replace(":", " ").split())
    if not digits:
        return None
    try:
        fingerprint = bytes.fromhex(digits)
    except ValueError:
        fingerprint = b""
    if len(fingerprint) != FINGERPRINT_SIZE:
        raise SecurePairError(Failure.INVALID_FINGERPRINT)
    return fingerprint


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@callback
def key_service_at(hass: HomeAssistant, url: str, token: TerminalToken) -> KeyService:
    """Return the client of a key service, over Home Assistant's session.

    Raises SecurePairError as `parse_key_service_url` does.
    """
    return KeyService(
        async_get_clientsession(hass), parse_key_service_url(url), token.token, token.fingerprint
    )


class KeyService:
    """One key service, asked with one terminal's token."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: URL,
        token: Secret,
        fingerprint: bytes | None = None,
    ) -> None:
        """Take Home Assistant's session, which verifies certificates.

        `fingerprint`: SHA-256 of the one certificate that is accepted instead.
        """
        self._session = session
        self._url = url
        self._token = token
        self._ssl = True if fingerprint is None else aiohttp.Fingerprint(fingerprint)

    async def terminal(self) -> TerminalAnswer:
        """Return whose token this is."""
        wire = await self._request("GET", "v1/terminal", _TerminalWire)
        return TerminalAnswer(_bytes(wire.terminal_id, 16), wire.account)

    async def claim(self, device_id: str, claim_proof: Secret) -> None:
        """Make the device this account's; again and again for its owner."""
        proof = base64url.encode(claim_proof.reveal())
        body = {"device_id": device_id, "claim_proof": proof}
        await self._request("POST", "v1/claims", _ClaimWire, body)

    async def authorize(self, m1: bytes, m2: bytes, first_public_key: bytes) -> AuthorizationAnswer:
        """Send request and challenge as they were on the wire (steps 3 and 4)."""
        body = {
            "m1": base64url.encode(m1),
            "m2": base64url.encode(m2),
            "first_public_key": base64url.encode(first_public_key),
        }
        wire = await self._request("POST", "v1/authorize", _AuthorizationWire, body)
        return AuthorizationAnswer(
            _bytes(wire.first_encrypted_data, FIRST_ENCRYPTED_DATA_SIZE),
            Secret(_bytes(wire.ticket_key, KEY_SIZE)),
            wire.lifetime,
        )

    async def _request[A: Struct](
        self, method: str, path: str, answer: type[A], body: dict[str, str] | None = None
    ) -> A:
        """Send one request; raises SecurePairError with one of the service's failures."""
        try:
            async with (
                asyncio.timeout(REQUEST_SECONDS),
                self._session.request(
                    method,
                    self._url.joinpath(path),
                    json=body,
                    headers={"Authorization": f"Bearer {self._token.reveal().decode()}"},
                    allow_redirects=False,
                    ssl=self._ssl,
                ) as response,
            ):
                content = await _read(response)
        except aiohttp.ServerFingerprintMismatch, aiohttp.ClientConnectorCertificateError:
            raise SecurePairError(Failure.CERTIFICATE_REFUSED) from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            # The error's own text may hold the request, so it is not passed on.
            raise SecurePairError(Failure.KEY_SERVICE_UNREACHABLE, type(error).__name__) from None
        if response.status != HTTPStatus.OK:
            raise SecurePairError(
                _failure(response.status, content), f"HTTP status {response.status}"
            )
        return _decode(content, answer)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the answer, up to its limit: what is longer makes no sense."""
    content = b""
    while len(content) < _ANSWER_LIMIT and (part := await response.content.readany()):
        content += part
    return content


def _failure(status: int, content: bytes) -> Failure:
    try:
        failure = Failure.of(msgspec.json.decode(content, type=_ProblemWire).code)
    except UNDECODABLE:
        failure = None
    if failure in _CODES:
        return failure
    return _STATUS_FAILURES.get(status, Failure.KEY_SERVICE_INVALID)


def _decode[A: Struct](content: bytes, answer: type[A]) -> A:
    try:
        return msgspec.json.decode(content, type=answer)
    except UNDECODABLE as error:
        raise SecurePairError(Failure.KEY_SERVICE_INVALID) from error


def _bytes(text: str, size: int) -> bytes:
    try:
        return base64url.decode(text, size)
    except ValueError as error:
        raise SecurePairError(Failure.KEY_SERVICE_INVALID) from error
