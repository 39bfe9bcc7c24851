"""States that a device pushes, into Home Assistant's state machine."""

from time import perf_counter
from typing import Any

from aioesphomeapi import api_pb2
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_component import DATA_INSTANCES

from custom_components.secure_pair.const import DOMAIN
from device_stub.appliances.parts import Reading
from device_stub.device import Device
from device_stub.live import LiveConnection
from secure_pair_protocol import envelope
from secure_pair_protocol.model.values import Sensor, SensorState

from .esphome import ESPHOME, EspHome, running_esphome
from .house import add_esphome, add_secure_pair, home_assistant, set_up, until
from .measuring import Effort, Row, Sample, in_turns
from .plug import running_plug

TIMES = 1000
KEY = 2
"""Of ESPHome's sensor."""

READ_SIZE = 64 * 1024
"""What comes at a time from a socket that has as much."""


async def measure(effort: Effort) -> list[Row]:
    """Push a sensor's readings as fast as they are taken."""
    reading = Reading(Sensor(key="sensor", name="Sensor"), 0)
    theirs = api_pb2.ListEntitiesSensorResponse(object_id="sensor", key=KEY, name="Sensor")
    async with (
        running_plug(reading) as plug,
        running_esphome((theirs, _esphome_state(0))) as esphome,
        home_assistant() as hass,
    ):
        device_id = plug.device.data.device_id
        entry = await add_secure_pair(hass, device_id, plug.server.port, plug.session)
        await set_up(hass, DOMAIN)
        entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"{device_id}_sensor")
        assert entity_id is not None
        await until(lambda: hass.states.get(entity_id))
        esphome_entry = add_esphome(hass, esphome)
        await set_up(hass, ESPHOME)
        pushed = _pushed(hass, entry.runtime_data, plug.device, reading, entity_id)
        rows = [
            await in_turns(
                "state pushed into the state machine",
                pushed,
                {
                    "hass.states.async_set": _set(hass, entity_id),
                },
                counts="a sensor's new reading, from the bytes of its record to the state"
                " machine: opened, decoded, validated, written by its entity",
                unit="µs",
                aim=0.5,
                effort=effort,
                rounds=40,
            ),
            await in_turns(
                "the same, beside the entity's own writing",
                pushed,
                {"async_write_ha_state": _written(hass, entity_id)},
                counts="Home Assistant's own part of the above: an entity that writes its state,"
                " which every integration has to do",
                unit="µs",
                aim=None,
                effort=effort,
                rounds=40,
            ),
            await in_turns(
                "the same, beside ESPHome's integration",
                pushed,
                {"ESPHome": await _esphome(hass, esphome, esphome_entry)},
                counts="a sensor's new reading, from the bytes of its frame to the state machine:"
                " opened by ESPHome's Noise, decoded, written by its entity; what an integration"
                " can reach",
                unit="µs",
                aim=None,
                effort=effort,
                rounds=40,
            ),
        ]
        for each in (entry, esphome_entry):
            await hass.config_entries.async_unload(each.entry_id)
        return rows


def _pushed(
    hass: HomeAssistant, coordinator: object, device: Device, reading: Reading, entity_id: str
) -> Sample:
    connection = coordinator.keeper.link._connection  # type: ignore[attr-defined]  # noqa: SLF001
    (live,) = device.live
    assert isinstance(live, LiveConnection)
    value = 0

    async def sample() -> float:
        nonlocal value
        records = []
        for _ in range(TIMES):
            value += 1
            reading.state = SensorState(key="sensor", value=value)
            states = envelope.encode(device.states(["sensor"]))
            records.append(live._channel.seal(states))  # noqa: SLF001
        spent = _feed(connection, records)
        state = hass.states.get(entity_id)
        assert state is not None
        assert state.state == str(value)
        return spent * 1e6 / TIMES

    return sample


async def _esphome(hass: HomeAssistant, device: EspHome, entry: ConfigEntry) -> Sample:
    registry = er.async_get(hass)

    def sensors() -> list[str]:
        return [
            found.entity_id
            for found in er.async_entries_for_config_entry(registry, entry.entry_id)
            if found.domain == "sensor" and hass.states.get(found.entity_id)
        ]

    await until(sensors)
    (entity_id,) = sensors()
    client = entry.runtime_data.client._connection._frame_helper  # noqa: SLF001
    (connection,) = device.connections
    value = 0

    async def sample() -> float:
        nonlocal value
        frames = []
        for _ in range(TIMES):
            value += 1
            frames.append(connection.seal(_esphome_state(value)))
        spent = _feed(client, frames)
        state = hass.states.get(entity_id)
        assert state is not None
        assert float(state.state) == value
        return spent * 1e6 / TIMES

    return sample


def _esphome_state(value: float) -> Any:
    return api_pb2.SensorStateResponse(key=KEY, state=value)


def _feed(connection: Any, records: list[bytes]) -> float:
    """Hand all to a connection, as from a socket that has as much; return the seconds."""
    stream = b"".join(records)
    start = perf_counter()
    for place in range(0, len(stream), READ_SIZE):
        connection.data_received(stream[place : place + READ_SIZE])
    return perf_counter() - start


def _set(hass: HomeAssistant, entity_id: str) -> Sample:
    state = hass.states.get(entity_id)
    assert state is not None
    attributes = dict(state.attributes)
    value = 0

    async def sample() -> float:
        nonlocal value
        start = perf_counter()
        for _ in range(TIMES):
            value += 1
            hass.states.async_set("sensor.bare", str(value), attributes)
        return (perf_counter() - start) * 1e6 / TIMES

    return sample


def _written(hass: HomeAssistant, entity_id: str) -> Sample:
    entity = hass.data[DATA_INSTANCES]["sensor"].get_entity(entity_id)
    assert entity is not None
    value = 0

    async def sample() -> float:
        nonlocal value
        start = perf_counter()
        for _ in range(TIMES):
            value += 1
            entity._attr_native_value = value  # type: ignore[attr-defined]  # noqa: SLF001
            entity.async_write_ha_state()
        return (perf_counter() - start) * 1e6 / TIMES

    return sample
