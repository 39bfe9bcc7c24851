"""Each failure that a user can mend: raised for real, retried in its fix flow, over by itself."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

import pytest
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigEntryState,
    ConfigFlowContext,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from cloud_stub.accounts import IssuedTerminal, add_account, add_terminal
from cloud_stub.ownership import release
from custom_components.secure_pair.const import DOMAIN
from custom_components.secure_pair.repairs import async_create_fix_flow
from custom_components.secure_pair.troubles import _TROUBLES
from secure_pair_protocol import messages, sessions
from secure_pair_protocol.errors import Failure
from secure_pair_protocol.messages import (
    AuthenticationRequest,
    Greeting,
    TerminalConfirmation,
)
from secure_pair_protocol.secret import Secret
from secure_pair_protocol.sessions import HeldSession, Register
from tests.device_stub.terminal import terminal_id

from .attacker import Back, Frame, flipping
from .conftest import DEVICE_ID, KeyService, VirtualLock
from .flows import Answers, choose, submit_until, waiting_flow
from .house import House
from .key_services import own

type Step = Callable[[Scene], Awaitable[None]]


@dataclass
class Scene:
    """Everything that a trouble may need."""

    house: House
    key_service: KeyService
    virtual_lock: VirtualLock

    async def renewal_fails(self) -> None:
        with pytest.raises(HomeAssistantError):
            await self.house.renew()

    async def own(self, terminal: IssuedTerminal) -> None:
        """Make the lock the property of a terminal's account."""
        await own(self.key_service, self.virtual_lock.made, terminal)


# What goes wrong, and how it ends


async def release_and_let_another_claim(scene: Scene) -> None:
    await release(scene.key_service.store, DEVICE_ID)
    await add_account(scene.key_service.store, "neighbour")
    await scene.own(await add_terminal(scene.key_service.store, "neighbour"))
    await scene.renewal_fails()


async def get_it_back(scene: Scene) -> None:
    """The owner epoch rises, which lifts revocations as well."""
    await release(scene.key_service.store, DEVICE_ID)
    await scene.own(scene.key_service.terminal)


async def fill_the_table(scene: Scene) -> None:
    """Eight others are paired, and Home Assistant's session is lost."""
    house = scene.house

    def fill(register: Register) -> Register:
        (own,) = register.held
        others = (
            replace(own.session, session_id=os.urandom(16), terminal_id=terminal_id())
            for _ in range(sessions.TERMINALS)
        )
        return replace(register, held=tuple(map(HeldSession, others)))

    await house.device.ledger.change(fill)
    house.device.end_forgotten()


async def one_goes(scene: Scene) -> None:
    other = scene.house.held[0]
    await scene.house.device.ledger.change(lambda register: sessions.unpaired(register, other))


async def another_initial_key(scene: Scene) -> None:
    device = scene.house.device
    device.data = replace(device.data, initial_key=Secret(bytes(32)))
    await scene.renewal_fails()


async def another_pairing_secret(scene: Scene) -> None:
    device = scene.house.device
    device.data = replace(device.data, pairing_secret=Secret(bytes(32)))
    await scene.renewal_fails()


async def as_it_was_made(scene: Scene) -> None:
    scene.house.device.data = scene.virtual_lock.made.data


async def m7_is_altered(scene: Scene) -> None:
    scene.house.attacker.tamper = flipping(TerminalConfirmation)
    await scene.renewal_fails()


async def network_behaves(scene: Scene) -> None:
    scene.house.attacker.behave()


async def a_later_owner(scene: Scene) -> None:
    """The key service was restored from an old backup, say: the device knows better."""
    terminal = scene.house.terminal()
    terminal.cloud.epoch += 1
    await (await terminal.negotiate(scene.house.server.port)).close()


async def another_version(scene: Scene) -> None:
    async def greet(seen: Frame) -> bytes | Back:
        if isinstance(greeting := seen.message, Greeting):
            return messages.encode(Greeting((99,), greeting.device_id, greeting.random))
        return seen.payload

    scene.house.attacker.tamper = greet
    scene.house.attacker.cut()


async def revoke(scene: Scene) -> None:
    await scene.house.server.revoke(scene.key_service.terminal.terminal_id)


async def reset(scene: Scene) -> None:
    await scene.house.server.factory_reset()


async def leave_it(scene: Scene) -> None:
    """Nothing is to be mended but in the fix flow."""


@dataclass(frozen=True)
class Trouble:
    """One row of `troubles._TROUBLES`."""

    failure: Failure
    goes_wrong: Step
    is_mended: Step
    event: str | None
    fails: str | None
    """What the fix flow shows before it is mended; None: it mends it."""


