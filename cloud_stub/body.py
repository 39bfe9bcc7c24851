"""Bodies are short and arrive soon, or are refused before anybody looks at them."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from secure_pair_protocol.errors import Failure, SecurePairError

from .problems import refusal


class BodyLimit:
    """Takes a request's whole body before the application sees the request."""

    def __init__(self, app: ASGIApp, limit: int, seconds: float) -> None:
        """Allow `limit` bytes, within `seconds`."""
        self._app = app
        self._limit = limit
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer too_large or timeout, or hand the request on (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except SecurePairError as error:
            answer = refusal(error)
            # The rest of the body is never read, so no other request can follow it.
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, _once(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the body, or None when the client has gone; raises SecurePairError."""
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        # The server has checked that it is a number.
        if int(announced) > self._limit:
            raise SecurePairError(Failure.TOO_LARGE)
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    if len(body) > self._limit:
                        raise SecurePairError(Failure.TOO_LARGE)
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError as error:
            raise SecurePairError(Failure.TIMEOUT) from error


def _once(body: bytes, receive: Receive) -> Receive:
    """Return a receive that gives the body, then what still comes from the client."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
