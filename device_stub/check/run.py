"""All checks, one after the other; whatever happens, the device is left unpaired."""

from collections.abc import AsyncIterator

from secure_pair_protocol.errors import SecurePairError

from . import commanding, greeting, owning, pairing, records, resuming
from .bench import Bench
from .errors import FoundError, NotTriedError
from .finding import Check, Finding, Verdict


async def _forgets(bench: Bench) -> None:
    """Unpair, as a user who removes the device."""
    talk = await bench.talk()
    session = bench.session
    await talk.unpaired()
    if await bench.knows(session):
        raise FoundError("the session is still there")


CHECKS: tuple[Check, ...] = (
    *greeting.CHECKS,
    *pairing.CHECKS,
    *resuming.CHECKS,
    *records.CHECKS,
    *commanding.CHECKS,
    *owning.CHECKS,
    Check("forgets the session at Unpair", 9, _forgets),
)
"""Every check, in the order in which a maker meets them."""


async def findings(bench: Bench) -> AsyncIterator[Finding]:
    """Try each check; the caller has `bench.leave` called at the end."""
    for check in CHECKS:
        yield await _try(bench, check)


async def _try(bench: Bench, check: Check) -> Finding:
    try:
        await check.run(bench)
        bench.hang_up()
        await _reachable(bench)
    except NotTriedError as error:
        return Finding(check, Verdict.NOT_TRIED, str(error))
    except (FoundError, SecurePairError) as error:
        return Finding(check, Verdict.BROKEN, str(error))
    finally:
        bench.hang_up()
        await bench.dismiss()
    return Finding(check, Verdict.HELD)


async def _reachable(bench: Bench) -> None:
    """After whatever was done, the device greets the next one."""
    try:
        await bench.connect()
    except (FoundError, SecurePairError) as error:
        raise FoundError(f"afterwards the device does not greet any more: {error}") from error
