"""Later connections, without the authority."""

import asyncio

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from secure_pair_protocol import keys, resumption
from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.errors import Failure
from secure_pair_protocol.messages import VERSION, Resume, ResumeAnswer, ResumeConfirmation

from .bench import Bench, Known
from .errors import EndedError, FoundError, RefusalError
from .finding import Check
from .line import Line
from .pairing import LOW_ORDER

HALF_OPEN = 2
LIVE = 2


def _public_key() -> bytes:
    return PRIMITIVES.public_key(X25519PrivateKey.generate())


def _bound(session: Known, line: Line, public_key: bytes, version: int = VERSION) -> Resume:
    """Return an r1 whose binder is right for whatever it says."""
    text = keys.binder_text(
        PRIMITIVES, version, session.session_id, public_key, line.greeting.random
    )
    binder = PRIMITIVES.hmac(keys.binder_key(PRIMITIVES, session.session_key), text)
    return Resume(version, session.session_id, public_key, binder)


async def _resumes(bench: Bench) -> None:
    first = await bench.talk()
    first.abort()
    second = await bench.resume()
    if second.welcome.boot != first.welcome.boot:
        raise FoundError("`boot` changes from one connection to the next")
    if second.welcome.up < first.welcome.up:
        raise FoundError("`up` falls from one connection to the next")


async def _draws_a_key_each_time(bench: Bench) -> None:
    await bench.held()
    public_keys = set()
    for _ in range(2):
        resuming = await bench.to_r1()
        resuming.line.send(resuming.r1)
        answer = PRIMITIVES.decode(ResumeAnswer, await resuming.line.answer())
        public_keys.add(answer.public_key)
        resuming.line.abort()
    if len(public_keys) == 1:
        raise FoundError("two answers have the same public key")


async def _refuses_a_recorded_r1(bench: Bench) -> None:
    await bench.held()
    recorded = await bench.to_r1()
    recorded.line.send(recorded.r1)
    await recorded.line.answer()
    line = await bench.connect()
    line.send(recorded.r1)
    await line.refused(Failure.SESSION_UNKNOWN)


async def _refuses_alike(bench: Bench) -> None:
    session = await bench.held()
    refusals = set()
    for session_id in (session.session_id, bytes(16)):
        line = await bench.connect()
        line.send(Resume(VERSION, session_id, _public_key(), bytes(32)))
        try:
            await line.answer()
        except RefusalError as error:
            refusals.add(error.code)
        else:
            raise FoundError("it answers without a right binder")
        await line.ended()
    if refusals != {Failure.SESSION_UNKNOWN}:
        raise FoundError(f"it refuses with {', '.join(sorted(refusals))}")


async def _refuses_another_key(bench: Bench) -> None:
    session = await bench.held()
    line = await bench.connect()
    right = _bound(session, line, _public_key())
    line.send(Resume(right.version, right.session_id, _public_key(), right.binder))
    await line.refused(Failure.SESSION_UNKNOWN)


async def _refuses_versions(bench: Bench) -> None:
    session = await bench.held()
    line = await bench.connect()
    line.send(_bound(session, line, _public_key(), VERSION + 1))
    await line.refused(Failure.VERSION_NOT_SUPPORTED)


async def _refuses_low_order_keys(bench: Bench) -> None:
    session = await bench.held()
    for point in LOW_ORDER:
        line = await bench.connect()
        line.send(_bound(session, line, point))
        await line.refused(Failure.TERMINAL_UNPROVEN)


async def _says_nothing_before_r3(bench: Bench) -> None:
    await bench.held()
    line, _, _ = await bench.to_r2()
    await line.quiet()


async def _refuses_a_wrong_r3(bench: Bench) -> None:
    session = await bench.held()
    line, _, _ = await bench.to_r2()
    line.send(ResumeConfirmation(bytes(32)))
    await line.refused(Failure.TERMINAL_UNPROVEN)
    # What anybody can cause must cost nobody his session.
    if not await bench.knows(session):
        raise FoundError("the session is gone")


async def _bounds_half_open(bench: Bench) -> None:
    await bench.held()
    waiting: list[tuple[Line, resumption.Resumed, bytes]] = []
    for _ in range(HALF_OPEN + 2):
        try:
            waiting.append(await bench.to_r2())
        except RefusalError, EndedError:
            continue
    open_ones = sum(await asyncio.gather(*(line.is_open() for line, _, _ in waiting)))
    if open_ones > HALF_OPEN:
        raise FoundError(f"{open_ones} resumptions of one session are half open")


async def _bounds_live(bench: Bench) -> None:
    first = await bench.talk()
    others = [await bench.resume() for _ in range(LIVE)]
    await first.ended()
    for talk in others:
        await talk.now()


CHECKS = (
    Check("resumes a session after a broken connection", 5, _resumes),
    Check("draws a new key pair for each r2", 5, _draws_a_key_each_time),
    Check("refuses a recorded r1 on another connection", 5, _refuses_a_recorded_r1),
    Check("has one answer to a wrong binder and an unknown session", 5, _refuses_alike),
    Check("refuses an r1 whose public key was exchanged", 5, _refuses_another_key),
    Check("refuses an r1 of a version that it does not know", 5, _refuses_versions),
    Check("refuses an r1 with a public key of low order", 5, _refuses_low_order_keys),
    Check("says nothing between r2 and r3", 5, _says_nothing_before_r3),
    Check("refuses a wrong r3, and keeps the session", 5, _refuses_a_wrong_r3),
    Check("keeps at most 2 resumptions of a session half open", 5, _bounds_half_open),
    Check("keeps 2 connections of a session: the third ends the oldest", 9, _bounds_live),
)
