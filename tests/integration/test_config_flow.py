"""Everything that a user, a device, a key service or a disk can do wrong while pairing.

Each failure has its own text, is mended in the same flow, and leaves nothing behind.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from socket import gaierror

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from cloud_stub.accounts import add_account, add_terminal
from cloud_stub.devices import add_device
from cloud_stub.registration import parse_registration
from custom_components.secure_pair.const import DOMAIN
from custom_components.secure_pair.key_store import get_key_store
from device_stub.factory import make_device
from secure_pair_protocol.label import draw_setup_code

from .conftest import DEVICE_ID, KeyService, VirtualLock
from .flows import Answers, pair, start, submit, submit_until
from .key_services import own

type Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]


@asynccontextmanager
async def listening(
    say: bytes, *, again: bool = False, hang_up: bool = False
) -> AsyncGenerator[int]:
    """Something that is no device; yields its port."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            writer.write(say)
            while again:
                await writer.drain()
                writer.write(say)
            if hang_up:
                writer.close()
        except ConnectionError:
            pass

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


async def mends(
    hass: HomeAssistant,
    wrong: Answers,
    right: Answers,
    *,
    step: str,
    error: str,
    virtual_lock: VirtualLock,
) -> None:
    """Enter something wrong, read why, enter the right thing, and be done."""
    before = virtual_lock.device.register.held
    result = await submit_until(hass, await start(hass), wrong)
    assert result["type"] is FlowResultType.FORM
    assert (result["step_id"], result["errors"]) == (step, {"base": error})
    assert virtual_lock.device.register.held == before
    assert await get_key_store(hass).device(DEVICE_ID) is None
    # What was typed is still there.
    assert result["data_schema"] is not None
    suggested = {
        str(key): (key.description or {}).get("suggested_value")
        for key in result["data_schema"].schema
    }
    assert suggested == {key: wrong.for_step(step).get(key) for key in suggested}

    result = await submit_until(hass, result, right)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert len(hass.config_entries.async_entries(DOMAIN)) == 1
    assert len(virtual_lock.device.register.held) == 1
    assert hass.states.is_state("lock.front_door", "locked")


# The address


async def test_nothing_listens(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock
) -> None:
    async with listening(b"") as port:
        pass
    wrong = replace(answers, port=port)
    await mends(
        hass, wrong, answers, step="user", error="cannot_connect", virtual_lock=virtual_lock
    )


