"""When to try again, and when to renew: the policies by themselves."""

import asyncio

import pytest

from custom_components.secure_pair.protocol.errors import Failure, SecurePairError
from custom_components.secure_pair.protocol.sessions import SAVING_SECONDS
from custom_components.secure_pair.reconnect import (
    LOSS_SECONDS,
    MAX_SECONDS,
    NEGOTIATION_SECONDS,
    Backoff,
    Losses,
)
from custom_components.secure_pair.renewal import Schedule
from custom_components.secure_pair.turns import Turns


def refusal(losses: Losses, now: float) -> Failure | None:
    try:
        losses.check(now)
    except SecurePairError as error:
        return error.failure
    return None


def test_backoff() -> None:
    """At once, then ever later, but never later than that."""
    backoff, delays = Backoff(), []
    for _ in range(12):
        delays.append(backoff.delay(0.5))
        backoff = backoff.failed()
    assert delays[:3] == pytest.approx([0, 1, 1.8])
    assert delays == sorted(delays)
    assert delays[-1] == MAX_SECONDS
    assert 0 < backoff.delay(0) == 0.75 * MAX_SECONDS < backoff.delay(0.999) < 1.25 * MAX_SECONDS
    assert Backoff().delay(0.999) == 0


async def test_turns() -> None:
    """One begins behind the other, in the order in which they came."""
    turns, begun = Turns(), list[int]()

    async def begin(number: int) -> None:
        await turns.take()
        begun.append(number)

    async with asyncio.TaskGroup() as tasks:
        for number in range(5):
            tasks.create_task(begin(number))
        await asyncio.sleep(0)
        assert begun == [0]
    assert begun == [0, 1, 2, 3, 4]


async def test_turn_that_is_not_taken() -> None:
    """Who goes while he waits lets the next one have it."""
    turns = Turns()
    await turns.take()
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(turns.take()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    assert [task.cancelled() for task in waiting] == [True, False, False]


def test_first_loss() -> None:
    assert refusal(Losses(), 0) is None


def test_a_try_that_failed() -> None:
    """Ten minutes: the same loss again."""
    losses = Losses().try_at(1000)
    assert refusal(losses, 1000) is Failure.SESSION_UNKNOWN
    assert refusal(losses, 1000 + NEGOTIATION_SECONDS - 1) is Failure.SESSION_UNKNOWN
    assert refusal(losses, 1000 + NEGOTIATION_SECONDS) is None


def test_second_loss_within_an_hour() -> None:
    losses = Losses().try_at(1000).mend_at(1000)
    assert refusal(losses, 1001) is Failure.IDENTITY_IN_USE
    assert refusal(losses, 1000 + LOSS_SECONDS - 1) is Failure.IDENTITY_IN_USE
    assert refusal(losses, 1000 + LOSS_SECONDS) is None


def test_losses_far_apart() -> None:
    losses, now = Losses(), 0.0
    for _ in range(5):
        now += LOSS_SECONDS
        assert refusal(losses, now) is None
        losses = losses.try_at(now).mend_at(now)
    assert refusal(losses, now + 1) is Failure.IDENTITY_IN_USE
    # It does not grow for ever.
    assert len(losses.mended) <= 2


def test_a_session_that_has_expired_is_no_riddle() -> None:
    """However many there were; but not before it may have: the device counts whole hours."""
    losses = Losses().try_at(0).mend_at(0).serves(0, 7200)
    assert refusal(losses, 7200 - SAVING_SECONDS - 1) is Failure.IDENTITY_IN_USE
    assert refusal(losses, 7200 - SAVING_SECONDS) is None
    # A key for an hour is no way around it.
    assert refusal(losses.serves(0, 3600), 1799) is Failure.IDENTITY_IN_USE
    assert refusal(losses.serves(0, None), 7200) is None
    assert refusal(losses.serves(0, None), LOSS_SECONDS - 1) is Failure.IDENTITY_IN_USE


@pytest.mark.parametrize(
    ("lifetime", "remaining", "renew_in", "warn_in"),
    [
        (1000, 1000, 500, 750),
        (1000, 600, 100, 350),
        (1000, 500, 0, 250),
        (1000, 250, 0, 0),
        (1000, 1, 0, 0),
        (1000, 0, 0, 0),
        (1, 1, 0.5, 0.75),
        ((1 << 32) - 1, (1 << 32) - 1, ((1 << 32) - 1) / 2, ((1 << 32) - 1) * 3 / 4),
    ],
)
def test_schedule(lifetime: int, remaining: int, renew_in: float, warn_in: float) -> None:
    schedule = Schedule(lifetime, remaining)
    assert (schedule.renew_in, schedule.warn_in) == (renew_in, warn_in)
