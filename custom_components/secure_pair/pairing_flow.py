"""The steps that every way of pairing shares: key service, label, negotiation.

What was typed stays in the flow until it ends, and nowhere else. After a failure the flow
goes back to the step that can mend it.
"""

import asyncio
from abc import abstractmethod
from contextlib import suppress
from functools import partial
from typing import Any, Final, override

import voluptuous as vol
from homeassistant.config_entries import SOURCE_IGNORE, ConfigFlowResult, UnknownEntry
from homeassistant.const import CONF_HOST, CONF_PORT, CONF_URL
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    BooleanSelector,
    TextSelector,
    TextSelectorConfig,
)

from .connection import Connection
from .const import (
    CONF_NO_LABEL,
    CONF_SETUP_CODE,
    DOMAIN,
    LOGGER,
)
from .farewell import schedule_farewells
from .key_service import KeyService
from .key_service_flow import KeyServiceFlow, form_errors
from .key_store import Rule, TerminalToken, get_key_store
from .pairing import Paired, Stage, negotiate
from .protocol.errors import Failure, SecurePairError
from .protocol.keys import EMPTY_PAIRING_SECRET
from .protocol.label import LabelKeys, SetupCode, parse_setup_code
from .protocol.secret import Secret
from .protocol.sessions import PairedDevice

_LABEL_SCHEMA: Final = vol.Schema(
    {
        vol.Optional(CONF_SETUP_CODE): TextSelector(TextSelectorConfig(autocomplete="off")),
        vol.Optional(CONF_NO_LABEL, default=False): BooleanSelector(),
    }
)

LOOK_SECONDS: Final = 3
"""How long a stage stays for a browser that does not ask for it: it may have been closed."""

_ADDRESS_FAILURES: Final = frozenset(
    {
        Failure.ANOTHER_MODEL,
        Failure.CANNOT_CONNECT,
        Failure.NOT_SECURE_PAIR,
        Failure.WRONG_DEVICE,
        Failure.VERSION_NOT_SUPPORTED,
    }
)
"""What the user can correct in the step of the address."""

_KEY_SERVICE_FAILURES: Final = frozenset(
    {
        Failure.CERTIFICATE_REFUSED,
        Failure.KEY_SERVICE_INSECURE,
        Failure.KEY_SERVICE_INVALID,
        Failure.KEY_SERVICE_UNREACHABLE,
        Failure.TOKEN_REFUSED,
    }
)
"""What the user can correct in the step of the key service."""

_LABEL_FAILURES: Final = frozenset(
    {
        Failure.AUTHORIZATION_REJECTED,
        Failure.CLAIM_REFUSED,
        Failure.DEVICE_UNPROVEN,
        Failure.NOT_YOURS,
        Failure.OWNED_BY_ANOTHER,
        Failure.TERMINAL_UNPROVEN,
        Failure.WRONG_SETUP_CODE,
    }
)
"""What a setup code may mend, where none was asked for because the device is known."""


