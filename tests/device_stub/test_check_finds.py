"""The conformance run at devices that have dropped one rule each: the right check says so."""

import asyncio
from dataclasses import replace
from typing import override

import pytest

from device_stub import admission, commands, connection, live
from device_stub.check import greeting
from device_stub.check.finding import Verdict
from secure_pair_protocol import handshake, negotiation, resumption, sessions
from secure_pair_protocol.channel import Channel
from secure_pair_protocol.commands import CommandTable
from secure_pair_protocol.commands import Verdict as Decision
from secure_pair_protocol.crypto import Primitives
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.framing import frame
from secure_pair_protocol.secret import Secret
from secure_pair_protocol.sessions import Register

from .checking import UNLOCK, Drop, checked, named, on_bench
from .conftest import House

pytestmark = pytest.mark.usefixtures("quick_disk")

IMPATIENCE = 2


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Not the plugin's: its debug mode makes a run take twice as long."""


def dropped(module: object, rule: str) -> Drop:
    """Be a device whose code does not check something."""

    def drop(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, rule, lambda *_: None)

    return drop


def unlimited(limit: str) -> Drop:
    def drop(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(admission, limit, 1000)

    return drop


def any_version(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (negotiation, resumption):
        monkeypatch.setattr(module, "check_version", lambda _: None)


class Careless(Primitives):
    """Takes an all-zero secret for one."""

    @override
    def agree(self, private_key: object, public_key: bytes) -> Secret:
        try:
            return super().agree(private_key, public_key)  # type: ignore[arg-type]
        except ValueError:
            return Secret(bytes(32))


def low_order_keys(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "PRIMITIVES", Careless())


def one_key_pair(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    key = house.device.draw_private_key()
    monkeypatch.setattr(house.device, "draw_private_key", lambda: key)


def known_first_data(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = house.device.draw
    monkeypatch.setattr(
        house.device, "draw", lambda size: bytes(size) if size == 32 else draw(size)
    )


class Repeating(Channel):
    """Opens a record a second time."""

    def __init__(self, send: Secret, receive: Secret) -> None:
        super().__init__(send, receive)
        self._opened: dict[bytes, bytes] = {}

    @override
    def open(self, record: bytes) -> bytes:
        if record not in self._opened:
            self._opened[record] = super().open(record)
        return self._opened[record]


def repeated_records(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "Channel", Repeating)


class Forgetful(CommandTable):
    """Carries out whatever comes as often as it comes."""

    @override
    def command(self, command_id: bytes, boot: bytes, born: int, max_age: int, up: int) -> Decision:
        self._entries.pop(command_id, None)
        return super().command(command_id, boot, born, max_age, up)


def forgotten_commands(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "CommandTable", Forgetful)


class Ageless(CommandTable):
    """Has no clock."""

    @staticmethod
    @override
    def _is_young(born: int, max_age: int, up: int) -> bool:
        return True


def old_commands(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "CommandTable", Ageless)


class Bootless(CommandTable):
    """Takes a command from before its start."""

    @override
    def command(self, command_id: bytes, boot: bytes, born: int, max_age: int, up: int) -> Decision:
        return super().command(command_id, self._boot, born, max_age, up)


def commands_of_another_boot(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "CommandTable", Bootless)


def hasty(stage: handshake.Stage) -> Drop:
    """Be a device that speaks before the terminal has proved itself."""

    def drop(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        reply = connection.Connection._reply

        def too_much(self: connection.Connection, payload: bytes, now: float) -> None:
            reply(self, payload, now)
            if self._stage is stage:
                self.write(frame(bytes(40)))

        monkeypatch.setattr(connection.Connection, "_reply", too_much)

    return drop


def stores_at_m6(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session is there before the terminal has said that it has it."""
    answer = negotiation.answer
    ledger = house.device.ledger

    def answer_and_store(*arguments: object) -> object:
        answered, m6 = answer(*arguments)  # type: ignore[arg-type]
        agreed = answered.agreement
        session = negotiation.Session(
            agreed.session_id, agreed.session_key, answered.terminal_id, answered.grant
        )
        ledger._written = sessions.accepted(ledger._written, session)
        return answered, m6

    monkeypatch.setattr(negotiation, "answer", answer_and_store)


def states_in_part(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.device, "full_states", lambda: house.device.states([], full=True))


def tells_unknown_sessions(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks learns which session ids exist."""
    check = resumption.check_binder

    def refuse_otherwise(*arguments: object) -> None:
        try:
            check(*arguments)  # type: ignore[arg-type]
        except SecurePairError as error:
            raise SecurePairError(Failure.TERMINAL_UNPROVEN) from error

    monkeypatch.setattr(resumption, "check_binder", refuse_otherwise)


def former_session_stays(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def accepted(register: Register, session: negotiation.Session) -> Register:
        return replace(
            register,
            epoch=session.grant.epoch,
            held=(*register.held, sessions.HeldSession(session)),
        )

    monkeypatch.setattr(sessions, "accepted", accepted)


def negotiations_side_by_side(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission.Admission, "_pending", lambda *_: [])


def endless_frames(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(self: connection.Connection, transport: asyncio.BaseTransport) -> None:
        made(self, transport)
        self._reader.limit = 65535

    made = connection.Connection.connection_made
    monkeypatch.setattr(connection.Connection, "connection_made", connect)


M7 = "refuses a wrong terminal confirmation"

BROKEN: dict[str, tuple[Drop, set[str]]] = {
    "first data": (
        dropped(negotiation, "check_first_data"),
        {"refuses an authorization with other first data"},
    ),
    "epoch": (dropped(negotiation, "check_epoch"), {"refuses a lower epoch"}),
    "m7": (dropped(negotiation, "check_terminal_confirmation"), {M7}),
    "version": (
        any_version,
        {
            "refuses a version that it does not know",
            "refuses an r1 of a version that it does not know",
        },
    ),
    "binder": (
        dropped(resumption, "check_binder"),
        {
            "refuses a recorded r1 on another connection",
            "has one answer to a wrong binder and an unknown session",
            "refuses an r1 whose public key was exchanged",
        },
    ),
    "r3": (
        dropped(resumption, "check_terminal_confirmation"),
        {"refuses a wrong r3, and keeps the session"},
    ),
    "low order": (
        low_order_keys,
        {
            "refuses a public key of low order",
            "refuses an r1 with a public key of low order",
        },
    ),
    "one key pair": (
        one_key_pair,
        {"draws a new key pair for each m6", "draws a new key pair for each r2"},
    ),
    "first data drawn once": (
        known_first_data,
        {
            "draws new first data for each challenge",
            "refuses an authorization of another connection",
        },
    ),
    "repeated records": (repeated_records, {"ends a connection with a repeated record"}),
    "forgotten commands": (
        forgotten_commands,
        {
            "bars a command that was asked about first",
            "remembers commands over a renewal",
            "carries out the named command, once",
        },
    ),
    "old commands": (
        old_commands,
        {
            "does not carry out what is too old",
            "does not carry out what was born in the future",
        },
    ),
    "another boot": (
        commands_of_another_boot,
        {"answers a command of another boot with restarted"},
    ),
    "stores at m6": (
        stores_at_m6,
        {
            "stores nothing before m7",
            M7,
            "tells of another terminal that pairs and unpairs",
        },
    ),
    "states in part": (states_in_part, {"describes entities and states that can be shown"}),
    "unknown sessions": (
        tells_unknown_sessions,
        {
            "refuses a recorded r1 on another connection",
            "has one answer to a wrong binder and an unknown session",
            "refuses an r1 whose public key was exchanged",
        },
    ),
    "former session": (
        former_session_stays,
        {
            "replaces this terminal's former session at m7",
            "lists this terminal",
            # Its way to accept drops that as well.
            "revokes a terminal, and refuses it from then on",
        },
    ),
    "other negotiations": (
        negotiations_side_by_side,
        {"ends this terminal's other negotiations at m5"},
    ),
    "long frames": (endless_frames, {"ends a connection with too long a frame"}),
    "half-open resumptions": (
        unlimited("RESUMPTIONS_PER_SESSION"),
        {"keeps at most 2 resumptions of a session half open"},
    ),
    "live connections": (
        unlimited("LIVE_PER_SESSION"),
        {"keeps 2 connections of a session: the third ends the oldest"},
    ),
    "challenges": (unlimited("CHALLENGE_LIMIT"), {"keeps at most 8 challenges open"}),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_dropped_rule_is_found(
    house: House, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    drop, expected = BROKEN[name]
    drop(house, monkeypatch)
    bench = on_bench(house, IMPATIENCE)
    bench.wish, bench.may_log_out = UNLOCK, False
    found = await checked(bench)
    broken = {name: found[name].detail for name in named(found, Verdict.BROKEN)}
    assert broken.keys() == expected, broken
    assert house.device.register.held == ()


@pytest.mark.parametrize(
    ("stage", "rule"),
    [
        (handshake.Stage.ANSWERED, "says nothing between m6 and m7"),
        (handshake.Stage.RESUMING, "says nothing between r2 and r3"),
    ],
)
async def test_haste_is_found(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    stage: handshake.Stage,
    rule: str,
) -> None:
    """What it says too early makes every record fail: so it is not this rule alone."""
    hasty(stage)(house, monkeypatch)
    found = await checked(on_bench(house, IMPATIENCE))
    assert rule in named(found, Verdict.BROKEN)
    assert named(found, Verdict.HELD) >= {check.name for check in greeting.CHECKS}
    assert house.device.register.held == ()
