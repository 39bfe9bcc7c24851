"""Write docs/vectors.json: every value of the protocol, from fixed randomness.

Run it with the test environment's Python. Bytes are lower-case hex.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import Raw

from secure_pair_protocol import envelope, keys, negotiation, resumption
from secure_pair_protocol.channel import Channel
from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.envelope import (
    Close,
    Closing,
    Command,
    Description,
    DeviceInfo,
    Event,
    FromDevice,
    FromTerminal,
    ListTerminals,
    Notice,
    NoticeKind,
    Outcome,
    Picture,
    PictureRequest,
    Piece,
    Ping,
    Pong,
    Question,
    Result,
    RevokeTerminal,
    States,
    Terminal,
    Terminals,
    Unpair,
    Unpaired,
    Welcome,
)
from secure_pair_protocol.label import draw_setup_code
from secure_pair_protocol.messages import VERSION, Error, Greeting, Identify
from secure_pair_protocol.secret import Secret

FILE = Path(__file__).parent.parent / "docs" / "vectors.json"

DEVICE_ID = "aabbccddeeff"
METHODS_RANDOM_NUMBER = "2867fa12a3d8c7a55566287838c7a5e7"
"""The first random number in the method's own example: 16 bytes, here the first half."""


def counting(start: int, size: int) -> bytes:
    """Return bytes that nobody takes for random."""
    return bytes((start + place) % 256 for place in range(size))


BOOT = counting(0xB0, 8)
FIRST_PLAINTEXT = envelope.encode(Welcome(61_000, BOOT, 31_536_000))


def label() -> Iterator[tuple[str, Any]]:
    """The setup code and what derives from it."""
    random = counting(0x11, 15)
    code = draw_setup_code(random)
    stretched = code.stretch(DEVICE_ID)
    yield "random", random
    yield "setup_code", code.text
    yield "qr_text", code.qr_text(DEVICE_ID)
    yield "pairing_secret", stretched.pairing_secret
    yield "claim_proof", stretched.claim_proof
    yield "claim_hash", keys.claim_hash(PRIMITIVES, DEVICE_ID, stretched.claim_proof)


def negotiated(pairing_secret: Secret, epoch: int, lifetime: int) -> Iterator[tuple[str, Any]]:
    """One negotiation; the keys and messages of all three roles."""
    identity = negotiation.DeviceIdentity(
        device_id=DEVICE_ID,
        initial_key=Secret(counting(0x40, 32)),
        pairing_secret=pairing_secret,
        model="Virtual door lock",
        name="Front door",
        installation=counting(0x20, 8),
    )
    first_data = bytes.fromhex(METHODS_RANDOM_NUMBER) + counting(0xA0, 16)
    terminal_id = counting(0x60, 16)
    terminal_key = X25519PrivateKey.from_private_bytes(counting(0x80, 32))
    device_key = X25519PrivateKey.from_private_bytes(counting(0xC0, 32))
    nonce = counting(0x30, 12)

    requested, m1 = negotiation.request_authentication(
        PRIMITIVES,
        device_id=DEVICE_ID,
        terminal_id=terminal_id,
        private_key=terminal_key,
        pairing_secret=pairing_secret,
    )
    issued, m2 = negotiation.issue_challenge(PRIMITIVES, identity, m1, first_data)
    challenged = negotiation.receive_challenge(PRIMITIVES, requested, m2)
    authorization = negotiation.authorize(
        PRIMITIVES,
        negotiation.parse_authorization_request(PRIMITIVES, m1, m2),
        m1=m1,
        m2=m2,
        first_public_key=challenged.first_public_key,
        token_terminal_id=terminal_id,
        initial_key=identity.initial_key,
        grant=keys.Grant(epoch, lifetime),
        nonce=nonce,
    )
    responded, m5 = negotiation.respond(
        PRIMITIVES,
        challenged,
        authorization.first_encrypted_data,
        authorization.ticket_key,
        authorization.lifetime,
    )
    opened = negotiation.open_response(PRIMITIVES, issued, m5, epoch)
    answered, m6 = negotiation.answer(PRIMITIVES, opened, device_key)
    proven = negotiation.receive_device_key(PRIMITIVES, responded, m6)
    m7 = PRIMITIVES.encode(proven.confirmation)
    negotiation.accept(PRIMITIVES, answered, m7, epoch)

    yield "initial_key", identity.initial_key
    yield "pairing_secret", pairing_secret
    yield "terminal_id", terminal_id
    yield "first_data", first_data
    yield "installation", identity.installation
    yield "terminal_private_key", terminal_key.private_bytes_raw()
    yield "device_private_key", device_key.private_bytes_raw()
    yield "nonce", nonce
    yield "epoch", epoch
    yield "lifetime", lifetime
    yield "m1", m1
    yield "m2", m2
    yield "first_public_key", challenged.first_public_key
    yield "context", opened.ctx
    yield "first_encrypted_data", authorization.first_encrypted_data
    yield "ticket_key", authorization.ticket_key
    yield "m5", m5
    yield "m6", m6
    yield "authority_key", PRIMITIVES.agree(terminal_key, PRIMITIVES.public_key(device_key))
    yield "transcript", proven.transcript
    yield "session_key", proven.session_key
    yield "session_id", proven.session_id
    yield "m7", m7
    yield "terminal_to_device", proven.traffic.terminal_to_device
    yield "device_to_terminal", proven.traffic.device_to_terminal
    yield "first_record_plaintext", FIRST_PLAINTEXT
    yield "first_record_frame", Channel.of_device(proven.traffic).seal(FIRST_PLAINTEXT)


