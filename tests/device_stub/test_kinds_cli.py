"""`python -m device_stub KIND`: each kind as a process of its own."""

import json
import signal
from itertools import chain
from pathlib import Path

import msgspec
import pytest

from device_stub.appliances.kinds import KINDS, KindName
from device_stub.factory import read_device_file
from device_stub.provision import provision
from secure_pair_protocol import model
from secure_pair_protocol.envelope import Event, FromDevice, Ping, Pong, States

from .terminal import Cloud, Terminal
from .test_cli import line, lock, run, start


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
    finally:
        process.terminate()
        _, log = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in log


def seen(message: FromDevice) -> list[tuple[object, ...]]:
    """Return what a message says of what happens at the door."""
    match message:
        case Event(event=raw):
            event = model.decode_event(raw)
            return [(event.key, event.type, *event.attributes.values())]
        case States(states=raws):
            states = [msgspec.msgpack.decode(raw) for raw in raws]
            return [
                (state["key"], state["position"], state["changed_by"])
                if state["key"] == "lock"
                else (state["key"], state["on"])
                for state in states
                if state["key"] in {"lock", "door"}
            ]
    return []


RING = [("doorbell", "ring")]
WRONG_CODE = [("keypad", "refused")]
DOOR = [[("door", True)], [("door", False)]]
COVER = [("tamper", "opened")]


def comes(user: str) -> list[tuple[str, ...]]:
    return [("keypad", "accepted", user), ("lock", "unlocking", user), ("lock", "unlocked", user)]


def jams(way: str) -> list[list[tuple[str, ...]]]:
    return [
        [("lock", way, "key"), ("lock", "jammed", "key")],
        [("lock", "locking", "key"), ("lock", "locked", "key")],
    ]


@pytest.mark.parametrize(
    ("users", "rounds"),
    [
        (
            ("--user", "Anna=2468", "--user", "Ben=1357"),
            [
                [RING, WRONG_CODE, comes("Anna"), *DOOR, *jams("locking"), COVER],
                [RING, WRONG_CODE, comes("Ben"), *DOOR, *jams("locking"), COVER],
            ],
        ),
        # Nobody has unlocked it, so nobody opens the door.
        ((), [[RING, [], [], *jams("unlocking"), COVER], [RING]]),
    ],
)
async def test_what_happens_at_a_lock(
    tmp_path: Path, users: tuple[str, ...], rounds: list[list[list[tuple[object, ...]]]]
) -> None:
    made = provision(tmp_path, model="Lock", label=False)
    data = made.device.data
    async with lock("--device", made.device_file, "--speed", 20, *users) as (process, port):
        wire = await Terminal(Cloud(data.initial_key), data.device_id).negotiate(port)
        for happening in chain.from_iterable(rounds):
            process.send_signal(signal.SIGUSR2)
            said: list[tuple[object, ...]] = []
            while len(said) < len(happening):
                said += seen(await wire.receive())
            # And nothing more.
            wire.send(Ping())
            while not isinstance(message := await wire.receive(), Pong):
                said += seen(message)
            assert said == happening
