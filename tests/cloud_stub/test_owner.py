"""What an owner does with the account key."""

import json
import os

import pytest

from cloud_stub.ownership import assign, owner_epoch, release
from cloud_stub.registration import parse_registration
from secure_pair_protocol import base64url
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.secret import Secret

from .conftest import Cloud, MadeDevice, Negotiation

PATHS = [
    ("GET", "/v1/devices"),
    ("POST", "/v1/releases"),
    ("POST", "/v1/exports"),
    ("POST", "/v1/log-out-everyone"),
    ("GET", "/v1/terminals"),
    ("POST", "/v1/terminals"),
    ("POST", f"/v1/terminals/{base64url.encode(bytes(16))}/token"),
    ("DELETE", f"/v1/terminals/{base64url.encode(bytes(16))}"),
    ("GET", "/v1/audit"),
]


async def test_neither_credential_opens_the_others_doors(cloud: Cloud) -> None:
    terminal = await cloud.terminal("anna")
    key = await cloud.key("anna")

    refused = [await cloud.call(method, path, terminal.token) for method, path in PATHS]
    refused += [await cloud.call(method, path) for method, path in PATHS]
    refused.append(await cloud.call("GET", "/v1/terminal", key))
    refused.append(await cloud.call("POST", "/v1/claims", key))

    assert {(answer.status, answer.code) for answer in refused} == {(401, "token_refused")}
    assert all(answer.seen == refused[0].seen for answer in refused)


async def test_another_account_key_replaces_the_last_one(cloud: Cloud) -> None:
    await cloud.terminal("anna")
    first = await cloud.key("anna")
    second = await cloud.key("anna")

    assert (await cloud.call("GET", "/v1/devices", first)).status == 401
    assert (await cloud.call("GET", "/v1/devices", second)).status == 200


async def test_a_terminal_is_issued_reissued_with_its_id_and_revoked(cloud: Cloud) -> None:
    await cloud.terminal("anna")
    key = await cloud.key("anna")
    issued = (await cloud.call("POST", "/v1/terminals", key, json={"name": "Küche"})).json
    path = f"/v1/terminals/{issued['terminal_id']}"

    async def who(token: str) -> object:
        answer = await cloud.call("GET", "/v1/terminal", Secret(token.encode()))
        return answer.json.get("terminal_id")

    assert await who(issued["token"]) == issued["terminal_id"]
    again = (await cloud.call("POST", f"{path}/token", key)).json
    assert again["terminal_id"] == issued["terminal_id"]
    assert await who(again["token"]) == issued["terminal_id"]
    assert await who(issued["token"]) is None

    revoked = await cloud.call("DELETE", path, key)
    assert await who(again["token"]) is None
    listed = {entry["name"]: entry["revoked"] for entry in revoked.json["terminals"]}
    assert listed == {"Home Assistant": False, "Küche": True}
    # For ever.
    assert (await cloud.call("POST", f"{path}/token", key)).status == 404


async def test_anothers_terminal_is_none(cloud: Cloud) -> None:
    hers = await cloud.terminal("anna")
    await cloud.terminal("eve")
    eve = await cloud.key("eve")
    paths = [
        f"/v1/terminals/{base64url.encode(terminal_id)}"
        for terminal_id in (hers.terminal_id, os.urandom(16))
    ]

    for suffix, method in (("", "DELETE"), ("/token", "POST")):
        answers = [await cloud.call(method, path + suffix, eve) for path in paths]
        assert answers[0].status == 404
        assert answers[0].seen == answers[1].seen
    assert (await cloud.call("GET", "/v1/terminal", hers.token)).status == 200


