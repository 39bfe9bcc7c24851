"""Framing, records and messages in pieces, on a stream that the attacker alters and cuts."""

from collections import Counter, deque
from itertools import count
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from secure_pair_protocol import channel as channel_module
from secure_pair_protocol import envelope
from secure_pair_protocol.channel import PLAINTEXT_LIMIT, Channel
from secure_pair_protocol.envelope import FromDevice, Piece, decode_from_device
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.framing import RECORD_LIMIT, FrameReader
from secure_pair_protocol.keys import TrafficKeys
from secure_pair_protocol.pieces import OPEN_TRANSFERS, Assembler
from tests.adversary.conftest import Tried
from tests.protocol.failing import fails
from tests.protocol.roles import secret
from tests.protocol.test_envelope import FROM_DEVICE

BOUNDED = settings(
    max_examples=300,
    stateful_step_count=40,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TAMPERING = ("flip", "cut out", "put in", "repeat", *("nothing in a frame",) * 4)
TRAFFIC = TrafficKeys(secret("t"), secret("d"))


class Stream(RuleBasedStateMachine):
    """What is received is what was sent, in its order, up to the first altered byte."""

    count: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.device, self.terminal = Channel.of_device(TRAFFIC), Channel.of_terminal(TRAFFIC)
        self.reader = FrameReader()
        self.reader.limit = RECORD_LIMIT
        self.wire = bytearray()
        self.sent: list[FromDevice] = []
        self.received: list[FromDevice] = []
        self.recorded: list[bytes] = []
        self.tampered = False
        self.failed: Failure | None = None

    @rule(message=st.sampled_from(FROM_DEVICE), times=st.integers(1, 5))
    def send(self, message: FromDevice, times: int) -> None:
        for _ in range(times):
            record = self.device.seal(envelope.encode(message))
            self.wire += record
            self.recorded.append(record)
            self.sent.append(message)

    @rule()
    def send_too_much(self) -> None:
        """It costs itself alone: nothing of it is on the wire, and no counter has moved."""
        with fails(Failure.TOO_LARGE):
            self.device.seal(bytes(PLAINTEXT_LIMIT + 1))

    @rule(size=st.sampled_from([1, 2, 17, 400, 4000, 10**6, 10**6]))
    def deliver(self, size: int) -> None:
        chunk = bytes(self.wire[:size])
        del self.wire[:size]
        if self.failed is not None:
            return
        self.reader.feed(chunk)
        try:
            while (record := self.reader.next()) is not None:
                self.received.append(decode_from_device(self.terminal.open(record)))
                self.count["opened"] += 1
        except SecurePairError as error:
            self.failed = error.failure
            self.count[error.failure] += 1

    @rule(
        how=st.sampled_from(TAMPERING),
        at=st.integers(0, 2**16),
        what=st.binary(min_size=1, max_size=40),
        seldom=st.integers(0, 2),
    )
    def tamper(self, how: str, at: int, what: bytes, seldom: int) -> None:
        if seldom or not self.wire:
            return
        at %= len(self.wire)
        match how:
            case "flip":
                self.wire[at] ^= what[0] or 1
            case "cut out":
                del self.wire[at : at + len(what)]
            case "put in":
                self.wire[at:at] = what
            case "repeat":
                # In front, where mostly a frame begins.
                self.wire[:0] = self.recorded[at % len(self.recorded)]
            case _:
                # Behind a whole frame, or it is a part of one.
                if self.reader.is_unfinished:
                    return
                self.wire[:0] = b"\0\0"
        self.tampered = True

    @invariant()
    def nothing_but_what_was_sent(self) -> None:
        assert self.received == self.sent[: len(self.received)]

    @invariant()
    def an_untouched_stream_is_read_to_its_end(self) -> None:
        if not self.tampered:
            assert self.failed is None
            if not self.wire:
                assert self.received == self.sent

    @invariant()
    def a_failure_stays(self) -> None:
        if self.failed is Failure.RECORD_FAILED:
            for record in (b"", *self.recorded[-1:]):
                with fails(Failure.RECORD_FAILED):
                    self.terminal.open(record)
            with fails(Failure.RECORD_FAILED):
                self.terminal.seal(b"")
        elif self.failed is not None:
            with fails(self.failed):
                self.reader.next()


def test_stream(monkeypatch: pytest.MonkeyPatch, tried: Tried) -> None:
    # The key changes in the middle of it.
    monkeypatch.setattr(channel_module, "RECORDS_PER_KEY", 3)
    seen = Stream.count = Counter()
    run_state_machine_as_test(Stream, settings=BOUNDED)
    assert seen["opened"]
    assert seen[Failure.RECORD_FAILED]
    assert seen[Failure.MALFORMED]
    tried(
        "records on an altered, cut and repeated stream",
        seen.total(),
        "what was sent, in its order, or an end that stays",
    )


LIMIT = 100
SELDOM, OFTEN = (False, False, False, True), (True, True, False)


class Pieces(RuleBasedStateMachine):
    """Any order of any pieces: whole messages, named failures, bounded memory."""

    count: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count()

    @initialize()
    def begin(self) -> None:
        self.assembler = Assembler(LIMIT)
        self.open: dict[int, bytes | None] = {}
        self.last: deque[int] = deque(maxlen=8)

    @rule(
        size=st.integers(0, 70),
        last=st.sampled_from(SELDOM),
        known=st.sampled_from(OFTEN),
        which=st.integers(),
    )
    def take(self, size: int, last: bool, known: bool, which: int) -> None:
        data = bytes([which % 256]) * size
        number = [*self.open][which % len(self.open)] if known and self.open else next(self.numbers)
        piece = Piece(0, number, last, data)
        if number not in self.open and len(self.open) == OPEN_TRANSFERS:
            self.refused(piece, Failure.OUT_OF_ORDER)
            return
        before = self.open.get(number, b"")
        whole = None if before is None else before + data
        if whole is not None and len(whole) > LIMIT:
            self.refused(piece, Failure.TOO_LARGE)
            whole = None
        else:
            assert self.assembler.take(piece) == (whole if last else None)
            self.count["whole" if last and whole is not None else "piece"] += 1
        self.open[number] = whole
        if last:
            del self.open[number]

    def refused(self, piece: Piece, failure: Failure) -> None:
        with fails(failure):
            self.assembler.take(piece)
        self.count[failure] += 1

    @invariant()
    def memory_is_bounded(self) -> None:
        kept = [message for message in self.assembler._open.values() if message is not None]
        assert len(self.assembler._open) <= OPEN_TRANSFERS
        assert all(len(message) <= LIMIT for message in kept)


def test_pieces(tried: Tried) -> None:
    seen = Pieces.count = Counter()
    run_state_machine_as_test(Pieces, settings=BOUNDED)
    for what in ("whole", "piece", Failure.OUT_OF_ORDER, Failure.TOO_LARGE):
        assert seen[what]
    tried("pieces of many messages in any order", seen.total(), "whole messages, bounded memory")
