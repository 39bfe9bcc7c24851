"""The negotiation: what holds it together, each binding by itself."""

import os

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from secure_pair_protocol.crypto import NONCE_SIZE, PRIMITIVES
from secure_pair_protocol.errors import Failure
from secure_pair_protocol.messages import (
    VERSION,
    ChallengeResponse,
    DeviceKey,
    TerminalConfirmation,
)

from .bench import Bench
from .errors import FoundError
from .finding import Check

LOW_ORDER = tuple(
    point.to_bytes(32, "little")
    for point in (
        0,
        1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
        2**255 - 20,
    )
)
"""Public keys with which every agreement is all zero."""


async def _pairs(bench: Bench) -> None:
    answered = await bench.to_m6()
    talk = await bench.finish(answered)
    lifetime, remaining = answered.proven.lifetime, talk.welcome.remaining
    if (remaining is None) != (lifetime == 0) or (remaining or 0) > lifetime:
        raise FoundError(f"of {lifetime} s of lifetime {remaining} are left")


async def _hashes_what_was_sent(bench: Bench) -> None:
    """The same m1 in a longer encoding: a device that encodes it again comes to another ctx."""
    terminal_id = bench.authority.terminal_id
    m1 = b"\xdc\x00\x03\xcc\x01\xcc%c\xc5\x00\x10%b" % (VERSION, terminal_id)
    (await bench.pair(m1)).abort()


async def _refuses_altered_data(bench: Bench) -> None:
    for place in (0, NONCE_SIZE, -1):
        asked, state, _ = await bench.to_m5()
        altered = bytearray(state.first_encrypted_data)
        altered[place] ^= 1
        asked.line.send(ChallengeResponse(bytes(altered), asked.challenged.first_public_key))
        await asked.line.refused(Failure.AUTHORIZATION_REJECTED)


async def _refuses_another_key(bench: Bench) -> None:
    """What the attacker on the path does to a method that binds no key."""
    asked, state, _ = await bench.to_m5()
    another = PRIMITIVES.public_key(X25519PrivateKey.generate())
    asked.line.send(ChallengeResponse(state.first_encrypted_data, another))
    await asked.line.refused(Failure.AUTHORIZATION_REJECTED)
    asked, state, _ = await bench.to_m5()
    altered = bytearray(asked.challenged.first_public_key)
    altered[7] ^= 1
    asked.line.send(ChallengeResponse(state.first_encrypted_data, bytes(altered)))
    await asked.line.refused(Failure.AUTHORIZATION_REJECTED)


async def _refuses_another_connection(bench: Bench) -> None:
    _, _, m5 = await bench.to_m5()
    asked = await bench.to_m2()
    asked.line.send(m5)
    await asked.line.refused(Failure.AUTHORIZATION_REJECTED)


async def _refuses_other_first_data(bench: Bench) -> None:
    maker, asked = bench.maker(), await bench.to_m2()
    challenged = asked.challenged
    answer = await maker.authorize(
        challenged.requested.m1,
        challenged.m2,
        challenged.first_public_key,
        first_data=os.urandom(32),
    )
    asked.line.send(asked.respond(answer)[1])
    await asked.line.refused(Failure.AUTHORIZATION_REJECTED)


async def _refuses_a_lower_epoch(bench: Bench) -> None:
    maker = bench.maker()
    # The device follows the epoch from the first session that it stored.
    await bench.held()
    asked = await bench.to_m2()
    challenged = asked.challenged
    answer = await maker.authorize(
        challenged.requested.m1, challenged.m2, challenged.first_public_key, epoch=maker.epoch - 1
    )
    asked.line.send(asked.respond(answer)[1])
    await asked.line.refused(Failure.EPOCH_REFUSED)


async def _refuses_low_order_keys(bench: Bench) -> None:
    for point in LOW_ORDER:
        asked = await bench.to_m2()
        challenged = asked.challenged
        answer = await bench.authority.authorize(challenged.requested.m1, challenged.m2, point)
        asked.line.send(ChallengeResponse(answer.first_encrypted_data, point))
        await asked.line.refused(Failure.TERMINAL_UNPROVEN)


async def _answers_a_challenge_once(bench: Bench) -> None:
    asked, _, m5 = await bench.to_m5()
    asked.line.send(ChallengeResponse(bytes(72), asked.challenged.first_public_key))
    asked.line.send(m5)
    await asked.line.refused(Failure.AUTHORIZATION_REJECTED)
    answered = await bench.to_m6()
    answered.line.send(answered.m5)
    await answered.line.ended()


async def _draws_a_key_each_time(bench: Bench) -> None:
    first, second = await bench.to_m6(), await bench.to_m6()
    keys = {PRIMITIVES.decode(DeviceKey, answer.m6).device_public_key for answer in (first, second)}
    if len(keys) == 1:
        raise FoundError("two negotiations have the same device public key")


async def _says_nothing_before_m7(bench: Bench) -> None:
    answered = await bench.to_m6()
    await answered.line.quiet()


async def _stores_nothing_before_m7(bench: Bench) -> None:
    session = await bench.held()
    with bench.abandoned():
        answered = await bench.to_m6()
        answered.line.abort()
        if await bench.knows(bench.made[-1]):
            raise FoundError("the session is there before m7")
    if not await bench.knows(session):
        raise FoundError("the former session is gone before m7")


async def _refuses_a_wrong_m7(bench: Bench) -> None:
    session = await bench.held()
    with bench.abandoned():
        for wrong in (bytes(32), None):
            answered = await bench.to_m6()
            right = answered.proven.confirmation.confirmation
            tag = right[:-1] + bytes([right[-1] ^ 1]) if wrong is None else wrong
            answered.line.send(TerminalConfirmation(tag))
            await answered.line.refused(Failure.TERMINAL_UNPROVEN)
            if await bench.knows(bench.made[-1]):
                raise FoundError("the session is stored all the same")
    if not await bench.knows(session):
        raise FoundError("the former session is gone")


async def _replaces_the_former_session(bench: Bench) -> None:
    talk = await bench.talk()
    former = bench.session
    await bench.pair()
    await talk.ended()
    if await bench.knows(former):
        raise FoundError("the former session of this terminal is still there")


async def _ends_other_negotiations(bench: Bench) -> None:
    """At m5 those of the same terminal id that are open; nobody else's."""
    waiting = await bench.to_m2()
    await bench.to_m6()
    await waiting.line.ended()


CHECKS = (
    Check("pairs: seven steps, then Welcome, Description, full States", 4, _pairs),
    Check("hashes m1 as it was on the wire", 2, _hashes_what_was_sent),
    Check("refuses an altered first encrypted data", 4, _refuses_altered_data),
    Check("refuses a first public key that was not authorized", 4, _refuses_another_key),
    Check("refuses an authorization of another connection", 4, _refuses_another_connection),
    Check("refuses an authorization with other first data", 4, _refuses_other_first_data),
    Check("refuses a lower epoch", 4, _refuses_a_lower_epoch),
    Check("refuses a public key of low order", 4, _refuses_low_order_keys),
    Check("takes one answer to a challenge", 4, _answers_a_challenge_once),
    Check("draws a new key pair for each m6", 4, _draws_a_key_each_time),
    Check("says nothing between m6 and m7", 4, _says_nothing_before_m7),
    Check("stores nothing before m7", 4, _stores_nothing_before_m7),
    Check("refuses a wrong terminal confirmation", 4, _refuses_a_wrong_m7),
    Check("ends this terminal's other negotiations at m5", 9, _ends_other_negotiations),
    Check("replaces this terminal's former session at m7", 9, _replaces_the_former_session),
)
