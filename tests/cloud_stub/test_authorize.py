"""Steps 3 and 4 over HTTP, with a terminal and a device that use the shipping code."""

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from cloud_stub.accounts import add_terminal, find_terminal, revoke_terminal
from cloud_stub.authorization import authorize
from cloud_stub.ownership import assign, release
from cloud_stub.rotation import rotate
from cloud_stub.settings import Settings
from cloud_stub.steps import Step
from secure_pair_protocol import base64url, negotiation
from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.negotiation import Authorization

from .conftest import Cloud, MadeDevice, Negotiation, StartCloud


async def test_claim_then_authorize_ends_in_a_session(cloud: Cloud) -> None:
    terminal = await cloud.terminal("anna")
    lock = await cloud.device("2867fa12a3d8")

    claimed = await cloud.claim(terminal, lock)
    session = await cloud.pair(terminal, lock)

    assert (claimed.status, claimed.json) == (200, {"device_id": "2867fa12a3d8"})
    assert session.terminal_id == terminal.terminal_id
    assert session.grant.lifetime == 0


async def test_the_answer_has_what_the_wire_says_and_is_not_cached(cloud: Cloud) -> None:
    terminal = await cloud.terminal("anna")
    lock = await cloud.device("2867fa12a3d8")
    await cloud.claim(terminal, lock)
    body = Negotiation(lock, terminal.terminal_id).body()

    first = await cloud.authorize(terminal, body)
    second = await cloud.authorize(terminal, body)

    assert set(first.json) == {"first_encrypted_data", "ticket_key", "lifetime"}
    assert len(base64url.decode(first.json["first_encrypted_data"])) == 72
    assert len(base64url.decode(first.json["ticket_key"])) == 32
    assert first.headers["cache-control"] == "no-store"
    # A nonce of its own for each answer, so another ticket too.
    assert first.json["first_encrypted_data"][:16] != second.json["first_encrypted_data"][:16]
    assert first.json["ticket_key"] != second.json["ticket_key"]


async def test_the_lifetime_is_the_services_setting(start_cloud: StartCloud, data: Path) -> None:
    async with start_cloud(data, Settings(grant_lifetime=86400)) as cloud:
        terminal = await cloud.terminal("anna")
        lock = await cloud.device("2867fa12a3d8")
        await cloud.claim(terminal, lock)

        session = await cloud.pair(terminal, lock)

    assert session.grant.lifetime == 86400


async def test_an_answer_is_of_use_for_its_own_challenge_only(cloud: Cloud) -> None:
    terminal = await cloud.terminal("anna")
    lock = await cloud.device("2867fa12a3d8")
    await cloud.claim(terminal, lock)
    one, other = (Negotiation(lock, terminal.terminal_id) for _ in range(2))

    answer = await cloud.authorize(terminal, one.body())

    with pytest.raises(SecurePairError) as refusal:
        other.finish(answer)
    assert refusal.value.failure is Failure.AUTHORIZATION_REJECTED


async def test_a_device_with_another_initial_key_rejects_the_answer(cloud: Cloud) -> None:
    terminal = await cloud.terminal("anna")
    genuine = await cloud.device("2867fa12a3d8")
    await cloud.claim(terminal, genuine)
    counterfeit = MadeDevice("2867fa12a3d8")

    with pytest.raises(SecurePairError) as refusal:
        await cloud.pair(terminal, counterfeit)

    assert refusal.value.failure is Failure.AUTHORIZATION_REJECTED


async def test_every_terminal_of_the_owner_may_and_only_with_its_own_id(cloud: Cloud) -> None:
    first = await cloud.terminal("anna")
    second = await add_terminal(cloud.store, "anna", "phone")
    lock = await cloud.device("2867fa12a3d8")
    await cloud.claim(first, lock)

    assert (await cloud.pair(second, lock)).terminal_id == second.terminal_id
    borrowed = await cloud.authorize(second, Negotiation(lock, first.terminal_id).body())

    assert (borrowed.status, borrowed.code) == (403, "token_refused")


async def test_no_such_device_and_not_yours_are_one_answer(cloud: Cloud) -> None:
    anna, eve = await cloud.terminal("anna"), await cloud.terminal("eve")
    hers = await cloud.device("2867fa12a3d8")
    await cloud.claim(anna, hers)
    devices = [
        hers,
        await cloud.device("2867fa12a3d9"),
        await cloud.device("2867fa12a3da", labelled=False),
        MadeDevice("2867fa12a3db"),
    ]

    # With her own terminal id, and with another's.
    answers = [
        await cloud.authorize(eve, Negotiation(device, terminal_id).body())
        for device in devices
        for terminal_id in (eve.terminal_id, anna.terminal_id)
    ]

    assert {answer.code for answer in answers} == {"not_yours"}
    assert answers[0].status == 404
    assert all(answer.seen == answers[0].seen for answer in answers)