async def test_wrong_host(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def no_such_name(*_: object, **__: object) -> None:
        raise gaierror(-2, "Name or service not known")

    with monkeypatch.context() as patch:
        patch.setattr(hass.loop, "getaddrinfo", no_such_name)
        result = await submit_until(hass, await start(hass), replace(answers, host="nowhere"))
    assert (result["step_id"], result["errors"]) == ("user", {"base": "cannot_connect"})
    result = await submit_until(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("say", "again", "hang_up"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", False, True),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False, False),
        (bytes.fromhex("0010") + bytes(range(200, 216)), False, False),
        (b"\0\0", False, False),
        (bytes.fromhex("0003920901"), False, False),
        (bytes.fromhex("000195") * 20, True, False),
        (b"\x0f" * 65536, True, False),
        (b"", False, True),
    ],
    ids=["http", "ssh", "random", "empty", "no_greeting", "endless_frames", "endless", "hangs_up"],
)
async def test_something_else_listens(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    say: bytes,
    again: bool,
    hang_up: bool,
) -> None:
    async with listening(say, again=again, hang_up=hang_up) as port:
        wrong = replace(answers, port=port)
        await mends(
            hass, wrong, answers, step="user", error="not_secure_pair", virtual_lock=virtual_lock
        )


async def test_a_peer_that_says_nothing(
    hass: HomeAssistant,
    answers: Answers,
    virtual_lock: VirtualLock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with listening(b"") as port:
        wrong = replace(answers, port=port)
        with monkeypatch.context() as patch:
            patch.setattr("custom_components.secure_pair.connection.GREETING_SECONDS", 0.05)
            result = await submit_until(hass, await start(hass), wrong)
    assert (result["step_id"], result["errors"]) == ("user", {"base": "timeout"})
    result = await submit_until(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_device_of_another_version(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock
) -> None:
    greeting = bytes.fromhex("001e 9400 9163 ac616162626363646465656666 c410") + bytes(16)
    async with listening(len(greeting[2:]).to_bytes(2) + greeting[2:]) as port:
        wrong = replace(answers, port=port)
        await mends(
            hass,
            wrong,
            answers,
            step="user",
            error="version_not_supported",
            virtual_lock=virtual_lock,
        )


async def test_device_goes_away_before_the_last_step(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock
) -> None:
    result = await submit_until(hass, await start(hass), answers, "label")
    await virtual_lock.server.stop()
    result = await submit(hass, result, answers)
    assert (result["step_id"], result["errors"]) == ("user", {"base": "cannot_connect"})
    await virtual_lock.server.start("127.0.0.1", answers.port)
    result = await submit(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY


# The key service


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:1", "key_service_unreachable"),
        ("https://127.0.0.1:1", "key_service_unreachable"),
        ("http://192.0.2.1:8440", "key_service_insecure"),
        ("http://keys.example", "key_service_insecure"),
        ("ftp://127.0.0.1", "key_service_invalid"),
        ("keys.example", "key_service_invalid"),
        ("https://user:password@keys.example", "key_service_invalid"),
        ("http://127.0.0.1:99999", "key_service_invalid"),
    ],
)
async def test_wrong_url(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, url: str, error: str
) -> None:
    wrong = replace(answers, url=url)
    await mends(
        hass, wrong, answers, step="new_key_service", error=error, virtual_lock=virtual_lock
    )


@pytest.mark.parametrize("token", ["spt_wrong", "two\nlines", "schlüssel"])
async def test_wrong_token(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, token: str
) -> None:
    wrong = replace(answers, token=token)
    await mends(
        hass,
        wrong,
        answers,
        step="new_key_service",
        error="token_refused",
        virtual_lock=virtual_lock,
    )


@pytest.mark.parametrize(
    "body",
    [
        b"<html>router login</html>",
        b"{}",
        b'{"terminal_id": "AAAA", "account": "owner"}',
        b'{"terminal_id": "' + b"A" * 20000 + b'", "account": "owner"}',
        b"\xff\xfe",
    ],
    ids=["html", "empty", "short_id", "long", "binary"],
)
async def test_key_service_answers_rubbish(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, body: bytes
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    async with listening(head + body, hang_up=True) as port:
        wrong = replace(answers, url=f"http://127.0.0.1:{port}")
        await mends(
            hass,
            wrong,
            answers,
            step="new_key_service",
            error="key_service_invalid",
            virtual_lock=virtual_lock,
        )


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, "key_service_invalid"),
        (404, "key_service_invalid"),
        (500, "key_service_invalid"),
    ],
)
async def test_key_service_answers_with_a_status(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, status: int, error: str
) -> None:
    head = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n"
    async with listening(head.encode(), hang_up=True) as port:
        wrong = replace(answers, url=f"http://127.0.0.1:{port}")
        await mends(
            hass, wrong, answers, step="new_key_service", error=error, virtual_lock=virtual_lock
        )


async def test_key_service_says_that_it_cannot(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock
) -> None:
    for status, error in ((429, "slow_down"), (503, "key_service_unavailable")):
        head = f"HTTP/1.1 {status} X\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
        async with listening(head.encode(), hang_up=True) as port:
            wrong = replace(answers, url=f"http://127.0.0.1:{port}")
            result = await submit_until(hass, await start(hass), wrong)
            assert (result["step_id"], result["errors"]) == ("new_key_service", {"base": error})
            hass.config_entries.flow.async_abort(result["flow_id"])


