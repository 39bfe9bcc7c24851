"""The conformance run at devices that have dropped a rule about several terminals."""

from dataclasses import replace

import pytest

from device_stub.check import owning, run
from device_stub.check.finding import Verdict
from secure_pair_protocol import sessions
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.negotiation import Session
from secure_pair_protocol.sessions import Register

from .checking import Drop, checked, named, on_bench
from .conftest import House

pytestmark = pytest.mark.usefixtures("quick_disk")


def revocations_for_the_moment(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session goes, but its terminal may come back."""
    revoked = sessions.revoked
    monkeypatch.setattr(
        sessions,
        "revoked",
        lambda register, terminal_id: replace(
            revoked(register, terminal_id), revoked=register.revoked
        ),
    )


def eviction(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room, the terminal goes that was there first."""
    accepted = sessions.accepted

    def accept(register: Register, session: Session) -> Register:
        others = [h for h in register.held if h.session.terminal_id != session.terminal_id]
        if len(others) == sessions.TERMINALS:
            register = replace(register, held=tuple(others[1:]))
        return accepted(register, session)

    monkeypatch.setattr(sessions, "accepted", accept)


def few_terminals(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "TERMINALS", 4)


def silence_about_others(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.device, "_notice", lambda *_: None)


def lasting_revocations(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a higher epoch ends them."""
    accepted = sessions.accepted

    def accept(register: Register, session: Session) -> Register:
        if session.terminal_id in register.revoked:
            raise SecurePairError(Failure.TERMINAL_REVOKED)
        return replace(accepted(register, session), revoked=register.revoked)

    monkeypatch.setattr(sessions, "accepted", accept)


BROKEN: dict[str, tuple[Drop, set[str]]] = {
    "revocations for the moment": (
        revocations_for_the_moment,
        {"revokes a terminal, and refuses it from then on"},
    ),
    "lasting revocations": (
        lasting_revocations,
        {"ends older sessions and revocations at a higher epoch"},
    ),
    "eviction": (eviction, {"holds at least 8 terminals, and evicts none for another"}),
    "few terminals": (few_terminals, {"holds at least 8 terminals, and evicts none for another"}),
    "silence about others": (
        silence_about_others,
        {"tells of another terminal that pairs and unpairs"},
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_dropped_rule_is_found(
    house: House, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    drop, expected = BROKEN[name]
    drop(house, monkeypatch)
    monkeypatch.setattr(run, "CHECKS", owning.CHECKS)
    found = await checked(on_bench(house))
    assert named(found, Verdict.BROKEN) == expected, found
    assert named(found, Verdict.HELD) == {check.name for check in owning.CHECKS} - expected
    assert house.device.register.held == ()


async def test_no_room_for_another(house: House) -> None:
    """Then nothing is tried with one, and nobody has to go."""
    others = [house.terminal() for _ in range(sessions.TERMINALS - 1)]
    wires = [await other.negotiate(house.port) for other in others]
    bench = on_bench(house)
    bench.may_log_out = False
    found = await checked(bench)
    assert not named(found, Verdict.BROKEN), found
    assert named(found, Verdict.NOT_TRIED) >= {
        "tells of another terminal that pairs and unpairs",
        "revokes a terminal, and refuses it from then on",
    }
    held = {held.session.terminal_id for held in house.device.register.held}
    assert held == {other.terminal_id for other in others}
    for wire in wires:
        await wire.close()
