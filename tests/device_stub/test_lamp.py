"""docs/lamp.py: a maker's device in Python, with what the product brings."""

from pathlib import Path

import msgspec
import pytest
from msgspec import Raw

from device_stub.check.authority import Maker
from device_stub.check.bench import Bench, Wish
from device_stub.check.finding import Verdict
from device_stub.factory import write_device_file
from device_stub.server import running
from docs.lamp import make
from secure_pair_protocol.envelope import States

from .checking import ALL, checked, named
from .conftest import make_data
from .terminal import Cloud, Terminal


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Not the plugin's: its debug mode makes a run take twice as long."""


async def test_it_holds_every_check(tmp_path: Path) -> None:
    data = make_data()
    write_device_file(tmp_path / "lamp.json", data)
    device = make(tmp_path / "lamp.json")
    async with running(device) as server:
        # So that a command can be too old.
        device._started_at -= 60
        bench = Bench(
            host="127.0.0.1",
            port=server.port,
            device_id=data.device_id,
            authority=Maker(data.initial_key),
            pairing_secret=data.pairing_secret,
            patience=2,
            may_log_out=True,
            wish=Wish("lamp", Raw(msgspec.msgpack.encode({"do": "turn_on", "brightness": 99}))),
        )
        found = await checked(bench)
        assert named(found, Verdict.HELD) == ALL, found
        assert (device.entities["lamp"].state.on, device.entities["lamp"].state.brightness) == (
            True,
            99,
        )


async def test_turned_on_and_off(tmp_path: Path) -> None:
    data = make_data()
    write_device_file(tmp_path / "lamp.json", data)
    async with running(make(tmp_path / "lamp.json")) as server:
        terminal = Terminal(Cloud(data.initial_key), data.device_id, data.pairing_secret)
        wire = await terminal.negotiate(server.port)
        for action, shown in (
            ({"do": "turn_on"}, {"on": True, "brightness": 255, "color_mode": "brightness"}),
            ({"do": "turn_off"}, {"on": False}),
        ):
            command = wire.command(entity="lamp", action=Raw(msgspec.msgpack.encode(action)))
            wire.send(command)
            (state,) = (await wire.until(States)).states
            assert msgspec.msgpack.decode(state) == {"key": "lamp", **shown}
            assert (await wire.outcome(command.id)).result == "done"
        await wire.close()