def resumed(session: negotiation.Session) -> Iterator[tuple[str, Any]]:
    """One later connection."""
    greeting = Greeting((VERSION,), DEVICE_ID, counting(0x70, 16))
    terminal_key = X25519PrivateKey.from_private_bytes(counting(0x90, 32))
    device_key = X25519PrivateKey.from_private_bytes(counting(0xD0, 32))
    resuming, r1 = resumption.resume(
        PRIMITIVES, session.session_id, session.session_key, greeting, terminal_key
    )
    received = resumption.receive_resume(
        PRIMITIVES, r1, greeting, lambda _: session, session.grant.epoch
    )
    _, r2 = resumption.answer_resume(PRIMITIVES, received, device_key)
    result, r3 = resumption.receive_resume_answer(PRIMITIVES, resuming, r2)

    yield "greeting", PRIMITIVES.encode(greeting)
    yield "session_key", session.session_key
    yield "session_id", session.session_id
    yield "terminal_private_key", terminal_key.private_bytes_raw()
    yield "device_private_key", device_key.private_bytes_raw()
    yield "r1", r1
    yield "r2", r2
    yield "r3", r3
    yield "transcript", result.transcript
    yield "terminal_to_device", result.traffic.terminal_to_device
    yield "device_to_terminal", result.traffic.device_to_terminal
    yield "first_record_plaintext", FIRST_PLAINTEXT
    yield "first_record_frame", Channel.of_device(result.traffic).seal(FIRST_PLAINTEXT)


def records() -> Iterator[tuple[str, Any]]:
    """Two frames of one direction, and the key that follows."""
    key = Secret(counting(0x50, 32))
    channel = Channel(key, key)
    yield "traffic_key", key
    yield "plaintexts", [b"first", b"second"]
    yield "frames", [channel.seal(b"first"), channel.seal(b"second")]
    yield "next_traffic_key", keys.next_traffic_key(PRIMITIVES, key)


def raw(**fields: Any) -> Raw:
    """Return a map as it travels undecoded."""
    return Raw(msgspec.msgpack.encode(fields))


