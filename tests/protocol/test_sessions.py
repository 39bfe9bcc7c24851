"""Which sessions each end keeps, line by line (docs/protocol.md, section 9)."""

from collections.abc import Callable
from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_pair_protocol import sessions
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import Grant, TrafficKeys
from secure_pair_protocol.messages import TerminalConfirmation
from secure_pair_protocol.negotiation import Proven, Session
from secure_pair_protocol.sessions import (
    SAVING_SECONDS,
    STORED_SESSIONS,
    TERMINALS,
    HeldSession,
    PairedDevice,
    Register,
    StoredSession,
)

from .failing import fails
from .roles import DEVICE_ID, TERMINAL_ID, secret

# The terminal

PAIRED = PairedDevice(DEVICE_ID, "https://key.service", TERMINAL_ID)


def proven(name: str, lifetime: int = 0, installation: bytes = bytes(8)) -> Proven:
    return Proven(
        session_id=name.encode(),
        session_key=secret("s"),
        installation=installation,
        lifetime=lifetime,
        transcript=b"transcript of " + name.encode(),
        traffic=TrafficKeys(secret("t"), secret("d")),
        confirmation=TerminalConfirmation(bytes(32)),
    )


def negotiated(device: PairedDevice, *names: str) -> PairedDevice:
    return reduce(lambda device, name: sessions.negotiated(device, proven(name), 0), names, device)


def confirmed(device: PairedDevice, name: str) -> PairedDevice:
    return sessions.confirmed(device, name.encode())


def stored(device: PairedDevice) -> list[tuple[str, bool]]:
    """Return name of each session, and whether it is provisional."""
    return [(session.session_id.decode(), session.provisional) for session in device.sessions]


class TestNegotiated:
    def test_keeps_what_it_has_to(self) -> None:
        device = sessions.negotiated(PAIRED, proven("a", 3600, b"installd"), 1_790_000_000)
        session = device.find(b"a")
        assert session is not None
        assert (session.lifetime, session.negotiated_at) == (3600, 1_790_000_000)
        assert session.transcript == b"transcript of a"
        # A later token may make it another terminal; the session stays this one's.
        assert session.terminal_id == PAIRED.terminal_id
        assert session.session_key.reveal() == secret("s").reveal()
        assert session.provisional
        assert device.installation == b"installd"
        assert device.find(b"b") is None

    def test_new_one_in_front_and_provisional(self) -> None:
        device = negotiated(confirmed(negotiated(PAIRED, "a"), "a"), "b", "c")
        assert stored(device) == [("c", True), ("b", True), ("a", False)]

    def test_at_most_four_and_the_oldest_provisional_one_goes(self) -> None:
        assert STORED_SESSIONS == 4
        device = negotiated(confirmed(negotiated(PAIRED, "a"), "a"), "b", "c", "d")
        assert len(device.sessions) == 4
        device = negotiated(device, "e")
        assert stored(device) == [("e", True), ("d", True), ("c", True), ("a", False)]
        device = negotiated(device, "f")
        assert stored(device) == [("f", True), ("e", True), ("d", True), ("a", False)]

    def test_all_provisional(self) -> None:
        device = negotiated(PAIRED, "a", "b", "c", "d", "e")
        assert [name for name, _ in stored(device)] == ["e", "d", "c", "b"]

    def test_none_provisional(self) -> None:
        """Not by these rules; but a file may say so."""
        device = negotiated(PAIRED, "a", "b", "c", "d")
        settled = tuple(replace(session, provisional=False) for session in device.sessions)
        device = negotiated(replace(device, sessions=settled), "e")
        assert stored(device) == [("e", True), ("d", False), ("c", False), ("b", False)]

    def test_what_was_there_does_not_change(self) -> None:
        before = negotiated(PAIRED, "a")
        negotiated(before, "b")
        assert stored(before) == [("a", True)]
        assert before.find(b"b") is None


def test_only_a_user_drops_a_session_for_one_more() -> None:
    three = negotiated(PAIRED, "a", "b", "c")
    for device, by_itself in ((PAIRED, True), (three, True), (negotiated(three, "d"), False)):
        assert sessions.may_negotiate(device, asked_by_user=False) is by_itself
        assert sessions.may_negotiate(device, asked_by_user=True)


