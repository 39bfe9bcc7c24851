"""The conformance run, on the house's virtual lock."""

from collections.abc import Callable

import msgspec
import pytest
from msgspec import Raw

from device_stub.check import run
from device_stub.check.authority import Maker
from device_stub.check.bench import Bench, Wish
from device_stub.check.finding import Finding, Verdict

from .conftest import House

type Drop = Callable[[House, pytest.MonkeyPatch], None]
"""Makes the house's lock a device that has dropped a rule."""

UNLOCK = Wish("lock", Raw(msgspec.msgpack.encode({"do": "unlock"})))
ALL = {check.name for check in run.CHECKS}


def on_bench(house: House, patience: float = 2) -> Bench:
    # So that a command can be too old.
    house.clock.pass_(60)
    return Bench(
        host="127.0.0.1",
        port=house.port,
        device_id=house.data.device_id,
        authority=Maker(house.data.initial_key),
        pairing_secret=house.data.pairing_secret,
        patience=patience,
        may_log_out=True,
    )


async def checked(bench: Bench) -> dict[str, Finding]:
    """Try everything; the device has to be left unpaired."""
    try:
        await bench.find_epoch()
        return {finding.check.name: finding async for finding in run.findings(bench)}
    finally:
        assert await bench.leave()


def named(found: dict[str, Finding], verdict: Verdict) -> set[str]:
    return {name for name, finding in found.items() if finding.verdict is verdict}
