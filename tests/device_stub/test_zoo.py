"""One device with every kind of entity: whatever it is told to do, its state follows."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from device_stub.appliances.siren import VirtualSiren
from device_stub.appliances.zoo import Zoo
from device_stub.appliances.zoo.access import CODE
from device_stub.appliances.zoo.lights import VirtualLight
from device_stub.appliances.zoo.update import VirtualUpdate
from secure_pair_protocol import model
from secure_pair_protocol.envelope import Outcome, Result
from secure_pair_protocol.model import KINDS, kind_name

from .installed import Installed, installed
from .zoo_cases import CASES, REFUSALS


@pytest.fixture
async def zoo(tmp_path: Path) -> AsyncGenerator[Installed[Zoo]]:
    async with installed(Zoo(), tmp_path) as zoo:
        yield zoo


def test_cases_are_complete() -> None:
    for name, kind in KINDS.items():
        if kind.action is None:
            assert name not in CASES
            continue
        hints = get_type_hints(kind.action)
        done = {do for _, do, _, _ in CASES[name]}
        assert done == {*get_args(hints.pop("do"))}, name
        assert {field for _, _, fields, _ in CASES[name] for field in fields} == {*hints}, name


async def test_every_kind_with_all_that_it_has(zoo: Installed[Zoo]) -> None:
    # What the terminal has taken in has been checked against the model on the way.
    assert {*zoo.entities} == {*zoo.device.entities}
    assert {kind_name(entity) for entity in zoo.entities.values()} == {*KINDS}
    for name, kind in KINDS.items():
        entities = [entity for entity in zoo.entities.values() if kind_name(entity) == name]
        for field in {*kind.entity.__struct_fields__} - {*model.Entity.__struct_fields__}:
            values = {repr(getattr(entity, field)) for entity in entities}
            # With it and without it, or more than one choice.
            assert len(values) > 1, (name, field)


@pytest.mark.parametrize("kind", CASES)
async def test_state_follows_each_action(zoo: Installed[Zoo], kind: str) -> None:
    for key, do, fields, expected in CASES[kind]:
        assert await zoo.do(key, do, **fields) is None, (key, do, fields)
        if expected:
            shown = zoo.show(key)
            assert {name: shown.get(name) for name in expected} == expected, (key, do, fields)


async def test_refusals_change_nothing(zoo: Installed[Zoo]) -> None:
    before = dict(zoo.states)
    for key, do, fields, code in REFUSALS:
        assert await zoo.do(key, do, **fields) == code, (key, do, fields)
    assert zoo.states == before


async def test_what_an_action_does_besides(zoo: Installed[Zoo]) -> None:
    entities = zoo.device.entities
    for case in [*CASES["button"], *CASES["siren"], *CASES["light"], *CASES["update"]]:
        key, do, fields, _ = case
        assert await zoo.do(key, do, **fields) is None
    assert zoo.show("presses") == {"value": 4}
    siren, light = entities["siren_with_tones"], entities["light_all_colors"]
    assert isinstance(siren, VirtualSiren)
    assert (siren.tone, siren.volume) == ("fire", 0.5)
    await zoo.pass_(4)
    assert zoo.show("siren_with_tones") == {"on": True}
    await zoo.pass_(1)
    assert zoo.show("siren_with_tones") == {"on": False}
    assert isinstance(light, VirtualLight)
    assert light.flashes == 2
    update = entities["update"]
    assert isinstance(update, VirtualUpdate)
    assert update.backups == 1
    assert zoo.past("update", "percentage")[1:11] == list(range(0, 100, 10))
    assert set(zoo.past("update_plain", "in_progress")) == {False, True}
    assert set(zoo.past("update_plain", "percentage")) == {None}


async def test_stop_on_the_way(zoo: Installed[Zoo]) -> None:
    zoo.appliance.set_speed(20)
    opening = zoo.send("cover_blind", "open")
    await zoo.until(lambda: zoo.show("cover_blind")["position"] != 0)
    stopping = zoo.send("cover_blind", "stop")
    outcomes: dict[bytes, Outcome] = {}
    while len(outcomes) < 2:
        message = await zoo.wire.receive()
        zoo.see(message)
        if isinstance(message, Outcome) and message.result is not Result.RUNNING:
            outcomes[message.id] = message
    assert (outcomes[opening].result, outcomes[opening].code) == (Result.FAILED, "interrupted")
    assert outcomes[stopping].result is Result.DONE
    shown: Any = zoo.show("cover_blind")
    assert 0 < shown["position"] < 100
    assert shown.get("moving") is None
    assert "opening" in zoo.past("cover_blind", "moving")


async def test_only_the_right_code_interrupts_arming(zoo: Installed[Zoo]) -> None:
    zoo.appliance.set_speed(0.01)
    arming = zoo.send("alarm_with_code", "arm", mode="away", code=CODE)
    await zoo.until(lambda: zoo.show("alarm_with_code")["position"] == "arming")
    zoo.send("alarm_with_code", "disarm", code="0000")
    for _ in range(3):
        await zoo.settle()
    assert zoo.show("alarm_with_code")["position"] == "arming"
    zoo.send("alarm_with_code", "disarm", code=CODE)
    outcome = await zoo.end_of(arming)
    assert outcome.code == "interrupted"
    await zoo.settle()
    assert zoo.show("alarm_with_code")["position"] == "disarmed"


async def test_goes_on_by_itself(zoo: Installed[Zoo]) -> None:
    before = dict(zoo.states)
    await zoo.do("climate", "set_mode", mode="heat")
    await zoo.do("humidifier", "turn_on")
    await zoo.do("dehumidifier", "set_humidity", humidity=20)
    await zoo.do("dehumidifier", "turn_on")
    await zoo.pass_(60)
    assert [(event.key, event.type) for event in zoo.events] == [
        ("event", "one"),
        ("event_doorbell", "ring"),
        ("event_motion", "motion"),
        ("event_button", "press_start"),
    ]
    assert zoo.show("sensor_enum") == {"value": "busy"}
    assert zoo.show("sensor_energy") == {"value": 0.6}
    assert zoo.show("sensor_wind_direction") == {"value": 60}
    assert zoo.states["sensor_timestamp"] != before["sensor_timestamp"]
    assert zoo.show("binary_motion") == {"on": False}
    await zoo.pass_(30)
    assert zoo.show("binary_motion") == {"on": True}
    await zoo.pass_(60)
    assert zoo.events[4].type == "two"
    assert zoo.show("climate")["current_temperature"] == 21.0
    assert zoo.show("climate")["activity"] == "idle"
    moved = {key for key in before if key.startswith("sensor_") and zoo.states[key] != before[key]}
    still = {"sensor_date", "sensor_monetary", "sensor_text", "sensor_unknown"}
    assert moved == {key for key in before if key.startswith("sensor_")} - still
    current: Any = zoo.show("humidifier")["current"], zoo.show("dehumidifier")["current"]
    assert current[0] > 45 > current[1]


async def test_much_time_at_once_is_one_state_for_each(zoo: Installed[Zoo]) -> None:
    seen = len(zoo.history)
    await zoo.pass_(1000)
    keys = [state.key for state in zoo.history[seen:]]
    assert "sensor_energy" in keys
    assert len(keys) == len({*keys})
    assert zoo.show("sensor_energy") == {"value": 10.0}
