"""Several terminals of one owner: who is told, who goes, and who finds no room."""

from secure_pair_protocol.envelope import Closing, Notice, NoticeKind
from secure_pair_protocol.errors import Failure
from secure_pair_protocol.sessions import TERMINALS

from .bench import Bench
from .errors import FoundError, NotTriedError, RefusalError
from .finding import Check
from .talk import Talk

MOST_TERMINALS = 64
"""More than any device is likely to hold: whoever takes so many is not asked further."""


async def _admitted(guest: Bench) -> Talk:
    try:
        return await guest.pair()
    except RefusalError as error:
        if error.code == Failure.TABLE_FULL:
            raise NotTriedError("the device has no room for another terminal") from error
        raise


async def _tells_the_others(bench: Bench) -> None:
    talk, guest = await bench.talk(), bench.guest()
    theirs = await _admitted(guest)
    await _demand_notice(talk, NoticeKind.PAIRED, guest)
    await theirs.unpaired()
    await _demand_notice(talk, NoticeKind.UNPAIRED, guest)


async def _demand_notice(talk: Talk, what: NoticeKind, guest: Bench) -> None:
    notice = await talk.until(Notice)
    if (notice.what, notice.terminal_id) != (what, guest.authority.terminal_id):
        raise FoundError(f"the notice is of {notice.what}, not of this terminal's being {what}")


async def _demand_end(talk: Talk, code: Failure) -> None:
    last = (await talk.ended())[-1:]
    if not (last and isinstance(last[0], Closing) and last[0].code == code):
        raise FoundError(f"the connection does not end with {code}")


async def _revokes(bench: Bench) -> None:
    talk, guest = await bench.talk(), bench.guest()
    theirs = await _admitted(guest)
    listed = await talk.terminals(guest.authority.terminal_id)
    if guest.authority.terminal_id in listed:
        raise FoundError("it is listed as before")
    await _demand_end(theirs, Failure.TERMINAL_REVOKED)
    if await guest.knows(guest.session):
        raise FoundError("its session is still there")
    await _demand_refusal(guest, Failure.TERMINAL_REVOKED)


async def _demand_refusal(guest: Bench, code: Failure) -> None:
    try:
        await guest.pair()
    except RefusalError as error:
        if error.code != code:
            raise
    else:
        raise FoundError(f"it pairs again, and is not refused with {code}")


async def _evicts_nobody(bench: Bench) -> None:
    talk = await bench.talk()
    known = len(await talk.terminals())
    guests: list[Bench] = []
    while known + len(guests) < MOST_TERMINALS:
        guest = bench.guest()
        try:
            (await guest.pair()).abort()
        except RefusalError as error:
            if error.code != Failure.TABLE_FULL:
                raise
            break
        guests.append(guest)
    if (room := known + len(guests)) < TERMINALS:
        raise FoundError(f"it holds {room} terminals")
    for guest in guests:
        if not await guest.knows(guest.session):
            raise FoundError("a terminal had to go for another one")


async def _follows_the_epoch(bench: Bench) -> None:
    if not bench.may_log_out:
        raise NotTriedError("it would log everyone out (--log-out-everyone)")
    maker, talk = bench.maker(), await bench.talk()
    guest, revoked = bench.guest(), bench.guest()
    theirs = await _admitted(guest)
    (await _admitted(revoked)).abort()
    await talk.terminals(revoked.authority.terminal_id)
    maker.epoch += 1
    await bench.pair()
    await _demand_end(theirs, Failure.EPOCH_REFUSED)
    if await guest.knows(guest.session):
        raise FoundError("a session of the lower epoch is still there")
    revoked.maker().epoch = maker.epoch
    await revoked.pair()


CHECKS = (
    Check("tells of another terminal that pairs and unpairs", 8, _tells_the_others),
    Check("revokes a terminal, and refuses it from then on", 9, _revokes),
    Check("holds at least 8 terminals, and evicts none for another", 9, _evicts_nobody),
    Check("ends older sessions and revocations at a higher epoch", 9, _follows_the_epoch),
)