def messages() -> Iterator[tuple[str, FromDevice | FromTerminal]]:
    """One of each message that travels inside; a device with one switch says them."""
    up = 61_000
    command_id, terminal_id = counting(0xE0, 16), counting(0x60, 16)
    wish = (command_id, BOOT, 60_900, "relay", raw(do="turn_on"))
    states = States(up, full=True, states=(raw(key="relay", on=False),))
    yield "welcome", Welcome(up, BOOT, 31_536_000)
    yield "welcome_without_end", Welcome(up, BOOT, None)
    yield (
        "description",
        Description(
            up,
            DeviceInfo(model="Virtual switch", name="Hall", firmware="1.0"),
            (raw(kind="switch", key="relay", max_age={"turn_on": 2000, "turn_off": 2000}),),
        ),
    )
    yield (
        "description_of_a_gateway",
        Description(
            up,
            DeviceInfo(model="Gateway", name="Gateway"),
            (raw(kind="lock", key="cellar", device="lock_1", latch=True),),
            (raw(key="lock_1", name="Cellar", model="Lock"),),
        ),
    )
    yield "states", states
    yield "states_of_one", States(up, full=False, states=(raw(key="relay", on=True),))
    yield "event", Event(up, raw(key="bell", type="ring", attributes={"long": True}))
    yield "pong", Pong(up)
    yield "outcome_running", Outcome(up, command_id, Result.RUNNING)
    yield "outcome_failed", Outcome(up, command_id, Result.FAILED, "jammed", "It is stuck.")
    yield "picture", Picture(up, 1, "image/jpeg", counting(0xF0, 4))
    yield "no_picture", Picture(up, 2, "", b"")
    yield "terminals", Terminals(up, 3, (Terminal(terminal_id, connected=True, remaining=None),))
    yield "notice", Notice(up, NoticeKind.PAIRED, terminal_id)
    yield "unpaired", Unpaired(up)
    yield "closing", Closing(up)
    yield "closing_with_code", Closing(up, "session_unknown")
    encoded = envelope.encode(states)
    yield "piece", Piece(up, 0, last=False, data=encoded[:9])
    yield "piece_last", Piece(up + 1, 0, last=True, data=encoded[9:])
    yield "command", Command(*wish)
    yield "question", Question(*wish)
    yield "ping", Ping()
    yield "unpair", Unpair()
    yield "close", Close()
    yield "picture_request", PictureRequest(1, "porch")
    yield "list_terminals", ListTerminals(3)
    yield "revoke_terminal", RevokeTerminal(4, terminal_id)


def spelled(message: FromDevice | FromTerminal) -> dict[str, Any]:
    """Return a message as a reader and as a decoder sees it."""
    plaintext = envelope.encode(message)
    return {"fields": msgspec.msgpack.decode(plaintext), "plaintext": plaintext}


def vectors() -> dict[str, Any]:
    """Return the whole file."""
    labelled = dict(label())
    with_label = dict(negotiated(labelled["pairing_secret"], 1_790_000_000, 31_536_000))
    session = negotiation.Session(
        with_label["session_id"],
        with_label["session_key"],
        with_label["terminal_id"],
        keys.Grant(with_label["epoch"], with_label["lifetime"]),
    )
    values: dict[str, Any] = {
        "about": "Bytes are hex; m and r values are the payloads of frames, plaintexts what is in "
        "records. docs/protocol.md",
        "version": VERSION,
        "device_id": DEVICE_ID,
        "label": labelled,
        "negotiation": with_label,
        "negotiation_without_label": dict(negotiated(keys.EMPTY_PAIRING_SECRET, 7, 0)),
        "resumption": dict(resumed(session)),
        "records": dict(records()),
        "identify": PRIMITIVES.encode(Identify()),
        "error": PRIMITIVES.encode(Error("busy")),
        "messages": {name: spelled(message) for name, message in messages()},
    }
    as_text: dict[str, Any] = json.loads(json.dumps(values, default=_hex))
    return as_text


def _hex(value: object) -> str:
    if isinstance(value, Secret):
        value = value.reveal()
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value))


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=2) + "\n")
