"""The house of the story: a real Home Assistant, a key service and four devices, each a process."""

import asyncio
import secrets
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.demo_app import ROOT
from scripts.demo_app.api import Api, connected, until
from scripts.demo_app.cast import HOME_ASSISTANT, KEY_SERVICE, Cast
from scripts.demo_app.configuration import CONFIGURATION
from scripts.demo_app.door import sessions_in
from scripts.demo_app.maker import Made, add_account, issue_token, make_device, register
from scripts.demo_app.narrator import Narrator
from scripts.demo_app.pairing import Dialog
from scripts.demo_app.screen import Screen
from scripts.demo_app.state import Folder, World, free_port

from .network import Network, lay_cable

PYTHON = ROOT / ".venv-demo" / "bin" / "python"
"""Of the whole Home Assistant, with its frontend."""

START_SECONDS = 180
SECONDS = 60
"""For anything else: on a machine at rest most take less than one."""

type Probe[T] = Callable[[], Awaitable[T | None]]

USERNAME = "robin"

DISCOVERY = "\nzeroconf:\n"
"""Not in the demo's configuration: it would look around in the network of its user."""


@dataclass(frozen=True)
class Kind:
    """A sort of device: what `device_stub` calls it, what the house calls its own."""

    command: str
    name: str
    options: tuple[str, ...] = ()


LOCK = Kind("lock", "Front door")
CAMERA = Kind("camera", "Garden camera")
WASHING_MACHINE = Kind("washing-machine", "Washing machine", ("--speed", "1200"))
WATER_HEATER = Kind("water-heater", "Water heater")
KINDS = (LOCK, CAMERA, WASHING_MACHINE, WATER_HEATER)


