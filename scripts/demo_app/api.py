"""Home Assistant's REST API, as a user who has logged in."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from .process import DemoError

REQUEST_SECONDS = 60
POLL_SECONDS = 0.05

_LOCK_OF_DEVICE = """
{%% for entity in integration_entities("secure_pair")
    if entity.startswith("lock.") and device_attr(entity, "serial_number") == %r %%}
{{ entity }}
{%% endfor %%}
"""


async def until[T](
    probe: Callable[[], Awaitable[T | None]], what: str, *, seconds: float, log: Path
) -> T:
    """Ask until the answer is not None and return it; raises DemoError after so many seconds."""
    began = time.monotonic()
    while (found := await probe()) is None:
        if time.monotonic() - began > seconds:
            raise DemoError(f"after {seconds:.0f} s still not: {what}", log)
        await asyncio.sleep(POLL_SECONDS)
    return found


@dataclass
class Api:
    """One Home Assistant, at its address."""

    session: aiohttp.ClientSession
    url: str
    log: Path
    """For whoever has to find out why it did not answer."""
    token: str = field(default="", repr=False)

    async def is_answering(self) -> bool | None:
        """Return True as soon as it answers, whatever it says, and None before."""
        try:
            async with self.session.get(f"{self.url}/api/onboarding"):
                return True
        except aiohttp.ClientError, TimeoutError:
            return None

    async def is_running(self) -> bool | None:
        """Return True as soon as it has started, and None before."""
        with suppress(DemoError):
            return (await self.get("/api/core/state"))["state"] == "RUNNING" or None
        return None

    async def log_in(self, username: str, password: str) -> None:
        """Log in; the first time, make the user."""
        client = {"client_id": f"{self.url}/"}
        user = {"username": username, "password": password}
        if await self._is_without_user():
            named = {**client, **user, "name": username, "language": "en"}
            code = (await self.post("/api/onboarding/users", named))["auth_code"]
        else:
            way = {"handler": ["homeassistant", None], "redirect_uri": f"{self.url}/"}
            flow = await self.post("/auth/login_flow", {**client, **way})
            result = await self.post(f"/auth/login_flow/{flow['flow_id']}", {**client, **user})
            if result["type"] != "create_entry":
                raise DemoError(f"the user {username} has another password now: --fresh", self.log)
            code = result["result"]
        form = {**client, "grant_type": "authorization_code", "code": code}
        answer = await self._request("POST", "/auth/token", data=form)
        self.token = answer["access_token"]

    async def _is_without_user(self) -> bool:
        # It is not there any more once all is done.
        async with self.session.get(f"{self.url}/api/onboarding") as response:
            return response.ok and not all(step["done"] for step in await response.json())

    async def lock_of(self, device_id: str) -> str | None:
        """Return the entity id of a device's lock, or None while there is none."""
        template = _LOCK_OF_DEVICE % device_id
        found: str = await self._request("POST", "/api/template", json={"template": template})
        return found.strip() or None

    async def state(self, entity_id: str) -> str:
        """Return an entity's state."""
        return str((await self.get(f"/api/states/{entity_id}"))["state"])

    async def get(self, path: str) -> Any:
        """Return the decoded answer; raises DemoError."""
        return await self._request("GET", path)

    async def post(self, path: str, body: object) -> Any:
        """Return the decoded answer; raises DemoError."""
        return await self._request("POST", path, json=body)

    async def delete(self, path: str) -> Any:
        """Return the decoded answer; raises DemoError."""
        return await self._request("DELETE", path)

    async def _request(self, method: str, path: str, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            async with self.session.request(
                method, f"{self.url}{path}", headers=headers, **body
            ) as response:
                if not response.ok:
                    text = f"{response.status} {(await response.text())[:200]}"
                    raise DemoError(f"Home Assistant answers {method} {path} with {text}", self.log)
                if response.content_type == "application/json":
                    return await response.json()
                return await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            raise DemoError(
                f"Home Assistant does not answer {method} {path}: {why}", self.log
            ) from error


@asynccontextmanager
async def connected(port: int, log: Path) -> AsyncGenerator[Api]:
    """Talk to the Home Assistant on this port of 127.0.0.1."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield Api(session, f"http://127.0.0.1:{port}", log)
