"""An appliance in a device that runs, and a terminal that follows what it shows."""

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import Raw

from device_stub.appliances.appliance import Appliance, build_in
from device_stub.device import Device
from device_stub.server import Server, running
from device_stub.store import Store
from secure_pair_protocol import model
from secure_pair_protocol.envelope import (
    Description,
    Event,
    FromDevice,
    FurtherDevice,
    Outcome,
    Ping,
    Pong,
    Result,
    States,
)

from .conftest import make_data
from .terminal import Cloud, Terminal, Wire


@dataclass
class Installed[A: Appliance]:
    appliance: A
    device: Device
    server: Server
    wire: Wire
    entities: dict[str, model.Entity] = field(default_factory=dict)
    devices: dict[str, FurtherDevice] = field(default_factory=dict)
    states: dict[str, model.State] = field(default_factory=dict)
    history: list[model.State] = field(default_factory=list)
    events: list[model.Event] = field(default_factory=list)
    up: int = 0

    def see(self, message: FromDevice) -> None:
        """Follow the device; raises where it contradicts its description."""
        self.up = message.up
        match message:
            case Description(entities=entities, devices=devices):
                described = [model.decode_entity(raw) for raw in entities]
                self.entities = {entity.key: entity for entity in described}
                further = [model.decode_further_device(raw) for raw in devices]
                self.devices = {device.key: device for device in further}
                self.states.clear()
            case States(states=states):
                for raw in states:
                    key = model.state_key(raw)
                    state = self.states[key] = model.decode_state(raw, self.entities[key])
                    self.history.append(state)
            case Event(event=raw):
                self.events.append(model.decode_event(raw))

    def show(self, key: str) -> dict[str, object]:
        """Return what the terminal knows of an entity's state, as it would go on the wire."""
        shown: dict[str, object] = msgspec.to_builtins(self.states[key])
        return {name: value for name, value in shown.items() if name != "key"}

    def past(self, key: str, name: str) -> list[object]:
        """Return all that one field of a state has ever been."""
        return [getattr(state, name) for state in self.history if state.key == key]

    def send(self, key: str, do: str, **fields: object) -> bytes:
        action = Raw(msgspec.msgpack.encode({"do": do, **fields}))
        command = self.wire.command(entity=key, action=action, born=self.up)
        self.wire.send(command)
        return command.id

    async def end_of(self, command: bytes) -> Outcome:
        while True:
            message = await self.wire.receive()
            self.see(message)
            if (
                isinstance(message, Outcome)
                and message.id == command
                and message.result is not Result.RUNNING
            ):
                return message

    async def do(self, key: str, do: str, **fields: object) -> str | None:
        """Return None when it is done, or the code of a refusal."""
        outcome = await self.end_of(self.send(key, do, **fields))
        assert outcome.result in {Result.DONE, Result.FAILED}
        assert (outcome.code is None) == (outcome.result is Result.DONE)
        return outcome.code

    async def until(self, holds: Callable[[], bool]) -> None:
        """Take what the device says until something holds."""
        while not holds():
            self.see(await self.wire.receive())

    async def settle(self) -> None:
        """Take all that the device has said."""
        self.wire.send(Ping())
        while True:
            message = await self.wire.receive()
            self.see(message)
            if isinstance(message, Pong):
                return

    async def pass_(self, seconds: float) -> None:
        self.appliance.advance(seconds)
        await self.settle()


@asynccontextmanager
async def installed[A: Appliance](
    appliance: A, folder: Path, *, speed: float = math.inf
) -> AsyncGenerator[Installed[A]]:
    """Run an appliance whose time passes when the test says so."""
    appliance.set_speed(speed)
    data = make_data()
    device = build_in(appliance, data, Store(folder / "appliance.json", data.device_id))
    terminal = Terminal(Cloud(data.initial_key), data.device_id, data.pairing_secret)
    async with running(device) as server:
        wire = await terminal.negotiate(server.port)
        try:
            house = Installed(appliance, device, server, wire)
            house.see(wire.description)
            house.see(wire.states)
            yield house
        finally:
            await wire.close()
