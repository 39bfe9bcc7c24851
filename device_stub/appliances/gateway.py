"""A gateway: locks behind it, and sockets that are parts of it."""

from collections.abc import Iterable

from msgspec.structs import replace

from secure_pair_protocol.envelope import FurtherDevice
from secure_pair_protocol.model.base import Category
from secure_pair_protocol.model.switching import Button, Switch
from secure_pair_protocol.model.values import Sensor, StateClass

from ..entity import AnyEntity, Done, Ending, Failed
from ..lock import DoorLock
from .appliance import Appliance
from .door import MOTIONS_PER_PERCENT, battery
from .pace import Pace
from .parts import OnOff, PushButton, Reading

LOCKS = 3
LOCK_LIMIT = 16
SOCKETS = 4

_ROOMS = ("Front door", "Back door", "Garage")
_SOCKET_WATTS = 60


class FarLock(DoorLock):
    """A lock behind a gateway."""

    def __init__(self, device: str) -> None:
        """Belong to this further device."""
        super().__init__(key=f"{device}_lock")
        self.entity = replace(self.entity, device=device)


class Socket:
    """One socket of the strip: a part of the gateway."""

    def __init__(self, number: int) -> None:
        """Begin switched off."""
        key = f"socket_{number}"
        self.device = FurtherDevice(key=key, part=True, name=f"Socket {number}")
        self.switch = OnOff(
            Switch(key=f"{key}_switch", device=key, device_class="outlet"), self._supply
        )
        self.power = Reading(
            Sensor(
                key=f"{key}_power",
                device=key,
                device_class="power",
                unit="W",
                state_class=StateClass.MEASUREMENT,
            ),
            0,
        )

    def _supply(self, on: bool) -> Ending:
        self.power.read(_SOCKET_WATTS if on else 0)
        return Done()


class Gateway(Appliance):
    """A virtual gateway; locks may be paired with it and removed while it runs."""

    def __init__(self) -> None:
        self.locks: dict[str, FarLock] = {}
        """By the keys of their further devices."""
        self._batteries: dict[str, Reading] = {}
        self.sockets = [Socket(number) for number in range(1, SOCKETS + 1)]
        self.pair_button = PushButton(
            Button(key="permit_join", translation_key="permit_join", category=Category.CONFIG),
            self._pair,
        )
        self._paired = 0
        """How many locks it has ever seen: a key is never used again."""
        self._strip = (
            self.pair_button,
            *(part for socket in self.sockets for part in (socket.switch, socket.power)),
        )
        super().__init__(Pace(), self._strip, [socket.device for socket in self.sockets])
        for _ in range(LOCKS):
            self.pair_another()
        self.happenings = self._pair, self._remove_last

    def pair_another(self, name: str | None = None) -> str:
        """Take one more lock in; return the key of its further device."""
        self._paired += 1
        key = f"lock_{self._paired}"
        if name is None:
            known = self._paired <= len(_ROOMS)
            name = _ROOMS[self._paired - 1] if known else f"Lock {self._paired}"
        lock, charge = FarLock(key), battery(f"{key}_battery", key)
        lock.set_speed(self.pace.speed)
        self.locks[key], self._batteries[key] = lock, charge
        self.further_devices += (
            FurtherDevice(
                key=key,
                name=name,
                model="Virtual door lock",
                manufacturer="Secure Pair",
                firmware="virtual",
                serial=f"far-{self._paired}",
            ),
        )
        self._rebuild(added=(lock, charge))
        return key

    def remove(self, key: str) -> None:
        """Let a lock go; raises KeyError."""
        gone = self.locks.pop(key), self._batteries.pop(key)
        self.further_devices = tuple(device for device in self.further_devices if device.key != key)
        self._rebuild(removed=gone)

    def show(self) -> None:
        """Show how much the bolts have taken of their batteries."""
        for key, lock in self.locks.items():
            self._batteries[key].read(max(0, 100 - lock.motions // MOTIONS_PER_PERCENT))

    def _rebuild(
        self, *, added: Iterable[AnyEntity] = (), removed: Iterable[AnyEntity] = ()
    ) -> None:
        self.entities = (*self._strip, *self.locks.values(), *self._batteries.values())
        if (device := self.device) is None:
            return
        device.further_devices = self.further_devices
        if keys := [entity.entity.key for entity in removed]:
            device.remove(*keys)
        else:
            device.add(*added)

    def _remove_last(self) -> None:
        if self.locks:
            self.remove(next(reversed(self.locks)))

    def _pair(self) -> Ending:
        if len(self.locks) >= LOCK_LIMIT:
            return Failed("full", f"A gateway has at most {LOCK_LIMIT} locks.")
        self.pair_another()
        return Done()
