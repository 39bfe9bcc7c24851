"""The negotiation as it happens: three sources, told in the order of the method."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import ROOT

TRANSLATIONS = ROOT / "custom_components" / "secure_pair" / "translations" / "en.json"

STEPS = {
    1: ("authentication request", "terminal -> device"),
    2: ("first data and device identification", "device -> terminal"),
    3: ("both passed to the cloud", "terminal -> cloud"),
    4: ("first encrypted data", "cloud -> terminal"),
    5: ("first encrypted data and first public key", "terminal -> device"),
    6: ("device public key", "device -> terminal"),
    7: ("terminal confirmation", "terminal -> device"),
}
RESUMPTION = {
    "r1": ("resumption request", "terminal -> device"),
    "r2": ("resumption answer", "device -> terminal"),
    "r3": ("resumption confirmation", "terminal -> device"),
}
CLAIM = 2.6
"""Between steps 2 and 3: the terminal shows the cloud that it has seen the label."""

PROGRESS = {
    "connecting": 0.5,
    "requesting": 0.7,
    "claiming": 2.5,
    "authorizing": 2.7,
    "agreeing": 4.5,
    "storing": 6.5,
    "confirming": 6.7,
}
"""Which steps each stage of the config flow is between."""


@dataclass(frozen=True)
class _Told:
    rank: float
    text: str
    at: float | None = None
    """When, on the monotonic clock; None: a stage, which is not told when it is over."""


class Narrator:
    """Puts in order what the device, the cloud and the terminal report, each by itself.

    A step is only told when those before it are: pipes may deliver them otherwise.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        """`tell` takes a line."""
        self._tell = tell
        self._waiting: list[_Told] = []
        self._last = 0.0
        self._zero = 0.0
        self._connection = 0
        self._began = 0.0
        self._stages: dict[str, str] = json.loads(TRANSLATIONS.read_bytes())["config"]["progress"]
        self.negotiations = 0
        """How many have ended well, by step 7."""
        self.resumptions = 0
        """How many have ended well, by r3."""

    def expect(self) -> None:
        """Begin a negotiation: the stages of its config flow come before step 1."""
        self._waiting.clear()
        self._last = 0

    def forget(self) -> None:
        """Count from here on."""
        self.negotiations = self.resumptions = 0

    def terminal(self, stage: str, device_id: str) -> None:
        """Take a stage that the config flow shows to its user."""
        text = self._stages.get(stage, stage).format(device_id=device_id)
        rank = PROGRESS.get(stage, self._last)
        self._take(_Told(rank, f"-  the dialog shows: {text}"))

    def device(self, report: dict[str, Any], at: float) -> None:
        """Take a line of the device: `ms` is since its connection began."""
        step = report.get("step")
        at = self._on_our_clock(report["connection"], report["ms"] / 1000, at)
        if "error" in report:
            self._tell(f"{step or '-'}  the device refuses: {report['error']}")
        elif step in RESUMPTION:
            name, way = RESUMPTION[step]
            if step == "r1":
                self._zero = at
            self._tell(f"{_columns(step, name, way)} {(at - self._zero) * 1000:7.1f} ms")
            self.resumptions += step == "r3"
        elif step in STEPS:
            if step == 1:
                self._zero = at
                if self._last >= 1:
                    # One that was begun before and came to nothing is over.
                    self._waiting = [told for told in self._waiting if told.at is None]
                    self._last = 0
            self._step(step, at)

    def cloud(self, report: dict[str, Any], at: float) -> None:
        """Take a line of the key service: `ms` is since the request was there."""
        if "refused" in report:
            self._tell(f"{report.get('step', '-')}  the cloud refuses: {report['refused']}")
        elif report.get("step") is None:
            self._take(_Told(CLAIM, _columns("-", "claim: the label was seen", STEPS[3][1]), at))
        else:
            self._step(3, at - report["ms"] / 1000)
            self._step(4, at)

    def _on_our_clock(self, connection: int, seconds: float, at: float) -> float:
        """Return when it happened; a line is read some time after that, never before."""
        began = at - seconds
        if connection == self._connection:
            began = min(began, self._began)
        self._connection, self._began = connection, began
        return began + seconds

    def _step(self, step: int, at: float) -> None:
        self._take(_Told(step, _columns(str(step), *STEPS[step]), at))

    def _take(self, told: _Told) -> None:
        self._waiting.append(told)
        self._waiting.sort(key=lambda told: told.rank)
        while self._waiting and self._last >= math.ceil(self._waiting[0].rank) - 1:
            self._say(self._waiting.pop(0))

    def _say(self, told: _Told) -> None:
        if told.at is None and told.rank < self._last:
            return
        self._last = max(self._last, told.rank)
        if told.at is None:
            self._tell(told.text)
            return
        self._tell(f"{told.text} {max(0, told.at - self._zero) * 1000:7.1f} ms")
        if told.rank == max(STEPS):
            self.negotiations += 1
            self._tell("   session key agreed: the device and the terminal have it, nobody else")


def _columns(number: str, name: str, way: str) -> str:
    return f"{number:<2} {name:<43} {way:<20}"
