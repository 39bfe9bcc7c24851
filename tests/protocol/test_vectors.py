"""docs/vectors.json against the code that ships, and against a second implementation.

The second one is written from docs/protocol.md alone, on hashlib, hmac and the bare
primitives: whoever builds a device in another language writes the like of it.
"""

import hashlib
import hmac
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from scripts import vectors
from secure_pair_protocol import envelope
from secure_pair_protocol.errors import SecurePairError

P = b"secure_pair/1 "
VECTORS = json.loads((Path(__file__).parents[2] / "docs" / "vectors.json").read_text())
DEVICE_ID = VECTORS["device_id"].encode()


def lp(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def h(label: bytes, *parts: bytes) -> bytes:
    return hashlib.sha256(lp(P + label) + b"".join(lp(part) for part in parts)).digest()


def x(key: bytes, label: bytes, context: bytes) -> bytes:
    return mac(key, lp(P + label) + lp(context) + b"\x01")


def mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, "sha256").digest()


def agree(private: bytes, public: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(public)
    )


def public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def section(name: str) -> dict[str, Any]:
    return {
        key: bytes.fromhex(value)
        if isinstance(value, str) and key not in {"setup_code", "qr_text"}
        else value
        for key, value in VECTORS[name].items()
    }


def pack(*fields: Any) -> bytes:
    return msgspec.msgpack.encode(fields)


def first_record(v: dict[str, Any]) -> bytes:
    cipher = AESGCM(v["device_to_terminal"])
    return lp(cipher.encrypt(bytes(12), v["first_record_plaintext"], None))


def test_code_that_ships_comes_to_the_vectors() -> None:
    assert vectors.vectors() == VECTORS


def test_label() -> None:
    v = section("label")
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    characters = "".join(alphabet[byte % 32] for byte in v["random"])
    assert v["setup_code"].replace("-", "")[:15] == characters
    code_key = Argon2id(
        salt=hashlib.sha256(P + b"code" + DEVICE_ID).digest()[:16],
        length=32,
        iterations=3,
        lanes=1,
        memory_cost=65536,
    ).derive(characters.encode())
    assert x(code_key, b"pairing secret", DEVICE_ID) == v["pairing_secret"]
    assert x(code_key, b"claim proof", DEVICE_ID) == v["claim_proof"]
    assert h(b"claim hash", DEVICE_ID, v["claim_proof"]) == v["claim_hash"]


@pytest.mark.parametrize("name", ["negotiation", "negotiation_without_label"])
def test_negotiation(name: str) -> None:
    v = section(name)
    assert v["first_data"].startswith(bytes.fromhex("2867FA12A3D8C7A55566287838C7A5E7"))
    first_public_key = public(v["terminal_private_key"])
    device_public_key = public(v["device_private_key"])
    assert v["m1"] == pack(1, 1, v["terminal_id"])
    assert v["m2"] == pack(
        2,
        DEVICE_ID.decode(),
        v["first_data"],
        v["installation"],
        "Virtual door lock",
        "Front door",
    )
    ctx = h(b"context", v["m1"], v["m2"], first_public_key)
    sealed = AESGCM(x(v["initial_key"], b"authorize", ctx)).encrypt(
        v["nonce"],
        v["first_data"] + v["epoch"].to_bytes(8, "big") + v["lifetime"].to_bytes(4, "big"),
        ctx,
    )
    f = v["nonce"] + sealed
    ticket = x(v["initial_key"], b"ticket", lp(ctx) + lp(v["nonce"]))
    assert (f, ticket) == (v["first_encrypted_data"], v["ticket_key"])
    assert v["m5"] == pack(3, f, first_public_key)

    transcript = h(b"transcript", ctx, f, device_public_key)
    authority = agree(v["device_private_key"], first_public_key)
    assert authority == v["authority_key"]
    prk = mac(ticket, authority + v["pairing_secret"])
    assert v["session_key"] == x(prk, b"session key", transcript)
    assert v["session_id"] == x(prk, b"session id", transcript)[:16]
    device_tag = mac(x(prk, b"device confirmation", transcript), transcript)
    terminal_tag = mac(x(prk, b"terminal confirmation", transcript), transcript)
    assert v["m6"] == pack(4, device_public_key, device_tag)
    assert v["m7"] == pack(5, terminal_tag)
    assert v["terminal_to_device"] == x(prk, b"terminal to device", transcript)
    assert v["device_to_terminal"] == x(prk, b"device to terminal", transcript)
    assert v["first_record_frame"] == first_record(v)


def test_resumption() -> None:
    v = section("resumption")
    greeting_random = msgspec.msgpack.decode(v["greeting"])[3]
    terminal_key = public(v["terminal_private_key"])
    device_key = public(v["device_private_key"])
    binder = mac(
        x(v["session_key"], b"binder", b""),
        lp(b"\x01") + lp(v["session_id"]) + lp(terminal_key) + lp(greeting_random),
    )
    assert v["r1"] == pack(6, 1, v["session_id"], terminal_key, binder)
    transcript = h(b"resume", b"\x01", v["session_id"], terminal_key, device_key)
    prk = mac(x(v["session_key"], b"resume", b""), agree(v["terminal_private_key"], device_key))
    device_tag = mac(x(prk, b"resume device confirmation", transcript), transcript)
    terminal_tag = mac(x(prk, b"resume terminal confirmation", transcript), transcript)
    assert v["r2"] == pack(7, device_key, device_tag)
    assert v["r3"] == pack(8, terminal_tag)
    assert v["terminal_to_device"] == x(prk, b"resume terminal to device", transcript)
    assert v["device_to_terminal"] == x(prk, b"resume device to terminal", transcript)
    assert v["first_record_frame"] == first_record(v)


def test_records() -> None:
    key = bytes.fromhex(VECTORS["records"]["traffic_key"])
    for counter, (plaintext, frame) in enumerate(
        zip(VECTORS["records"]["plaintexts"], VECTORS["records"]["frames"], strict=True)
    ):
        nonce = bytes(4) + counter.to_bytes(8, "big")
        sealed = AESGCM(key).encrypt(nonce, bytes.fromhex(plaintext), None)
        assert frame == lp(sealed).hex()
    assert VECTORS["records"]["next_traffic_key"] == x(key, b"next", b"").hex()


def test_messages_are_spelled() -> None:
    for message in VECTORS["messages"].values():
        fields = msgspec.msgpack.decode(bytes.fromhex(message["plaintext"]))
        assert json.loads(json.dumps(fields, default=bytes.hex)) == message["fields"]


def test_messages_are_taken_and_complete() -> None:
    seen = set()
    for message in VECTORS["messages"].values():
        plaintext = bytes.fromhex(message["plaintext"])
        for decode in (envelope.decode_from_device, envelope.decode_from_terminal):
            with suppress(SecurePairError):
                seen.add(type(decode(plaintext)))
    unions = (envelope.AnyFromDevice, envelope.AnyFromTerminal)
    assert seen == {kind for union in unions for kind in get_args(union.__value__)}


def test_pieces_make_up_a_message() -> None:
    messages = VECTORS["messages"]
    data = "".join(messages[name]["fields"][4] for name in ("piece", "piece_last"))
    assert data == messages["states"]["plaintext"]


def test_frames_of_every_version() -> None:
    assert VECTORS["error"] == pack(127, "busy").hex()
    assert VECTORS["identify"] == pack(9).hex()
