"""Who asks too much is asked to slow down, by whatever process."""

from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from cloud_stub import audit
from cloud_stub.limits import Charge, Limit, Limits, charge, forget, network
from cloud_stub.settings import Settings

from .conftest import UNLIMITED, Cloud, Negotiation, StartCloud

NAMES = {name: getattr(UNLIMITED, name) for name in Limits.__dataclass_fields__}


def only(**limits: Limit) -> Settings:
    return Settings(limits=Limits(**(NAMES | limits)))


async def authorized(cloud: Cloud, times: int = 1) -> list[int]:
    """Ask so many times with one terminal for one device; returns the statuses."""
    terminal = await cloud.terminal("anna")
    lock = await cloud.device("lock")
    await cloud.claim(terminal, lock)
    body = Negotiation(lock, terminal.terminal_id).body()
    return [(await cloud.authorize(terminal, body)).status for _ in range(times)]


@pytest.mark.parametrize("name", ["address", "account", "terminal", "device"])
async def test_authorizations_are_limited_by_each(
    start_cloud: StartCloud, data: Path, database_url: str | None, name: str
) -> None:
    settings = only(**{name: Limit(3, 100)})
    async with start_cloud(data, settings, database_url=database_url) as cloud:
        statuses = await authorized(cloud, 5)
        kept = await audit.entries(cloud.store, None)

    assert statuses == [200, 200, 200, 429, 429]
    # What was refused for that was not done, and takes no room.
    assert [entry.action for entry in kept].count("authorize") == 3


async def test_it_says_when_to_come_back_and_then_one_may(
    start_cloud: StartCloud, data: Path, database_url: str | None
) -> None:
    now = 1_800_000_000.0
    settings = only(terminal=Limit(2, 30))
    async with start_cloud(data, settings, clock=lambda: now, database_url=database_url) as cloud:
        terminal = await cloud.terminal("anna")
        lock = await cloud.device("lock")
        await cloud.claim(terminal, lock)
        body = Negotiation(lock, terminal.terminal_id).body()
        answers = [await cloud.authorize(terminal, body) for _ in range(3)]
        now += int(answers[2].headers["retry-after"]) - 1
        early = await cloud.authorize(terminal, body)
        now += 1
        late = [(await cloud.authorize(terminal, body)).status for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].code == "slow_down"
    assert answers[2].headers["retry-after"] == "30"
    assert early.status == 429
    assert late == [200, 429]


async def test_two_processes_count_together(
    start_cloud: StartCloud, data: Path, database_url: str | None
) -> None:
    settings = only(device=Limit(4, 100))
    async with (
        start_cloud(data, settings, database_url=database_url) as one,
        start_cloud(data, settings, database_url=database_url) as two,
    ):
        terminal = await one.terminal("anna")
        lock = await one.device("lock")
        await one.claim(terminal, lock)
        body = Negotiation(lock, terminal.terminal_id).body()
        statuses = [(await cloud.authorize(terminal, body)).status for cloud in (one, two) * 3]

    assert statuses == [200] * 4 + [429] * 2


async def test_a_claim_is_slowed_down_hard_and_the_owner_is_not_kept_out(
    start_cloud: StartCloud, data: Path, database_url: str | None
) -> None:
    settings = only(claim_device=Limit(3, 60))
    async with start_cloud(data, settings, database_url=database_url) as cloud:
        anna, eve = await cloud.terminal("anna"), await cloud.terminal("eve")
        lock = await cloud.device("lock")
        await cloud.claim(anna, lock)
        guesses = [await cloud.claim(eve, lock, bytes(32)) for _ in range(4)]
        none = [
            await cloud.call(
                "POST", "/v1/claims", eve.token, json={"device_id": "none", "claim_proof": "A" * 43}
            )
            for _ in range(4)
        ]
        again = await cloud.claim(anna, lock)

    assert [answer.code for answer in guesses] == ["claim_refused"] * 2 + ["slow_down"] * 2
    assert [answer.code for answer in none] == ["claim_refused"] * 3 + ["slow_down"]
    assert again.status == 200


async def test_by_default_guessing_a_claim_takes_years(start_cloud: StartCloud, data: Path) -> None:
    async with start_cloud(data, Settings()) as cloud:
        eve = await cloud.terminal("eve")
        lock = await cloud.device("lock")
        codes = [(await cloud.claim(eve, lock, bytes(32))).code for _ in range(12)]

    assert codes == ["claim_refused"] * 10 + ["slow_down"] * 2
    # Of 2^75 codes.
    assert Limits().claim_device.every >= 60


async def test_strangers_are_slowed_down_and_those_with_a_token_are_not(
    start_cloud: StartCloud, data: Path, database_url: str | None
) -> None:
    settings = only(stranger=Limit(3, 60))
    async with start_cloud(data, settings, database_url=database_url) as cloud:
        anna = await cloud.terminal("anna")
        codes = [
            (await cloud.call("GET", path, f"Bearer guess{number}")).code
            for number, path in enumerate(["/v1/terminal", "/v1/audit"] * 2)
        ]
        known = await cloud.call("GET", "/v1/terminal", anna.token)

    assert codes == ["token_refused"] * 3 + ["slow_down"]
    assert known.status == 200


async def test_what_says_nothing_any_more_is_forgotten(
    start_cloud: StartCloud, data: Path, database_url: str | None
) -> None:
    now = 1_800_000_000.0
    limit = Limit(1, 100)
    async with start_cloud(data, clock=lambda: now, database_url=database_url) as cloud:
        for whom, at in (("old", now - 200), ("new", now)):
            counted = partial(_charge, at, ("terminal", limit, whom))
            await cloud.store.database.write(counted)

        assert await forget(cloud.store) == 1
        assert await forget(cloud.store) == 0


def _charge(now: float, charged: Charge, connection: Connection) -> None:
    charge(connection, now, charged)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        (None, "not an address", False),
    ],
)
def test_what_counts_as_one_address(one: str | None, other: str, same: bool) -> None:
    assert (network(one) == network(other)) is same
