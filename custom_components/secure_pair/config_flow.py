"""How a device comes into Home Assistant, and what can be changed about it later."""

from collections.abc import Mapping
from itertools import chain, count
from typing import Any, Final, override

import msgspec
import voluptuous as vol
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigFlowResult,
    OptionsFlowWithReload,
)
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_PORT, CONF_URL
from homeassistant.core import callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.selector import BooleanSelector, TextSelector
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

from .connection import Connection
from .const import (
    CONF_DEVICE_ID,
    CONF_KEY_SERVICE,
    CONF_REASON,
    CONF_REGISTRY_ID,
    CONF_RENEW,
    DEFAULT_PORT,
    DOMAIN,
)
from .coordinator import SecurePairConfigEntry
from .discovery import Address, announced
from .farewell import schedule_farewells
from .key_service_flow import KEY_SERVICE_SCHEMA
from .key_store import get_key_store
from .pairing import Paired
from .pairing_flow import PairingFlow
from .protocol.errors import Failure, SecurePairError
from .protocol.messages import VERSION, DeviceId, Identify
from .protocol.messages import encode as encode_message
from .troubles import REAUTH_STEPS, forget_repairs, just_paired

_ADDRESS_SCHEMA: Final = vol.Schema(
    {
        vol.Required(CONF_HOST): TextSelector(),
        vol.Required(CONF_PORT, default=DEFAULT_PORT): cv.port,
    }
)
_OPTIONS_SCHEMA: Final = vol.Schema({vol.Required(CONF_RENEW, default=True): BooleanSelector()})