class TestConfirmed:
    @pytest.mark.parametrize("name", ["a", "b", "c"])
    def test_the_others_go(self, name: str) -> None:
        device = negotiated(confirmed(negotiated(PAIRED, "a"), "a"), "b", "c")
        assert stored(confirmed(device, name)) == [(name, False)]

    def test_nothing_to_write(self) -> None:
        device = confirmed(negotiated(PAIRED, "a"), "a")
        assert confirmed(device, "a") is device

    def test_session_that_is_gone(self) -> None:
        """Its device was removed meanwhile: it does not come back, and no other goes."""
        device = negotiated(PAIRED, "b")
        assert confirmed(device, "a") is device
        assert confirmed(PAIRED, "a") is PAIRED

    def test_only_provisional_changes(self) -> None:
        before = negotiated(PAIRED, "a")
        session, was = confirmed(before, "a").sessions[0], before.sessions[0]
        assert isinstance(session, StoredSession)
        for field in ("session_id", "session_key", "lifetime", "negotiated_at", "transcript"):
            assert getattr(session, field) is getattr(was, field)


def test_terminals_records_show_no_secret() -> None:
    device = PairedDevice(
        DEVICE_ID,
        "https://key.service",
        TERMINAL_ID,
        secret("p"),
        sessions=negotiated(PAIRED, "a").sessions,
    )
    assert "transcript of a" in repr(device)
    assert "the secret" not in repr(device)


# The device

NEW = sessions.factory_reset(b"installd")


def session(terminal: int, name: str = "", *, epoch: int = 7, lifetime: int = 0) -> Session:
    """Return a session of a terminal, of this name or one that is the terminal's."""
    session_id = (name or f"of {terminal}").encode()
    return Session(session_id, secret("s"), terminal.to_bytes(16), Grant(epoch, lifetime))


def accepted(register: Register, *sessions_: Session) -> Register:
    return reduce(sessions.accepted, sessions_, register)


def held(register: Register) -> set[str]:
    return {held.session.session_id.decode() for held in register.held}


class TestAccepted:
    def test_first(self) -> None:
        first = session(1)
        register = accepted(NEW, first)
        assert register.epoch == 7
        assert register.installation == b"installd"
        found = register.find(b"of 1")
        assert found is not None
        assert found.session is first
        assert found.remaining is None
        assert NEW.held == ()

    def test_replaces_this_terminals_own(self) -> None:
        register = accepted(NEW, session(1, "a"), session(2, "b"), session(1, "c"))
        assert held(register) == {"b", "c"}
        assert register.find(b"a") is None

    def test_a_renewed_session_has_its_whole_lifetime(self) -> None:
        register = sessions.powered(accepted(NEW, session(1, "a", lifetime=100)), 60)
        found = accepted(register, session(1, "b", lifetime=100)).find(b"b")
        assert found is not None
        assert found.remaining == 100

    def test_higher_epoch_drops_the_lower_ones(self) -> None:
        register = accepted(NEW, session(1), session(2), session(3, epoch=8))
        assert held(register) == {"of 3"}
        assert register.epoch == 8

    def test_lower_epoch(self) -> None:
        register = accepted(NEW, session(1, epoch=8))
        with fails(Failure.EPOCH_REFUSED):
            accepted(register, session(2, epoch=7))
        with fails(Failure.EPOCH_REFUSED):
            accepted(register, session(1, epoch=7))

    def test_ninth_terminal(self) -> None:
        """Nobody is evicted, and those that are there may renew."""
        register = accepted(NEW, *map(session, range(TERMINALS)))
        assert TERMINALS == len(held(register)) == 8
        with fails(Failure.TABLE_FULL):
            accepted(register, session(8))
        register = accepted(register, session(3, "renewed"))
        assert held(register) == {"renewed", *(f"of {n}" for n in range(8) if n != 3)}

    def test_ninth_terminal_of_a_later_owner(self) -> None:
        register = accepted(NEW, *map(session, range(8)), session(8, epoch=8))
        assert held(register) == {"of 8"}

    @pytest.mark.parametrize("free", ["unpaired", "revoked", "expired"])
    def test_a_place_that_is_free_again(self, free: str) -> None:
        register = accepted(NEW, session(0, lifetime=60), *map(session, range(1, 8)))
        match free:
            case "unpaired":
                register = sessions.unpaired(register, b"of 0")
            case "revoked":
                register = sessions.revoked(register, bytes(16))
            case "expired":
                register = sessions.powered(register, 60)
        assert held(accepted(register, session(8))) == {f"of {n}" for n in range(1, 9)}

    def test_one_whose_time_is_over_takes_no_place(self) -> None:
        """Also before anybody has swept it away."""
        over = HeldSession(session(0, lifetime=60), spent=60)
        register = accepted(Register(bytes(8), epoch=7, held=(over,)), *map(session, range(1, 9)))
        assert held(register) == {f"of {n}" for n in range(1, 9)}


