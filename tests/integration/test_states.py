"""What a device says: each entity for itself, and what is wrong costs only itself."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any, override

import msgspec
import pytest
from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.unit_system import US_CUSTOMARY_SYSTEM

from device_stub.appliances.pace import Pace
from device_stub.appliances.parts import Choice, Contact, Line, Notice, OnOff, Reading
from device_stub.appliances.siren import VirtualSiren
from device_stub.appliances.zoo import Zoo
from device_stub.appliances.zoo.update import VirtualUpdate
from device_stub.entity import Ending
from secure_pair_protocol.model.reporting import EventSource, Update, UpdateAction
from secure_pair_protocol.model.switching import Siren, Switch
from secure_pair_protocol.model.values import BinarySensor, Select, Sensor, TextInput
from secure_pair_protocol.negotiation import Session

from .conftest import Install, InstallAppliance
from .home import Home
from .logs import complaints
from .odd import OddDevice


async def works(home: Home) -> None:
    """Show that what is right still works, in both directions."""
    device = home.device
    assert isinstance(device, OddDevice)
    before = home.state("switch")
    await home.call("switch.toggle", "switch")
    assert home.state("switch") != before
    device.contact.sense(on=not device.contact.on)
    await home.settle()
    assert home.state("contact") == ("on" if device.contact.on else "off")


def odd(home: Home) -> OddDevice:
    assert isinstance(home.device, OddDevice)
    return home.device


def entities_of(home: Home) -> set[str]:
    """Return the keys of the device's entities in Home Assistant."""
    return set(home.coordinator._bound)


GOOD = {"switch", "number", "contact"}

ODD_ENTITIES: list[tuple[object, str]] = [
    ({"kind": "teleporter", "key": "x_kind"}, "unknown_kind: x_kind is a 'teleporter'"),
    # It contradicts itself.
    (
        {"kind": "number", "key": "x_range", "minimum": 9, "maximum": 1},
        "x_range: malformed: the range begins at 9.0 and ends at 1.0",
    ),
    (
        {"kind": "number", "key": "x_step", "minimum": 0, "maximum": 1, "step": 2},
        "x_step: malformed: steps of 2.0 from 0.0 to 1.0",
    ),
    ({"kind": "switch", "key": "switch"}, "switch is there twice"),
    ({"kind": "switch", "key": "x_place", "device": "nowhere"}, "x_place is of an unknown device"),
    ({"kind": "select", "key": "x_twice", "options": ["a", "a"]}, "an option is there twice"),
    ({"kind": "lock", "key": "x_code", "code_format": "(a+)+"}, "'(a+)+' is more than characters"),
    ({"kind": "text", "key": "x_pattern", "pattern": "[z-a]"}, "'[z-a]': bad character range"),
    (
        {"kind": "event", "key": "x_bell", "device_class": "doorbell", "types": ["clang"]},
        "entity x_bell is left out: a doorbell that does not ring",
    ),
    (
        {"kind": "light", "key": "x_white", "color_modes": ["white"]},
        "entity x_white is left out: white goes with a colour only",
    ),
    # Home Assistant has no such thing.
    *(
        (
            {"kind": kind, "key": f"x_{kind}", "device_class": "teapot", **more},
            f"entity x_{kind} is left out: 'teapot' is not a valid ",
        )
        for kind, more in (
            ("binary_sensor", {}),
            ("button", {}),
            ("cover", {}),
            ("event", {"types": ["a"]}),
            ("humidifier", {}),
            ("number", {"minimum": 0, "maximum": 1}),
            ("sensor", {}),
            ("switch", {}),
            ("update", {}),
            ("valve", {}),
        )
    ),
    (
        {"kind": "sensor", "key": "x_unit", "device_class": "temperature", "unit": "parsec"},
        "entity x_unit is left out: 'parsec' is no unit of temperature",
    ),
    (
        {
            "kind": "number",
            "key": "x_number_unit",
            "device_class": "power",
            "unit": "parsec",
            "minimum": 0,
            "maximum": 1,
        },
        "entity x_number_unit is left out: 'parsec' is no unit of power",
    ),
    (
        {"kind": "sensor", "key": "x_angle", "unit": "W", "state_class": "measurement_angle"},
        "entity x_angle is left out: 'W' is no unit of measurement_angle",
    ),
    (
        {
            "kind": "sensor",
            "key": "x_class",
            "device_class": "energy",
            "unit": "kWh",
            "state_class": "measurement",
        },
        "entity x_class is left out: measurement is no state class of energy",
    ),
    (
        {"kind": "sensor", "key": "x_date", "device_class": "date", "unit": "d"},
        "entity x_date is left out: a date has neither unit nor precision",
    ),
    (
        {"kind": "sensor", "key": "x_words", "device_class": "power", "options": ["a"]},
        "entity x_words is left out: a power has no options",
    ),
    (
        {"kind": "sensor", "key": "x_config", "category": "config"},
        "entity x_config is left out: a sensor configures nothing",
    ),
    (
        {"kind": "binary_sensor", "key": "x_setting", "category": "config"},
        "entity x_setting is left out: a binary sensor configures nothing",
    ),
    # It is no description at all.
    ({"kind": "switch", "key": "Not A Key"}, "matching regex"),
    ({"kind": "switch"}, "missing required field `key`"),
    ({"kind": "switch", "key": "x_name", "name": 7}, "x_name: malformed: Expected `str | null`"),
    ("a switch", "Expected `object`, got `str`"),
]


