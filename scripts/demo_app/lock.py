"""The virtual lock as a process: `python -m device_stub lock`, that tells where its bolt is.

Like that it prints where it listens, and then lines of JSON: the steps of each handshake, and
each movement of the bolt.
"""

import argparse
import asyncio
import json
import logging
import signal
from pathlib import Path
from typing import Any

from device_stub.device import Device
from device_stub.entity import AnyEntity
from device_stub.factory import read_device_file
from device_stub.lock import DoorLock
from device_stub.server import running
from device_stub.store import Store


def tell(fields: dict[str, Any]) -> None:
    """Print a line for the demo."""
    print(json.dumps(fields), flush=True)


async def serve(device_file: Path, state: Path, port: int) -> None:
    """Be a lock until SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    data = read_device_file(device_file)
    lock = DoorLock()
    device = Device(data, [lock], Store(state, data.device_id))
    to_terminals = lock.publish

    def publish(entity: AnyEntity) -> None:
        tell({"bolt": lock.state.position, "by": lock.state.changed_by})
        to_terminals(entity)

    lock.publish = publish
    async with running(device, port=port, trace=tell) as server:
        print(f"listening on {server.host}:{server.port}", flush=True)
        await stopped.wait()


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    asyncio.run(serve(arguments.device, arguments.state, arguments.port))


if __name__ == "__main__":
    main()
