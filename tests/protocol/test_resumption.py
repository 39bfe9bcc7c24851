"""Later connections, without the cloud (docs/protocol.md, section 5)."""

import os

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from secure_pair_protocol import keys
from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import Grant, TrafficKeys
from secure_pair_protocol.messages import VERSION, Resume, ResumeAnswer
from secure_pair_protocol.negotiation import Session
from secure_pair_protocol.secret import Secret

from .failing import fails
from .low_order import LOW_ORDER
from .roles import (
    RESUMPTION,
    TERMINAL_ID,
    Holder,
    Path,
    Resumer,
    Spy,
    flip,
    greeting,
    honest,
    instead,
    recording,
    resume,
    secret,
)

EPOCH = 7
SESSION = Session(b"session of 16 by", secret("s"), TERMINAL_ID, Grant(EPOCH, 0))
NOT_A_MESSAGE = {Failure.MALFORMED, Failure.OUT_OF_ORDER}


def holder() -> Holder:
    return Holder(sessions={SESSION.session_id: SESSION}, epoch=EPOCH)


def resumer() -> Resumer:
    return Resumer(session=SESSION)


def recorded() -> dict[str, bytes]:
    """Return all that went over the path in a resumption of its own."""
    messages: dict[str, bytes] = {}
    resume(resumer(), holder(), recording(messages))
    return messages


def revealed(traffic: TrafficKeys | None) -> tuple[bytes, bytes]:
    assert traffic is not None
    return traffic.terminal_to_device.reveal(), traffic.device_to_terminal.reveal()


def test_both_ends_agree_and_each_connection_has_keys_of_its_own() -> None:
    seen = set()
    for _ in range(3):
        terminal, device = resumer(), holder()
        resume(terminal, device)
        assert terminal.resumed is not None
        assert terminal.resumed.transcript == device.derived.transcript
        assert revealed(terminal.resumed.traffic) == revealed(device.traffic)
        seen |= {*revealed(device.traffic)}
    assert len(seen) == 6


@pytest.mark.parametrize("fresh", ["terminal", "device"])
def test_one_fresh_end_is_enough_for_fresh_keys(fresh: str) -> None:
    seen = set()
    one, other = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    for _ in range(2):
        terminal, device = resumer(), holder()
        if fresh == "device":
            terminal.private_key = one
        else:
            device.private_key = other
        resume(terminal, device)
        seen |= {*revealed(device.traffic)}
    assert len(seen) == 4


def test_no_state_shows_a_secret() -> None:
    terminal, device = resumer(), holder()
    resume(terminal, device)
    states = [
        terminal.resuming,
        terminal.resumed,
        device.received,
        device.answered,
        device.traffic,
    ]
    secrets = [
        SESSION.session_key.reveal(),
        device.derived.device_confirmation.reveal(),
        device.derived.terminal_confirmation.reveal(),
        *revealed(device.traffic),
        terminal.private_key.private_bytes_raw(),
    ]
    shown = repr(states)
    assert repr(SESSION.session_id) in shown
    for hidden in secrets:
        for form in (repr(hidden)[2:-1], hidden.hex(), repr(list(hidden))):
            assert form not in shown


# Whatever is altered on the way

EXPECTED = {
    "r1": {Failure.VERSION_NOT_SUPPORTED, Failure.SESSION_UNKNOWN},
    "r2": {Failure.DEVICE_UNPROVEN},
    "r3": {Failure.TERMINAL_UNPROVEN},
}


@pytest.mark.parametrize("name", RESUMPTION)
def test_every_flipped_bit_is_noticed(name: str) -> None:
    seen = set()
    for bit in range(8 * len(recorded()[name])):
        terminal, device = resumer(), holder()
        with fails(*EXPECTED[name], *NOT_A_MESSAGE) as caught:
            resume(terminal, device, flip(name, bit))
        assert device.traffic is None
        assert (terminal.resumed is not None) == (name == "r3")
        seen.add(caught.value.failure)
    assert seen >= EXPECTED[name]


@pytest.mark.parametrize("name", RESUMPTION)
def test_nothing_of_another_connection_fits(name: str) -> None:
    """r1 too: its binder is over the greeting of its own connection."""
    device = holder()
    code = (EXPECTED[name] - {Failure.VERSION_NOT_SUPPORTED}).pop()
    with fails(code):
        resume(resumer(), device, instead(name, recorded()[name]))
    assert device.traffic is None


def test_r1_is_bound_to_the_greeting_alone() -> None:
    """Nothing else keeps a recorded r1 from being answered again."""
    first, second = holder(), holder()
    r1 = resumer().resume(first.greeting)
    with fails(Failure.SESSION_UNKNOWN):
        second.receive_resume(r1)
    second.greeting = first.greeting
    second.receive_resume(r1)


# The refusals of r1


def refusal(device: Holder, r1: bytes) -> SecurePairError:
    with fails(Failure.SESSION_UNKNOWN) as caught:
        device.receive_resume(r1)
    return caught.value