def _key_of(case: tuple[object, str]) -> str | None:
    entity, _ = case
    key = entity.get("key") if isinstance(entity, dict) else None
    return key if isinstance(key, str) and key.startswith("x_") else None


async def test_descriptions_that_make_no_sense(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    def make(*made: Any) -> OddDevice:
        device = OddDevice(*made)
        device.odd_entities = [entity for entity, _ in ODD_ENTITIES]
        # A device tells the states of all that it has, and its events.
        device.odd_states = [{"key": key} for key in odd_keys if key not in stateless]
        device.odd_devices = [
            {"key": "far", "name": "Far"},
            {"key": "far", "name": "Far again"},
            {"key": "nameless"},
        ]
        return device

    odd_keys = [key for key in map(_key_of, ODD_ENTITIES) if key is not None]
    assert len(odd_keys) > 25
    stateless = {"x_bell", "x_event", "x_button"}
    home = await install(make)
    # However often it is said.
    for key in ("x_kind", *stateless):
        odd(home).tell({"key": key, "type": "ring"})
    home.device.describe()
    await home.settle()
    await home.cut()
    await home.back()
    assert entities_of(home) == GOOD
    said = complaints(caplog)
    for entity, why in ODD_ENTITIES:
        assert len([line for line in said if why in line]) == 1, (entity, why, said)
    assert len([line for line in said if "a further device is left out" in line]) == 2
    assert len(said) == len(ODD_ENTITIES) + 2
    await works(home)


class Beside:
    """Entities whose states may be wrong."""

    def __init__(self) -> None:
        self.select = Choice(Select(key="select", name="Select", options=("a", "b")), option="a")
        self.timestamp = Reading(
            Sensor(key="timestamp", name="Timestamp", device_class="timestamp"),
            "2026-06-01T12:00:00+00:00",
        )
        self.date = Reading(Sensor(key="date", name="Date", device_class="date"), "2026-06-01")
        self.power = Reading(Sensor(key="power", name="Power", device_class="power", unit="W"), 5)
        self.counter = Reading(Sensor(key="counter", name="Counter", precision=0), 5)
        self.text = Line(
            TextInput(key="text", name="Text", minimum=2, maximum=4, pattern="[A-Z]+"), "AB"
        )

    def make(self, *made: Any) -> OddDevice:
        return OddDevice(*made, *vars(self).values())


ODD_STATES: list[tuple[str, object, str]] = [
    ("number", {"value": "many"}, "Expected `float | null`, got `str`"),
    ("number", {"value": 100_001}, "100001.0 is not from 0.0 to 100000.0"),
    ("number", {"value": float("nan")}, "nan - at `$.value`"),
    ("select", {"option": "z"}, "'z' is none of the options"),
    ("switch", {"on": 1}, "Expected `bool | null`, got `int`"),
    ("timestamp", {"value": "2026-06-01T12:00:00"}, "it is no time with its offset"),
    ("timestamp", {"value": "soon"}, "a state of timestamp is left out: it is no time"),
    ("date", {"value": "tomorrow"}, "it is no date"),
    ("power", {"value": "much"}, "a word where a number is due"),
    ("counter", {"value": "several"}, "it is no number"),
    ("text", {"value": "A"}, "the text is too short, or does not match the pattern"),
    ("text", {"value": "ABCDE"}, "5 is not from 0 to 4"),
]


@pytest.mark.parametrize("times", [1, 3])
async def test_states_that_make_no_sense(
    install: Install, caplog: pytest.LogCaptureFixture, times: int
) -> None:
    beside = Beside()
    home = await install(beside.make)
    right = {key: home.state(key) for key, _, _ in ODD_STATES}
    assert "unknown" not in right.values()
    for key, odd_fields, _ in ODD_STATES:
        assert isinstance(odd_fields, dict)
        for _ in range(times):
            odd(home).say({"key": key, **odd_fields})
        await home.settle()
        # What was true before is not known to be any more.
        assert home.state(key) == "unknown"
        virtual = home.device.entities[key]
        virtual.publish(virtual)
        await home.settle()
        assert home.state(key) == right[key]
    said = complaints(caplog)
    for key, fields, why in ODD_STATES:
        lines = [line for line in said if why in line and f"a state of {key} is left" in line]
        assert len(lines) == 1, (key, fields, said)
    await works(home)


# Right for the device; but what Home Assistant computes of it, only when it writes, fails.
UNWRITABLE: dict[str, tuple[dict[str, object], dict[str, object], dict[str, object], str]] = {
    "time": (
        {"kind": "sensor", "device_class": "timestamp"},
        {"value": "9999-12-31T23:59:59-12:00"},
        {"value": "2026-06-01T12:00:00+00:00"},
        "2026-06-01T12:00:00+00:00",
    ),
    "wind": (
        {"kind": "sensor", "device_class": "wind_speed", "unit": "Beaufort"},
        {"value": -1},
        {"value": 0},
        "0.0",
    ),
    "heating": (
        {"kind": "climate", "modes": ["heat"], "minimum": 5, "maximum": 30},
        {"mode": "heat", "current_temperature": 1e308},
        {"mode": "heat", "current_temperature": 20},
        "heat",
    ),
    "boiler": (
        {"kind": "water_heater", "operations": ["eco"], "minimum": 5, "maximum": 60},
        {"operation": "eco", "current_temperature": -1e308},
        {"operation": "eco", "current_temperature": 20},
        "eco",
    ),
}


def unwritable(*made: Any) -> OddDevice:
    """A device that has these entities, and has said nothing of them yet."""
    device = OddDevice(*made)
    device.odd_entities = [
        {"key": key, "name": key.capitalize(), **described}
        for key, (described, *_) in UNWRITABLE.items()
    ]
    return device


@pytest.fixture
def in_fahrenheit(hass: HomeAssistant) -> None:
    """Have Home Assistant convert what devices measure."""
    hass.config.units = US_CUSTOMARY_SYSTEM


async def all_shown(home: Home, right: dict[str, str]) -> None:
    """Say what can be written, and see that it is shown."""
    for key, (_, _, state, _) in UNWRITABLE.items():
        odd(home).say({"key": key, **state})
    await home.settle()
    assert {key: home.state(key) for key in right} == right
    await works(home)


@pytest.mark.parametrize("key", UNWRITABLE)
async def test_states_that_cannot_be_written(
    install: Install, in_fahrenheit: None, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    home = await install(unwritable)
    link = home.coordinator.keeper.link
    right = {key: shown for key, (*_, shown) in UNWRITABLE.items()}
    await all_shown(home, right)
    for _ in range(3):
        odd(home).say({"key": key, **UNWRITABLE[key][1]}, {"key": "number", "value": 7})
    await home.settle()
    assert home.coordinator.keeper.link is link
    assert {key: home.state(key) for key in right} == {**right, key: "unknown"}
    assert home.state("number") == "7.0"
    (said,) = complaints(caplog)
    assert f"a state of {key} is left out" in said
    await all_shown(home, right)


async def test_entities_whose_first_state_cannot_be_written(
    install: Install, in_fahrenheit: None, caplog: pytest.LogCaptureFixture
) -> None:
    def make(*made: Any) -> OddDevice:
        device = unwritable(*made)
        device.odd_states = [{"key": key, **state} for key, (_, state, *_) in UNWRITABLE.items()]
        return device

    home = await install(make)
    assert entities_of(home) == {*GOOD, *UNWRITABLE}
    assert {home.state(key) for key in UNWRITABLE} == {"unknown"}
    assert len(complaints(caplog)) == len(UNWRITABLE)
    await all_shown(home, {key: shown for key, (*_, shown) in UNWRITABLE.items()})
    # Each time that it comes back.
    await home.cut()
    await home.back()
    assert {home.state(key) for key in UNWRITABLE} == {"unknown"}
    assert len(complaints(caplog)) == len(UNWRITABLE)


async def test_states_and_events_of_nobody(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    home = await install(OddDevice)
    for _ in range(3):
        odd(home).say(
            {"key": "nobody", "on": True}, {"on": True}, 7, {"key": "contact", "on": True}
        )
        for event in (
            {"key": "nobody", "type": "ring"},
            {"key": "switch", "type": "ring"},
            {"key": "switch"},
            "ring",
        ):
            odd(home).tell(event)
    await home.settle()
    assert home.state("contact") == "on"
    said = complaints(caplog)
    assert len([line for line in said if "there is no entity nobody" in line]) == 1
    assert len([line for line in said if "a state is left out" in line]) == 3
    assert len([line for line in said if "an event is left out" in line]) == 4
    assert len(said) == 7


async def test_burst_of_wrong_states(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    home = await install(OddDevice)
    device = odd(home)
    for _ in range(10_000):
        device.say({"key": "number", "value": "many"})
    device.contact.sense(on=True)
    await home.settle()
    assert home.state("contact") == "on"
    assert home.state("number") == "unknown"
    assert len(complaints(caplog)) == 1
    await works(home)


async def test_burst_of_different_wrong_states(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the log nor the memory grows with what a device makes up."""
    home = await install(OddDevice)
    for number in range(10_000):
        odd(home).say({"key": f"nobody_{number}"})
    await home.settle()
    assert 10 < len(complaints(caplog)) < 300
    assert len(home.coordinator.mirror._complaints) < 300
    await works(home)


async def test_burst_of_right_states(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    home = await install(OddDevice)
    device = odd(home)
    for number in range(10_000):
        device.say({"key": "number", "value": number})
    device.number.change(value=77)
    device.contact.sense(on=True)
    await home.settle()
    assert home.state("number") == "77.0"
    assert home.state("contact") == "on"
    assert not complaints(caplog)
    await works(home)


class Writes:
    """Counts what Home Assistant writes, changed or not."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.of = Counter[str]()
        for event_type in (EVENT_STATE_CHANGED, EVENT_STATE_REPORTED):
            hass.bus.async_listen(event_type, self._count, event_filter=callback(lambda _: True))

    @callback
    def _count(self, event: Event[Any]) -> None:
        self.of[event.data["entity_id"]] += 1


async def test_an_update_writes_only_its_own_entity(
    hass: HomeAssistant, install_appliance: InstallAppliance
) -> None:
    home = await install_appliance(Zoo(now=lambda: datetime(2026, 6, 1, tzinfo=UTC)))
    assert len(hass.states.async_all()) > 150
    zoo = home.device.entities
    writes = Writes(hass)
    contact, switch, number = zoo["binary"], zoo["switch"], zoo["number_box"]
    assert isinstance(contact, Contact)
    contact.sense(on=True)
    contact.sense(on=False)
    await home.call("switch.turn_on", "switch")
    await home.call("number.set_value", "number_box", value=3)
    assert (switch.state.on, number.state.value) == (True, 3)
    await home.settle()
    # Those about the session tell how long the sign of life took.
    described = {home.entity_id(key) for key in entities_of(home)}
    of_device = {
        entity_id: count for entity_id, count in writes.of.items() if entity_id in described
    }
    assert of_device == {
        home.entity_id("binary"): 2,
        home.entity_id("switch"): 1,
        home.entity_id("number_box"): 1,
    }


async def test_changes_on_both_sides_of_a_break(install: Install) -> None:
    home = await install(OddDevice)
    device = odd(home)
    device.number.change(value=1)
    await home.settle()
    device.contact.sense(on=True)
    await home.cut()
    assert {home.state(key) for key in GOOD} == {"unavailable"}
    device.number.change(value=2)
    device.contact.sense(on=False)
    device.remove("switch")
    device.add(OnOff(Switch(key="lamp", name="Lamp"), on=True))
    await home.relay.mend()
    await home.connected()
    device.contact.sense(on=True)
    await home.settle()
    assert (home.state("number"), home.state("contact"), home.state("lamp")) == ("2.0", "on", "on")
    assert home.find("switch") is None


async def test_nothing_known(
    install_appliance: InstallAppliance, caplog: pytest.LogCaptureFixture
) -> None:
    """A state may leave everything out: Home Assistant says "unknown", and nothing breaks."""
    home = await install_appliance(Zoo())
    for entity in home.device.entities.values():
        if entity.state is not None:
            entity.push(type(entity.state)(key=entity.entity.key))
    await home.settle()
    shown = {key: home.state(key) for key in entities_of(home)}
    kinds = {key: home.entity_id(key).split(".")[0] for key in shown}
    assert {kinds[key] for key, state in shown.items() if state != "unknown"} == {"camera"}
    assert not complaints(caplog)


async def test_described_anew(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    home = await install(OddDevice)
    device = odd(home)
    registered = home.entity_id("number")

    # A range: it is the same entity, and goes on.
    device.number.entity = type(device.number.entity)(
        key="number", name="Number", minimum=0, maximum=10
    )
    device.describe()
    await home.settle()
    assert home.show("number").attributes["max"] == 10

    # A name: Home Assistant has to add it anew, but it keeps its place in the registry.
    device.number.entity = type(device.number.entity)(
        key="number", name="Level", minimum=0, maximum=20
    )
    device.describe()
    await home.settle()
    assert home.entity_id("number") == registered
    assert home.show("number").attributes["friendly_name"] == "Virtual device Level"
    assert home.show("number").attributes["max"] == 20
    await home.call("number.set_value", "number", value=15)
    assert home.state("number") == "15.0"

    # What it is now is nothing that Home Assistant has.
    device.number.entity = type(device.number.entity)(
        key="number", name="Level", unit="parsec", device_class="power", minimum=0, maximum=20
    )
    device.describe()
    await home.settle()
    assert "number" not in entities_of(home)
    assert len(complaints(caplog)) == 1

    # And back.
    device.number.entity = type(device.number.entity)(
        key="number", name="Level", minimum=0, maximum=30
    )
    device.describe()
    await home.settle()
    assert home.show("number").attributes["max"] == 30
    await works(home)


async def test_another_kind_of_the_same_key(install: Install) -> None:
    home = await install(OddDevice)
    device = odd(home)
    device.remove("switch")
    device.add(Contact(BinarySensor(key="switch", name="Switch"), on=True))
    await home.settle()
    assert home.entity_id("switch") == "binary_sensor.virtual_device_switch"
    assert home.state("switch") == "on"
    assert home.hass.states.get("switch.virtual_device_switch") is None


@pytest.mark.parametrize("sense", [True, False])
async def test_registered_entities_of_a_device_that_was_away(
    hass: HomeAssistant, install: Install, sense: bool
) -> None:
    """What went, or became something else, is removed; what makes no sense keeps its place."""
    home = await install(OddDevice)
    device = odd(home)
    await hass.config_entries.async_unload(home.entry.entry_id)
    device.remove("switch", "contact")
    device.add(OnOff(Switch(key="contact", name="Contact")))
    if not sense:
        device.remove("number")
        device.odd_entities = [{"kind": "abacus", "key": "number"}]
    await hass.config_entries.async_setup(home.entry.entry_id)
    await hass.async_block_till_done()
    assert home.find("switch") is None
    assert hass.states.get("switch.virtual_device_switch") is None
    assert home.entity_id("contact") == "switch.virtual_device_contact"
    assert hass.states.get("binary_sensor.virtual_device_contact") is None
    assert home.entity_id("number") == "number.virtual_device_number"
    assert home.state("number") == ("5.0" if sense else "unavailable")


async def test_come_and_gone_at_once(
    hass: HomeAssistant, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    """Home Assistant takes its time to add an entity; meanwhile the device has gone on."""
    home = await install(OddDevice)
    device = odd(home)
    device.add(OnOff(Switch(key="brief", name="Brief")))
    device.remove("brief")
    device.add(OnOff(Switch(key="changed", name="Changed")))
    device.remove("changed")
    device.add(Contact(BinarySensor(key="changed", name="Changed"), on=True))
    device.add(OnOff(Switch(key="renamed", name="One")))
    for name in ("Two", "Three"):
        device.entities["renamed"].entity = Switch(key="renamed", name=name)
        device.describe()
    device.add(OnOff(Switch(key="ghost", name="Ghost")))
    device.remove("ghost")
    await home.settle()
    assert home.find("ghost") is None
    assert hass.states.get("switch.virtual_device_ghost") is None
    assert home.find("brief") is None
    assert hass.states.get("switch.virtual_device_brief") is None
    assert home.entity_id("changed") == "binary_sensor.virtual_device_changed"
    assert hass.states.get("switch.virtual_device_changed") is None
    assert home.state("changed") == "on"
    assert home.show("renamed").attributes["friendly_name"] == "Virtual device Three"
    await home.call("switch.turn_on", "renamed")
    assert home.state("renamed") == "on"
    assert entities_of(home) == {*GOOD, "changed", "renamed"}
    assert not complaints(caplog)


async def test_renamed_twice_at_once(install: Install) -> None:
    home = await install(OddDevice)
    device = odd(home)
    for name in ("Two", "Three"):
        device.switch.entity = Switch(key="switch", name=name)
        device.describe()
    await home.settle()
    assert home.show("switch").attributes["friendly_name"] == "Virtual device Three"
    await home.call("switch.turn_on", "switch")
    assert home.state("switch") == "on"


async def test_described_anew_with_nonsense(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    home = await install(OddDevice)
    device = odd(home)
    sensor = Sensor(key="power", name="Power", device_class="power", unit="W")
    device.add(Reading(sensor, 5))
    await home.settle()
    assert home.state("power") == "5"
    device.entities["power"].entity = msgspec.structs.replace(sensor, unit="°C")
    device.describe()
    await home.settle()
    assert "power" not in entities_of(home)
    assert home.state("power") == "unavailable"
    assert len(complaints(caplog)) == 1
    device.entities["power"].entity = sensor
    device.describe()
    await home.settle()
    assert home.state("power") == "5"
    await works(home)


async def test_described_anew_so_that_nothing_can_be_written(
    install: Install, in_fahrenheit: None, caplog: pytest.LogCaptureFixture
) -> None:
    home = await install(OddDevice)
    device = odd(home)
    heating = {"kind": "climate", "key": "heating", "modes": ["heat"], "maximum": 30}
    link = home.coordinator.keeper.link
    for minimum, shown in ((5, "unknown"), (-1e308, "unavailable"), (5, "unknown")):
        device.odd_entities = [{**heating, "minimum": minimum}]
        device.describe()
        await home.settle()
        assert home.coordinator.keeper.link is link
        assert home.state("heating") == shown
    (said,) = complaints(caplog)
    assert "entity heating is left out" in said
    await works(home)


class Everlasting(OddDevice):
    """It has a session whose end lies beyond all dates."""

    @override
    def remaining(self, session: Session) -> int:
        return 2**63


async def test_session_that_lasts_longer_than_there_are_dates(install: Install) -> None:
    home = await install(Everlasting)
    expires = home.hass.states.get("sensor.virtual_device_session_key_expires")
    assert expires is not None
    assert expires.state == "unknown"
    await works(home)


async def test_standard_name_of_a_later_version(install: Install) -> None:
    home = await install(
        lambda data, store: OddDevice(
            data, store, OnOff(Switch(key="flux", translation_key="flux_capacitor"))
        )
    )
    assert home.show("flux").attributes["friendly_name"] == "Virtual device Flux capacitor"


async def test_attributes_of_an_event(install: Install) -> None:
    """They stand beside Home Assistant's own, and take the place of none."""
    source = Notice(EventSource(key="bell", name="Bell", device_class="doorbell", types=("ring",)))
    home = await install(lambda data, store: OddDevice(data, store, source))
    source.happen("ring", loud=True, friendly_name="Mallory", event_type="other", device_class="x")
    await home.settle()
    attributes = home.show("bell").attributes
    assert attributes["loud"] is True
    assert attributes["event_type"] == "ring"
    assert attributes["friendly_name"] == "Virtual device Bell"
    assert attributes["device_class"] == "doorbell"


async def test_tones_with_numbers_for_names(install: Install) -> None:
    """Home Assistant's action makes a number of "1"; the device wants its own word."""
    siren = VirtualSiren(Siren(key="siren", name="Siren", tones=("1", "02", "alarm")))
    home = await install(lambda data, store: OddDevice(data, store, siren))
    for tone in ("1", "alarm"):
        await home.call("siren.turn_on", "siren", tone=tone)
        assert siren.tone == tone


class RestartingUpdate(VirtualUpdate):
    """Firmware that ends with a restart; nobody is told what became of the command."""

    def __init__(self) -> None:
        super().__init__(Update(key="update", name="Firmware", progress=True), Pace())
        self.begun = asyncio.Event()

    @override
    async def carry_out(self, action: UpdateAction, by: str) -> Ending:
        self.change(in_progress=True, percentage=50)
        self.begun.set()
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize("succeeds", [True, False])
async def test_update_that_ends_with_a_restart(install: Install, succeeds: bool) -> None:
    update = RestartingUpdate()
    home = await install(lambda data, store: OddDevice(data, store, update))
    task = asyncio.create_task(home.call("update.install", "update"))
    await update.begun.wait()
    await home.heard()
    assert home.show("update").attributes["in_progress"] is True
    assert home.show("update").attributes["update_percentage"] == 50
    await home.relay.cut()
    installed = "2.0.0" if succeeds else "1.0.0"
    await home.server.restart()
    update.change(in_progress=False, percentage=None, installed=installed)
    await home.back()
    if succeeds:
        await task
    else:
        with pytest.raises(HomeAssistantError) as caught:
            await task
        assert caught.value.translation_key == "command_restarted"
    assert home.state("update") == ("off" if succeeds else "on")
    assert home.show("update").attributes["in_progress"] is False
