"""Questions to a device that have one answer each (docs/protocol.md, section 8)."""

import asyncio
from collections.abc import Callable, Hashable
from itertools import count
from typing import Final

from .link import Link
from .protocol.envelope import Answer, Request
from .protocol.errors import Failure, SecurePairError

ANSWER_SECONDS: Final = 10
"""How long an answer may take: what Home Assistant waits for a picture."""


class Requests:
    """The requests under way; who asks the same thing shares one."""

    def __init__(self) -> None:
        """Begin without any."""
        self._numbers = count()
        self._by_subject: dict[Hashable, asyncio.Future[Answer]] = {}
        self._by_number: dict[int, asyncio.Future[Answer]] = {}

    async def ask(self, link: Link, subject: Hashable, make: Callable[[int], Request]) -> Answer:
        """Return the answer to the request that `make` makes of a number.

        Raises SecurePairError (timeout, connection_lost).
        """
        if (answer := self._by_subject.get(subject)) is None:
            answer = self._send(link, subject, make)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.shield(answer)
        except TimeoutError as error:
            self._forget(subject, answer)
            raise SecurePairError(Failure.TIMEOUT, "waiting for an answer") from error

    def receive(self, answer: Answer) -> None:
        """Take an answer; one that nobody waits for any more is thrown away."""
        waiting = self._by_number.get(answer.request)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def unlinked(self) -> None:
        """Let everybody go who still waits."""
        for waiting in tuple(self._by_number.values()):
            if not waiting.done():
                waiting.set_exception(SecurePairError(Failure.CONNECTION_LOST))

    def _send(
        self, link: Link, subject: Hashable, make: Callable[[int], Request]
    ) -> asyncio.Future[Answer]:
        number = next(self._numbers) % (1 << 32)
        link.send(make(number))
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._by_subject[subject] = self._by_number[number] = answer
        answer.add_done_callback(lambda _: self._forget(subject, answer))
        return answer

    def _forget(self, subject: Hashable, answer: asyncio.Future[Answer]) -> None:
        if self._by_subject.get(subject) is answer:
            del self._by_subject[subject]
        for number in [n for n, waiting in self._by_number.items() if waiting is answer]:
            del self._by_number[number]
        if answer.done() and not answer.cancelled():
            # Whoever asked may have gone: an error that nobody takes is none.
            answer.exception()
