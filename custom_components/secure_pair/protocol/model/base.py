"""What every kind of entity has in common, and how one is decoded by itself."""

import re
from collections.abc import Collection
from enum import StrEnum
from functools import cache
from math import isfinite
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct

from ..envelope import EntityKey, Milliseconds, Text
from ..errors import UNDECODABLE, Failure, SecurePairError

type Options = Annotated[tuple[Text, ...], Meta(min_length=1, max_length=255)]
"""Words that a user chooses from."""

type Percent = Annotated[int, Meta(ge=0, le=100)]

DEFAULT_MAX_AGE = 10_000
"""Milliseconds, for an action to which the description gives no age."""


class Category(StrEnum):
    """What an entity is, if it is not what the device is for."""

    CONFIG = "config"
    DIAGNOSTIC = "diagnostic"


class TemperatureUnit(StrEnum):
    """The unit of every temperature of one entity."""

    CELSIUS = "°C"
    FAHRENHEIT = "°F"


class Entity(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """One thing that a device shows or can do."""

    key: EntityKey
    """Unique in the device, and the same for ever."""
    device: EntityKey | None = None
    """Which of the description's further devices it belongs to; none: the device itself."""
    name: Text | None = None
    """For the user's eyes, where no standard name fits."""
    translation_key: EntityKey | None = None
    """A standard name and icon, from docs/protocol.md, section 8."""
    device_class: EntityKey | None = None
    category: Category | None = None
    enabled: bool = True
    """Whether a user sees it without asking for it."""
    max_age: dict[EntityKey, Milliseconds] = {}
    """Action to the age after which a command is not carried out any more."""

    def age_limit(self, action: Action) -> int:
        """Return the milliseconds after which the action is not carried out any more."""
        return self.max_age.get(getattr(action, "do", ""), DEFAULT_MAX_AGE)

    def check(self, state: State) -> None:
        """Refuse a state that contradicts the description; raises ValueError."""


class State(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The new state of one entity; what is left out is not known."""

    key: EntityKey


class Action(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A state to reach, never a toggle; `do` names it."""


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened at one entity."""

    key: EntityKey
    type: Text
    attributes: dict[EntityKey, Text | int | float | bool | None] = {}


def check_range(low: float, high: float, step: float | None = None) -> None:
    """Refuse a range that contradicts itself; raises ValueError."""
    if not low < high:
        msg = f"the range begins at {low} and ends at {high}"
        raise ValueError(msg)
    if step is not None and not 0 < step <= high - low:
        msg = f"steps of {step} from {low} to {high}"
        raise ValueError(msg)


def check_within(value: float | None, low: float, high: float) -> None:
    """Refuse a value that is out of range; raises ValueError."""
    if value is not None and not low <= value <= high:
        msg = f"{value} is not from {low} to {high}"
        raise ValueError(msg)


def check_option(option: object, options: Collection[object] | None) -> None:
    """Refuse a word that is none of the options; raises ValueError."""
    if option is not None and option not in (options or ()):
        msg = f"{option!r} is none of the options"
        raise ValueError(msg)


def check_options(*options: tuple[str, ...]) -> None:
    """Refuse a choice that is there twice; raises ValueError."""
    for choices in options:
        if len(set(choices)) != len(choices):
            msg = "an option is there twice"
            raise ValueError(msg)


# What was read once is not read in another way: hence the possessive `?+`, `++` and `*+`.
_ATOM: Final = r"(?:\\[dswDSW]|\\[^\w\s]|\[\^?+(?:\\.|[^\[\]\\])++\]|[^\[\](){}|*+?^$\\])"
_REPEAT: Final = r"(?:[*+?]|\{\d{1,3}(?:,\d{0,3})?\})"
_PATTERN: Final = re.compile(rf"\^?(?:{_ATOM}{_REPEAT}?+)*+\$?")
_VARIES: Final = re.compile(rf"{_ATOM}(?P<varies>[*+?]|\{{\d+,\d*\}})?")


def check_pattern(pattern: str | None) -> None:
    """Refuse a regular expression that may take long, or is none; raises ValueError.

    A device must not have a reader try a text of 255 characters in millions of ways: so
    there are neither groups nor alternatives, and one part of no fixed length at most.
    """
    if pattern is None:
        return
    if _PATTERN.fullmatch(pattern) is None:
        msg = f"{pattern!r} is more than characters and classes, each with how often"
        raise ValueError(msg)
    if sum(part["varies"] is not None for part in _VARIES.finditer(pattern)) > 1:
        msg = f"{pattern!r} has more than one part of no fixed length"
        raise ValueError(msg)
    try:
        re.compile(pattern)
    except re.PatternError as error:
        msg = f"{pattern!r}: {error}"
        raise ValueError(msg) from error


def decode[S: Struct](raw: Raw, kind: type[S]) -> S:
    """Return the struct; raises SecurePairError (malformed), which says where."""
    try:
        decoded: S = _decoder(kind).decode(raw)
    except UNDECODABLE as error:
        raise SecurePairError(Failure.MALFORMED, str(error)) from error
    for place, value in enumerate(msgspec.structs.astuple(decoded)):
        if isinstance(value, float) and not isfinite(value):
            name = kind.__struct_fields__[place]
            raise SecurePairError(Failure.MALFORMED, f"{value} - at `$.{name}`")
    return decoded


@cache
def _decoder(kind: type[Struct]) -> msgspec.msgpack.Decoder[Any]:
    """Return the one decoder of a kind: to make one takes longer than to use it."""
    return msgspec.msgpack.Decoder(kind)
