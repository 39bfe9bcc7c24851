"""Rate limits, kept in the database: several processes count together.

Each limit is a bucket that holds `burst` requests and gets one back every `every` seconds
(GCRA): one number is kept of each, when all that was taken will be back.
"""

import ipaddress
import math
from dataclasses import dataclass, fields
from functools import cache

from sqlalchemy import Connection, TextClause, bindparam, delete, select, text

from secure_pair_protocol.errors import Failure, SecurePairError

from .store import Store
from .tables import RATE_LIMITS

_CLOCK_SECONDS = 3600
"""How far the clocks of processes may be apart. What is later is from before this clock
was set back, and counts no more."""


class SlowDownError(SecurePairError):
    """Too much was asked; nothing was done, and nothing was counted."""

    def __init__(self, limit: str, seconds: float) -> None:
        """Name the limit, and after how many seconds it is worth while to ask again."""
        super().__init__(Failure.SLOW_DOWN)
        self.limit = limit
        self.seconds = max(1, math.ceil(seconds))


@dataclass(frozen=True, slots=True)
class Limit:
    """How often something may be asked."""

    burst: int
    """So often at once."""
    every: float
    """And then once in so many seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The service's limits: for each the kinds of who or what it counts by."""

    address: Limit = Limit(600, 0.05)
    """All that comes from one address (IPv6: one /64)."""
    stranger: Limit = Limit(30, 10)
    """Unknown credentials from one address."""
    account: Limit = Limit(600, 0.1)
    terminal: Limit = Limit(240, 0.5)
    device: Limit = Limit(120, 1)
    """Authorizations of one device."""
    claim_address: Limit = Limit(30, 20)
    claim_account: Limit = Limit(20, 30)
    claim_device: Limit = Limit(10, 60)
    """Claims of one device by all who do not own it, right or wrong."""

    def times(self, factor: float) -> Limits:
        """Return limits that allow so many times as much."""
        return Limits(
            **{
                field.name: Limit(max(1, round(usual.burst * factor)), usual.every / factor)
                for field in fields(self)
                if (usual := getattr(self, field.name))
            }
        )


def network(address: str | None) -> str:
    """Return what an address is counted as: who has one of IPv6 has a whole /64."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address or "-"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


_DUE = select(RATE_LIMITS.c.due).where(RATE_LIMITS.c.name == bindparam("name"))

type Charge = tuple[str, Limit, str | int]
"""The limit's name, the limit, and whom or what it is counted for."""


def charge(connection: Connection, now: float, *charges: Charge) -> None:
    """Count one request, in a transaction that writes; raises SlowDownError, to roll it back.

    One statement for all of them, which counts only where there is room, so that two
    processes never take the same place.
    """
    values: dict[str, float | str] = {"now": now}
    # In one order everywhere, so that no two processes wait for each other.
    ordered = sorted((f"{name}:{whom}", name, limit) for name, limit, whom in charges)
    for place, (key, _, limit) in enumerate(ordered):
        values |= {
            f"name{place}": key,
            f"due{place}": now + limit.every,
            f"latest{place}": now + limit.burst * limit.every,
        }
    taken = set(connection.scalars(_statement(len(ordered)), values))
    for key, name, limit in ordered:
        if key not in taken:
            full = connection.scalar(_DUE, {"name": key})
            raise SlowDownError(name, (full or now) + limit.every * (1 - limit.burst) - now)


@cache
def _statement(count: int) -> TextClause:
    """Return what takes one from each of `count` buckets, and names those that had one."""
    number = "CAST(:{} AS DOUBLE PRECISION)".format
    rows = ", ".join(
        f"(:name{place}, {number(f'due{place}')}, {number(f'latest{place}')})"
        for place in range(count)
    )
    # What was taken until now; nothing, if it is paid off or from before the clock was
    # set back. `excluded` is the row that was to be inserted.
    last = f"""CASE
        WHEN rate_limits.due BETWEEN {number("now")} AND excluded.latest + {_CLOCK_SECONDS}
        THEN rate_limits.due ELSE {number("now")} END"""
    due = f"{last} + (excluded.due - {number('now')})"
    return text(
        f"INSERT INTO rate_limits (name, due, latest) VALUES {rows}"  # noqa: S608
        f" ON CONFLICT (name) DO UPDATE SET due = {due}, latest = excluded.latest"
        f" WHERE {due} <= excluded.latest RETURNING name"
    )


async def forget(store: Store) -> int:
    """Delete what says nothing any more; return how many there were."""
    paid = delete(RATE_LIMITS).where(RATE_LIMITS.c.due < store.clock())
    return await store.database.write(lambda connection: connection.execute(paid).rowcount)