class TestRevoked:
    def test_the_session_goes_and_the_terminal_is_refused(self) -> None:
        register = accepted(NEW, session(1), session(2))
        register = sessions.revoked(register, (1).to_bytes(16))
        assert held(register) == {"of 2"}
        with fails(Failure.TERMINAL_REVOKED):
            accepted(register, session(1, "again"))
        assert held(accepted(register, session(3))) == {"of 2", "of 3"}

    def test_one_that_has_no_session(self) -> None:
        register = sessions.revoked(accepted(NEW, session(2)), (1).to_bytes(16))
        assert held(register) == {"of 2"}
        with fails(Failure.TERMINAL_REVOKED):
            accepted(register, session(1))

    def test_one_after_the_other(self) -> None:
        register = accepted(NEW, session(1), session(2))
        for terminal in (1, 2):
            register = sessions.revoked(register, terminal.to_bytes(16))
        for terminal in (1, 2):
            with fails(Failure.TERMINAL_REVOKED):
                accepted(register, session(terminal))

    def test_until_the_epoch_rises(self) -> None:
        register = sessions.revoked(accepted(NEW, session(2)), (1).to_bytes(16))
        register = accepted(register, session(1, epoch=8))
        assert held(register) == {"of 1"}
        assert register.revoked == frozenset()

    def test_another_terminal_may_raise_it(self) -> None:
        register = sessions.revoked(accepted(NEW, session(2)), (1).to_bytes(16))
        register = accepted(register, session(2, epoch=8), session(1, epoch=8))
        assert held(register) == {"of 1", "of 2"}

    def test_a_renewal_of_another_one_keeps_it(self) -> None:
        register = sessions.revoked(accepted(NEW, session(2)), (1).to_bytes(16))
        with fails(Failure.TERMINAL_REVOKED):
            accepted(register, session(2, "renewed"), session(1))


def test_unpaired() -> None:
    register = accepted(NEW, session(1), session(2))
    assert held(sessions.unpaired(register, b"of 1")) == {"of 2"}
    assert held(sessions.unpaired(register, b"no such")) == {"of 1", "of 2"}
    # The terminal may come back.
    assert held(accepted(sessions.unpaired(register, b"of 1"), session(1))) == {"of 1", "of 2"}


def test_factory_reset() -> None:
    register = sessions.revoked(accepted(NEW, session(1), session(2)), (3).to_bytes(16))
    assert held(register)
    register = sessions.factory_reset(b"another!")
    assert register.installation == b"another!"
    assert (register.epoch, register.held, register.revoked) == (0, (), frozenset())
    # A grant from before the reset, and a terminal that was revoked, count anew.
    assert held(accepted(register, session(3, epoch=1))) == {"of 3"}


