"""A way to a violation, in the words of the method: who says what to whom."""

from collections.abc import Iterator

from secure_pair_protocol.messages import (
    AuthenticationRequest,
    Challenge,
    ChallengeResponse,
    DeviceKey,
    Greeting,
    Message,
    Resume,
    ResumeAnswer,
    ResumeConfirmation,
    TerminalConfirmation,
)

from .attacker import HE, NOTHING
from .runs import Told
from .search import Move, Violation
from .terms import TERMS, ZERO, Box, Expand, Extract, Fresh, Hash, Payload, Point, Prefix, Tag

TITLES: dict[type[Message], str] = {
    Greeting: "greeting",
    AuthenticationRequest: "m1 authentication request",
    Challenge: "m2 challenge",
    ChallengeResponse: "m5 challenge response",
    DeviceKey: "m6 device key",
    TerminalConfirmation: "m7 terminal confirmation",
    Resume: "r1 resume",
    ResumeAnswer: "r2 resume answer",
    ResumeConfirmation: "r3 resume confirmation",
}
SAID = {ZERO: "the zero point", NOTHING: "anything"}
UNSAID = {"versions", "model"}
"""Fields that are the same in each message of a scene."""


def story(title: str, violation: Violation) -> str:
    """Return the whole way, a line for each message."""
    lines = [title, *(f"  {line}" for move in violation.way for line in moved(move))]
    return "\n".join([*lines, f"  so: {violation.why} ({violation.claim} falls)"])


def moved(move: Move) -> Iterator[str]:
    """Yield what a run is given, and what it answers; or what has happened."""
    said = [name for name in move.says if isinstance(TERMS.get(name), Payload)]
    if move.message is not None:
        yield f"{HE} -> {move.to}: {worded(move.message)}"
    elif not said:
        yield f"{move.to}"
    for name in said:
        text = worded(name)
        if text.startswith(TITLES[ChallengeResponse]):
            yield f"{move.to} -> key service -> {move.to}: asks, and gets the first encrypted data"
        yield f"{move.to} -> {HE}: {text}"


def worded(said: bytes | Told) -> str:
    """Return what a message says."""
    if isinstance(said, Told):
        return f"as key service: {say(said.first_encrypted_data)}, {say(said.ticket_key)}"
    term = TERMS[said]
    assert isinstance(term, Payload)
    message = term.message
    fields = (
        f"{field.replace('_', ' ')}: {shown(getattr(message, field))}"
        for field in message.__struct_fields__
        if field not in UNSAID
    )
    return f"{TITLES[type(message)]} {{{'; '.join(fields)}}}"


def shown(value: object) -> str:
    return say(value) if isinstance(value, bytes) else f"{value}"


def say(name: bytes) -> str:
    """Return what is behind a name, in a few words."""
    if name.strip() in SAID:
        return SAID[name.strip()]
    match term := TERMS.get(name):
        case None:
            return name.strip(b"\0").decode("ascii", "replace").rstrip(".")
        case Fresh(what=what, whose=whose):
            return f"the {what} of {whose}"
        case Point():
            return say_point(term)
        case Box(fields=(first_data, epoch, *_), aad=aad):
            return f"[{say(first_data)}, epoch {int.from_bytes(epoch)}{asked(aad)}] sealed"
        case _:
            return say_derived(term)


def say_point(term: Point) -> str:
    owners = [owner.whose for key in term.private_keys if isinstance(owner := TERMS[key], Fresh)]
    clothes = " in other clothes" if term.clothes else ""
    kind = "public key" if len(owners) == 1 else "authority key"
    return f"the {kind} of {' and '.join(owners)}{clothes}"


def say_derived(term: object) -> str:
    match term:
        case Tag(key=key):
            return say(key)
        case Prefix():
            return "the session id"
        case Extract(inputs=inputs):
            return f"prk of {' and '.join(map(say, inputs))}"
        case Expand(label=label, key=key) if isinstance(TERMS.get(key), Extract):
            return f"the {label} with {say(key)}"
        case Expand(label=label):
            return f"the {label} key"
    return f"a {type(term).__name__.lower()}"


def asked(ctx: bytes) -> str:
    """Return what a first encrypted data was sealed for."""
    match TERMS.get(ctx):
        case Hash(label="context", parts=(m1, _, first_key)):
            match TERMS.get(m1):
                case Payload(message=AuthenticationRequest(terminal_id=terminal_id)):
                    who = say(terminal_id)
                case _:
                    who = "anybody"
            return f", for {who} and {say(first_key) if first_key else 'any key'}"
    return ""
