"""Commands, at most once: asked of an entity that is not there, or of one that the user named."""

import asyncio
import os

import msgspec

from secure_pair_protocol.envelope import Outcome, Result
from secure_pair_protocol.model import DEFAULT_MAX_AGE

from .bench import Bench
from .errors import FoundError, NotTriedError
from .finding import Check
from .talk import NOTHING, question

FUTURE = 60_000
"""Milliseconds from now: further than any clock is wrong."""

SLACK = 1000
"""Milliseconds by which clocks may differ."""

TOO_OLD = DEFAULT_MAX_AGE + SLACK
"""Milliseconds after which nobody wishes it any more."""


def _demand(outcome: Outcome, *allowed: Result) -> None:
    if outcome.result not in allowed:
        raise FoundError(f"the answer is {outcome.result}, not {' or '.join(allowed)}")


async def _bars_what_was_asked_about(bench: Bench) -> None:
    talk = await bench.talk()
    command = await talk.command()
    _demand(await talk.asked(question(command)), Result.VOID)
    # A copy that was still under way.
    _demand(await talk.asked(command), Result.VOID)


async def _answers_the_same(bench: Bench) -> None:
    talk = await bench.talk()
    command = await talk.command()
    first = await talk.asked(command)
    _demand(first, Result.FAILED)
    for again in (command, question(command)):
        outcome = await talk.asked(again)
        if (outcome.result, outcome.code) != (first.result, first.code):
            raise FoundError(f"first {first.result} ({first.code}), then {outcome.result}")
    talk.abort()
    talk = await bench.resume()
    _demand(await talk.asked(command), Result.FAILED)


async def _remembers_over_a_renewal(bench: Bench) -> None:
    talk = await bench.talk()
    command = await talk.command()
    _demand(await talk.asked(question(command)), Result.VOID)
    _demand(await (await bench.pair()).asked(command), Result.VOID)


async def _refuses_another_boot(bench: Bench) -> None:
    talk = await bench.talk()
    command = await talk.command(boot=os.urandom(8))
    for message in (command, question(command)):
        _demand(await talk.asked(message), Result.RESTARTED)


async def _refuses_old_commands(bench: Bench) -> None:
    talk = await bench.talk()
    if (missing := TOO_OLD - await talk.now()) > 0:
        # It has just been switched on: nothing can be that old yet.
        await asyncio.sleep((missing + SLACK) / 1000)
    if (born := await talk.now() - TOO_OLD) < 0:
        raise FoundError("`up` does not count milliseconds")
    _demand(await talk.asked(await talk.command(born=born)), Result.VOID, Result.UNKNOWN)


async def _refuses_commands_of_the_future(bench: Bench) -> None:
    talk = await bench.talk()
    command = await talk.command(born=await talk.now() + FUTURE)
    for _ in range(2):
        _demand(await talk.asked(command), Result.VOID)


async def _carries_out_once(bench: Bench) -> None:
    if (wish := bench.wish) is None:
        raise NotTriedError("no entity was named (--entity, --action)")
    talk = await bench.talk()
    command = await talk.command(entity=wish.entity, action=wish.action)
    first = await talk.asked(command)
    _demand(first, Result.DONE)
    talk.send(command)
    again = await talk.outcome(command.id, final=False)
    # `running` would be a second time.
    _demand(again, Result.DONE)
    # What takes no time could run twice unseen; but with this entity it cannot be done.
    _demand(await talk.asked(msgspec.structs.replace(command, entity=NOTHING)), Result.DONE)


CHECKS = (
    Check("bars a command that was asked about first", 10, _bars_what_was_asked_about),
    Check("answers a repeated command with what is recorded", 10, _answers_the_same),
    Check("remembers commands over a renewal", 10, _remembers_over_a_renewal),
    Check("answers a command of another boot with restarted", 10, _refuses_another_boot),
    Check("does not carry out what is too old", 10, _refuses_old_commands),
    Check("does not carry out what was born in the future", 10, _refuses_commands_of_the_future),
    Check("carries out the named command, once", 10, _carries_out_once),
)