class TestLifetime:
    """Seconds of powered time."""

    def test_is_spent(self) -> None:
        register = accepted(NEW, session(1, lifetime=100), session(2))
        register = sessions.powered(sessions.powered(register, 40), 59)
        found = register.find(b"of 1")
        assert found is not None
        assert found.remaining == 1
        assert held(sessions.powered(register, 1)) == {"of 2"}
        assert held(sessions.powered(register, 10**9)) == {"of 2"}

    def test_nothing_left_is_nothing_found(self) -> None:
        over = HeldSession(session(1, lifetime=100), spent=100)
        assert over.remaining == 0
        assert Register(bytes(8), held=(over,)).find(b"of 1") is None
        assert HeldSession(session(1, lifetime=100), spent=101).remaining == 0

    @pytest.mark.parametrize(
        ("spent", "rounded"),
        [(0, 3600), (1, 3600), (3599, 3600), (3600, 7200), (3601, 7200), (10**6, 1_000_800)],
    )
    def test_an_hour_that_had_begun_counts_as_a_whole_one(self, spent: int, rounded: int) -> None:
        assert SAVING_SECONDS == 3600
        register = Register(bytes(8), held=(HeldSession(session(1, lifetime=10**7), spent),))
        found = sessions.started(register).find(b"of 1")
        assert found is not None
        assert found.spent == rounded

    def test_over_at_a_start(self) -> None:
        register = accepted(NEW, session(1, lifetime=3600), session(2, lifetime=3601), session(3))
        assert held(sessions.started(register)) == {"of 2", "of 3"}

    def test_no_end(self) -> None:
        register = accepted(NEW, session(1))
        for _ in range(3):
            register = sessions.started(sessions.powered(register, 10**9))
        found = register.find(b"of 1")
        assert found is not None
        assert found.remaining is None
        # Nothing to be rounded either.
        assert found.spent == 3 * 10**9

    @given(
        st.integers(1, 2**32 - 1),
        st.lists(st.one_of(st.none(), st.integers(0, SAVING_SECONDS)), max_size=10),
    )
    def test_lasts_as_long_as_granted_and_no_longer(
        self, lifetime: int, events: list[int | None]
    ) -> None:
        """None: the power is cut just before the hour would be saved, and comes back."""
        register = accepted(NEW, session(1, lifetime=lifetime))
        powered = 0
        for seconds in events:
            if seconds is None:
                powered += SAVING_SECONDS - powered % SAVING_SECONDS
                register = sessions.started(register)
            else:
                powered += seconds
                register = sessions.powered(register, seconds)
            found = register.find(b"of 1")
            remaining = 0 if found is None else found.remaining
            assert remaining == max(lifetime - powered, 0)


def test_devices_records_show_no_secret() -> None:
    register = accepted(NEW, session(1))
    assert "of 1" in repr(register)
    assert "the secret" not in repr(register)


# Whatever happens in whatever order

type Rule = Callable[[Register], Register]


def accept(terminal: int, epoch: int, lifetime: int) -> Rule:
    new = session(terminal, epoch=epoch, lifetime=lifetime)
    return lambda register: sessions.accepted(register, new)


def revoke(terminal: int) -> Rule:
    return lambda register: sessions.revoked(register, terminal.to_bytes(16))


def unpair(terminal: int) -> Rule:
    return lambda register: sessions.unpaired(register, f"of {terminal}".encode())


def power(seconds: int) -> Rule:
    return lambda register: sessions.powered(register, seconds)


terminals = st.integers(0, 10)
rules = st.one_of(
    st.builds(accept, terminals, st.integers(1, 3), st.sampled_from([0, 5000])),
    st.builds(accept, terminals, st.just(3), st.just(0)),
    st.builds(revoke, terminals),
    st.builds(unpair, terminals),
    st.builds(power, st.integers(0, 4000)),
    st.just(sessions.started),
)


@given(st.lists(rules, max_size=40))
def test_register_stays_sound(events: list[Rule]) -> None:
    register = NEW
    for rule in events:
        before = register
        try:
            register = rule(before)
        except SecurePairError:
            continue
        of = [held.session.terminal_id for held in register.held]
        assert len(of) == len(set(of)) <= TERMINALS
        assert not register.revoked & set(of)
        assert register.epoch >= before.epoch
        assert {held.session.grant.epoch for held in register.held} <= {register.epoch}
        assert all(held.remaining != 0 for held in register.held)
        assert register.installation == NEW.installation