TROUBLES = (
    Trouble(Failure.NOT_YOURS, release_and_let_another_claim, get_it_back, None, "not_yours"),
    Trouble(Failure.TABLE_FULL, fill_the_table, one_goes, "refused", "table_full"),
    Trouble(
        Failure.AUTHORIZATION_REJECTED,
        another_initial_key,
        as_it_was_made,
        "refused",
        "authorization_rejected",
    ),
    Trouble(
        Failure.DEVICE_UNPROVEN,
        another_pairing_secret,
        as_it_was_made,
        "refused",
        "device_unproven",
    ),
    Trouble(
        Failure.TERMINAL_UNPROVEN, m7_is_altered, network_behaves, "refused", "terminal_unproven"
    ),
    Trouble(Failure.EPOCH_REFUSED, a_later_owner, get_it_back, "refused", "epoch_refused"),
    Trouble(
        Failure.VERSION_NOT_SUPPORTED,
        another_version,
        network_behaves,
        None,
        "version_not_supported",
    ),
    Trouble(Failure.TERMINAL_REVOKED, revoke, get_it_back, "revoked", "terminal_revoked"),
    Trouble(Failure.DEVICE_RESET, reset, leave_it, "refused", None),
)


@pytest.fixture
async def scene(house: House, key_service: KeyService, virtual_lock: VirtualLock) -> Scene:
    return Scene(house, key_service, virtual_lock)


def test_every_repair_is_here() -> None:
    raised = {trouble.failure.value for trouble in TROUBLES} | {"identity_in_use"}
    assert raised == {failure.value for failure, trouble in _TROUBLES.items() if trouble.repair}


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.failure.value)
async def test_repair(scene: Scene, trouble: Trouble) -> None:
    house = scene.house
    pairing_secret, stored = house.device.data.pairing_secret, house.stored
    await trouble.goes_wrong(scene)
    repair = trouble.failure.value
    await house.until(lambda: repair in house.repairs)
    assert house.repairs == {repair}
    if trouble.event is not None:
        assert (trouble.event, repair) in house.events
    assert stored[0] in house.stored

    flow = await house.fix(repair)
    if trouble.fails is not None:
        assert await flow.submit() == trouble.fails
        assert house.repairs == {repair}
        await trouble.is_mended(scene)
    assert await flow.submit() is None
    assert not house.repairs
    assert house.device.data.pairing_secret is pairing_secret
    assert house.held[-1:] == [house.session_id]
    assert house.stored == [(house.session_id, False)]
    assert house.status() is ConfigEntryState.LOADED
    assert not house.reauths
    await house.works()