def test_one_refusal_for_every_reason() -> None:
    """So that nobody learns which sessions exist."""
    terminal = resumer()

    unknown = holder()
    unknown.sessions.clear()
    later_owner = holder()
    later_owner.epoch = EPOCH + 1
    other_owner = holder()
    other_owner.epoch = EPOCH - 1
    wrong_key = holder()
    wrong_key.sessions[SESSION.session_id] = Session(
        SESSION.session_id, secret("t"), TERMINAL_ID, SESSION.grant
    )
    refusals = [
        refusal(device, terminal.resume(device.greeting))
        for device in (unknown, later_owner, other_owner, wrong_key)
    ]
    device = holder()
    refusals.append(refusal(device, terminal.resume(greeting())))

    assert len({(type(error), str(error)) for error in refusals}) == 1
    assert all(error.__cause__ is None for error in refusals)


@pytest.mark.parametrize("version", [0, 2, 255])
def test_unknown_version(version: int) -> None:
    def alter(r1: bytes) -> bytes:
        message = PRIMITIVES.decode(Resume, r1)
        return PRIMITIVES.encode(
            Resume(version, message.session_id, message.public_key, message.binder)
        )

    with fails(Failure.VERSION_NOT_SUPPORTED):
        resume(resumer(), holder(), instead("r1", alter))


# Between r1 and r3


def forget(device: Holder) -> None:
    del device.sessions[SESSION.session_id]


def replace_session(device: Holder) -> None:
    """Let it be another session, though of the same id and key."""
    device.sessions[SESSION.session_id] = Session(
        SESSION.session_id, SESSION.session_key, TERMINAL_ID, SESSION.grant
    )


def raise_epoch(device: Holder) -> None:
    device.epoch += 1


@pytest.mark.parametrize("meanwhile", [forget, replace_session, raise_epoch])
def test_session_that_is_not_the_same_any_more_at_r3(meanwhile: object) -> None:
    device = holder()

    def change(r3: bytes) -> bytes:
        assert callable(meanwhile)
        meanwhile(device)
        return r3

    with fails(Failure.SESSION_UNKNOWN):
        resume(resumer(), device, instead("r3", change))
    assert device.traffic is None


# Points of low order


def bound_r1(device: Holder, public_key: bytes) -> bytes:
    """Return an r1 of somebody who has the session key."""
    text = keys.binder_text(
        PRIMITIVES, VERSION, SESSION.session_id, public_key, device.greeting.random
    )
    binder = PRIMITIVES.hmac(keys.binder_key(PRIMITIVES, SESSION.session_key), text)
    return PRIMITIVES.encode(Resume(VERSION, SESSION.session_id, public_key, binder))


def confirmed_r2(terminal: Resumer, public_key: bytes, agreed: Secret) -> bytes:
    """Return an r2 of somebody who has the session key."""
    derived = keys.agree_resumption(
        PRIMITIVES,
        session_key=SESSION.session_key,
        agreed=agreed,
        version=VERSION,
        session_id=SESSION.session_id,
        terminal_key=terminal.resuming.public_key,
        device_key=public_key,
    )
    tag = PRIMITIVES.hmac(derived.device_confirmation, derived.transcript)
    return PRIMITIVES.encode(ResumeAnswer(public_key, tag))


@pytest.mark.parametrize("point", LOW_ORDER, ids=bytes.hex)
class TestLowOrder:
    def test_at_the_device(self, point: bytes) -> None:
        device = holder()
        with fails(Failure.TERMINAL_UNPROVEN):
            device.receive_resume(bound_r1(device, point))

    def test_at_the_terminal(self, point: bytes) -> None:
        terminal = resumer()
        terminal.resume(greeting())
        with fails(Failure.DEVICE_UNPROVEN):
            terminal.receive_answer(confirmed_r2(terminal, point, Secret(bytes(32))))
        assert terminal.resumed is None


def test_forged_messages_are_good_with_any_other_key() -> None:
    """So in `TestLowOrder` it is the point that is refused."""
    own, terminal, device = X25519PrivateKey.generate(), resumer(), holder()
    public_key = PRIMITIVES.public_key(own)
    device.receive_resume(bound_r1(device, public_key))
    terminal.resume(greeting())
    agreed = PRIMITIVES.agree(own, terminal.resuming.public_key)
    terminal.receive_answer(confirmed_r2(terminal, public_key, agreed))
    assert terminal.resumed is not None


# No curve operation for a stranger


@pytest.mark.parametrize(
    ("path", "operations"),
    [
        (flip("r1", 8 * 60), []),
        (instead("r1", PRIMITIVES.encode(Resume(VERSION, bytes(16), bytes(32), bytes(32)))), []),
        (honest, ["agree", "public_key"]),
    ],
    ids=["wrong binder", "unknown session", "good"],
)
def test_curve_operations_of_the_device(path: Path, operations: list[str]) -> None:
    device = holder()
    device.crypto = spy = Spy()
    if operations:
        resume(resumer(), device, path)
    else:
        with fails(Failure.SESSION_UNKNOWN):
            resume(resumer(), device, path)
    assert sorted(spy.curve) == operations


def test_r3_of_a_stranger_is_refused() -> None:
    device = holder()
    stranger = Resumer(
        session=Session(SESSION.session_id, Secret(os.urandom(32)), TERMINAL_ID, SESSION.grant)
    )
    r2 = device.receive_resume(resumer().resume(device.greeting))
    stranger.resume(device.greeting)
    with fails(Failure.DEVICE_UNPROVEN):
        stranger.receive_answer(r2)
