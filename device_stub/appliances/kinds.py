"""Which appliances there are: what a maker calls each, and how one is built."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from .appliance import Appliance
from .camera import Surveillance
from .door import Door
from .gateway import Gateway
from .washing_machine import WashingMachine
from .water_heater import WaterHeating
from .zoo import Zoo


class KindName(StrEnum):
    """What a user writes."""

    LOCK = "lock"
    CAMERA = "camera"
    WASHING_MACHINE = "washing-machine"
    WATER_HEATER = "water-heater"
    GATEWAY = "gateway"
    ZOO = "zoo"


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of appliance."""

    model: str
    """What its label says."""
    does: str
    """A sentence of help."""
    make: Callable[[], Appliance]


KINDS = {
    KindName.LOCK: Kind("Virtual door lock", "Run a virtual door lock.", Door),
    KindName.CAMERA: Kind("Virtual camera", "Run a virtual camera.", Surveillance),
    KindName.WASHING_MACHINE: Kind(
        "Virtual washing machine", "Run a virtual washing machine.", WashingMachine
    ),
    KindName.WATER_HEATER: Kind(
        "Virtual water heater", "Run a virtual water heater.", WaterHeating
    ),
    KindName.GATEWAY: Kind(
        "Virtual gateway", "Run a virtual gateway with three locks and four sockets.", Gateway
    ),
    KindName.ZOO: Kind("Virtual zoo", "Run one device with every kind of entity.", Zoo),
}