@pytest.mark.parametrize(
    "trouble",
    [
        trouble
        for trouble in TROUBLES
        if trouble.goes_wrong
        in {release_and_let_another_claim, another_initial_key, another_version, revoke}
    ],
    ids=lambda trouble: trouble.failure.value,
)
async def test_over_by_itself(
    scene: Scene, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the fix flow: with the next try that succeeds, and not sooner."""
    house = scene.house
    await trouble.goes_wrong(scene)
    repair = trouble.failure.value
    await house.until(lambda: repair in house.repairs)
    if trouble.failure is Failure.NOT_YOURS:
        # A resumption says nothing about what the key service thinks.
        await house.reconnected(house.attacker.cut)
        assert house.repairs == {repair}
        await trouble.is_mended(scene)
        await house.renew()
    elif trouble.failure is Failure.AUTHORIZATION_REJECTED:
        # Anybody on the way can say that; a device that resumes has proved itself.
        await house.reconnected(house.attacker.cut)
        assert not house.repairs
        await trouble.is_mended(scene)
    else:
        await house.until(lambda: house.keeper.link is None)
        await trouble.is_mended(scene)
        # Ten minutes later.
        monkeypatch.setattr("custom_components.secure_pair.reconnect.NEGOTIATION_SECONDS", 0)
        await house.until(lambda: house.keeper.link is not None)
    await house.hass.async_block_till_done()
    assert not house.repairs
    await house.works()


@pytest.mark.parametrize("way", ["change_key_service", "reauth"])
@pytest.mark.parametrize("failure", [Failure.NOT_YOURS, Failure.AUTHORIZATION_REJECTED])
async def test_over_when_the_user_has_paired_again(
    scene: Scene, answers: Answers, failure: Failure, way: str
) -> None:
    """In whichever flow, and not only in the repair's own."""
    house = scene.house
    (trouble,) = (trouble for trouble in TROUBLES if trouble.failure is failure)
    await trouble.goes_wrong(scene)
    await house.until(lambda: house.repairs)
    await trouble.is_mended(scene)
    if way == "reauth":
        house.entry.async_start_reauth(house.hass, data={"reason": Failure.SESSION_UNKNOWN.value})
        await house.hass.async_block_till_done()
        flow_id = waiting_flow(house.hass, house.entry, SOURCE_REAUTH)["flow_id"]
        result = await house.hass.config_entries.flow.async_configure(flow_id)
    else:
        context = ConfigFlowContext(source=SOURCE_RECONFIGURE, entry_id=house.entry.entry_id)
        result = await house.hass.config_entries.flow.async_init(DOMAIN, context=context)
        result = await choose(house.hass, result, way)
    result = await submit_until(house.hass, result, replace(answers, port=house.attacker.port))
    assert result["type"] == "abort", result
    await house.hass.async_block_till_done()
    assert not house.repairs
    await house.works()


async def test_device_was_reset(scene: Scene) -> None:
    """It stops after m6 and before m7: the user has to say that the reset was meant."""
    house = scene.house
    stored, file = house.stored, house.file.read_bytes()
    house.attacker.frames.clear()
    await reset(scene)
    await house.until(lambda: house.repairs)
    await house.tries()
    seen = house.attacker.seen
    assert len(seen(AuthenticationRequest)) == len(seen(messages.DeviceKey)) == 1
    assert not seen(TerminalConfirmation)
    assert house.stored == stored
    assert house.file.read_bytes() == file
    assert not house.held
    assert house.state == "unavailable"

    # The same after a restart of Home Assistant, where the entry is not even set up.
    await house.reload()
    assert house.status() is ConfigEntryState.SETUP_RETRY
    assert house.repairs == {"device_reset"}
    flow = await house.fix("device_reset")
    assert await flow.submit() is None
    assert house.status() is ConfigEntryState.LOADED
    assert not house.repairs
    assert house.held == [house.session_id]
    await house.works()


async def test_device_was_reset_twice(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user has seen to the first time, so the second is asked about as well."""
    house = scene.house
    monkeypatch.setattr("custom_components.secure_pair.reconnect.NEGOTIATION_SECONDS", 0)
    for _ in range(2):
        await reset(scene)
        await house.until(lambda: house.repairs and house.reauths)
        flow = await house.fix("device_reset")
        assert await flow.submit() is None
        assert not house.repairs
        assert not house.reauths
    await house.works()


async def test_identity_in_use_twice(scene: Scene) -> None:
    """A copy of this Home Assistant takes turns with it, until both would do nothing else."""
    house = scene.house
    terminal_id = scene.key_service.terminal.terminal_id
    copy = house.terminal(terminal_id)
    first = house.session_id
    wire = await copy.negotiate(house.server.port)
    await house.until(lambda: house.keeper.link is not None and house.session_id != first)
    await house.works()
    assert not house.repairs
    await wire.peer.end()

    wire = await copy.negotiate(house.server.port)
    await house.until(lambda: house.repairs)
    assert house.repairs == {"identity_in_use"}
    await house.tries(6)
    assert house.attacker.negotiations == 2
    # The copy is left alone.
    assert house.held == [copy.session_id]
    assert len(house.device.live) == 1

    # The user has switched the copy off.
    await wire.close()
    flow = await house.fix("identity_in_use")
    assert await flow.submit() is None
    assert not house.repairs
    assert house.held == [house.session_id]
    await house.works()


async def test_an_hour_later_a_loss_is_the_first_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.forget()
    await house.until(lambda: house.attacker.negotiations == 2 and house.keeper.link is not None)
    for name in ("NEGOTIATION_SECONDS", "LOSS_SECONDS"):
        monkeypatch.setattr(f"custom_components.secure_pair.reconnect.{name}", 0)
    await house.forget()
    await house.until(lambda: house.attacker.negotiations == 3 and house.keeper.link is not None)
    assert not house.repairs
    await house.works()


async def test_in_the_browser(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, scene: Scene
) -> None:
    """The way that the frontend goes."""
    house = scene.house
    await reset(scene)
    await house.until(lambda: house.repairs)
    assert await async_setup_component(hass, "repairs", {})
    client = await hass_client()
    url = "/api/repairs/issues/fix"
    issue_id = f"{house.entry.entry_id}_device_reset"
    response = await client.post(url, json={"handler": DOMAIN, "issue_id": issue_id})
    assert response.status == HTTPStatus.OK
    shown = await response.json()
    assert (shown["step_id"], shown["description_placeholders"]) == (
        "confirm",
        {"device": "Front door"},
    )
    await house.server.stop()
    response = await client.post(f"{url}/{shown['flow_id']}", json={})
    assert (await response.json())["errors"] == {"base": "not_secure_pair"}
    await house.server.start("127.0.0.1", house.attacker.device_port)
    response = await client.post(f"{url}/{shown['flow_id']}", json={})
    assert (await response.json())["type"] == "create_entry"
    await hass.async_block_till_done()
    assert not house.repairs
    await house.works()


async def test_repairs_go_with_the_entry(scene: Scene) -> None:
    house = scene.house
    await another_initial_key(scene)
    assert house.repairs
    flow = await house.fix("authorization_rejected")
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    await house.hass.async_block_till_done()
    assert not house.repairs
    # A fix flow that is still open has nothing to mend any more.
    assert await flow.submit() == "session_not_stored"
    with pytest.raises(ValueError, match="has gone"):
        await async_create_fix_flow(house.hass, "x", {"entry_id": house.entry.entry_id})
