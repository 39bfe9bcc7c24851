"""The user in front of the config flow: fills in its forms, and watches its progress."""

import asyncio
import time
from typing import Any

from .api import POLL_SECONDS, Api
from .narrator import Narrator
from .process import DemoError
from .screen import Screen
from .state import World

PAIRING_SECONDS = 60
STEPS = 20
"""More than any way through the dialog has."""

FLOW = "/api/config/config_entries/flow"
SECRET = frozenset({"token", "setup_code"})
MENUS = {"device": "continue", "reconfigure": "new_address"}

type Result = dict[str, Any]


class Dialog:
    """The integration's config flow, by the REST API."""

    def __init__(self, api: Api, screen: Screen, narrator: Narrator, world: World) -> None:
        """`world` has what is to be entered."""
        self._api = api
        self._screen = screen
        self._narrator = narrator
        self._device_id = world.device_id
        self._values = {
            "host": world.lock_host,
            "port": world.lock_port,
            # Where one is known from before, it is entered anew.
            "key_service": "other",
            "url": f"http://127.0.0.1:{world.key_service_port}",
            "token": world.token,
            "setup_code": world.setup_code,
            "no_label": False,
        }

    async def pair(self) -> str:
        """Pair the lock; returns the id of the config entry."""
        self._narrator.expect()
        result = await self._through({"handler": "secure_pair"})
        if result["type"] != "create_entry":
            raise DemoError(f"the dialog ends with {result.get('reason')!r}", self._api.log)
        return str(result["result"]["entry_id"])

    async def change_address(self, entry_id: str | None) -> None:
        """Enter the address of a lock that is paired, and has moved to another port."""
        result = await self._through({"handler": "secure_pair", "entry_id": entry_id})
        if result.get("reason") != "reconfigure_successful":
            raise DemoError(f"the dialog ends with {result.get('reason')!r}", self._api.log)

    async def _through(self, beginning: Result) -> Result:
        """Go from step to step until there is none."""
        result: Result = await self._api.post(FLOW, beginning)
        for _ in range(STEPS):
            match result["type"]:
                case "form":
                    result = await self._fill_in(result)
                case "menu":
                    result = await self._choose(result)
                case "progress":
                    result = await self._watch(result)
                case _:
                    return result
        raise DemoError("the dialog does not come to an end", self._api.log)

    async def _fill_in(self, result: Result) -> Result:
        step = result["step_id"]
        if result["errors"]:
            raise DemoError(f"the form {step!r} comes back: {result['errors']}", self._api.log)
        fields = [field["name"] for field in result["data_schema"]]
        answer = {name: self._values[name] for name in fields if name in self._values}
        words = [f"{name} {'***' if name in SECRET else answer[name]}" for name in answer]
        self._screen.line(f"form {step!r}: {', '.join(words)}")
        return await self._post(result, answer)

    async def _choose(self, result: Result) -> Result:
        step = result["step_id"]
        if step not in MENUS:
            raise DemoError(f"the demo does not know the menu {step!r}", self._api.log)
        self._screen.line(f"menu {step!r}: {MENUS[step]}")
        return await self._post(result, {"next_step_id": MENUS[step]})

    async def _watch(self, result: Result) -> Result:
        began = time.monotonic()
        stage = None
        while result["type"] == "progress":
            if result["progress_action"] != stage:
                stage = str(result["progress_action"])
                self._narrator.terminal(stage, self._device_id)
            if time.monotonic() - began > PAIRING_SECONDS:
                raise DemoError(f"pairing hangs in the stage {stage!r}", self._api.log)
            await asyncio.sleep(POLL_SECONDS / 10)
            result = await self._api.get(f"{FLOW}/{result['flow_id']}")
        return result

    async def _post(self, result: Result, answer: dict[str, Any]) -> Result:
        following: Result = await self._api.post(f"{FLOW}/{result['flow_id']}", answer)
        return following
