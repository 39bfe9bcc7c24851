"""Buttons, switches and sirens of the zoo."""

from collections.abc import Iterator

from secure_pair_protocol.model.base import Category
from secure_pair_protocol.model.switching import Button, Siren, Switch
from secure_pair_protocol.model.values import Sensor, StateClass

from ...entity import AnyEntity, Done, Ending
from ..parts import OnOff, PushButton, Reading
from ..siren import VirtualSiren


def switching_of() -> Iterator[AnyEntity]:
    """Yield one of each sort, and a sensor that counts the buttons' presses."""
    for device_class in (None, "outlet", "switch"):
        key = f"switch_{device_class}" if device_class else "switch"
        yield OnOff(
            Switch(key=key, name=key.replace("_", " ").capitalize(), device_class=device_class)
        )
    yield VirtualSiren(Siren(key="siren", name="Siren"))
    yield VirtualSiren(
        Siren(
            key="siren_with_tones",
            name="Siren with tones",
            tones=("alarm", "fire", "chime"),
            duration=True,
            volume=True,
        )
    )
    yield from _buttons()


def _buttons() -> Iterator[AnyEntity]:
    presses = Reading(
        Sensor(key="presses", name="Presses", state_class=StateClass.TOTAL_INCREASING), 0
    )

    def press() -> Ending:
        count = presses.state.value
        presses.read(count + 1 if isinstance(count, int) else 1)
        return Done()

    yield presses
    for device_class, category in (
        (None, None),
        ("identify", Category.DIAGNOSTIC),
        ("restart", Category.CONFIG),
        ("update", Category.CONFIG),
    ):
        key = f"button_{device_class}" if device_class else "button"
        yield PushButton(
            Button(
                key=key,
                name=key.replace("_", " ").capitalize(),
                device_class=device_class,
                category=category,
            ),
            press,
        )
