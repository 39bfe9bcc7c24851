"""Both ends of negotiation and resumption under a network that is the attacker's."""

from collections import Counter
from dataclasses import replace
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from msgspec import structs

from secure_pair_protocol.errors import REFUSALS
from secure_pair_protocol.messages import Challenge, Error, decode_any, encode
from secure_pair_protocol.sessions import factory_reset, unpaired
from tests.adversary.conftest import Tried
from tests.protocol.roles import INSTALLATION

from .decoders import TARGETS
from .hostile import inputs
from .network import TERMINAL_IDS, Network

EXAMPLES, STEPS = 1000, 50

MEANWHILE = (
    *("a second",) * 6,
    *("ten seconds", "a minute", "another owner") * 4,
    "unpaired",
    "factory reset",
)

place = st.integers(0, 2**16)
"""Which of those that there are: the newest is the likeliest to be drawn."""


def pick[T](of: list[T], at: int) -> T:
    return of[-1 - at % len(of)]


class Attacked(RuleBasedStateMachine):
    """The rules; what holds at each delivery is in `Network`."""

    count: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.network = Network(self.count)

    # Honest

    @initialize()
    def pair(self) -> None:
        """Begin with a session that can be resumed."""
        self.negotiate(TERMINAL_IDS[0], renewal=False)
        self.forward(0, 8)

    @rule(terminal=st.sampled_from(TERMINAL_IDS), renewal=st.booleans())
    def negotiate(self, terminal: bytes, renewal: bool) -> None:
        self.network.negotiate(terminal, INSTALLATION if renewal else None)

    @rule(at=place)
    def resume(self, at: int) -> None:
        self.network.resume(pick(self.network.known, at))

    @rule(at=place, messages=st.sampled_from([1, 2, 3, 8]))
    def forward(self, at: int, messages: int) -> None:
        end = pick(self.network.terminals, at)
        for _ in range(messages):
            self.network.forward(end)

    # What goes on meanwhile: one rule, so that it does not happen all the time

    @rule(what=st.sampled_from(MEANWHILE), at=place)
    def meanwhile(self, what: str, at: int) -> None:
        network = self.network
        match what:
            case "a second" | "ten seconds" | "a minute":
                network.now += {"a second": 0.5, "ten seconds": 10.5}.get(what, 60.5)
            case "another owner":
                # Whom the device follows already: another terminal has paired with it.
                epoch = network.cloud.grant.epoch + 1
                network.cloud.grant = replace(network.cloud.grant, epoch=epoch)
                network.register = replace(network.register, epoch=epoch, held=())
            case "unpaired":
                session = pick(network.known, at)
                network.register = unpaired(network.register, session.session_id)
            case _:
                network.register = factory_reset(at.to_bytes(8))
        if what != "a second":
            network.disturb()

    @rule(what=st.sampled_from(MEANWHILE), at=place, messages=st.integers(1, 5))
    def in_the_middle(self, what: str, at: int, messages: int) -> None:
        end = pick(self.network.terminals, at)
        for _ in range(messages):
            self.network.forward(end)
        self.meanwhile(what, at)
        self.network.forward(end)

    # The attacker

    def _to(self, at: int, *, device: bool, payload: bytes) -> None:
        network = self.network
        if device:
            network.to_device(pick(network.devices, at), payload)
        else:
            network.to_terminal(pick(network.terminals, at), payload)

    @rule(at=place, device=st.booleans(), which=place)
    def replay(self, at: int, device: bool, which: int) -> None:
        """Deliver something that was on the wire, to whomever."""
        self._to(at, device=device, payload=pick(self.network.seen, which))

    @rule(at=place, device=st.booleans(), which=place, bit=place)
    def flip(self, at: int, device: bool, which: int, bit: int) -> None:
        payload = bytearray(pick(self.network.seen, which))
        payload[bit // 8 % len(payload)] ^= 1 << bit % 8
        self._to(at, device=device, payload=bytes(payload))

    @rule(at=place, bit=place, messages=st.sampled_from([1, 2, 3, 8]))
    def flip_on_the_way(self, at: int, bit: int, messages: int) -> None:
        """Be honest for a while, then alter the next message where it has its place."""
        end = pick(self.network.terminals, at)
        for _ in range(messages):
            self.network.forward(end)
        waiting = end.outbox or end.inbox
        if waiting is not None:
            payload = bytearray(waiting)
            payload[bit // 8 % len(payload)] ^= 1 << bit % 8
            if end.outbox is not None:
                self.network.to_device(end.peer, bytes(payload))
            else:
                self.network.to_terminal(end, bytes(payload))

    @rule(at=place, which=place)
    def another_device(self, at: int, which: int) -> None:
        """Deliver a challenge in another device's name."""
        messages = map(decode_any, self.network.seen)
        challenges = [message for message in messages if isinstance(message, Challenge)]
        challenge = structs.replace(pick(challenges, which), device_id="another")
        self._to(at, device=False, payload=encode(challenge))

    @rule(at=place, device=st.booleans(), code=st.sampled_from(sorted(REFUSALS)))
    def refuse(self, at: int, device: bool, code: str) -> None:
        """Say in the other end's place that it refuses."""
        self._to(at, device=device, payload=encode(Error(code)))

    @rule(at=place, device=st.booleans(), payload=inputs(TARGETS["message"]))
    def forge(self, at: int, device: bool, payload: bytes) -> None:
        self._to(at, device=device, payload=payload)


def test_both_ends(tried: Tried) -> None:
    count = Attacked.count = Counter()
    run_state_machine_as_test(
        Attacked,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    # What is worth being attacked did happen, and so did every way to fail.
    for what in REACHED:
        assert count[what], (what, count)
    tried(
        "messages replayed, altered, forged, crossed: both roles",
        count.total(),
        "agreement, or a named failure that stays",
    )


REACHED: tuple[Any, ...] = (
    "Identified",
    "Negotiated",
    "Resumed",
    "proven",
    "device: authorization_rejected",
    "device: challenge_expired",
    "device: epoch_refused",
    "device: malformed",
    "device: out_of_order",
    "device: refused",
    "device: session_unknown",
    "device: terminal_unproven",
    "device: timeout",
    "device: version_not_supported",
    "terminal: device_reset",
    "terminal: device_unproven",
    "terminal: malformed",
    "terminal: out_of_order",
    "terminal: wrong_device",
)
