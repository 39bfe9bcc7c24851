"""Security events in Home Assistant's logbook, as a user reads them."""

import pytest
from homeassistant.components.recorder.core import Recorder
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import (
    RecorderInstanceContextManager,
    WebSocketGenerator,
)

from custom_components.secure_pair.const import DOMAIN
from custom_components.secure_pair.troubles import SecurityEvent

from .house import House


@pytest.fixture
def mock_recorder_before_hass(async_test_recorder: RecorderInstanceContextManager) -> None:
    """Prepare the recorder while there is no Home Assistant yet, as it asks for."""


async def test_on_the_page_of_the_device(
    recorder_mock: Recorder, hass: HomeAssistant, house: House, hass_ws_client: WebSocketGenerator
) -> None:
    assert await async_setup_component(hass, "logbook", {})
    before = dt_util.utcnow()
    troubles = house.entry.runtime_data.troubles
    await house.renew()
    for event in SecurityEvent:
        if event is not SecurityEvent.RENEWED:
            troubles.tell(event)
    await async_wait_recording_done(hass)
    client = await hass_ws_client()
    await client.send_json_auto_id(
        {
            "type": "logbook/get_events",
            "start_time": before.isoformat(),
            "device_ids": [house.registry_id],
        }
    )
    answer = await client.receive_json()
    read = [entry for entry in answer["result"] if entry.get("domain") == DOMAIN]
    assert [entry["name"] for entry in read] == ["Front door"] * len(SecurityEvent)
    assert read[0]["message"] == "has a new session key"
    assert len({entry["message"] for entry in read}) == len(SecurityEvent)
