"""Home Assistant with docs/minimal_device.py, which shares no line with the code that ships."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from homeassistant.core import HomeAssistant

from device_stub.factory import NewDevice, write_device_file

from .conftest import KeyService, Until
from .flows import Answers, pair

PROGRAM = Path(__file__).parents[2] / "docs" / "minimal_device.py"
SWITCH = "switch.hall"


@asynccontextmanager
async def minimal_device(folder: Path, port: int = 0) -> AsyncGenerator[int]:
    """Run it as its maker would; the power is cut at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, PROGRAM, folder / "made.json", folder / "kept.json", str(port), stdout=PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            said = (await process.stdout.readline()).decode()
        yield int(said.removeprefix("listening on port "))
    finally:
        process.kill()
        await process.communicate()


@pytest.fixture
def folder(tmp_path: Path, made: NewDevice) -> Path:
    """What its maker gives the device."""
    write_device_file(tmp_path / "made.json", replace(made.data, model="Switch", name="Hall"))
    return tmp_path


async def test_pair_switch_and_remove(
    hass: HomeAssistant,
    key_service: KeyService,
    made: NewDevice,
    folder: Path,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.secure_pair.reconnect.MAX_SECONDS", 0.01)
    await key_service.register(made)
    assert made.setup_code is not None

    def shows(state: str) -> bool:
        shown = hass.states.get(SWITCH)
        return shown is not None and shown.state == state

    async with minimal_device(folder) as port:
        answers = Answers(
            host="127.0.0.1",
            port=port,
            url=key_service.url,
            token=key_service.token,
            setup_code=made.setup_code.text,
        )
        entry = await pair(hass, answers)
        assert shows("off")
        await hass.services.async_call("switch", "turn_on", {"entity_id": SWITCH}, blocking=True)
        await until(lambda: shows("on"))
    await until(lambda: shows("unavailable"))

    # The session is on its disk; where its switch was is not.
    await key_service.stop()
    async with minimal_device(folder, port):
        await until(lambda: shows("off"))
        await hass.services.async_call("switch", "turn_on", {"entity_id": SWITCH}, blocking=True)
        await until(lambda: shows("on"))
        await hass.config_entries.async_remove(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert json.loads((folder / "kept.json").read_text())["held"] == {}
