"""The options: whether the session key is renewed by itself."""

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from .conftest import VirtualLock


async def test_renewal_by_itself(
    hass: HomeAssistant, entry: ConfigEntry, virtual_lock: VirtualLock
) -> None:
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "init")
    assert result["data_schema"] is not None
    assert result["data_schema"]({}) == {"renew": True}

    before = entry.runtime_data
    result = await hass.config_entries.options.async_configure(result["flow_id"], {"renew": False})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert entry.options == {"renew": False}
    # It was reloaded: the option holds from now on.
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data is not before

    # The form shows it, and what does not change reloads nothing.
    before = entry.runtime_data
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert result["data_schema"] is not None
    (key,) = result["data_schema"].schema
    assert key.description == {"suggested_value": False}
    await hass.config_entries.options.async_configure(result["flow_id"], {"renew": False})
    await hass.async_block_till_done()
    assert entry.runtime_data is before
