"""Whatever comes instead of what is due: it ends the connection, with a code; another one comes."""

from collections.abc import Callable

import pytest

from custom_components.secure_pair import connection, link
from custom_components.secure_pair.protocol.errors import Failure
from device_stub.device import Device
from device_stub.live import LiveConnection
from secure_pair_protocol import envelope, messages
from secure_pair_protocol.envelope import Pong, Welcome
from secure_pair_protocol.framing import frame

from .conftest import Install
from .home import Home
from .logs import complaints
from .odd import OddDevice

GREETING, R2 = 0, 1
NONSENSE = frame(b"nonsense")


def error(code: str) -> bytes:
    return frame(messages.encode(messages.Error(code)))


def why(home: Home) -> Failure | None:
    """Return why Home Assistant could not connect, or what the last connection ended with."""
    return home.coordinator.keeper.failure


async def fails(home: Home, failure: Failure) -> None:
    """Wait until it has failed for this reason, and has not given up."""
    await home.relay.cut()
    await home.until(lambda: not home.coordinator.connected)
    home.coordinator.keeper.failure = None
    await home.relay.mend()

    def failed() -> bool:
        home.coordinator.keeper._hurry()
        return why(home) not in {None, Failure.CANNOT_CONNECT}

    await home.until(failed)
    assert why(home) is failure
    assert home.state("switch") == "unavailable"


@pytest.mark.parametrize(
    ("at", "alter", "failure"),
    [
        (GREETING, lambda _: NONSENSE, Failure.NOT_SECURE_PAIR),
        (GREETING, lambda _: b"\xff" * 8, Failure.NOT_SECURE_PAIR),
        (GREETING, lambda _: error("busy"), Failure.BUSY),
        # As another version of the protocol may write it.
        (GREETING, lambda _: frame(b"\xdc\x00\x03\xcc\x7f\xa4busy\xc0"), Failure.BUSY),
        (GREETING, lambda data: data + NONSENSE * 9, Failure.OUT_OF_ORDER),
        (R2, lambda _: NONSENSE, Failure.MALFORMED),
        (R2, lambda _: error("session_unknown_yet"), Failure.OUT_OF_ORDER),
        (R2, lambda data: data + NONSENSE, Failure.RECORD_FAILED),
        (R2, lambda data: data + error("nonsense"), Failure.OUT_OF_ORDER),
        (R2 + 1, lambda data: data[:-1] + bytes([data[-1] ^ 1]), Failure.RECORD_FAILED),
    ],
)
async def test_altered_on_the_way(
    install: Install, at: int, alter: Callable[[bytes], bytes], failure: Failure
) -> None:
    home = await install(OddDevice)
    home.relay.alter = lambda number, data: alter(data) if number == at else data
    await fails(home, failure)
    home.relay.alter = lambda _, data: data
    await home.connected()
    await home.call("switch.turn_on", "switch")
    assert home.state("switch") == "on"


def _pongs(live: LiveConnection, device: Device) -> None:
    live.send(device.welcome(live.session))
    for _ in range(100):
        live.send(Pong(device.up))


@pytest.mark.parametrize(
    ("introduce", "failure"),
    [
        (lambda live, device: None, Failure.TIMEOUT),
        (lambda live, device: live.send(Pong(device.up)), Failure.OUT_OF_ORDER),
        (_pongs, Failure.OUT_OF_ORDER),
        # It does not describe itself.
        (lambda live, device: live.send(device.welcome(live.session)), Failure.TIMEOUT),
    ],
)
async def test_begins_with_something_else(
    install: Install,
    monkeypatch: pytest.MonkeyPatch,
    introduce: Callable[[LiveConnection, Device], None],
    failure: Failure,
) -> None:
    home = await install(OddDevice)
    # Shortened to the end: the next try may be under way when the device is itself again.
    monkeypatch.setattr(link, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr("custom_components.secure_pair.keeper.DESCRIPTION_SECONDS", 0.2)
    with monkeypatch.context() as patched:
        patched.setattr(LiveConnection, "introduce", lambda live: introduce(live, home.device))
        await fails(home, failure)
    await home.connected()
    assert home.state("switch") == "off"


async def test_no_connection_in_time(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    home = await install(OddDevice)
    with monkeypatch.context() as patched:
        patched.setattr(connection, "CONNECT_SECONDS", 0)
        await fails(home, Failure.TIMEOUT)
    await home.connected()
    assert home.state("switch") == "off"


@pytest.mark.parametrize(
    "says",
    [
        lambda device: envelope.encode(Welcome(device.up, device.boot, None)),
        lambda device: b"\xc1",
        lambda device: b"\x91\x63",
    ],
)
async def test_speaks_out_of_turn(
    install: Install, says: Callable[[Device], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    home = await install(OddDevice)
    before = home.coordinator.keeper.link
    for live in home.device.live:
        assert isinstance(live, LiveConnection)
        live._outbox.say_encoded(says(home.device))
    await home.until(lambda: home.coordinator.keeper.link is not before)
    await home.connected()
    assert home.state("switch") == "off"
    assert not complaints(caplog)


async def test_no_sign_of_life(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection on which nothing comes any more is dead after a while, and replaced."""
    home = await install(OddDevice)
    before = home.coordinator.keeper.link
    assert before is not None
    before._connection.last_record -= envelope.DEAD_SECONDS
    before.beat(before._due)
    assert not before.is_open
    assert why(home) is Failure.TIMEOUT
    await home.connected()
    assert home.coordinator.keeper.link is not before
