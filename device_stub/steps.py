"""The steps of the method, as somebody watches them: names, times, hashes, never a secret."""

from collections.abc import Callable
from typing import Any

from secure_pair_protocol.handshake import Stage

STEPS: dict[int | str, str] = {
    1: "authentication request",
    2: "first data and device identification",
    5: "first encrypted data and first public key",
    6: "device public key",
    7: "terminal confirmation",
    "r1": "resumption request",
    "r2": "resumption answer",
    "r3": "resumption confirmation",
}
"""Steps 3 and 4 are between the terminal and the cloud."""

AWAITED: dict[Stage, int | str] = {
    Stage.CHALLENGED: 5,
    Stage.ANSWERED: 7,
    Stage.RESUMING: "r3",
}
"""What a device waits for; in the other stages it may be anything."""

type Trace = Callable[[dict[str, Any]], None]


class Steps:
    """Tells of one connection's steps, with the milliseconds since it began."""

    def __init__(self, trace: Trace | None, clock: Callable[[], float], connection: int) -> None:
        """Number the connections, so that a reader can tell them apart."""
        self._trace = trace
        self._clock = clock
        self._connection = connection
        self._began = clock()

    def took(self, *steps: int | str, **more: str) -> None:
        """These steps went well; `more` is what there is to say of each."""
        for step in steps:
            self._tell(step, STEPS[step], **more)

    def refused(self, stage: Stage, code: str) -> None:
        """What came at this stage was refused."""
        step = AWAITED.get(stage)
        self._tell(step, "request" if step is None else STEPS[step], error=code)

    def _tell(self, step: int | str | None, name: str, **more: str) -> None:
        if self._trace is not None:
            milliseconds = round((self._clock() - self._began) * 1000, 3)
            self._trace(
                {
                    "step": step,
                    "name": name,
                    "ms": milliseconds,
                    "connection": self._connection,
                    **more,
                }
            )
