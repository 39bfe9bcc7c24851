"""A virtual entity: one thing that a device shows or can do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from secure_pair_protocol.model import Action, Entity, Event, State


@dataclass(frozen=True, slots=True)
class Done:
    """The state that the action names is reached."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It was tried and did not work."""

    code: str
    """A key for a translated text."""
    text: str | None = None
    """The device's own words."""


type Ending = Done | Failed
type AnyEntity = VirtualEntity[Any, Any, Any]


def ignore(_: object) -> None:
    """Hear of a new state or an event while the entity is in no device."""


class VirtualEntity[E: Entity, S: State | None, A: Action]:
    """What a device is made of; docs/protocol.md, section 8, has the structs of each kind."""

    def __init__(self, entity: E, state: S) -> None:
        """Begin in this state; None for a kind that has none. Raises ValueError."""
        if state is not None and entity.key != state.key:
            raise ValueError(f"{state.key!r} is not the key {entity.key!r}")
        self.entity = entity
        self.state = state
        self.publish: Callable[[AnyEntity], None] = ignore
        """Set by the device: sends the state to all of its terminals."""
        self.tell: Callable[[Event], None] = ignore
        """Set by the device: tells all of its terminals of an event."""

    def push(self, state: S) -> None:
        """Show a new state to all connected terminals."""
        self.state = state
        self.publish(self)

    def happen(self, kind: str, **attributes: str | float | bool | None) -> None:
        """Tell all connected terminals that something happened."""
        self.tell(Event(key=self.entity.key, type=kind, attributes=attributes))

    def max_age(self, action: A) -> int:
        """Return the milliseconds after which the action is not carried out any more."""
        return self.entity.age_limit(action)

    def interrupts(self, action: A) -> bool:
        """Tell whether the action does not wait for those before it: a stop."""
        return False

    async def carry_out(self, action: A, by: str) -> Ending:
        """Reach the state that the action names, pushing what changes on the way.

        `by` names the terminal. Cancelled when the device loses its power, or when an
        action that interrupts comes.
        """
        return Failed("not_supported")

    def picture(self) -> tuple[str, bytes] | None:
        """Return content type and data of a picture, if it has one at the moment."""
        return None

    def identify(self) -> None:
        """Show that it is this one, for a moment; most entities can not."""