class House:
    """What the story is played in. All of it is asked and told as a user or a passer-by could."""

    def __init__(self, folder: Folder, cast: Cast, screen: Screen, narrator: Narrator) -> None:
        """Nobody is in yet."""
        self.cast = cast
        self.password = secrets.token_hex(8)
        self.key_service_port = 0
        self.ports: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        self.made: dict[Kind, Made] = {}
        self.token = ""
        self.network = Network()
        self.api: Api
        self._folder = folder
        self._screen = screen
        self._narrator = narrator

    async def set_up(self, api: Api, ui_port: int) -> None:
        """Make everything that a user has before his first evening, and start it."""
        self.api = api
        self.network = await lay_cable(self.cast)
        configuration = CONFIGURATION + (DISCOVERY if self.network.finds_devices else "")
        self._folder.home_assistant.mkdir()
        (self._folder.home_assistant / "configuration.yaml").write_text(configuration)
        await self.cast.start_home_assistant(ui_port)
        key_service = self._folder.key_service
        await add_account(key_service)
        made = await asyncio.gather(
            *(make_device(self._folder.lock, kind.name, kind.command) for kind in KINDS)
        )
        self.made = dict(zip(KINDS, made, strict=True))
        for device in made:
            await register(device, key_service)
        self.token = await issue_token(key_service)
        await self.start_key_service()
        await asyncio.gather(*map(self.start_device, KINDS))
        await self.until(api.is_answering, "Home Assistant answers", START_SECONDS)
        await api.log_in(USERNAME, self.password)
        await self.until(api.is_running, "Home Assistant runs", START_SECONDS)

    # The devices

    async def start_device(self, kind: Kind) -> None:
        """Give a device power."""
        command = self.cast.python("device_stub", kind.command, "--steps", *kind.options)
        command += ["--device", str(self.made[kind].file), "--state", str(self._state(kind))]
        command += ["--host", self.network.host, "--port", str(self.ports[kind])]
        self.ports[kind] = await self.cast.serve(
            kind.name, [*self.network.entrance, *command], _ignore
        )

    async def stop_device(self, kind: Kind) -> None:
        """Take its power away."""
        await self.cast.stop(kind.name)

    def lets_something_happen(self, kind: Kind) -> None:
        """Let the next thing happen to a device that nobody commands."""
        self.cast.signal(kind.name, signal.SIGUSR2)

    def resets(self, kind: Kind) -> None:
        """Press a device's reset button for long."""
        self.cast.signal(kind.name, signal.SIGUSR1)

    def shows_itself(self, kind: Kind) -> bool | None:
        """Tell whether a device has blinked."""
        return f"*** this is {kind.name} " in self.cast.log(kind.name).read_text() or None

    def sessions(self, kind: Kind) -> int:
        """Return how many terminals a device knows."""
        return sessions_in(self._state(kind))

    def _state(self, kind: Kind) -> Path:
        return self._folder.lock / f"{kind.command}.state.json"

    # The key service

    @property
    def key_service_url(self) -> str:
        """Where Home Assistant finds it."""
        return f"http://127.0.0.1:{self.key_service_port}"

    async def start_key_service(self) -> None:
        """Start it, where it was before."""
        self.key_service_port = await self.cast.start_key_service(self.key_service_port)

    async def stop_key_service(self) -> None:
        """Take it away."""
        await self.cast.stop(KEY_SERVICE)

    @contextmanager
    def slow_key_service(self) -> Generator[None]:
        """Have it keep everybody waiting while the context lasts."""
        self.cast.signal(KEY_SERVICE, signal.SIGSTOP)
        try:
            yield
        finally:
            self.cast.signal(KEY_SERVICE, signal.SIGCONT)

    # Home Assistant

    async def pair(self, kind: Kind) -> None:
        """Pair a device by the API, as the page does it."""
        made = self.made[kind]
        world = World(
            made.device_id,
            made.file.name,
            made.setup_code,
            self.token,
            lock_host=self.network.host,
            lock_port=self.ports[kind],
            key_service_port=self.key_service_port,
        )
        await Dialog(self.api, self._screen, self._narrator, world).pair()

    async def state(self, entity_id: str) -> dict[str, Any]:
        """Return an entity's state with its attributes."""
        found: dict[str, Any] = await self.api.get(f"/api/states/{entity_id}")
        return found

    async def until_state(self, entity_id: str, wanted: str) -> dict[str, Any]:
        """Wait until an entity has this state; return it with its attributes."""

        async def has_it() -> dict[str, Any] | None:
            # In the list, since it may not be there at all yet.
            for state in await self.api.get("/api/states"):
                if (state["entity_id"], state["state"]) == (entity_id, wanted):
                    found: dict[str, Any] = state
                    return found
            return None

        return await self.until(has_it, f"{entity_id} is {wanted}")

    async def until[T](self, probe: Probe[T], what: str, seconds: float = SECONDS) -> T:
        """Ask until the answer is not None; raises DemoError that says what was awaited."""

        async def answer() -> T | None:
            self.check_alive()
            return await probe()

        return await until(answer, what, seconds=seconds, log=self.cast.log(HOME_ASSISTANT))

    def check_alive(self) -> None:
        """Raise DemoError if a process has ended that nobody has stopped."""
        if self.cast.death.done():
            self.cast.death.result()


@asynccontextmanager
async def open_house(path: Path) -> AsyncGenerator[House]:
    """Start all of it in this folder; whatever happens, stop all of it."""
    folder = Folder(path)
    folder.clear()
    with folder.held(), (path / "story.log").open("w") as out:
        screen = Screen(out)
        narrator = Narrator(screen.line)
        cast = Cast(folder, screen, narrator, str(PYTHON))
        ui_port = free_port(8123)
        house = House(folder, cast, screen, narrator)
        try:
            async with connected(ui_port, cast.log(HOME_ASSISTANT)) as api:
                await house.set_up(api, ui_port)
                yield house
        finally:
            await cast.stop_all()
            if not cast.death.cancel():
                # It was told when it happened, or too late to matter.
                cast.death.exception()


def _ignore(said: dict[str, Any], at: float) -> None:
    """Take what nobody has to hear."""
