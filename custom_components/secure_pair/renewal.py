"""When a session key is renewed by itself (docs/protocol.md, section 9)."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from .const import LOGGER
from .protocol.errors import SecurePairError
from .troubles import KEY_RUNS_OUT, Troubles

RETRY_SECONDS: Final = 900
"""How long after a failed renewal the next one is tried; the old key serves meanwhile."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What follows from a session's lifetime and what is left of it, in seconds."""

    lifetime: int
    remaining: int

    @property
    def renew_in(self) -> float:
        """From half of the lifetime on."""
        return max(self.remaining - self.lifetime / 2, 0)

    @property
    def warn_in(self) -> float:
        """When a quarter of the lifetime is left."""
        return max(self.remaining - self.lifetime / 4, 0)


class Renewal:
    """Renews one device's session key while the entry is loaded."""

    def __init__(
        self, hass: HomeAssistant, renew: Callable[[], Awaitable[None]], troubles: Troubles
    ) -> None:
        """Schedule nothing yet; `renew` raises SecurePairError."""
        self._hass = hass
        self._renew = renew
        self._troubles = troubles
        self._timers: list[CALLBACK_TYPE] = []
        self._tried = -float(RETRY_SECONDS)
        """When it was tried last, on the loop's clock: a connection that is cut again and
        again must not make it try more often."""

    @callback
    def schedule(self, schedule: Schedule | None, *, by_itself: bool) -> None:
        """Follow the session that serves now; None: it has no end."""
        self.cancel()
        if schedule is None or schedule.warn_in > 0:
            self._troubles.take_back(KEY_RUNS_OUT)
        if schedule is None:
            return
        self._call(schedule.warn_in, self._warn)
        if by_itself:
            again_in = self._tried + RETRY_SECONDS - self._hass.loop.time()
            self._call(max(schedule.renew_in, again_in), self._try)

    @callback
    def cancel(self) -> None:
        """Let it be."""
        for cancel in self._timers:
            cancel()
        self._timers.clear()

    def _call(
        self, seconds: float, action: Callable[[datetime], Coroutine[Any, Any, None] | None]
    ) -> None:
        job = HassJob(action, cancel_on_shutdown=True)
        self._timers.append(async_call_later(self._hass, seconds, job))

    @callback
    def _warn(self, _: datetime) -> None:
        self._troubles.raise_repair(KEY_RUNS_OUT)

    async def _try(self, _: datetime) -> None:
        self._tried = self._hass.loop.time()
        try:
            await self._renew()
        except SecurePairError as error:
            LOGGER.debug("No renewal: %s", error)
            self._call(RETRY_SECONDS, self._try)
        except Exception:  # noqa: BLE001 - it goes on by itself
            LOGGER.exception("Unexpected error while renewing")
            self._call(RETRY_SECONDS, self._try)