async def test_devices_are_listed_in_parts_and_only_ones_own(cloud: Cloud) -> None:
    anna, eve = await cloud.terminal("anna"), await cloud.terminal("eve")
    key = await cloud.key("anna")
    for number in range(5):
        await cloud.claim(anna, await cloud.device(f"lock{number}"))
    await cloud.claim(eve, await cloud.device("lock9"))
    await cloud.device("kettle", labelled=False)
    await assign(cloud.store, "kettle", "anna")

    seen: list[dict[str, object]] = []
    after: str | None = ""
    while after is not None:
        query = {"limit": "2"} | ({"after": after} if after else {})
        part = (await cloud.call("GET", "/v1/devices", key, params=query)).json
        seen += part["devices"]
        after = part["after"]

    ids = [device["device_id"] for device in seen]
    assert ids == ["kettle", "lock0", "lock1", "lock2", "lock3", "lock4"]
    assert [device["labelled"] for device in seen] == [False, *[True] * 5]


async def test_a_release_ends_the_owners_sessions_and_lets_another_claim(cloud: Cloud) -> None:
    anna, ben = await cloud.terminal("anna"), await cloud.terminal("ben")
    key, others_key = await cloud.key("anna"), await cloud.key("ben")
    lock = await cloud.device("2867fa12a3d8")
    await cloud.claim(anna, lock)
    before = await cloud.pair(anna, lock)
    body = {"device_id": lock.device_id}

    strangers = [
        await cloud.call("POST", "/v1/releases", others_key, json={"device_id": device_id})
        for device_id in (lock.device_id, "none")
    ]
    assert (strangers[0].status, strangers[0].code) == (404, "not_yours")
    assert strangers[0].seen == strangers[1].seen
    assert (await cloud.claim(ben, lock)).code == "owned_by_another"

    assert (await cloud.call("POST", "/v1/releases", key, json=body)).status == 200
    assert (await cloud.call("POST", "/v1/releases", key, json=body)).status == 404
    late = await cloud.authorize(anna, Negotiation(lock, anna.terminal_id).body())
    assert late.code == "not_yours"
    assert (await cloud.claim(ben, lock)).status == 200
    after = await cloud.pair(ben, lock, epoch=before.grant.epoch)
    assert after.grant.epoch > before.grant.epoch


async def test_log_out_everyone_raises_each_epoch_of_the_account_alone(cloud: Cloud) -> None:
    anna, ben = await cloud.terminal("anna"), await cloud.terminal("ben")
    locks = [await cloud.device(f"lock{number}") for number in range(3)]
    for lock, owner in zip(locks, (anna, anna, ben), strict=True):
        await cloud.claim(owner, lock)
    old = Negotiation(locks[0], anna.terminal_id)
    granted = await cloud.authorize(anna, old.body())
    before = [await owner_epoch(cloud.store, lock.device_id) or 0 for lock in locks]

    answer = await cloud.call("POST", "/v1/log-out-everyone", await cloud.key("anna"))

    after = [await owner_epoch(cloud.store, lock.device_id) or 0 for lock in locks]
    assert (answer.status, answer.json) == (200, {"devices": 2})
    assert [new > last for new, last in zip(after, before, strict=True)] == [True, True, False]
    # The device follows the new epoch, and what was granted before is refused then.
    session = await cloud.pair(anna, locks[0])
    with pytest.raises(SecurePairError) as refusal:
        old.finish(granted, epoch=session.grant.epoch)
    assert refusal.value.failure is Failure.EPOCH_REFUSED


async def test_an_owner_outlives_the_service(cloud: Cloud) -> None:
    anna = await cloud.terminal("anna")
    key = await cloud.key("anna")
    lock = await cloud.device("2867fa12a3d8")
    await cloud.claim(anna, lock)

    answer = await cloud.call("POST", "/v1/exports", key, json=lock.claim())

    row = parse_registration(json.dumps(answer.json))
    assert row.initial_key.reveal() == lock.initial_key
    assert answer.json == lock.row()


