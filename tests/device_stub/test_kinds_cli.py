"""`python -m device_stub KIND`: each kind as a process of its own."""

import json
import signal
from pathlib import Path

import pytest

from device_stub.appliances.kinds import KINDS, KindName
from device_stub.factory import read_device_file
from secure_pair_protocol import model
from secure_pair_protocol.envelope import Event

from .terminal import Cloud, Terminal
from .test_cli import line, run, start


@pytest.mark.parametrize("kind", KINDS)
async def test_kind_as_a_process(tmp_path: Path, kind: KindName) -> None:
    code, out, errors = await run(
        "provision", "--out", tmp_path, "--kind", kind, "--json", "--no-label"
    )
    assert (code, errors) == (0, "")
    file = Path(json.loads(out)["device_file"])
    data = read_device_file(file)
    assert data.model == data.name == KINDS[kind].model
    process = await start(kind, "--device", file, "--port", 0, "--speed", 600)
    try:
        listening = await line(process)
        port = int(listening.removeprefix("listening on 127.0.0.1:"))
        wire = await Terminal(Cloud(data.initial_key), data.device_id).negotiate(port)
        keys = {model.decode_entity(raw).key for raw in wire.description.entities}
        assert keys == {entity.entity.key for entity in KINDS[kind].make().entities}
        if kind is KindName.LOCK:
            process.send_signal(signal.SIGUSR2)
            event = await wire.until(Event)
            assert model.decode_event(event.event).type == "ring"
    finally:
        process.terminate()
        _, log = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in log
