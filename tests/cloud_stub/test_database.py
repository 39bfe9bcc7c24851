"""Transactions, each a function in a thread: whole or not at all, whoever still waits for it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, func, insert, select
from sqlalchemy.exc import IntegrityError

from cloud_stub.database import THREADS
from cloud_stub.store import Store, open_store
from cloud_stub.tables import ACCOUNTS
from secure_pair_protocol.errors import Failure, SecurePairError

BUSY_SECONDS = 2


class WrongError(Exception):
    """What a rule may raise."""


@pytest.fixture
async def store(data: Path, database_url: str | None) -> AsyncIterator[Store]:
    async with open_store(data, database_url=database_url, busy_seconds=BUSY_SECONDS) as opened:
        yield opened


def add(name: str, connection: Connection) -> str:
    connection.execute(insert(ACCOUNTS).values(name=name))
    return name


def add_and_refuse(name: str, connection: Connection) -> SecurePairError:
    add(name, connection)
    return SecurePairError(Failure.NOT_YOURS)


def add_and_fail(name: str, connection: Connection) -> None:
    add(name, connection)
    raise WrongError(name)


async def names(store: Store) -> set[str]:
    asked = select(ACCOUNTS.c.name)
    return set(await store.database.read(lambda connection: connection.scalars(asked).all()))


class Gate:
    """Work that has begun, and ends when it is told to."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.begun = asyncio.Event()
        self.end = threading.Event()

    def __call__(self, connection: Connection) -> str:
        add("behind the gate", connection)
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self.end.wait(30)
        return "through"


async def test_what_a_rule_returns_is_kept_and_what_it_raises_is_taken_back(store: Store) -> None:
    assert await store.database.write(partial(add, "kept")) == "kept"
    with pytest.raises(SecurePairError) as refusal:
        await store.database.write(partial(add_and_refuse, "refused"))
    with pytest.raises(WrongError, match="taken back"):
        await store.database.write(partial(add_and_fail, "taken back"))

    assert refusal.value.failure is Failure.NOT_YOURS
    assert await names(store) == {"kept", "refused"}


async def test_a_transaction_that_reads_keeps_nothing(store: Store) -> None:
    await store.database.read(partial(add, "read"))

    assert await names(store) == set()


async def test_of_many_at_once_each_stands_for_itself(store: Store) -> None:
    rules: tuple[Callable[[str, Connection], object], ...] = (add, add_and_refuse, add_and_fail)
    outcomes = await asyncio.gather(
        *(store.database.write(partial(rules[n % 3], f"{n}")) for n in range(60)),
        return_exceptions=True,
    )

    assert outcomes[::3] == [f"{n}" for n in range(0, 60, 3)]
    assert {type(outcome) for outcome in outcomes[1::3]} == {SecurePairError}
    assert [str(outcome) for outcome in outcomes[2::3]] == [f"{n}" for n in range(2, 60, 3)]
    assert await names(store) == {f"{n}" for n in range(60) if n % 3 < 2}


async def test_what_has_come_meanwhile_shares_a_transaction_of_sqlite(data: Path) -> None:
    commits: list[object] = []
    async with open_store(data) as store:
        event.listen(store.database.engine, "commit", commits.append)
        gate = Gate()
        first = asyncio.create_task(store.database.write(gate))
        await gate.begun.wait()
        others = [asyncio.create_task(store.database.write(partial(add, f"{n}"))) for n in range(9)]
        await asyncio.sleep(0)
        gate.end.set()
        await asyncio.gather(first, *others)

    assert len(commits) == 2


async def test_who_no_longer_waits_does_not_stop_what_has_begun(store: Store) -> None:
    gate = Gate()
    leaving = asyncio.create_task(store.database.write(gate))
    await gate.begun.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    gate.end.set()
    # PostgreSQL's has a thread of its own, and this one waits for its row of the same name.
    with pytest.raises(IntegrityError):
        await store.database.write(partial(add, "behind the gate"))

    assert await names(store) == {"behind the gate"}


async def test_who_leaves_before_it_has_begun_is_not_served(data: Path) -> None:
    async with open_store(data) as store:
        gate = Gate()
        first = asyncio.create_task(store.database.write(gate))
        await gate.begun.wait()
        leaving = asyncio.create_task(store.database.write(partial(add, "left")))
        staying = asyncio.create_task(store.database.write(partial(add, "stayed")))
        await asyncio.sleep(0)
        leaving.cancel()
        gate.end.set()

        assert (await first, await staying) == ("through", "stayed")
        assert await names(store) == {"behind the gate", "stayed"}


async def test_closing_waits_for_what_has_begun_and_leaves_no_thread(
    data: Path, database_url: str | None
) -> None:
    async with open_store(data, database_url=database_url) as store:
        gate = Gate()
        first = asyncio.create_task(store.database.write(gate))
        await gate.begun.wait()
        closing = asyncio.create_task(store.database.close())
        await asyncio.sleep(0.05)
        during = closing.done()
        gate.end.set()
        await closing

        assert not during
        assert await first == "through"
        assert not [one for one in threading.enumerate() if one.name.startswith(THREADS)]
    async with open_store(data, database_url=database_url) as store:
        assert await names(store) == {"behind the gate"}


async def test_what_waits_for_its_turn_too_long_is_refused_and_not_done(data: Path) -> None:
    async with open_store(data, busy_seconds=0.05) as store:
        gate = Gate()
        first = asyncio.create_task(store.database.write(gate))
        await gate.begun.wait()
        late = [asyncio.create_task(store.database.write(partial(add, f"{n}"))) for n in range(2)]
        await asyncio.sleep(0.1)
        gate.end.set()

        assert await first == "through"
        for one in late:
            with pytest.raises(TimeoutError):
                await one
        assert await names(store) == {"behind the gate"}


async def test_a_transaction_that_sqlite_gave_up_answers_none_of_those_who_shared_it(
    data: Path,
) -> None:
    def lose(connection: Connection) -> None:
        # As SQLite does by itself when the disk is full.
        connection.exec_driver_sql("ROLLBACK")
        raise WrongError

    async with open_store(data) as store:
        gate = Gate()
        first = asyncio.create_task(store.database.write(gate))
        await gate.begun.wait()
        works = (partial(add, "before"), lose, partial(add, "after"))
        sharing = [asyncio.create_task(store.database.write(work)) for work in works]
        await asyncio.sleep(0)
        gate.end.set()
        await first
        outcomes = await asyncio.gather(*sharing, return_exceptions=True)

        assert all(isinstance(outcome, Exception) for outcome in outcomes)
        count = select(func.count()).select_from(ACCOUNTS)
        assert await store.database.read(lambda connection: connection.scalar(count)) == 1
        assert await store.database.write(partial(add, "later")) == "later"
