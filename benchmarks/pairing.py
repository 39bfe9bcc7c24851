"""A first pairing, key service included."""

import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
from aiohomekit.exceptions import AuthenticationError
from homeassistant.core import HomeAssistant
from yarl import URL

from cloud_stub.accounts import add_account, add_terminal
from cloud_stub.devices import add_device
from cloud_stub.registration import parse_registration
from cloud_stub.store import open_store
from custom_components.secure_pair.connection import Connection
from custom_components.secure_pair.key_service import KeyService
from custom_components.secure_pair.key_store import KeyStore, TerminalToken
from custom_components.secure_pair.pairing import negotiate
from custom_components.secure_pair.protocol import keys
from custom_components.secure_pair.protocol.crypto import PRIMITIVES
from custom_components.secure_pair.protocol.label import LabelKeys
from custom_components.secure_pair.protocol.secret import Secret
from custom_components.secure_pair.protocol.sessions import PairedDevice
from device_stub.appliances.parts import OnOff
from device_stub.device import Device
from device_stub.factory import FactoryData, NewDevice
from device_stub.server import running as running_device
from device_stub.store import Store
from secure_pair_protocol import secret as device_secret
from secure_pair_protocol.model.switching import Switch

from .homekit import HomeKit, running_homekit
from .measuring import Effort, Row, Sample, in_turns, milliseconds
from .serving import serving

ID = "aabbccddee02"
MODEL = "Virtual plug"
TRIES = 5

MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, where there is one
"""Where to sync takes no time."""


async def measure(effort: Effort) -> list[Row]:
    """Pair again and again; whoever was paired before has been forgotten."""
    async with AsyncExitStack() as stack:
        homekit = _homekit(await stack.enter_async_context(running_homekit()))
        rows = [
            await in_turns(
                "pairing, key service included",
                milliseconds(await _secure_pair(stack, None)),
                {"HomeKit pair-setup": homekit},
                counts="from the stretched code on: connection, claim and authorization over HTTP"
                " at a key service in a process of its own, all seven steps, durable at both"
                " ends and at the key service; beside pair-setup from the PIN on, connection"
                " included (the one in some hundred that fails of itself is repeated)",
                unit="ms",
                aim=8,
                effort=effort,
                rounds=40,
            )
        ]
        if MEMORY.is_dir():  # noqa: ASYNC240
            rows.append(
                await in_turns(
                    "the same, where to sync takes no time",
                    milliseconds(await _secure_pair(stack, MEMORY)),
                    {"HomeKit pair-setup": homekit},
                    counts="as above, with all files in memory: HomeKit's two sync nothing to a"
                    " disk, where Secure Pair's three do it five times, one behind the other",
                    unit="ms",
                    aim=None,
                    effort=effort,
                    rounds=40,
                )
            )
        return rows


def _homekit(homekit: HomeKit) -> Sample:
    pair = milliseconds(homekit.pair)

    async def sample() -> float:
        for _ in range(TRIES):
            homekit.forget()
            with suppress(AuthenticationError):
                return await pair()
        msg = "HomeKit cannot pair"
        raise RuntimeError(msg)

    return sample


async def _secure_pair(stack: AsyncExitStack, at: Path | None) -> Callable[[], Awaitable[object]]:
    """Start a key service and a device; return what pairs the device.

    `at`: where the files go; None: where temporary ones do.
    """
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="secure-pair-bench-", dir=at)))
    code_key = Secret(os.urandom(32))
    initial_key = device_secret.Secret(os.urandom(32))
    pairing_secret = keys.pairing_secret(PRIMITIVES, code_key, ID)
    proof = keys.claim_proof(PRIMITIVES, code_key, ID)
    made = NewDevice(
        FactoryData(ID, initial_key, device_secret.Secret(pairing_secret.reveal()), MODEL, "Plug"),
        None,
        keys.claim_hash(PRIMITIVES, ID, proof),
    )
    async with open_store(folder / "cloud") as store:
        await add_account(store, "owner")
        issued = await add_terminal(store, "owner")
        await add_device(store, parse_registration(made.registration))
    _, url = await stack.enter_async_context(serving(folder / "cloud", None, 1))
    device = Device(made.data, [OnOff(Switch(key="switch"))], Store(folder / "device.json", ID))
    server = await stack.enter_async_context(running_device(device))
    http = await stack.enter_async_context(aiohttp.ClientSession())
    token = TerminalToken(Secret(issued.token.reveal()), issued.terminal_id)
    service = KeyService(http, URL(url), token.token)
    key_store = KeyStore(HomeAssistant(str(folder)), folder / "keys" / "terminal.json")

    async def pair() -> None:
        label = LabelKeys(
            keys.pairing_secret(PRIMITIVES, code_key, ID),
            keys.claim_proof(PRIMITIVES, code_key, ID),
        )
        template = PairedDevice(ID, url, issued.terminal_id, label.pairing_secret)
        connection = await Connection.open("127.0.0.1", server.port, ID)
        paired = await negotiate(
            connection,
            template,
            service,
            lambda rule: key_store.pair_device(template, rule, token),
            label=label,
            on_stage=lambda _: None,
        )
        await paired.link.close()

    return pair