async def test_key_service_goes_down_before_the_last_step(
    hass: HomeAssistant, answers: Answers, key_service: KeyService, virtual_lock: VirtualLock
) -> None:
    result = await submit_until(hass, await start(hass), answers, "label")
    await key_service.stop()
    result = await submit(hass, result, answers)
    assert (result["step_id"], result["errors"]) == (
        "new_key_service",
        {"base": "key_service_unreachable"},
    )
    assert not virtual_lock.device.register.held


# The label, and whose the device is


@pytest.mark.parametrize("text", ["1234", "HJKM-NPQR-STVW-XYZ0", "UUUU-UUUU-UUUU-UUUU", "ü" * 16])
async def test_mistyped_setup_code(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, text: str
) -> None:
    wrong = replace(answers, setup_code=text)
    await mends(
        hass, wrong, answers, step="label", error="mistyped_setup_code", virtual_lock=virtual_lock
    )


async def test_neither_code_nor_choice(hass: HomeAssistant, answers: Answers) -> None:
    result = await submit_until(hass, await start(hass), answers, "label")
    for given in ({"no_label": False}, {"no_label": True, "setup_code": answers.setup_code}):
        result = await hass.config_entries.flow.async_configure(result["flow_id"], given)
        assert result["errors"] == {"base": "code_or_no_label"}


async def test_wrong_setup_code_of_a_device_that_nobody_owns(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock
) -> None:
    wrong = replace(answers, setup_code=draw_setup_code(bytes(15)).text)
    await mends(
        hass, wrong, answers, step="label", error="claim_refused", virtual_lock=virtual_lock
    )


async def test_wrong_setup_code_of_the_owners_own_device(
    hass: HomeAssistant, answers: Answers, key_service: KeyService, virtual_lock: VirtualLock
) -> None:
    await own(key_service, virtual_lock.made, key_service.terminal)
    wrong = replace(answers, setup_code=draw_setup_code(bytes(15)).text)
    await mends(
        hass, wrong, answers, step="label", error="wrong_setup_code", virtual_lock=virtual_lock
    )


async def test_label_of_another_device(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock
) -> None:
    code = virtual_lock.made.setup_code
    assert code is not None
    wrong = replace(answers, setup_code=code.qr_text("001122334455"))
    right = replace(answers, setup_code=code.qr_text(DEVICE_ID))
    await mends(
        hass, wrong, right, step="label", error="wrong_setup_code", virtual_lock=virtual_lock
    )


async def test_device_is_not_the_accounts(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock
) -> None:
    wrong = replace(answers, setup_code=None)
    await mends(hass, wrong, answers, step="label", error="not_yours", virtual_lock=virtual_lock)


async def test_device_is_owned_by_another(
    hass: HomeAssistant, answers: Answers, key_service: KeyService, virtual_lock: VirtualLock
) -> None:
    await add_account(key_service.store, "neighbour")
    neighbour = await add_terminal(key_service.store, "neighbour")
    await own(key_service, virtual_lock.made, neighbour)
    right = replace(answers, token=neighbour.token.reveal().decode())
    result = await submit_until(hass, await start(hass), answers)
    assert (result["step_id"], result["errors"]) == ("label", {"base": "owned_by_another"})
    assert not virtual_lock.device.register.held
    hass.config_entries.flow.async_abort(result["flow_id"])
    await pair(hass, right)


async def test_labelled_device_without_its_code(
    hass: HomeAssistant, answers: Answers, key_service: KeyService, virtual_lock: VirtualLock
) -> None:
    await own(key_service, virtual_lock.made, key_service.terminal)
    wrong = replace(answers, setup_code=None)
    await mends(
        hass, wrong, answers, step="label", error="device_unproven", virtual_lock=virtual_lock
    )