class SecurePairConfigFlow(PairingFlow, domain=DOMAIN):
    """Discovered or by address; again after a loss; with another device in its place."""

    VERSION = 1

    _step = "user"
    """The step that asks for the address."""
    _reauth_step = REAUTH_STEPS[Failure.SESSION_UNKNOWN]
    _model = ""
    """Of the device that the entry is about."""

    @staticmethod
    @callback
    def async_get_options_flow(
        config_entry: SecurePairConfigEntry,  # noqa: ARG004 - Home Assistant's signature
    ) -> SecurePairOptionsFlow:
        """Return the flow of the options."""
        return SecurePairOptionsFlow()

    # A new device

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the device's address, and see which device answers there."""
        if user_input is None:
            return await self.show_address()
        if (failure := await self._find_device(user_input)) is not None:
            return await self.show_address(failure)
        await self.async_set_unique_id(self._device_id, raise_on_progress=False)
        self._abort_if_unique_id_configured()
        if self._key_service is not None:
            # Only the address had to be corrected.
            return await self.next_step()
        return self._show_device()

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Offer a device that announces itself; follow a known one to a new address."""
        properties = discovery_info.properties
        try:
            device_id: str = msgspec.convert(properties.get("id"), DeviceId)
        except msgspec.ValidationError:
            return self.async_abort(reason="invalid_discovery")
        # A property without a value is None.
        versions = properties.get("version")
        if not versions or discovery_info.port is None:
            return self.async_abort(reason="invalid_discovery")
        address = Address(discovery_info.host, discovery_info.port)
        announced(self.hass, device_id, address)
        await self.async_set_unique_id(device_id)
        # A forged announcement must not touch an entry: its coordinator tries the address.
        self._abort_if_unique_id_configured()
        if str(VERSION) not in versions.split(","):
            return self.async_abort(reason="version_not_supported")
        # First, for that may be what makes room.
        schedule_farewells(self.hass, {device_id: address})
        if properties.get("pairing") == "0":
            return self.async_abort(reason="table_full")
        self._set_device(device_id)
        self._address = {CONF_HOST: address.host, CONF_PORT: address.port}
        name = properties.get("name") or properties.get("model") or device_id
        model = properties.get("model")
        if model and model != name:
            name = f"{name} ({model})"
        self.context["title_placeholders"] = {CONF_NAME: name}
        return await self.async_step_device()

    async def async_step_device(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show which device it is, and let it show itself."""
        return self._show_device()

    async def async_step_identify(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Have the device blink or beep."""
        try:
            connection = await self._open(self._device_id)
            connection.send_payload(encode_message(Identify()))
            await connection.close()
        except SecurePairError as error:
            return await self.show_address(error.failure)
        return self._show_device()

    def _show_device(self) -> ConfigFlowResult:
        return self.async_show_menu(
            step_id="device",
            menu_options=["continue", "identify"],
            description_placeholders={
                "device_id": self._device_id,
                CONF_HOST: self._address[CONF_HOST],
            },
        )

    async def async_step_continue(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Go on with this device."""
        return await self.next_step()

    @override
    async def show_address(self, failure: Failure | None = None) -> ConfigFlowResult:
        return self.async_show_form(
            step_id=self._step,
            data_schema=self.add_suggested_values_to_schema(_ADDRESS_SCHEMA, self._address),
            errors={} if failure is None else {"base": failure.value},
        )

    async def _find_device(
        self, address: dict[str, Any], device_id: str | None = None
    ) -> Failure | None:
        """See which device answers at an address; return why it is none."""
        self._address = {**address, CONF_HOST: address[CONF_HOST].strip()}
        try:
            connection = await self._open(device_id)
        except SecurePairError as error:
            return error.failure
        await connection.close()
        self._set_device(connection.greeting.device_id)
        return None

    async def _open(self, device_id: str | None = None) -> Connection:
        return await Connection.open(self._address[CONF_HOST], self._address[CONF_PORT], device_id)

    # Pairing again

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin where the reason says: a new token, or a new session."""
        await self._take_entry()
        reason = entry_data.get(CONF_REASON)
        if reason == Failure.TOKEN_REFUSED:
            return await self.async_step_reauth_token()
        self._reauth_step = REAUTH_STEPS.get(reason, self._reauth_step)
        return await self.async_step_reauth_unknown()

    async def async_step_reauth_token(
        self, user_input: dict[str, str] | None = None
    ) -> ConfigFlowResult:
        """Take a new token of the same key service: it heals all of its devices."""
        entry = self._get_reauth_entry()
        url = entry.data[CONF_KEY_SERVICE]
        errors = {}
        if user_input is not None:
            failure = await self._try_token(url, user_input)
            if failure is None and self._token is not None:
                try:
                    await get_key_store(self.hass).put_token(url, self._token)
                except SecurePairError as error:
                    failure = error.failure
            if failure is None:
                self._finished = True
                self._reload_entries_of(url, but=entry.entry_id)
                return self.async_update_reload_and_abort(entry)
            errors = {"base": failure.value}
        schema = vol.Schema(
            {key: value for key, value in KEY_SERVICE_SCHEMA.schema.items() if key != CONF_URL}
        )
        return self.async_show_form(
            step_id="reauth_token",
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            errors=errors,
            description_placeholders={CONF_URL: url},
        )

    async def async_step_reauth_unknown(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Negotiate a new session, now that the user has said so; the step says why."""
        if user_input is None:
            return self.async_show_form(
                step_id=self._reauth_step,
                description_placeholders={CONF_NAME: self._get_reauth_entry().title},
            )
        return await self.next_step()

    async_step_reauth_lost = async_step_reauth_reset = async_step_reauth_unknown

    def _reload_entries_of(self, url: str, but: str) -> None:
        for entry in self.hass.config_entries.async_entries(DOMAIN, include_ignore=False):
            if entry.data[CONF_KEY_SERVICE] == url and entry.entry_id != but:
                self.hass.config_entries.async_schedule_reload(entry.entry_id)

    # Changing what was entered

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what has changed."""
        await self._take_entry()
        return self.async_show_menu(
            step_id="reconfigure",
            menu_options=["new_address", "change_key_service", "replacement"],
        )

    async def async_step_new_address(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take a new address of the same device."""
        self._step = "new_address"
        if user_input is None:
            return await self.show_address()
        failure = await self._find_device(user_input, self._device_id)
        if failure is not None:
            return await self.show_address(failure)
        self._finished = True
        return self.async_update_reload_and_abort(
            self._get_reconfigure_entry(), data_updates=self._address
        )

    async def async_step_address(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Correct the address of the device that is being paired again."""
        if user_input is None:
            return await self.show_address()
        if (failure := await self._find_device(user_input, self._device_id)) is not None:
            return await self.show_address(failure)
        return await self.next_step()

    async def async_step_change_key_service(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Pair the same device anew by another key service."""
        self._kept = None
        return await self.async_step_key_service()

    async def async_step_replacement(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Pair another device of the same model in its place."""
        self._step = "replacement"
        if user_input is None:
            self._kept = self._pairing_secret = None
            self._expected_model = self._model
            return await self.show_address()
        if (failure := await self._find_device(user_input)) is not None:
            return await self.show_address(failure)
        if self._device_id == self._get_reconfigure_entry().data[CONF_DEVICE_ID]:
            return await self.show_address(Failure.WRONG_DEVICE)
        # It announces itself, so its discovery waits for the user.
        await self.async_set_unique_id(self._device_id, raise_on_progress=False)
        self._abort_if_unique_id_configured()
        return await self.next_step()

    async def _take_entry(self) -> None:
        """Begin with what is known of the entry's device."""
        entry = (
            self._get_reauth_entry()
            if self.source == SOURCE_REAUTH
            else self._get_reconfigure_entry()
        )
        self._device_id = entry.data[CONF_DEVICE_ID]
        self._address = {key: entry.data[key] for key in (CONF_HOST, CONF_PORT)}
        self._step = "address"
        key_store = get_key_store(self.hass)
        try:
            device = await key_store.device(self._device_id)
            token = (await key_store.key_services()).get(entry.data[CONF_KEY_SERVICE])
        except SecurePairError:
            return
        if device is not None:
            self._pairing_secret = device.pairing_secret
            self._model = device.model
        if token is not None:
            self._kept = (entry.data[CONF_KEY_SERVICE], token)

    # The end

    @override
    async def finish(self, paired: Paired) -> ConfigFlowResult:
        data = {
            **self._address,
            CONF_DEVICE_ID: self._device_id,
            CONF_KEY_SERVICE: paired.device.key_service,
        }
        if self.source == SOURCE_REAUTH:
            entry = self._get_reauth_entry()
            self._forget_troubles(entry.entry_id)
            return self.async_update_reload_and_abort(entry, data_updates=data)
        if self.source == SOURCE_RECONFIGURE:
            return await self._finish_reconfigure(data)
        just_paired(self.hass, self._device_id)
        if (registry_id := self._free_registry_id()) != self._device_id:
            data[CONF_REGISTRY_ID] = registry_id
        return self.async_create_entry(title=paired.name or self._device_id, data=data)

    def _free_registry_id(self) -> str:
        """Return what the registries can know the device by.

        Its own id is taken where another device has replaced it.
        """
        taken = {
            entry.data.get(CONF_REGISTRY_ID, entry.data[CONF_DEVICE_ID])
            for entry in self.hass.config_entries.async_entries(DOMAIN, include_ignore=False)
        }
        further = (f"{self._device_id}.{number}" for number in count(2))
        return next(name for name in chain([self._device_id], further) if name not in taken)

    async def _finish_reconfigure(self, data: dict[str, Any]) -> ConfigFlowResult:
        entry = self._get_reconfigure_entry()
        former = entry.data[CONF_DEVICE_ID]
        if former == self._device_id:
            self._forget_troubles(entry.entry_id)
            return self.async_update_reload_and_abort(entry, data_updates=data)
        # The registries go on with the ids of the first device.
        data[CONF_REGISTRY_ID] = entry.data.get(CONF_REGISTRY_ID, former)
        await get_key_store(self.hass).bury_device(
            former, entry.data[CONF_HOST], entry.data[CONF_PORT]
        )
        schedule_farewells(self.hass)
        self._forget_troubles(entry.entry_id)
        for flow in self._async_in_progress(match_context={"unique_id": self._device_id}):
            self.hass.config_entries.flow.async_abort(flow["flow_id"])
        return self.async_update_reload_and_abort(
            entry, unique_id=self._device_id, data_updates=data
        )

    def _forget_troubles(self, entry_id: str) -> None:
        """Begin anew: what still holds is told again."""
        forget_repairs(self.hass, entry_id)
        just_paired(self.hass, self._device_id)


class SecurePairOptionsFlow(OptionsFlowWithReload):
    """What a user may prefer."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the preferences."""
        if user_input is not None:
            return self.async_create_entry(data=user_input)
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                _OPTIONS_SCHEMA, self.config_entry.options
            ),
        )
