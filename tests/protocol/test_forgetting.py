"""What only a step needs goes with the step (docs/protocol.md, section 4)."""

import gc
import os
import weakref
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from secure_pair_protocol.errors import Failure
from secure_pair_protocol.handshake import DeviceHandshake, Negotiated, Reply, Resumed
from secure_pair_protocol.keys import TrafficKeys
from secure_pair_protocol.messages import Message, ResumeConfirmation, TerminalConfirmation
from secure_pair_protocol.negotiation import Proven
from secure_pair_protocol.secret import Secret

from .failing import fails
from .roles import Cloud, Device, Terminal, negotiate
from .test_handshake import Connection, Records, good


class Key:
    """A private key of whose end one can hear."""

    def __init__(self) -> None:
        self._key = X25519PrivateKey.generate()

    def exchange(self, peer: X25519PublicKey) -> bytes:
        return self._key.exchange(peer)

    def public_key(self) -> X25519PublicKey:
        return self._key.public_key()


class Memory:
    """The secrets that have come into being since, and are still held by somebody."""

    def __init__(self) -> None:
        self._before = {id(secret): secret for secret in self._all()}
        self.keys: weakref.WeakSet[Key] = weakref.WeakSet()

    @staticmethod
    def _all() -> Iterator[Secret]:
        gc.collect()
        return (each for each in gc.get_objects() if isinstance(each, Secret))

    def private_key(self) -> X25519PrivateKey:
        key = Key()
        self.keys.add(key)
        return key  # type: ignore[return-value]

    def held(self) -> set[bytes]:
        assert not self.keys
        return {secret.reveal() for secret in self._all() if id(secret) not in self._before}


@pytest.fixture
def memory() -> Memory:
    return Memory()


def ends(traffic: TrafficKeys) -> set[bytes]:
    return {traffic.terminal_to_device.reveal(), traffic.device_to_terminal.reveal()}


def connection(memory: Memory) -> tuple[DeviceHandshake, Connection]:
    through = Connection()
    through.handshake = DeviceHandshake(
        Records(), draw=os.urandom, draw_private_key=memory.private_key
    )
    return through.handshake, through


def last_message(memory: Memory, kind: type[Message]) -> tuple[DeviceHandshake, bytes]:
    """Return the device's end as it waits for its last message, and this message."""
    handshake, through = connection(memory)
    return handshake, good(through, kind)


def proven(memory: Memory) -> Proven:
    terminal = Terminal(private_key=memory.private_key())
    negotiate(terminal, Cloud(), Device())
    assert terminal.proven is not None
    return terminal.proven


def test_terminal_that_has_checked_the_device(memory: Memory) -> None:
    """Session and traffic keys are left: not authority key, prk, ticket or private key."""
    left = proven(memory)
    assert memory.held() == {left.session_key.reveal(), *ends(left.traffic)}


def test_device_that_has_accepted_a_session(memory: Memory) -> None:
    handshake, m7 = last_message(memory, TerminalConfirmation)
    outcome = handshake.receive(m7, 1000)
    assert isinstance(outcome, Negotiated)
    kept = {outcome.session.session_key.reveal(), *ends(outcome.traffic)}
    # What it is made with is drawn anew for each of these tests.
    assert memory.held() - made(handshake) == kept


def test_device_that_has_resumed_a_session(memory: Memory) -> None:
    handshake, r3 = last_message(memory, ResumeConfirmation)
    outcome = handshake.receive(r3, 1000)
    assert isinstance(outcome, Resumed)
    assert memory.held() - made(handshake) == ends(outcome.traffic)


@pytest.mark.parametrize("kind", [TerminalConfirmation, ResumeConfirmation])
def test_device_that_has_refused(memory: Memory, kind: type[Message]) -> None:
    """Nothing at all is left, nor is it in the frames of the error that stays."""
    handshake, payload = last_message(memory, kind)
    refuse(handshake, payload[:-1] + bytes([payload[-1] ^ 1]))
    assert memory.held() == made(handshake)
    refuse(handshake, payload)
    assert memory.held() == made(handshake)


def refuse(handshake: DeviceHandshake, payload: bytes) -> None:
    with fails(Failure.TERMINAL_UNPROVEN):
        handshake.receive(payload, 1000)


def made(handshake: DeviceHandshake) -> set[bytes]:
    """Return what a device has from its maker."""
    identity = handshake._records.identity
    return {identity.initial_key.reveal(), identity.pairing_secret.reveal()}


def test_the_search_finds_what_is_held(memory: Memory) -> None:
    """Or all the above would hold of nothing."""
    kept = Secret(b"kept")
    key = memory.private_key()
    with pytest.raises(AssertionError):
        memory.held()
    del key
    assert memory.held() == {kept.reveal()}
    handshake, through = connection(memory)
    assert isinstance(handshake.receive(through.terminal.request(), 1000), Reply)
