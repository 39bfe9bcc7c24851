"""The key service, in every step that needs it: away, silent, refusing, self-signed."""

import asyncio
import datetime as dt
import ipaddress
import threading
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from homeassistant.config_entries import ConfigEntry, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from yarl import URL

from cloud_stub.accounts import IssuedTerminal
from cloud_stub.server import Certificate
from custom_components.secure_pair.const import DOMAIN
from custom_components.secure_pair.key_service import parse_fingerprint
from custom_components.secure_pair.key_store import get_key_store
from device_stub.factory import NewDevice

from .conftest import DEVICE_ID, OTHER_ID, VirtualLock
from .flows import Answers, start, submit, submit_until
from .key_services import (
    AUTHORIZE,
    CLAIM,
    SILENT,
    TERMINAL,
    KeyService,
    running_key_service,
)
from .relay import Relay

# In trouble, at each step


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (SILENT, "key_service_unreachable"),
        (302, "key_service_invalid"),
        (401, "token_refused"),
        (429, "slow_down"),
        (500, "key_service_invalid"),
        (503, "key_service_unavailable"),
    ],
)
@pytest.mark.parametrize("path", [TERMINAL, CLAIM, AUTHORIZE])
async def test_trouble_that_passes(
    hass: HomeAssistant,
    answers: Answers,
    key_service: KeyService,
    virtual_lock: VirtualLock,
    path: str,
    status: int,
    error: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The flow says what it is, at the step that can mend it, and goes on from there."""
    key_service.trouble[path] = status
    with monkeypatch.context() as patch:
        if status == SILENT:
            patch.setattr("custom_components.secure_pair.key_service.REQUEST_SECONDS", 0.3)
        result = await submit_until(hass, await start(hass), answers)
    passes_by_itself = error in {"slow_down", "key_service_unavailable"}
    step = "label" if path != TERMINAL and passes_by_itself else "new_key_service"
    assert (result["step_id"], result["errors"]) == (step, {"base": error})
    assert not virtual_lock.device.register.held
    assert await get_key_store(hass).device(DEVICE_ID) is None

    key_service.trouble.clear()
    result = await submit_until(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert len(virtual_lock.device.register.held) == 1


@pytest.mark.parametrize("path", [TERMINAL, CLAIM, AUTHORIZE])
async def test_goes_away_while_it_is_asked(
    hass: HomeAssistant,
    answers: Answers,
    key_service: KeyService,
    virtual_lock: VirtualLock,
    path: str,
) -> None:
    port = URL(key_service.url).port
    assert port is not None
    relay = Relay(port)
    await relay.mend()
    answers = replace(answers, url=f"http://127.0.0.1:{relay.port}")
    key_service.trouble[path] = SILENT
    key_service.hooks[path] = relay.cut
    result = await submit_until(hass, await start(hass), answers)
    assert (result["step_id"], result["errors"]) == (
        "new_key_service",
        {"base": "key_service_unreachable"},
    )
    key_service.trouble.clear()
    key_service.hooks.clear()
    await relay.mend()
    result = await submit_until(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await relay.cut()


@pytest.mark.parametrize("path", [CLAIM, AUTHORIZE])
async def test_token_is_revoked_while_pairing(
    hass: HomeAssistant,
    answers: Answers,
    key_service: KeyService,
    virtual_lock: VirtualLock,
    path: str,
) -> None:
    """By the real key service: another token, and it goes on."""
    key_service.hooks[path] = key_service.revoke
    result = await submit_until(hass, await start(hass), answers)
    assert (result["step_id"], result["errors"]) == ("new_key_service", {"base": "token_refused"})

    key_service.hooks.clear()
    issued = await key_service.issue()
    result = await submit_until(hass, result, replace(answers, token=_text(issued)))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (held,) = virtual_lock.device.register.held
    assert held.session.terminal_id == issued.terminal_id


# Known ones


async def test_known_key_service_is_offered_and_needs_no_token(
    hass: HomeAssistant,
    entry: ConfigEntry,
    key_service: KeyService,
    other_answers: Answers,
    other_lock: VirtualLock,
) -> None:
    result = await submit_until(hass, await start(hass), other_answers, "key_service")
    assert (result["step_id"], result["errors"]) == ("key_service", {})
    assert _offered(result) == ([_stored_url(key_service), "other"], _stored_url(key_service))

    answers = replace(other_answers, url=_stored_url(key_service), token="never asked for")
    result = await submit_until(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (held,) = other_lock.device.register.held
    assert held.session.terminal_id == key_service.terminal.terminal_id
    assert list(await get_key_store(hass).key_services()) == [_stored_url(key_service)]


async def test_another_one_can_be_entered(
    hass: HomeAssistant,
    entry: ConfigEntry,
    key_service: KeyService,
    other_answers: Answers,
    other_lock: VirtualLock,
    made_other: NewDevice,
    tmp_path: Path,
) -> None:
    async with running_key_service(tmp_path / "another") as another:
        await another.register(made_other)
        result = await submit_until(hass, await start(hass), other_answers, "key_service")
        result = await submit(hass, result, replace(other_answers, url="other"))
        assert (result["step_id"], result["errors"]) == ("new_key_service", {})
        answers = replace(other_answers, url=another.url, token=another.token)
        result = await submit_until(hass, result, answers)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        urls = {_stored_url(key_service), _stored_url(another)}
        assert set(await get_key_store(hass).key_services()) == urls
        assert result["data"]["key_service"] == _stored_url(another)


async def test_known_key_service_in_trouble(
    hass: HomeAssistant,
    entry: ConfigEntry,
    key_service: KeyService,
    other_answers: Answers,
    other_lock: VirtualLock,
) -> None:
    """It stays a matter of choosing: its token, shown once and long ago, is not asked for."""
    answers = replace(other_answers, url=_stored_url(key_service), token="forgotten")
    result = await submit_until(hass, await start(hass), answers, "key_service")
    await key_service.stop()
    result = await submit(hass, result, answers)
    assert (result["step_id"], result["errors"]) == (
        "key_service",
        {"base": "key_service_unreachable"},
    )
    await key_service.start()
    result = await submit_until(hass, result, answers, "label")
    await key_service.stop()
    result = await submit(hass, result, answers)
    assert (result["step_id"], result["errors"]) == (
        "key_service",
        {"base": "key_service_unreachable"},
    )
    assert _offered(result)[1] == _stored_url(key_service)
    await key_service.start()
    result = await submit_until(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_known_key_service_goes_with_its_last_device_meanwhile(
    hass: HomeAssistant,
    entry: ConfigEntry,
    key_service: KeyService,
    other_answers: Answers,
    other_lock: VirtualLock,
) -> None:
    answers = replace(other_answers, url=_stored_url(key_service))
    result = await submit_until(hass, await start(hass), answers, "key_service")
    await hass.config_entries.async_remove(entry.entry_id)
    result = await submit(hass, result, answers)
    assert (result["step_id"], result["errors"]) == ("new_key_service", {})
    result = await submit_until(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_another_token_of_a_known_key_service(
    hass: HomeAssistant,
    entry: ConfigEntry,
    key_service: KeyService,
    other_answers: Answers,
    other_lock: VirtualLock,
) -> None:
    """The new one is this Home Assistant's for all devices: each can still be renewed."""
    issued = await key_service.issue()
    result = await submit_until(hass, await start(hass), other_answers, "key_service")
    result = await submit(hass, result, replace(other_answers, url="other"))
    result = await submit_until(hass, result, replace(other_answers, token=_text(issued)))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    await key_service.revoke()
    for each in hass.config_entries.async_entries(DOMAIN):
        await each.runtime_data.renew()
    for device_id in (DEVICE_ID, OTHER_ID):
        device = await get_key_store(hass).device(device_id)
        assert device is not None
        assert device.terminal_id == issued.terminal_id


async def test_store_that_cannot_be_read_offers_none(hass: HomeAssistant, answers: Answers) -> None:
    file = Path(hass.config.path(".storage", DOMAIN))
    file.parent.mkdir()
    file.write_bytes(b"{")
    result = await submit_until(hass, await start(hass), answers, "new_key_service")
    assert (result["step_id"], result["errors"]) == ("new_key_service", {})


# With a certificate of its own


@dataclass
class SelfSigned:
    """A certificate that no authority has signed."""

    certificate: Certificate
    fingerprint: bytes


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> SelfSigned:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def make_certificate(folder: Path) -> SelfSigned:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "key service")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate = Certificate(folder / "chain.pem", folder / "key.pem")
    certificate.chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    certificate.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return SelfSigned(certificate, made.fingerprint(hashes.SHA256()))


