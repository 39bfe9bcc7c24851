"""The key schedule: all that goes into a key counts (docs/protocol.md, section 6).

That the values are the right ones is held by test_vectors.py.
"""

from typing import Any

import pytest

from secure_pair_protocol import keys
from secure_pair_protocol.crypto import PRIMITIVES, OpenError
from secure_pair_protocol.keys import Agreement, ResumptionKeys
from secure_pair_protocol.secret import Secret

from .roles import secret

AGREED: dict[str, Any] = {
    "authority_key": secret("a"),
    "ticket": secret("t"),
    "pairing": secret("p"),
    "ctx": b"ctx",
    "first_encrypted_data": b"F",
    "device_key": b"device key",
}
RESUMED: dict[str, Any] = {
    "session_key": secret("s"),
    "agreed": secret("a"),
    "version": 1,
    "session_id": b"session",
    "terminal_key": b"T",
    "device_key": b"D",
}


def other(value: object) -> object:
    match value:
        case Secret():
            return secret("x")
        case bytes():
            return value + b"x"
        case int():
            return value + 1
    raise TypeError(value)


def agreement_values(**changed: Any) -> dict[str, bytes]:
    """Return all that a negotiation ends in, but the transcript, which is public."""
    agreement = keys.agree_session(PRIMITIVES, **AGREED | changed)
    assert isinstance(agreement, Agreement)
    return {
        "session key": agreement.session_key.reveal(),
        "session id": agreement.session_id,
        **revealed(agreement),
    }


def resumption_values(**changed: Any) -> dict[str, bytes]:
    return revealed(keys.agree_resumption(PRIMITIVES, **RESUMED | changed))


def revealed(derived: Agreement | ResumptionKeys) -> dict[str, bytes]:
    return {
        "device confirmation": derived.device_confirmation.reveal(),
        "terminal confirmation": derived.terminal_confirmation.reveal(),
        "terminal to device": derived.traffic.terminal_to_device.reveal(),
        "device to terminal": derived.traffic.device_to_terminal.reveal(),
    }


@pytest.mark.parametrize("name", AGREED)
def test_all_of_a_negotiation_goes_into_each_key(name: str) -> None:
    """The authority key keeps the cloud out; the ticket, who it has not authorized."""
    before, after = agreement_values(), agreement_values(**{name: other(AGREED[name])})
    assert not {*before.values()} & {*after.values()}


@pytest.mark.parametrize("name", RESUMED)
def test_all_of_a_resumption_goes_into_each_key(name: str) -> None:
    before, after = resumption_values(), resumption_values(**{name: other(RESUMED[name])})
    assert not {*before.values()} & {*after.values()}


def test_no_value_is_another_ones() -> None:
    values = [*agreement_values().values(), *resumption_values().values()]
    values.append(keys.binder_key(PRIMITIVES, secret("s")).reveal())
    values.append(keys.next_traffic_key(PRIMITIVES, secret("s")).reveal())
    assert len(set(values)) == len(values) == 12


def test_parts_cannot_be_shifted_into_each_other() -> None:
    assert keys.context(PRIMITIVES, b"ab", b"c", b"") != keys.context(PRIMITIVES, b"a", b"bc", b"")
    assert PRIMITIVES.join(b"a", b"") != PRIMITIVES.join(b"", b"a")
    one = keys.binder_text(PRIMITIVES, 1, b"ab", b"c", b"")
    assert one != keys.binder_text(PRIMITIVES, 1, b"a", b"bc", b"")


@pytest.mark.parametrize("place", range(3))
def test_all_three_go_into_the_context(place: int) -> None:
    parts = [b"m1", b"m2", b"first public key"]
    before = keys.context(PRIMITIVES, *parts)
    parts[place] += b"x"
    assert keys.context(PRIMITIVES, *parts) != before


@pytest.mark.parametrize("label", ["pairing_secret", "claim_proof"])
def test_key_service_cannot_come_from_proof_to_pairing_secret(label: str) -> None:
    """Claim proof and pairing secret are two values of the code key, each bound to its device."""
    derive = getattr(keys, label)
    found = {
        derive(PRIMITIVES, secret("c"), "device").reveal(),
        derive(PRIMITIVES, secret("c"), "another").reveal(),
        derive(PRIMITIVES, secret("d"), "device").reveal(),
        keys.pairing_secret(PRIMITIVES, secret("c"), "device").reveal(),
        keys.claim_proof(PRIMITIVES, secret("c"), "device").reveal(),
    }
    assert len(found) == 4


def test_sealed_fields_of_other_sizes_do_not_open() -> None:
    sealed = PRIMITIVES.seal(secret("s"), bytes(12), b"aad", b"four", b"fields")
    assert PRIMITIVES.open(secret("s"), sealed, b"aad", 4, 6) == (bytes(12), (b"four", b"fields"))
    for sizes in ((4, 5), (4, 7), (10, 1), ()):
        with pytest.raises(OpenError):
            PRIMITIVES.open(secret("s"), sealed, b"aad", *sizes)


def test_claim_hash_is_bound_to_device_and_proof() -> None:
    hashes = {
        keys.claim_hash(PRIMITIVES, device_id, proof)
        for device_id in ("device", "another")
        for proof in (secret("c"), secret("d"))
    }
    assert len(hashes) == 4
