"""A door with its lock: keypad, contact, bell, battery, and a bolt that locks by itself."""

from collections.abc import Mapping
from hmac import compare_digest
from itertools import cycle

from secure_pair_protocol.model.access import LockPosition
from secure_pair_protocol.model.base import Category
from secure_pair_protocol.model.reporting import EventSource
from secure_pair_protocol.model.values import (
    BinarySensor,
    Number,
    NumberMode,
    Sensor,
    StateClass,
)
from secure_pair_protocol.secret import Secret

from ..entity import Done, Ending, Failed
from ..lock import DoorLock
from .appliance import Appliance
from .pace import Pace
from .parts import Contact, Dial, Notice, Reading

MOTIONS_PER_PERCENT = 50
"""How often the bolt moves for one percent of its battery."""

_MOVING = {
    LockPosition.LOCKED: LockPosition.LOCKING,
    LockPosition.UNLOCKED: LockPosition.UNLOCKING,
}


def battery(key: str = "battery", device: str | None = None) -> Reading:
    """Return a lock's battery, full."""
    return Reading(
        Sensor(
            key=key,
            device=device,
            device_class="battery",
            unit="%",
            state_class=StateClass.MEASUREMENT,
            category=Category.DIAGNOSTIC,
        ),
        100,
    )


class Door(Appliance):
    """A door and its lock. What people do at the door itself are its methods."""

    def __init__(
        self,
        *,
        latch: bool = False,
        code: str | None = None,
        users: Mapping[str, str] | None = None,
    ) -> None:
        """`code`: the digits that each command needs; `users`: name to digits at the keypad."""
        self.lock = DoorLock(latch=latch, code=code)
        self.battery = battery()
        self.contact = Contact(BinarySensor(key="door", device_class="door"))
        self.tamper = Notice(
            EventSource(key="tamper", translation_key="tamper", types=("opened", "shaken"))
        )
        self.keypad = Notice(
            EventSource(key="keypad", translation_key="keypad", types=("accepted", "refused"))
        )
        self.doorbell = Notice(
            EventSource(key="doorbell", device_class="doorbell", types=("ring",))
        )
        self.auto_lock_delay = Dial(
            Number(
                key="auto_lock_delay",
                translation_key="auto_lock_delay",
                device_class="duration",
                category=Category.CONFIG,
                minimum=0,
                maximum=600,
                step=5,
                unit="s",
                mode=NumberMode.BOX,
            ),
            0,
        )
        self._users = {name: Secret(digits.encode()) for name, digits in (users or {}).items()}
        self._comers = cycle(self._users.values())
        self._unlocked_for = 0
        """Seconds that the bolt is back and the door is closed."""
        self._turning: tuple[LockPosition, str] | None = None
        """Where the lock's own motor is about to move the bolt, and for whom."""
        self._motions = 0
        super().__init__(
            Pace(),
            (
                self.lock,
                self.battery,
                self.contact,
                self.tamper,
                self.keypad,
                self.doorbell,
                self.auto_lock_delay,
            ),
        )

        at_the_keypad = (self.mistype, self.come_home) if self._users else ()
        self.happenings = (
            self.ring,
            *at_the_keypad,
            self.open,
            self.close,
            self.get_stuck,
            self.pull_free,
            self.break_open,
        )

    # What happens at the door

    def open(self) -> bool:
        """Push the door open, if the bolt lets somebody."""
        if self.lock.position not in {LockPosition.UNLOCKED, LockPosition.OPEN}:
            return False
        self.contact.sense(on=True)
        return True

    def close(self) -> None:
        """Push the door to."""
        self.contact.sense(on=False)

    def ring(self) -> None:
        """Press the doorbell."""
        self.doorbell.happen("ring")

    def break_open(self) -> None:
        """Take the lock's cover off."""
        self.tamper.happen("opened")

    def type_code(self, digits: str) -> Ending:
        """Type a user's code at the keypad: the bolt moves back."""
        for name, code in self._users.items():
            if compare_digest(code.reveal(), digits.encode()):
                self.keypad.happen("accepted", user=name)
                self._turn(LockPosition.UNLOCKED, name)
                return Done()
        self.keypad.happen("refused")
        return Failed("wrong_code", "This is not the code.")

    def mistype(self) -> None:
        """Type a code that nobody has."""
        longest = max((len(code.reveal()) for code in self._users.values()), default=0)
        self.type_code("0" * (longest + 1))

    def come_home(self) -> None:
        """Type the code of the user whose turn it is."""
        self.type_code(next(self._comers).reveal().decode())

    def get_stuck(self) -> None:
        """Turn the key: the bolt jams on its way."""
        self.lock.jam = True
        locked = self.lock.position is LockPosition.LOCKED
        self._turn(LockPosition.UNLOCKED if locked else LockPosition.LOCKED, "key")

    def pull_free(self) -> None:
        """Work the key until the bolt comes free, and lock the door."""
        self.lock.jam = False
        self._turn(LockPosition.LOCKED, "key")

    # What it does by itself

    def step(self) -> None:
        """Move the bolt, or wait for the moment to lock."""
        if self._turning is not None:
            self._arrive(*self._turning)
        elif self.lock.position is LockPosition.UNLOCKED and not self.contact.on:
            self._unlocked_for += 1
            if 0 < self.auto_lock_delay.value <= self._unlocked_for:
                self._turn(LockPosition.LOCKED, "auto_lock")
        else:
            self._unlocked_for = 0

    def show(self) -> None:
        """Show how much the bolt has taken of the battery."""
        motions = self.lock.motions + self._motions
        self.battery.read(max(0, 100 - motions // MOTIONS_PER_PERCENT))

    def _turn(self, target: LockPosition, by: str) -> None:
        """Set off by itself; the bolt takes a second."""
        self._unlocked_for = 0
        if self.lock.position is not target:
            self._motions += 1
            self._turning = target, by
            self.lock.turn_by_hand(_MOVING[target], by)

    def _arrive(self, target: LockPosition, by: str) -> None:
        self._turning = None
        # A command that has come meanwhile decides where the bolt goes.
        if self.lock.position is _MOVING[target]:
            self.lock.turn_by_hand(LockPosition.JAMMED if self.lock.jam else target, by)
