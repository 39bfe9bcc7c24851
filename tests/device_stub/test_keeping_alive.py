"""Signs of life, and how a connection without them ends."""

from collections.abc import Awaitable, Callable

import pytest

from device_stub import server
from secure_pair_protocol.envelope import Outcome, Ping, Pong

from .conftest import House
from .terminal import Wire


@pytest.fixture
async def wire(house: House) -> Wire:
    return await house.terminal().negotiate(house.port)


async def test_ping_is_answered(house: House, wire: Wire) -> None:
    house.clock.pass_(1.5)
    wire.send(Ping())
    assert (await wire.until(Pong)).up == wire.welcome.up + 1500
    await wire.close()


async def test_up_is_never_older_than_a_minute(house: House, wire: Wire) -> None:
    for number in range(1, 4):
        (place,) = house.server.admission
        house.server.admission.heard(place, house.clock())
        for _ in range(59):
            await house.tick(1)
        pong = await wire.until(Pong)
        assert pong.up - wire.welcome.up <= 60_000 * number
        await house.tick(1)
    await wire.close()


async def test_no_pong_where_something_else_was_said(house: House, wire: Wire) -> None:
    await house.tick(49)
    command = wire.command(born=wire.welcome.up + 49_000)
    wire.send(command)
    await wire.outcome(command.id)
    await house.tick(49)
    wire.send(Ping())
    assert isinstance(await wire.receive(), Pong)
    # It was the answer to this ping: there is no other one.
    wire.send(wire.command(born=wire.welcome.up + 98_000))
    assert isinstance(await wire.receive(), Outcome)
    await wire.close()


async def test_dead_after_ninety_seconds_without_a_record(house: House, wire: Wire) -> None:
    await house.tick(80)
    wire.send(Ping())
    await wire.until(Pong)
    await wire.until(Pong)
    await house.tick(90)
    assert house.server.live_connections == 1
    await house.tick(0.1)
    assert house.server.live_connections == 0
    assert await wire.closing() == "timeout"


async def test_the_server_looks_at_the_clock_by_itself(
    another: House,
    until: Callable[[Callable[[], object]], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "TICK_SECONDS", 0.01)
    for _ in range(2):
        wire = await another.terminal().negotiate(another.port)
        another.clock.pass_(91)
        await until(lambda: another.server.live_connections == 0)
        assert await wire.closing() == "timeout"