async def test_an_export_takes_the_owner_and_the_claim_proof(cloud: Cloud) -> None:
    anna = await cloud.terminal("anna")
    await cloud.terminal("eve")
    key, eve = await cloud.key("anna"), await cloud.key("eve")
    lock = await cloud.device("2867fa12a3d8")
    nobodys = await cloud.device("nobodys")
    kettle = await cloud.device("kettle", labelled=False)
    await cloud.claim(anna, lock)
    await assign(cloud.store, "kettle", "anna")

    async def export(key: Secret, body: dict[str, str]) -> tuple[object, ...]:
        answer = await cloud.call("POST", "/v1/exports", key, json=body)
        assert "initial_key" not in answer.json
        return answer.seen

    strangers = [
        await export(eve, lock.claim()),
        await export(eve, nobodys.claim()),
        await export(eve, MadeDevice("none").claim()),
        await export(eve, lock.claim(os.urandom(32))),
        await export(key, nobodys.claim()),
    ]
    assert strangers[0][0] == 404
    assert all(seen == strangers[0] for seen in strangers)
    wrong = [await export(key, lock.claim(os.urandom(32))), await export(key, kettle.claim())]
    assert [seen[0] for seen in wrong] == [403, 403]


async def test_the_owner_sees_every_use_of_the_initial_key(cloud: Cloud) -> None:
    anna, eve = await cloud.terminal("anna"), await cloud.terminal("eve")
    key, others_key = await cloud.key("anna"), await cloud.key("eve")
    lock = await cloud.device("2867fa12a3d8")
    await cloud.claim(anna, lock)
    await cloud.pair(anna, lock)
    await cloud.claim(eve, lock)
    await cloud.authorize(eve, Negotiation(lock, eve.terminal_id).body())
    await cloud.call("POST", "/v1/exports", key, json=lock.claim())
    await release(cloud.store, lock.device_id)
    await cloud.claim(eve, lock)
    await cloud.pair(eve, lock)

    hers = (await cloud.call("GET", "/v1/audit", key)).json["entries"]
    others = (await cloud.call("GET", "/v1/audit", others_key)).json["entries"]

    def shown(entries: list[dict[str, object]]) -> list[tuple[object, ...]]:
        return [
            (entry["action"], entry["outcome"], entry["by"], entry["terminal_id"] is not None)
            for entry in reversed(entries)
            if entry["device_id"] == lock.device_id
        ]

    # Of another account's try she learns that it was, and not whose.
    assert shown(hers) == [
        ("claim", "ok", "you", True),
        ("authorize", "ok", "you", True),
        ("claim", "owned_by_another", "another account", False),
        ("export", "ok", "you", False),
        ("release", "ok", "operator", False),
    ]
    # What was before is not the next owner's business.
    assert shown(others) == [
        ("claim", "owned_by_another", "you", True),
        ("authorize", "not_yours", "you", True),
        ("claim", "ok", "you", True),
        ("authorize", "ok", "you", True),
    ]
    authorized = next(entry for entry in hers if entry["action"] == "authorize")
    assert authorized["terminal_id"] == base64url.encode(anna.terminal_id)
    assert authorized["address"] == "127.0.0.1"
    assert abs(authorized["at"] - cloud.store.clock()) < 60


async def test_the_audit_is_read_in_parts(cloud: Cloud) -> None:
    anna = await cloud.terminal("anna")
    key = await cloud.key("anna")
    locks = [await cloud.device(f"lock{number}") for number in range(4)]
    for lock in locks:
        await cloud.claim(anna, lock)

    seen: list[str] = []
    query: dict[str, str] = {"limit": "3"}
    while True:
        part = (await cloud.call("GET", "/v1/audit", key, params=query)).json
        seen += [entry["device_id"] or entry["action"] for entry in part["entries"]]
        if part["before"] is None:
            break
        query["before"] = str(part["before"])
    one = await cloud.call("GET", "/v1/audit", key, params={"device_id": "lock2"})

    assert seen == [
        *("lock3", "lock2", "lock1", "lock0"),
        *("issue_account_key", "issue_terminal"),
    ]
    assert [entry["device_id"] for entry in one.json["entries"]] == ["lock2"]
