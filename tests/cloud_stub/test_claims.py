"""Who becomes a device's owner, and what a stranger learns."""

import asyncio
import os
from pathlib import Path

import pytest
from sqlalchemy import event

from cloud_stub.errors import OperatorError
from cloud_stub.ownership import assign, owner_epoch, release

from .conftest import Cloud, MadeDevice, Negotiation, StartCloud

WRONG = os.urandom(32)


async def test_the_owner_may_claim_again_and_is_told_of_a_wrong_code(cloud: Cloud) -> None:
    anna = await cloud.terminal("anna")
    lock = await cloud.device("2867fa12a3d8")

    answers = [await cloud.claim(anna, lock) for _ in range(2)]
    wrong = await cloud.claim(anna, lock, WRONG)

    assert [answer.status for answer in answers] == [200, 200]
    assert (wrong.status, wrong.code) == (403, "wrong_setup_code")


async def test_a_claim_by_the_owner_leaves_the_epoch(cloud: Cloud) -> None:
    anna = await cloud.terminal("anna")
    lock = await cloud.device("2867fa12a3d8")
    await cloud.claim(anna, lock)
    epoch = await owner_epoch(cloud.store, lock.device_id)

    await cloud.claim(anna, lock)
    await cloud.claim(anna, lock, WRONG)

    assert await owner_epoch(cloud.store, lock.device_id) == epoch


async def test_a_stranger_gets_one_answer(cloud: Cloud) -> None:
    anna, eve = await cloud.terminal("anna"), await cloud.terminal("eve")
    hers = await cloud.device("hers")
    await cloud.claim(anna, hers)
    unlabelled = await cloud.device("unlabelled", labelled=False)
    hers_unlabelled = await cloud.device("hers-unlabelled", labelled=False)
    await assign(cloud.store, hers_unlabelled.device_id, "anna")

    answers = [
        await cloud.claim(eve, hers, WRONG),
        await cloud.claim(eve, await cloud.device("nobodys"), WRONG),
        await cloud.claim(eve, MadeDevice("no-such-device")),
        await cloud.claim(eve, unlabelled),
        await cloud.claim(eve, unlabelled, bytes(32)),
        await cloud.claim(eve, hers_unlabelled),
    ]

    assert (answers[0].status, answers[0].code) == (404, "claim_refused")
    assert all(answer.seen == answers[0].seen for answer in answers)


async def test_a_strangers_answers_take_the_same_questions_to_the_database(cloud: Cloud) -> None:
    anna, eve = await cloud.terminal("anna"), await cloud.terminal("eve")
    hers, nobodys = await cloud.device("hers"), await cloud.device("nobodys")
    await cloud.claim(anna, hers)
    asked: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    engine = cloud.store.database.engine
    event.listen(engine, "before_cursor_execute", listen)
    seen = []
    for device in (hers, nobodys, MadeDevice("none")):
        asked.clear()
        await cloud.claim(eve, device, WRONG)
        claiming = tuple(asked)
        asked.clear()
        await cloud.authorize(eve, Negotiation(device, eve.terminal_id).body())
        seen.append((claiming, tuple(asked)))

    assert seen[0] == seen[1] == seen[2]
    assert all("devices" in "".join(statements) for statements in seen[0])


async def test_another_owner_is_named_only_to_who_has_the_label(cloud: Cloud) -> None:
    anna, ben = await cloud.terminal("anna"), await cloud.terminal("ben")
    lock = await cloud.device("2867fa12a3d8")
    await cloud.claim(anna, lock)

    answer = await cloud.claim(ben, lock)

    assert (answer.status, answer.code) == (409, "owned_by_another")
    assert b"anna" not in answer.body
    assert (await cloud.pair(anna, lock)).grant.epoch > 0


async def test_of_accounts_that_claim_at_once_one_gets_the_device(cloud: Cloud) -> None:
    terminals = [await cloud.terminal(f"account {number}") for number in range(8)]
    lock = await cloud.device("2867fa12a3d8")

    answers = await asyncio.gather(*(cloud.claim(terminal, lock) for terminal in terminals))

    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    owners = [
        terminal
        for terminal in terminals
        if (await cloud.authorize(terminal, Negotiation(lock, terminal.terminal_id).body())).status
        == 200
    ]
    assert [answer.status for answer in answers].index(200) == terminals.index(owners[0])
    assert len(owners) == 1


async def test_the_epoch_rises_at_each_change_of_owner_even_when_the_clock_falls(
    start_cloud: StartCloud, data: Path
) -> None:
    now = 1_800_000_000.7
    async with start_cloud(data, clock=lambda: now) as cloud:
        anna, ben = await cloud.terminal("anna"), await cloud.terminal("ben")
        lock = await cloud.device("2867fa12a3d8")
        await cloud.claim(anna, lock)
        epochs = [(await cloud.pair(anna, lock)).grant.epoch]
        await release(cloud.store, lock.device_id)
        refused = await cloud.authorize(anna, Negotiation(lock, anna.terminal_id).body())
        await cloud.claim(ben, lock)
        epochs.append((await cloud.pair(ben, lock)).grant.epoch)
    now -= 86400

    # After a restart.
    async with start_cloud(data, clock=lambda: now) as cloud:
        epochs.append((await cloud.pair(ben, lock)).grant.epoch)
        await release(cloud.store, lock.device_id)
        await cloud.claim(anna, lock)
        epochs.append((await cloud.pair(anna, lock)).grant.epoch)
        now += 2 * 86400
        await release(cloud.store, lock.device_id)
        await cloud.claim(ben, lock)
        epochs.append((await cloud.pair(ben, lock)).grant.epoch)

    first = 1_800_000_000
    assert refused.code == "not_yours"
    assert epochs == [first, first + 2, first + 2, first + 4, first + 86401]


async def test_the_operator_assigns_only_what_has_no_label_and_no_owner(cloud: Cloud) -> None:
    await cloud.terminal("anna")
    await cloud.terminal("ben")
    await cloud.device("labelled")
    await cloud.device("unlabelled", labelled=False)
    await assign(cloud.store, "unlabelled", "anna")
    epoch = await owner_epoch(cloud.store, "unlabelled")

    for device_id, account, reason in [
        ("labelled", "anna", "has a label"),
        ("unlabelled", "ben", "has an owner"),
        ("nothing", "anna", "no device nothing"),
        ("unlabelled", "nobody", "no account nobody"),
    ]:
        with pytest.raises(OperatorError, match=reason):
            await assign(cloud.store, device_id, account)

    assert await owner_epoch(cloud.store, "unlabelled") == epoch
    assert await owner_epoch(cloud.store, "labelled") == 0
    with pytest.raises(OperatorError, match="no owner"):
        await release(cloud.store, "labelled")


async def test_an_owner_without_a_label_has_no_right_code(cloud: Cloud) -> None:
    anna = await cloud.terminal("anna")
    kettle = await cloud.device("kettle", labelled=False)
    await assign(cloud.store, "kettle", "anna")

    assert (await cloud.claim(anna, kettle)).code == "wrong_setup_code"