async def test_an_unlabelled_device_that_was_assigned_can_be_paired(cloud: Cloud) -> None:
    terminal = await cloud.terminal("anna")
    kettle = await cloud.device("kettle", labelled=False)

    await assign(cloud.store, "kettle", "anna")

    assert (await cloud.pair(terminal, kettle)).grant.epoch > 0


async def test_without_a_good_token_there_is_one_answer(cloud: Cloud) -> None:
    unknown = await cloud.call("GET", "/v1/terminal", "Bearer nobody")
    for header in (
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer spt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "Basic YW5uYTphbm5h",
        "Bearer \u00e4",
    ):
        for method, path in [
            ("GET", "/v1/terminal"),
            ("POST", "/v1/claims"),
            ("POST", "/v1/authorize"),
        ]:
            answer = await cloud.call(method, path, header)

            assert (answer.status, answer.code) == (401, "token_refused")
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.seen == unknown.seen


async def test_a_stranger_is_told_nothing_of_the_body_and_takes_no_step(
    start_cloud: StartCloud, data: Path
) -> None:
    steps: list[Step] = []
    async with start_cloud(data, on_step=steps.append) as cloud:
        terminal = await cloud.terminal("anna")
        good = Negotiation(await cloud.device("lock"), terminal.terminal_id).body()
        unknown = await cloud.call("GET", "/v1/terminal", "Bearer nobody")
        for path, body in [
            ("/v1/authorize", good),
            ("/v1/authorize", good | {"m1": good["m2"]}),
            ("/v1/authorize", good | {"m1": "AA"}),
            ("/v1/authorize", {}),
            ("/v1/claims", {"device_id": 1}),
        ]:
            assert (await cloud.call("POST", path, "Bearer nobody", json=body)).seen == unknown.seen
        for raw in (b"{", b"\xff"):
            headers = {"Content-Type": "application/json", "Authorization": "Bearer nobody"}
            answer = await cloud.call("POST", "/v1/claims", data=raw, headers=headers)
            assert answer.seen == unknown.seen

    assert steps == []


async def test_a_revoked_token_is_an_unknown_one(cloud: Cloud) -> None:
    terminal = await cloud.terminal("anna")
    before = await cloud.call("GET", "/v1/terminal", terminal.token)

    await revoke_terminal(cloud.store, terminal.terminal_id)

    after = await cloud.call("GET", "/v1/terminal", terminal.token)
    assert before.json == {
        "terminal_id": base64url.encode(terminal.terminal_id),
        "account": "anna",
    }
    assert after.seen == (await cloud.call("GET", "/v1/terminal", "Bearer nobody")).seen


async def test_each_answered_step_is_reported_and_nothing_secret(
    start_cloud: StartCloud, data: Path
) -> None:
    steps: list[Step] = []
    async with start_cloud(data, on_step=steps.append) as cloud:
        terminal = await cloud.terminal("anna")
        lock = await cloud.device("2867fa12a3d8")
        await cloud.authorize(terminal, Negotiation(lock, terminal.terminal_id).body())
        await cloud.claim(terminal, lock)
        await cloud.pair(terminal, lock)

    assert [(step.step, step.name, step.refused) for step in steps] == [
        (4, "first encrypted data", "not_yours"),
        (None, "claim", None),
        (4, "first encrypted data", None),
    ]
    assert all(step.device_id == "2867fa12a3d8" and step.ms > 0 for step in steps)


async def test_no_release_gets_in_while_an_authorization_is_written_and_sealing_anew_does(
    start_cloud: StartCloud, data: Path, new_database: str
) -> None:
    async with start_cloud(data, busy_seconds=0.2, database_url=new_database) as cloud:
        terminal = await cloud.terminal("anna")
        lock = await cloud.device("lock")
        await cloud.claim(terminal, lock)
        body = Negotiation(lock, terminal.terminal_id).body()
        m1, m2, key = (base64url.decode(body[name]) for name in ("m1", "m2", "first_public_key"))
        with cloud.store.database.engine.begin() as connection:
            calling = find_terminal(connection, terminal.token, None)
            assert calling is not None
            answer = authorize(
                connection,
                cloud.store,
                calling,
                negotiation.parse_authorization_request(PRIMITIVES, m1, m2),
                m1=m1,
                m2=m2,
                first_public_key=key,
                lifetime=0,
            )
            assert isinstance(answer, Authorization)
            with pytest.raises(OperationalError):
                await release(cloud.store, lock.device_id)
            assert await rotate(cloud.store, lambda *_: None) == 1
        await release(cloud.store, lock.device_id)
