"""A user in front of the config flow."""

import asyncio
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from homeassistant.config_entries import (
    SOURCE_USER,
    SOURCE_ZEROCONF,
    ConfigEntry,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

from custom_components.secure_pair.const import DOMAIN

ASKING = {FlowResultType.FORM, FlowResultType.MENU}


@dataclass(kw_only=True)
class Answers:
    """What the user enters, step by step."""

    host: str
    port: int
    url: str
    token: str
    setup_code: str | None
    fingerprint: str | None = None

    def for_step(self, step_id: str) -> dict[str, Any]:
        """Return the answer to one form."""
        address = {"host": self.host, "port": self.port}
        label: dict[str, Any] = (
            {"no_label": True}
            if self.setup_code is None
            else {"setup_code": self.setup_code, "no_label": False}
        )
        key_service = {"url": self.url, "token": self.token}
        if self.fingerprint is not None:
            key_service["fingerprint"] = self.fingerprint
        given: dict[str, dict[str, Any]] = {
            "user": address,
            "address": address,
            "new_address": address,
            "replacement": address,
            "device": {"next_step_id": "continue"},
            # As it is kept; a test may also choose "other".
            "key_service": {"key_service": self.url + "/" * (self.url.count("/") == 2)},
            "new_key_service": key_service,
            "label": label,
            "retry": {},
            "reauth_lost": {},
            "reauth_unknown": {},
            "reauth_reset": {},
            "reauth_token": {"token": self.token},
        }
        return given[step_id]


async def start(hass: HomeAssistant) -> ConfigFlowResult:
    """Open the flow."""
    return await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})


async def submit(
    hass: HomeAssistant, result: ConfigFlowResult, answers: Answers
) -> ConfigFlowResult:
    """Answer the form that is shown, and wait through the progress that may follow."""
    assert result["type"] in ASKING, result
    assert result["step_id"] is not None
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], answers.for_step(result["step_id"])
    )
    return await through_progress(hass, result)


async def announce(
    hass: HomeAssistant, port: int | None, *, host: str = "127.0.0.1", **properties: Any
) -> ConfigFlowResult:
    """Let Home Assistant find a device; `...` leaves a property out."""
    given: dict[str, Any] = {
        "id": "aabbccddeeff",
        "model": "Virtual door lock",
        "name": "Front door",
        "version": "1",
        "pairing": "1",
        **properties,
    }
    address = ip_address(host)
    return await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_ZEROCONF},
        data=ZeroconfServiceInfo(
            ip_address=address,
            ip_addresses=[address],
            port=port,
            hostname=f"{given['id']}.local.",
            type="_secure-pair._tcp.local.",
            name=f"{given['id']}._secure-pair._tcp.local.",
            properties={key: value for key, value in given.items() if value is not ...},
        ),
    )


async def choose(hass: HomeAssistant, result: ConfigFlowResult, option: str) -> ConfigFlowResult:
    """Choose from the menu that is shown."""
    assert result["type"] is FlowResultType.MENU, result
    return await hass.config_entries.flow.async_configure(
        result["flow_id"], {"next_step_id": option}
    )


def waiting_flow(hass: HomeAssistant, entry: ConfigEntry, source: str) -> ConfigFlowResult:
    """Return the one flow of this source that waits for the user."""
    (flow,) = entry.async_get_active_flows(hass, {source})
    return flow


async def through_progress(hass: HomeAssistant, result: ConfigFlowResult) -> ConfigFlowResult:
    """Wait until the flow shows something else than progress."""
    async with asyncio.timeout(20):
        while result["type"] is FlowResultType.SHOW_PROGRESS:
            await asyncio.sleep(0.01)
            result = await hass.config_entries.flow.async_configure(result["flow_id"])
    return result


async def submit_until(
    hass: HomeAssistant, result: ConfigFlowResult, answers: Answers, step_id: str | None = None
) -> ConfigFlowResult:
    """Go on with the flow until a step, an error, or its end."""
    while result["type"] in ASKING and result["step_id"] != step_id:
        result = await submit(hass, result, answers)
        if result.get("errors"):
            break
    return result


async def pair(hass: HomeAssistant, answers: Answers) -> ConfigEntry:
    """Go through the whole flow without a mistake."""
    result = await submit_until(hass, await start(hass), answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY, result
    await hass.async_block_till_done()
    return result["result"]
