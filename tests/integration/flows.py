"""A user in front of the config flow."""

import asyncio
from dataclasses import dataclass
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigEntry, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

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

    def for_step(self, step_id: str) -> dict[str, Any]:
        """Return the answer to one form."""
        match step_id:
            case "user":
                return {"host": self.host, "port": self.port}
            case "device":
                return {"next_step_id": "continue"}
            case "key_service":
                return {"key_service": self.url}
            case "new_key_service":
                return {"url": self.url, "token": self.token}
            case "label" if self.setup_code is None:
                return {"no_label": True}
            case "label":
                return {"setup_code": self.setup_code, "no_label": False}
        raise AssertionError(step_id)


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
