"""Fix flows: what the user has mended elsewhere is tried again here."""

from typing import Any

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from .coordinator import DeviceCoordinator, SecurePairConfigEntry
from .key_store import get_key_store
from .protocol.errors import SecurePairError
from .troubles import forget_repairs


class PairAgainFlow(RepairsFlow):
    """Negotiates a new session, now that the user has said so."""

    def __init__(self, entry: SecurePairConfigEntry) -> None:
        """Take the entry that has the trouble."""
        self._entry = entry

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Ask at once."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Try it when the user has confirmed; show why it failed."""
        errors = {}
        if user_input is not None:
            try:
                await _negotiate(self.hass, self._entry)
            except SecurePairError as error:
                errors = {"base": error.failure.value}
            else:
                # The user has seen to it: if it happens again, that is news.
                forget_repairs(self.hass, self._entry.entry_id)
                return self.async_create_entry(data={})
        return self.async_show_form(
            step_id="confirm",
            errors=errors,
            description_placeholders={"device": self._entry.title},
        )


async def _negotiate(hass: HomeAssistant, entry: SecurePairConfigEntry) -> None:
    if entry.state is ConfigEntryState.LOADED:
        await entry.runtime_data.keeper.renew(asked_by_user=True)
        return
    coordinator = DeviceCoordinator(hass, entry, get_key_store(hass))
    try:
        await coordinator.keeper.renew(asked_by_user=True)
    finally:
        await coordinator.stop()
    await hass.config_entries.async_reload(entry.entry_id)


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow of one of this integration's repairs."""
    entry = hass.config_entries.async_get_entry(str((data or {})["entry_id"]))
    if entry is None:
        msg = f"the entry of {issue_id} has gone"
        raise ValueError(msg)
    return PairAgainFlow(entry)
