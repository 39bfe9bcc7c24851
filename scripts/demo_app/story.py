"""The demo's acts, in their order."""

import asyncio
from importlib.metadata import version
from pathlib import Path

from .api import Api, connected, until
from .cast import HOME_ASSISTANT, KEY_SERVICE, LOCK, Cast
from .door import Door
from .maker import make_world
from .narrator import Narrator
from .pairing import Dialog
from .process import DemoError
from .screen import Screen
from .state import Folder, World, free_port

START_SECONDS = 180
"""Where all of Home Assistant is compiled for the first time, on a slow machine."""
REACTION_SECONDS = 30
"""Home Assistant first waits 10 s for an address where somebody listens and is silent."""
ENTRIES = "/api/config/config_entries/entry"


class Story:
    """From nothing to a lock that Home Assistant locks and unlocks, and back."""

    def __init__(self, folder: Folder, screen: Screen, ui_port: int) -> None:
        """Nothing happens yet."""
        self.is_up = False
        """All is shown, and it is the user's turn."""
        self._folder = folder
        self._screen = screen
        self._ui_port = ui_port
        self._key_service_port = 0
        self._lock_port = 0
        self._entity = ""
        self._narrator = Narrator(screen.line)
        self.cast = Cast(folder, screen, self._narrator)
        self._door = Door(self.cast, screen)
        self._log = self.cast.log(HOME_ASSISTANT)

    async def play_once(self) -> None:
        """Show everything, and go back to where it began."""
        world = await self._set_the_stage()
        async with connected(self._ui_port, self._log) as api:
            await self._wait_for_home_assistant(api, world)
            await self._pair(api, world)
            await self._lock_and_unlock(api, world)
            await self._restart_without_key_service(api, world)
            await self._remove(api, world)
        self._screen.head("The end")
        await self.cast.stop_all()
        self._screen.line("all processes have ended")
        check_log(self._log)

    async def play(self) -> None:
        """Show it up to the user's turn, and then stay until cancelled."""
        world = await self._set_the_stage()
        async with connected(self._ui_port, self._log) as api:
            await self._wait_for_home_assistant(api, world)
            if await self._is_paired(api, world):
                await self._meet_again(api, world)
            else:
                await self._pair(api, world)
            await self._lock_and_unlock(api, world)
        self._invite(world)
        self.is_up = True
        await asyncio.get_running_loop().create_future()

    # The acts

    async def _set_the_stage(self) -> World:
        """Start all three; where there is no lock yet, have one made and registered."""
        self._ui_port = self._port(HOME_ASSISTANT, self._ui_port)
        world = self._folder.read()
        if world is None:
            self._screen.head("A lock is made, and registered at the key service")
            # It takes longest, and knows no lock yet that could be missing.
            await self.cast.start_home_assistant(self._ui_port)
            async with self._screen.waiting("the maker is at work"):
                world = await make_world(self._folder, self._screen)
            self._folder.write(world)
            await self._start_key_service_and_lock(world)
        else:
            self._screen.head(f"Lock {world.device_id} is there, from an earlier run")
            await self._start_key_service_and_lock(world)
            await self.cast.start_home_assistant(self._ui_port)
        return world

    async def _start_key_service_and_lock(self, world: World) -> None:
        key_service = self._port(KEY_SERVICE, world.key_service_port)
        lock = self._port(LOCK, world.lock_port)
        async with self._screen.waiting("the key service and the lock are starting"):
            self._key_service_port, self._lock_port = await asyncio.gather(
                self.cast.start_key_service(key_service),
                self.cast.start_lock(self._folder.lock / world.device_file, lock),
            )
        self._screen.line(f"the key service listens on http://127.0.0.1:{self._key_service_port}")
        self._screen.line(f"the lock listens on 127.0.0.1:{self._lock_port}")

    async def _wait_for_home_assistant(self, api: Api, world: World) -> None:
        self._screen.head(f"Home Assistant {version('homeassistant')}")
        async with self._screen.waiting("it is starting"):
            await self._until_running(api, world)
        self._screen.line(f"it is running, on {api.url}; the user is {world.username}")

    async def _until_running(self, api: Api, world: World) -> None:
        await until(
            api.is_answering, "Home Assistant answers", seconds=START_SECONDS, log=self._log
        )
        await api.log_in(world.username, world.password)
        await until(api.is_running, "Home Assistant runs", seconds=START_SECONDS, log=self._log)

    async def _is_paired(self, api: Api, world: World) -> bool:
        entries = await api.get(f"{ENTRIES}?domain=secure_pair")
        return any(entry["entry_id"] == world.entry_id for entry in entries)

    async def _pair(self, api: Api, world: World) -> None:
        self._screen.head("Pairing, in the dialog of Home Assistant (its config flow)")
        self._screen.line("terminal: Home Assistant; device: the lock; cloud: the key service")
        began = self._screen.seconds
        world.key_service_port, world.lock_port = self._key_service_port, self._lock_port
        world.entry_id = await self._dialog(api, world).pair()
        self._folder.write(world)
        self._screen.line(f"paired, {self._screen.seconds - began:.1f} s after the first form")
        await self._until_back(api, world, negotiations=1)
        if (held := self._door.sessions()) != 1:
            raise DemoError(f"the lock holds {held} sessions, not 1")
        self._screen.line("the lock keeps 1 session; from here on the key service is not needed")

    async def _meet_again(self, api: Api, world: World) -> None:
        self._screen.head("The lock is paired already: nothing to provision, nothing to pair")
        if world.lock_port != self._lock_port:
            world.lock_port = self._lock_port
            await self._dialog(api, world).change_address(world.entry_id)
            self._folder.write(world)
        await self._until_back(api, world, negotiations=0)

    async def _until_back(self, api: Api, world: World, *, negotiations: int) -> None:
        """Wait until the lock is there, by one resumption and so many negotiations."""

        async def is_back() -> str | None:
            entity = await api.lock_of(world.device_id)
            if entity is None or not self._narrator.resumptions:
                return None
            return (await api.state(entity) in {"locked", "unlocked"} and entity) or None

        async with self._screen.waiting("waiting for the lock"):
            entity = await until(
                is_back, "the lock is in /api/states", seconds=REACTION_SECONDS, log=self._log
            )
        if self._narrator.negotiations != negotiations:
            raise DemoError(f"{self._narrator.negotiations} negotiations, not {negotiations}")
        self._screen.line(f"{entity} is there: connected by resumption, state from the lock")
        self._entity = entity

    async def _lock_and_unlock(self, api: Api, world: World) -> None:
        self._screen.head("Unlocking and locking, by Home Assistant's service API")
        for service in ("unlock", "lock"):
            await self._door.move(api, self._entity, service)

    async def _restart_without_key_service(self, api: Api, world: World) -> None:
        self._screen.head("Home Assistant restarts, while the key service is stopped")
        await self.cast.stop(KEY_SERVICE)
        self._screen.line("the key service has stopped")
        async with self._screen.waiting("Home Assistant is stopping"):
            await self.cast.stop(HOME_ASSISTANT)
        self._screen.line("Home Assistant has stopped")
        self._narrator.forget()
        await self.cast.start_home_assistant(self._ui_port)
        async with self._screen.waiting("Home Assistant is starting"):
            await self._until_running(api, world)
        self._screen.line("Home Assistant is running again")
        await self._until_back(api, world, negotiations=0)
        await self._door.move(api, self._entity, "unlock")

    async def _remove(self, api: Api, world: World) -> None:
        self._screen.head("The lock is removed from Home Assistant")
        self._screen.line("the config entry is deleted; the lock is told, on one more connection")
        await api.delete(f"{ENTRIES}/{world.entry_id}")
        if await self._is_paired(api, world):
            raise DemoError("the config entry is still there", self._log)
        self._screen.line("Home Assistant has no config entry of it any more")

        async def is_forgotten() -> bool | None:
            return self._door.sessions() == 0 or None

        await until(is_forgotten, "the lock has forgotten", seconds=REACTION_SECONDS, log=self._log)
        self._screen.line("the lock has forgotten: it keeps 0 sessions")

    # Besides

    def _dialog(self, api: Api, world: World) -> Dialog:
        return Dialog(api, self._screen, self._narrator, world)

    def _port(self, whose: str, wanted: int) -> int:
        port = free_port(wanted)
        if wanted not in {0, port}:
            self._screen.line(f"port {wanted} is taken: {port} for {whose}")
        return port

    def _invite(self, world: World) -> None:
        self._screen.head("Your turn")
        self._screen.line(f"Home Assistant   http://127.0.0.1:{self._ui_port}")
        self._screen.line(f"user             {world.username}")
        self._screen.line(f"password         {world.password}")
        self._screen.line("What the lock does is shown here. Ctrl-C stops everything;")
        self._screen.line("the next start finds the lock paired (--fresh forgets it).")


def check_log(log: Path) -> None:
    """Raise DemoError if the integration has left more than its presence in the log."""
    for line in log.read_text(errors="replace").splitlines():
        if "secure_pair" in line and "We found a custom integration" not in line:
            raise DemoError("Home Assistant complains about the integration", log)