class PairingFlow(KeyServiceFlow):
    """A flow that ends in a negotiation; the subclass says how it begins and what follows."""

    def __init__(self) -> None:
        """Begin with nothing typed."""
        super().__init__()
        self._address: dict[str, Any] = {}
        self._label_input: dict[str, Any] = {}
        self._setup_code: SetupCode | None = None
        self._label: LabelKeys | None = None
        self._pairing_secret: Secret | None = None
        """Known from an earlier pairing of the same device: the label is not asked for."""
        self._pairing: asyncio.Task[Paired] | None = None
        self._stage = self._shown_stage = Stage.CONNECTING
        self._stage_over: asyncio.Task[None] | None = None
        self._progressed = asyncio.Event()
        self._looked = asyncio.Event()
        self._expected_model = ""
        """Of the device whose place this one is to take."""
        self._stored: bytes | None = None
        """The newest session that this flow has stored, by its id."""
        self._finished = False

    @abstractmethod
    async def show_address(self, failure: Failure | None = None) -> ConfigFlowResult:
        """Ask where the device is."""

    @abstractmethod
    async def finish(self, paired: Paired) -> ConfigFlowResult:
        """Make of the new session what this flow is for."""

    def _set_device(self, device_id: str) -> None:
        if device_id != self._device_id:
            self._device_id = device_id
            # What was said of another device's label does not hold for this one.
            self._label_input, self._setup_code, self._label = {}, None, None

    @override
    async def next_step(self) -> ConfigFlowResult:
        """Go on where something is missing."""
        if self._key_service is None:
            return await self.begin_key_service()
        if not self._label_input and self._pairing_secret is None:
            return self._show_label()
        return await self.async_step_pair()

    # The label

    async def async_step_label(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the setup code, or for the choice to go without one."""
        if user_input is None:
            return self._show_label()
        self._label_input = user_input
        text = user_input.get(CONF_SETUP_CODE, "")
        no_label = user_input[CONF_NO_LABEL]
        if bool(text) == no_label:
            return self._show_label("code_or_no_label")
        self._setup_code = self._label = self._pairing_secret = None
        if text:
            try:
                code = parse_setup_code(text)
            except SecurePairError as error:
                return self._show_label(error.failure)
            if code.device_id not in {None, self._device_id}:
                return self._show_label(Failure.WRONG_SETUP_CODE)
            self._setup_code = code
        return await self.async_step_pair()

    def _show_label(self, failure: str | None = None) -> ConfigFlowResult:
        return self.async_show_form(
            step_id="label",
            data_schema=self.add_suggested_values_to_schema(_LABEL_SCHEMA, self._label_input),
            errors=form_errors(failure),
            description_placeholders={"device_id": self._device_id},
        )

    async def async_step_retry(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Try again with what is known of the device."""
        if user_input is None:
            return self._show_retry()
        return await self.async_step_pair()

    def _show_retry(self, failure: str | None = None) -> ConfigFlowResult:
        return self.async_show_form(
            step_id="retry",
            errors=form_errors(failure),
            description_placeholders={"device_id": self._device_id},
        )

    # The negotiation

    async def async_step_pair(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the stage that the negotiation is in, until it ends."""
        if self._pairing is None:
            self._pairing = self.hass.async_create_task(self._pair(), f"{DOMAIN} pairing")
            self._stage_over = None
        if self._stage_over is not None and not self._stage_over.done():
            self._looked.set()
        elif self._pairing.done():
            return self.async_show_progress_done(next_step_id="paired")
        else:
            # The first one comes as the answer to a form; of the others the browser hears.
            self._show_stage(looked=self._stage_over is None)
        return self.async_show_progress(
            step_id="pair",
            progress_action=self._shown_stage.value,
            progress_task=self._stage_over,
            description_placeholders={"device_id": self._device_id},
        )

    def _show_stage(self, *, looked: bool) -> None:
        self._shown_stage = self._stage
        self._progressed.clear()
        self._looked.clear()
        if looked:
            self._looked.set()
        self._stage_over = self.hass.async_create_task(
            self._until_next_stage(), f"{DOMAIN} pairing stage"
        )

    async def _until_next_stage(self) -> None:
        """Wait until there is another stage to show, and the browser has taken this one.

        It asks once for each that it hears of. If it heard of the end before it had its answer
        it would ask again after the flow is over, and show the user that there is no such flow.
        """
        await self._progressed.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._looked.wait()

    async def _pair(self) -> Paired:
        try:
            return await self._negotiate()
        finally:
            self._progressed.set()

    async def _negotiate(self) -> Paired:
        service, token = self._key_service, self._token
        assert service is not None  # noqa: S101 - `next_step` sees to it
        assert token is not None  # noqa: S101
        self._set_stage(Stage.CONNECTING)
        if self._setup_code is not None and self._label is None:
            self._label = await self.hass.async_add_executor_job(
                self._setup_code.stretch, self._device_id
            )
        secret = self._label.pairing_secret if self._label else self._pairing_secret
        device = PairedDevice(
            self._device_id,
            self._key_service_input[CONF_URL],
            token.terminal_id,
            secret or EMPTY_PAIRING_SECRET,
        )
        async with get_key_store(self.hass).handshake(self._device_id):
            return await self._negotiate_alone(device, service, token)

    async def _negotiate_alone(
        self, device: PairedDevice, service: KeyService, token: TerminalToken
    ) -> Paired:
        connection = await Connection.open(
            self._address[CONF_HOST], self._address[CONF_PORT], self._device_id
        )
        try:
            paired = await negotiate(
                connection,
                device,
                service,
                partial(self._store, device, token),
                label=self._label,
                expected_model=self._expected_model,
                on_stage=self._set_stage,
            )
            await paired.link.close()
        finally:
            connection.abort()
        return paired

    async def _store(
        self, template: PairedDevice, token: TerminalToken, rule: Rule
    ) -> PairedDevice:
        def remember(stored: PairedDevice) -> PairedDevice:
            device = rule(stored)
            # Before it is written: the flow may be closed while it is.
            self._stored = device.sessions[0].session_id
            return device

        return await get_key_store(self.hass).pair_device(template, remember, token)

    @callback
    def _set_stage(self, stage: Stage) -> None:
        self._stage = stage
        self.async_update_progress(list(Stage).index(stage) / len(Stage))
        self._progressed.set()

    async def async_step_paired(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Go on with the new session, or back to the step that can mend the failure."""
        pairing, self._pairing = self._pairing, None
        if pairing is None:
            # Home Assistant's own call was here first.
            return self._show_retry()
        try:
            result = await self.finish(await pairing)
        except SecurePairError as error:
            LOGGER.debug("Pairing failed: %s", error)
            return await self._show_failure(error.failure)
        except UnknownEntry:
            # What it was about was removed meanwhile: there is nothing to go on with.
            raise
        except Exception:  # noqa: BLE001 - a flow shows whatever happened, and goes on
            LOGGER.exception("Unexpected error while pairing")
            return self._show_retry("unknown")
        self._finished = True
        return result

    async def _show_failure(self, failure: Failure) -> ConfigFlowResult:
        if failure in _ADDRESS_FAILURES:
            return await self.show_address(failure)
        if failure in _KEY_SERVICE_FAILURES:
            return await self.mend_key_service(failure)
        if self._pairing_secret is not None and failure not in _LABEL_FAILURES:
            return self._show_retry(failure)
        return self._show_label(failure)

    @callback
    @override
    def async_remove(self) -> None:
        """Leave nothing behind: a device that was paired for no entry is told."""
        if self._pairing is not None:
            self._pairing.cancel()
        if not self._finished and self._stored is not None:
            self.hass.async_create_task(self._bury(), f"{DOMAIN} bury {self._device_id}")

    async def _bury(self) -> None:
        entries = self.hass.config_entries
        entry = entries.async_entry_for_domain_unique_id(DOMAIN, self._device_id)
        if entry is not None and entry.source != SOURCE_IGNORE:
            return
        key_store = get_key_store(self.hass)
        try:
            device = await key_store.device(self._device_id)
            if device is None or device.sessions[0].session_id != self._stored:
                # Another flow has paired it since.
                return
            await key_store.bury_device(
                self._device_id, self._address[CONF_HOST], self._address[CONF_PORT]
            )
        except SecurePairError as error:
            LOGGER.debug("%s", error)
            return
        schedule_farewells(self.hass)
