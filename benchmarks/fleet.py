"""Many devices in a process of their own: this project's virtual ones, or ESPHome's.

Prints what a terminal has to know of each, one JSON line, and then does what it is told:
`off` takes all from the network, `on` brings them back.
"""

import asyncio
import sys
from base64 import b64encode
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from device_stub.appliances.parts import OnOff
from device_stub.device import Device
from device_stub.factory import make_device
from device_stub.server import Server
from device_stub.store import Store
from secure_pair_protocol.model.switching import Switch

from .esphome import EspHome
from .plug import pair


async def secure_pair(count: int, folder: Path) -> tuple[list[dict[str, object]], list[Server]]:
    """Run so many plugs, each paired already."""
    facts: list[dict[str, object]] = []
    servers = []
    for number in range(count):
        made = make_device(f"{number:012x}", "Virtual plug", f"Plug {number}", label=False)
        store = Store(folder / f"{number}.json", made.data.device_id)
        server = Server(Device(made.data, [OnOff(Switch(key="switch"))], store))
        await server.start()
        session = await pair(server.device)
        facts.append(
            {
                "device_id": made.data.device_id,
                "port": server.port,
                "session_id": b64encode(session.session_id).decode(),
                "session_key": b64encode(session.session_key.reveal()).decode(),
            }
        )
        servers.append(server)
    return facts, servers


async def esphome(count: int) -> tuple[list[dict[str, object]], list[EspHome]]:
    """Run so many ESPHome plugs."""
    facts: list[dict[str, object]] = []
    devices = []
    for number in range(count):
        mac = ":".join(f"{byte:02X}" for byte in (0x020000000000 + number).to_bytes(6))
        device = EspHome(mac, f"plug-{number}")
        await device.listen()
        facts.append(
            {"mac": mac, "name": device.name, "port": device.port, "psk": device.encoded_psk}
        )
        devices.append(device)
    return facts, devices


async def main(kind: str, count: int) -> None:
    """Run until nobody says anything any more."""
    loop = asyncio.get_running_loop()
    with TemporaryDirectory(prefix="secure-pair-bench-") as folder:
        fleet: list[Server] | list[EspHome]
        if kind == "esphome":
            facts, fleet = await esphome(count)
        else:
            facts, fleet = await secure_pair(count, Path(folder))
        print(msgspec.json.encode(facts).decode(), flush=True)
        while word := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
            for device in fleet:
                await (_appear(device) if word == "on" else _vanish(device))
            print(word, flush=True)


async def _vanish(device: Server | EspHome) -> None:
    if isinstance(device, EspHome):
        device.kill()
        return
    assert device._server is not None  # noqa: SLF001
    device._server.close()  # noqa: SLF001
    device.drop_connections()


async def _appear(device: Server | EspHome) -> None:
    if isinstance(device, EspHome):
        await device.listen()
    else:
        await device._listen(device.host, device.port)  # noqa: SLF001


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
