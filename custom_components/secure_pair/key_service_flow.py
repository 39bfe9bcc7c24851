"""The steps of a flow that are about the key service: one in use, or another one."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import voluptuous as vol
from homeassistant.config_entries import ConfigFlow, ConfigFlowResult
from homeassistant.const import CONF_TOKEN, CONF_URL
from homeassistant.helpers.selector import (
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from .const import CONF_FINGERPRINT, CONF_KEY_SERVICE, LOGGER
from .key_service import (
    KeyService,
    key_service_at,
    parse_fingerprint,
    parse_key_service_url,
    parse_token,
)
from .key_store import TerminalToken, get_key_store
from .protocol.errors import Failure, SecurePairError

OTHER_KEY_SERVICE: Final = "other"

KEY_SERVICE_SCHEMA: Final = vol.Schema(
    {
        vol.Required(CONF_URL): TextSelector(TextSelectorConfig(type=TextSelectorType.URL)),
        vol.Required(CONF_TOKEN): TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD)),
        vol.Optional(CONF_FINGERPRINT): TextSelector(),
    }
)


class KeyServiceFlow(ConfigFlow):
    """A flow that needs a key service; the subclass says what for."""

    def __init__(self) -> None:
        """Begin with nothing typed."""
        self._device_id = ""
        self._key_service_input: dict[str, str] = {}
        self._key_service: KeyService | None = None
        self._token: TerminalToken | None = None
        self._kept: tuple[str, TerminalToken] | None = None
        """The key service of an earlier pairing: used without a question if it can be."""

    @abstractmethod
    async def next_step(self) -> ConfigFlowResult:
        """Go on, now that there is a key service."""

    async def begin_key_service(self) -> ConfigFlowResult:
        """Go on with the key service of an earlier pairing, or ask for one."""
        if self._kept is None:
            return await self._show_key_services()
        (url, token), self._kept = self._kept, None
        if (failure := await self._use_key_service(url, token)) is not None:
            return await self._show_key_services(failure)
        return await self.next_step()

    async def mend_key_service(self, failure: Failure) -> ConfigFlowResult:
        """Ask again for what was chosen or typed, because of a failure in the pairing."""
        if CONF_TOKEN in self._key_service_input:
            return self._show_new_key_service(failure)
        return await self._show_key_services(failure)

    async def async_step_key_service(
        self, user_input: dict[str, str] | None = None
    ) -> ConfigFlowResult:
        """Take one of the key services in use, or ask for another one."""
        if user_input is None:
            return await self._show_key_services()
        url = user_input[CONF_KEY_SERVICE]
        if url == OTHER_KEY_SERVICE:
            return self._show_new_key_service()
        self._key_service_input = {CONF_URL: url}
        if (token := (await self._key_services()).get(url)) is None:
            # Its last device was removed in the meantime.
            return await self._show_key_services()
        if (failure := await self._use_key_service(url, token)) is not None:
            return await self._show_key_services(failure)
        return await self.next_step()

    async def _key_services(self) -> Mapping[str, TerminalToken]:
        try:
            return await get_key_store(self.hass).key_services()
        except SecurePairError as error:
            LOGGER.debug("%s", error)
            return {}

    async def _show_key_services(self, failure: Failure | None = None) -> ConfigFlowResult:
        if not (known := await self._key_services()):
            return self._show_new_key_service(failure)
        url = self._key_service_input.get(CONF_URL)
        schema = vol.Schema(
            {
                vol.Required(
                    CONF_KEY_SERVICE, default=url if url in known else next(iter(known))
                ): SelectSelector(
                    SelectSelectorConfig(
                        options=[*known, OTHER_KEY_SERVICE], translation_key="key_service"
                    )
                )
            }
        )
        return self.async_show_form(
            step_id="key_service",
            data_schema=schema,
            errors=form_errors(failure),
            description_placeholders={"device_id": self._device_id},
        )

    async def async_step_new_key_service(
        self, user_input: dict[str, str] | None = None
    ) -> ConfigFlowResult:
        """Ask for a key service, and for the token that it issued."""
        if user_input is None:
            return self._show_new_key_service()
        self._key_service_input = user_input
        failure = await self._try_token(user_input[CONF_URL], user_input)
        if failure is not None:
            return self._show_new_key_service(failure)
        return await self.next_step()

    async def _try_token(self, url: str, user_input: dict[str, str]) -> Failure | None:
        """Use a key service with a token as it was typed; returns why it cannot be used."""
        try:
            parsed = str(parse_key_service_url(url))
            token = TerminalToken(
                parse_token(user_input[CONF_TOKEN]),
                b"",
                parse_fingerprint(user_input.get(CONF_FINGERPRINT, "")),
            )
        except SecurePairError as error:
            return error.failure
        return await self._use_key_service(parsed, token)

    async def _use_key_service(self, url: str, token: TerminalToken) -> Failure | None:
        """Ask whose token it is; returns why it cannot be used."""
        service = key_service_at(self.hass, url, token)
        try:
            terminal = await service.terminal()
        except SecurePairError as error:
            return error.failure
        self._key_service_input = {**self._key_service_input, CONF_URL: url}
        self._key_service = service
        self._token = replace(token, terminal_id=terminal.terminal_id)
        return None

    def _show_new_key_service(self, failure: Failure | None = None) -> ConfigFlowResult:
        return self.async_show_form(
            step_id="new_key_service",
            data_schema=self.add_suggested_values_to_schema(
                KEY_SERVICE_SCHEMA, self._key_service_input
            ),
            errors=form_errors(failure),
            description_placeholders={"device_id": self._device_id},
        )


def form_errors(failure: str | None) -> dict[str, str]:
    """Return a failure as a form takes it."""
    return {} if failure is None else {"base": str(failure)}
