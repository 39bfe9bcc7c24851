"""Pictures of a device's cameras, asked for one by one (docs/protocol.md, section 8)."""

import asyncio
from itertools import count
from typing import Final

from .link import Link
from .protocol.envelope import Picture, PictureRequest
from .protocol.errors import SecurePairError

PICTURE_SECONDS: Final = 10
"""How long a picture may take: what Home Assistant waits for one."""

_JPEG_BEGINS: Final = b"\xff\xd8\xff"


class Pictures:
    """The requests under way on one device; each camera has one at a time."""

    def __init__(self) -> None:
        """Begin without a request."""
        self._numbers = count()
        self._by_entity: dict[str, asyncio.Future[bytes | None]] = {}
        self._by_number: dict[int, asyncio.Future[bytes | None]] = {}

    async def ask(self, link: Link, entity: str) -> bytes | None:
        """Return a JPEG, or None where none came that is one; callers share a request."""
        if (answer := self._by_entity.get(entity)) is None:
            answer = self._request(link, entity)
        try:
            async with asyncio.timeout(PICTURE_SECONDS):
                return await asyncio.shield(answer)
        except TimeoutError:
            answer.cancel()
            return None
        except asyncio.CancelledError:
            if answer.cancelled():
                return None
            raise

    def receive(self, picture: Picture) -> None:
        """Take an answer; one that nobody waits for any more is thrown away."""
        answer = self._by_number.get(picture.request)
        if answer is not None and not answer.done():
            answer.set_result(picture.data if picture.data.startswith(_JPEG_BEGINS) else None)

    def unlinked(self) -> None:
        """Let everybody go who still waits."""
        for answer in tuple(self._by_number.values()):
            if not answer.done():
                answer.set_result(None)

    def _request(self, link: Link, entity: str) -> asyncio.Future[bytes | None]:
        number = next(self._numbers) % (1 << 32)
        answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._by_entity[entity] = self._by_number[number] = answer

        def forget(_: asyncio.Future[bytes | None]) -> None:
            self._by_entity.pop(entity, None)
            self._by_number.pop(number, None)

        answer.add_done_callback(forget)
        try:
            link.send(PictureRequest(number, entity))
        except SecurePairError:
            answer.set_result(None)
        return answer
