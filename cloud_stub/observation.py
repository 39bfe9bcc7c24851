"""Every request is counted, timed and written into the log, whatever comes of it."""

import logging
import time
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .logs import FIELDS
from .metrics import Metrics

_LOGGER = logging.getLogger("cloud_stub.requests")
_NOTES = "secure_pair.notes"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})


def note(request: Request, **fields: str | None) -> None:
    """Add to the request's line in the log; never a secret."""
    request.scope.setdefault(_NOTES, {}).update(fields)


class Observation:
    """Stands outside of everything else (ASGI)."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Count into these metrics."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, and see what is answered (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 0

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.under_way.inc()
        try:
            await self._app(scope, receive, seen)
        finally:
            self._metrics.under_way.dec()
            self._report(scope, status, time.perf_counter() - start)

    def _report(self, scope: Scope, status: int, seconds: float) -> None:
        # The route and not the path, which may hold anything.
        route = getattr(scope.get("route"), "path", "-")
        # Whatever a stranger sends as a method would be a counter of its own.
        method = scope["method"] if scope["method"] in _METHODS else "-"
        notes: dict[str, Any] = scope.get(_NOTES, {})
        self._metrics.requests.labels(method, route, status).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if (code := notes.get("code")) is not None:
            self._metrics.refusals.labels(route, code).inc()
        if (limit := notes.get("limit")) is not None:
            self._metrics.slowed.labels(limit).inc()
        client = scope.get("client")
        fields = {
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 2),
            "address": client[0] if client else None,
            **notes,
        }
        _LOGGER.info("request", extra={FIELDS: fields})