@dataclass
class Elsewhere:
    """A key service in a thread of its own: an event loop there may complain of handshakes."""

    path: Path
    certificate: Certificate
    made: NewDevice
    url: str = ""
    token: str = ""
    _there: threading.Event = field(default_factory=threading.Event)
    _gone: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop | None = None

    def run(self) -> None:
        with asyncio.Runner() as runner:
            runner.get_loop().set_exception_handler(lambda *_: None)
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with running_key_service(self.path, certificate=self.certificate) as service:
            await service.register(self.made)
            self.url, self.token = service.url, service.token
            self._there.set()
            await self._gone.wait()

    def wait(self) -> None:
        assert self._there.wait(10)

    def end(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._gone.set)


@pytest.fixture
def elsewhere(
    tmp_path: Path,
    made: NewDevice,
    self_signed: SelfSigned,
    socket_enabled: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Generator[Elsewhere]:
    # Home Assistant keeps its connections to the end.
    monkeypatch.setattr("cloud_stub.server.GRACE_SECONDS", 0.1)
    service = Elsewhere(tmp_path / "elsewhere", self_signed.certificate, made)
    thread = threading.Thread(target=service.run)
    thread.start()
    service.wait()
    yield service
    service.end()
    thread.join()


async def test_certificate_of_its_own(
    hass: HomeAssistant,
    virtual_lock: VirtualLock,
    elsewhere: Elsewhere,
    self_signed: SelfSigned,
) -> None:
    """Refused, until its fingerprint is entered; then it serves renewals too."""
    answers = Answers(
        host="127.0.0.1",
        port=virtual_lock.server.port,
        url=elsewhere.url,
        token=elsewhere.token,
        setup_code=virtual_lock.setup_code,
    )
    assert elsewhere.url.startswith("https://127.0.0.1:")
    result = await submit_until(hass, await start(hass), answers)
    assert (result["step_id"], result["errors"]) == (
        "new_key_service",
        {"base": "certificate_refused"},
    )
    for fingerprint, error in (
        (bytes(32).hex(), "certificate_refused"),
        (self_signed.fingerprint.hex()[:-2], "invalid_fingerprint"),
        ("SHA-256", "invalid_fingerprint"),
    ):
        result = await submit_until(hass, result, replace(answers, fingerprint=fingerprint))
        assert (result["step_id"], result["errors"]) == ("new_key_service", {"base": error})

    fingerprint = self_signed.fingerprint.hex(":").upper()
    result = await submit_until(hass, result, replace(answers, fingerprint=fingerprint))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    (token,) = (await get_key_store(hass).key_services()).values()
    assert token.fingerprint == self_signed.fingerprint
    before = virtual_lock.device.register.held
    await result["result"].runtime_data.renew()
    assert virtual_lock.device.register.held != before


@pytest.mark.parametrize("text", ["aB" * 32, "AB:" * 31 + "ab", f" {'abab ' * 16}"])
def test_forms_of_a_fingerprint(text: str) -> None:
    assert parse_fingerprint(text) == b"\xab" * 32


def _text(issued: IssuedTerminal) -> str:
    return issued.token.reveal().decode()


def _stored_url(key_service: KeyService) -> str:
    return f"{key_service.url}/"


def _offered(result: ConfigFlowResult) -> tuple[list[str], str]:
    """Return the key services that a form offers, and the one that is chosen already."""
    assert result["data_schema"] is not None
    ((key, selector),) = result["data_schema"].schema.items()
    return selector.config["options"], key.default()