async def test_device_with_another_initial_key(
    hass: HomeAssistant, key_service: KeyService, virtual_lock: VirtualLock
) -> None:
    counterfeit = make_device(DEVICE_ID, "Virtual door lock", "Front door")
    await add_device(key_service.store, parse_registration(counterfeit.registration))
    assert counterfeit.setup_code is not None
    answers = Answers(
        host="127.0.0.1",
        port=virtual_lock.server.port,
        url=key_service.url,
        token=key_service.terminal.token.reveal().decode(),
        setup_code=counterfeit.setup_code.text,
    )
    result = await submit_until(hass, await start(hass), answers)
    assert (result["step_id"], result["errors"]) == ("label", {"base": "authorization_rejected"})
    assert not virtual_lock.device.register.held


# What happens to the flow, and to the disk


async def test_paired_already(hass: HomeAssistant, entry: ConfigEntry, answers: Answers) -> None:
    result = await submit(hass, await start(hass), answers)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert len(hass.config_entries.async_entries(DOMAIN)) == 1


async def test_stages_are_named(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock
) -> None:
    result = await submit_until(hass, await start(hass), answers, "label")
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], answers.for_step("label")
    )
    seen = []
    while result["type"] is FlowResultType.SHOW_PROGRESS:
        if result["progress_action"] not in seen:
            seen.append(result["progress_action"])
        await asyncio.sleep(0)
        result = await hass.config_entries.flow.async_configure(result["flow_id"])
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert seen[0] == "connecting"
    assert "authorizing" in seen


async def test_given_up_after_the_session_was_stored(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, until: Callable[..., object]
) -> None:
    virtual_lock.device.store.write_fails = True
    result = await submit_until(hass, await start(hass), answers)
    assert (result["step_id"], result["errors"]) == ("label", {"base": "storage_failed"})
    virtual_lock.device.store.write_fails = False
    hass.config_entries.flow.async_abort(result["flow_id"])
    await hass.async_block_till_done(wait_background_tasks=True)
    store = get_key_store(hass)
    assert await store.device(DEVICE_ID) is None
    # Anybody could have said that the device did not take it: so it is still to be told.
    assert list(await store.tombstones()) == [DEVICE_ID]
    await pair(hass, answers)
    assert not await store.tombstones()


async def test_disk_that_cannot_be_written(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock
) -> None:
    storage = Path(hass.config.path(".storage"))
    storage.symlink_to("/proc")
    result = await submit_until(hass, await start(hass), answers)
    assert (result["step_id"], result["errors"]) == ("label", {"base": "storage_failed"})
    assert not virtual_lock.device.register.held
    storage.unlink()
    result = await submit(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_disk_that_cannot_be_written_leaves_the_former_session(
    hass: HomeAssistant, entry: ConfigEntry, answers: Answers, virtual_lock: VirtualLock
) -> None:
    before = virtual_lock.device.register.held
    assert len(before) == 1
    await virtual_lock.server.stop()
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await virtual_lock.server.start("127.0.0.1", answers.port)
    storage = Path(hass.config.path(".storage"))
    storage.rename(storage.with_name("away"))
    storage.symlink_to("/proc")
    result = await submit_until(hass, await start(hass), answers)
    assert result["errors"] == {"base": "storage_failed"}
    (still,) = virtual_lock.device.register.held
    assert still.session.session_id == before[0].session.session_id
    storage.unlink()
    storage.with_name("away").rename(storage)
    result = await submit(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"version": 99}', b'{"version": 1, "devices": 3}']
)
async def test_stored_sessions_that_cannot_be_read_are_not_overwritten(
    hass: HomeAssistant, answers: Answers, virtual_lock: VirtualLock, content: bytes
) -> None:
    file = Path(hass.config.path(".storage", DOMAIN))
    file.parent.mkdir()
    file.write_bytes(content)
    result = await submit_until(hass, await start(hass), answers)
    assert (result["step_id"], result["errors"]) == ("label", {"base": "storage_unreadable"})
    assert file.read_bytes() == content
    assert not virtual_lock.device.register.held
