"""A device that may say anything."""

from typing import override

import msgspec
from msgspec import Raw, structs

from device_stub.appliances.parts import Contact, Dial, OnOff
from device_stub.device import Device
from device_stub.entity import AnyEntity
from device_stub.factory import FactoryData
from device_stub.store import Store
from secure_pair_protocol.envelope import Description, Event, States
from secure_pair_protocol.model.switching import Switch
from secure_pair_protocol.model.values import BinarySensor, Number


def raw(value: object) -> Raw:
    """Return anything as it goes on the wire."""
    return Raw(msgspec.msgpack.encode(value))


class OddDevice(Device):
    """A well-behaved switch, number and contact; and whatever a test adds to what it says."""

    def __init__(self, data: FactoryData, store: Store, *more: AnyEntity) -> None:
        self.switch = OnOff(Switch(key="switch", name="Switch"))
        self.number = Dial(Number(key="number", name="Number", minimum=0, maximum=100_000), 5)
        self.contact = Contact(BinarySensor(key="contact", name="Contact"))
        super().__init__(data, [self.switch, self.number, self.contact, *more], store)
        self.odd_entities: list[object] = []
        self.odd_devices: list[object] = []
        self.odd_states: list[object] = []

    @override
    def description(self) -> Description:
        said = super().description()
        return structs.replace(
            said,
            entities=(*said.entities, *map(raw, self.odd_entities)),
            devices=(*said.devices, *map(raw, self.odd_devices)),
        )

    @override
    def full_states(self) -> States:
        said = super().full_states()
        return structs.replace(said, states=(*said.states, *map(raw, self.odd_states)))

    def say(self, *states: object) -> None:
        """Send states, right or wrong, as they are."""
        for live in self.live:
            live.send(States(self.up, full=False, states=tuple(map(raw, states))))

    def tell(self, event: object) -> None:
        """Send an event, right or wrong."""
        for live in self.live:
            live.send(Event(self.up, raw(event)))
