"""A lamp, for whoever builds a device in Python: what is the maker's own, and nothing else.

Sessions, keys and commands are `device_stub`'s business, which holds every check of
protocol.md. Provision it, then run it:

    python -m device_stub provision --out made --device-id aabbccddeeff --model "Lamp 1"
    python docs/lamp.py made/aabbccddeeff.device.json
"""

import asyncio
import sys
from pathlib import Path
from typing import override

from device_stub.announce import announced
from device_stub.device import Device
from device_stub.entity import Done, Ending, VirtualEntity
from device_stub.factory import read_device_file
from device_stub.server import running
from device_stub.store import Store
from secure_pair_protocol.model.switching import ColorMode, Light, LightAction, LightState

LAMP = Light(key="lamp", color_modes=(ColorMode.BRIGHTNESS,))
"""What Home Assistant shows: section 8 has every kind, and what each can have."""


class Lamp(VirtualEntity[Light, LightState, LightAction]):
    """Has two things to do: reach a state, and say which one it is in."""

    def __init__(self) -> None:
        super().__init__(LAMP, LightState(key="lamp", on=False))

    @override
    async def carry_out(self, action: LightAction, by: str) -> Ending:
        on = action.do == "turn_on"
        brightness = action.brightness or self.state.brightness or 255
        # Here your driver turns it on, and here you return Failed("…") where it does not.
        self.push(
            LightState(
                key="lamp",
                on=on,
                brightness=brightness if on else None,
                color_mode=ColorMode.BRIGHTNESS if on else None,
            )
        )
        return Done()

    @override
    def identify(self) -> None:
        print("The lamp blinks.", flush=True)


def make(file: Path) -> Device:
    """Put the lamp into a device that keeps its sessions beside the file of its secrets."""
    data = read_device_file(file)
    return Device(data, [Lamp()], Store(file.with_suffix(".state.json"), data.device_id))


async def main(file: Path, host: str = "0.0.0.0", port: int = 8441) -> None:  # noqa: S104
    """Run until the power goes."""
    async with running(make(file), host, port) as server, announced(server):
        print(f"listening on {server.host}:{server.port}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
