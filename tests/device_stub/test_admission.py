"""The policy by itself: who has to go for whom."""

import pytest

from device_stub.admission import (
    ANSWERED_LIMIT,
    CHALLENGE_LIMIT,
    ENDING_LIMIT,
    SILENT_LIMIT,
    Admission,
    Place,
    Standing,
    Verdict,
)
from secure_pair_protocol.errors import Failure
from secure_pair_protocol.keys import Grant
from secure_pair_protocol.negotiation import Session
from secure_pair_protocol.secret import Secret

A, B = b"A" * 16, b"B" * 16


def session(terminal_id: bytes = A, number: int = 0) -> Session:
    return Session(bytes([number]) * 16, Secret(bytes(32)), terminal_id, Grant(1, 0))


class Hall:
    """Connections are called by a number each."""

    def __init__(self) -> None:
        self.draws: list[int] = []
        self.choice = 0
        self.admission: Admission[int] = Admission(self._choose)
        self.places: list[Place[int]] = []

    def _choose(self, among: int) -> int:
        self.draws.append(among)
        return min(self.choice, among - 1)

    def arrive(self, address: str = "one") -> Place[int]:
        place, verdicts = self.admission.arrived(len(self.places), address, 0)
        self.places.append(place)
        self.apply(verdicts)
        return place

    def apply(self, verdicts: list[Verdict[int]]) -> list[int]:
        for verdict in verdicts:
            self.admission.left(self.places[verdict.connection])
        return [verdict.connection for verdict in verdicts]

    def challenge(self, terminal_id: bytes = A, address: str = "one") -> list[int]:
        place = self.arrive(address)
        return self.apply(self.admission.challenged(place, terminal_id, 0))

    def live(self, whose: Session) -> list[int]:
        place = self.arrive()
        self.admission.resuming(place, whose.terminal_id, whose.session_id, 0)
        return self.apply(self.admission.resumed(place, whose, 0))


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_ninth_challenge_ends_one_at_random(hall: Hall) -> None:
    for _ in range(CHALLENGE_LIMIT):
        assert hall.challenge() == []
    assert hall.draws == []
    hall.choice = 3
    assert hall.challenge() == [3]
    # The newcomer is one of the nine, no more and no less.
    hall.choice = 99
    assert hall.challenge() == [9]
    assert hall.draws == [9, 9]


def test_the_address_that_has_most_pays(hall: Hall) -> None:
    hall.challenge(address="honest")
    for _ in range(CHALLENGE_LIMIT - 1):
        assert hall.challenge(address="flood") == []
    for choice in range(CHALLENGE_LIMIT):
        hall.choice = choice
        (gone,) = hall.challenge(address="flood")
        assert gone != 0
    assert set(hall.draws) == {CHALLENGE_LIMIT}


def test_addresses_that_have_as_many_share_the_risk(hall: Hall) -> None:
    for number in range(CHALLENGE_LIMIT):
        hall.challenge(address=str(number))
    hall.challenge(address="another")
    assert hall.draws == [CHALLENGE_LIMIT + 1]


def test_an_ended_challenge_makes_room(hall: Hall) -> None:
    for _ in range(CHALLENGE_LIMIT):
        hall.challenge()
    hall.admission.left(hall.places[0])
    assert hall.challenge() == []


def test_silent_ones_are_bounded(hall: Hall) -> None:
    for _ in range(SILENT_LIMIT + 5):
        hall.arrive()
    assert len(hall.admission) == SILENT_LIMIT


def test_m5_ends_the_terminals_other_negotiations(hall: Hall) -> None:
    hall.challenge(A)
    hall.challenge(B)
    hall.challenge(A)
    hall.challenge(A)
    assert hall.admission.answered(hall.places[0]) == [
        Verdict(2, Failure.BUSY),
        Verdict(3, Failure.BUSY),
    ]


def test_answered_ones_are_bounded(hall: Hall) -> None:
    for number in range(ANSWERED_LIMIT + 1):
        hall.challenge(bytes([number]) * 16)
        verdicts = hall.admission.answered(hall.places[-1])
        assert len(verdicts) == (number == ANSWERED_LIMIT)


def test_an_open_challenge_does_not_touch_an_answered_one(hall: Hall) -> None:
    hall.challenge(A)
    hall.admission.answered(hall.places[0])
    for _ in range(CHALLENGE_LIMIT):
        assert hall.challenge(B) == []
    for choice in range(CHALLENGE_LIMIT + 1):
        hall.choice = choice
        assert 0 not in hall.challenge(B)


def test_m7_ends_all_else_of_the_terminal(hall: Hall) -> None:
    former, others = session(A), session(B, 9)
    hall.live(former)
    hall.live(others)
    resuming = hall.arrive()
    hall.admission.resuming(resuming, A, former.session_id, 0)
    others_resuming = hall.arrive()
    hall.admission.resuming(others_resuming, B, others.session_id, 0)
    hall.challenge(A)
    hall.admission.answered(hall.places[4])
    hall.challenge(A)
    hall.challenge(B)
    hall.admission.storing(hall.places[4], 0)
    assert hall.admission.negotiated(hall.places[4], session(A, 1), 0) == [
        Verdict(2, Failure.BUSY),
        Verdict(5, Failure.BUSY),
        Verdict(0, None),
    ]
    assert hall.places[4].standing is Standing.LIVE


def test_r3_ends_negotiations_and_the_third_connection_the_oldest(hall: Hall) -> None:
    mine = session(A)
    hall.challenge(A)
    hall.challenge(B)
    assert hall.live(mine) == [0]
    assert hall.live(session(B, 9)) == [1]
    assert hall.live(mine) == []
    assert hall.live(mine) == [2]
    assert hall.live(mine) == [4]


def test_a_stored_session_counts_also_where_the_connection_is_gone(hall: Hall) -> None:
    hall.live(session(A))
    hall.challenge(A)
    place = hall.places[1]
    hall.admission.storing(place, 0)
    hall.admission.left(place)
    assert hall.admission.negotiated(place, session(A, 1), 0) == [Verdict(0, None)]
    assert place not in list(hall.admission)


def test_third_half_open_resumption_ends_the_oldest(hall: Hall) -> None:
    mine = session(A)
    for number in range(4):
        place = hall.arrive()
        verdicts = hall.admission.resuming(place, A, mine.session_id, 0)
        assert hall.apply(verdicts) == ([number - 2] if number >= 2 else [])


def test_time_is_over(hall: Hall) -> None:
    silent = hall.arrive()
    hall.challenge(A)
    hall.live(session(B))
    assert hall.admission.overdue(10) == []
    assert hall.admission.overdue(10.1) == [Verdict(0, Failure.TIMEOUT)]
    hall.admission.left(silent)
    # m5 does not put the minute off.
    hall.admission.answered(hall.places[1])
    assert hall.admission.overdue(60) == []
    assert hall.admission.overdue(60.1) == [Verdict(1, Failure.CHALLENGE_EXPIRED)]
    hall.admission.left(hall.places[1])
    hall.admission.heard(hall.places[2], 60)
    assert hall.admission.overdue(150) == []
    assert hall.admission.overdue(150.1) == [Verdict(2, Failure.TIMEOUT)]


def test_ending_ones_are_bounded_in_number_and_time(hall: Hall) -> None:
    ended: list[int] = []
    for _ in range(ENDING_LIMIT + 1):
        ended += hall.apply(hall.admission.ending(hall.arrive(), 0))
    assert ended == [0]
    # Nothing that still comes from one puts it off.
    hall.admission.heard(hall.places[1], 100)
    assert len(hall.admission.overdue(2.1)) == ENDING_LIMIT
