"""What the demo shows: one line for each step that the key service has answered."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from secure_pair_protocol.errors import Failure, SecurePairError

from .problems import UnauthenticatedError


@dataclass(slots=True)
class Step:
    """A step of the method that is done; nothing in it is secret."""

    step: int | None
    """Its number; None for the claim, which goes before step 3."""
    name: str
    device_id: str | None = None
    refused: str | None = None
    """The failure's code, if it was refused."""
    ms: float = 0


type OnStep = Callable[[Step], None]


@contextmanager
def answering(on_step: OnStep | None, number: int | None, name: str) -> Generator[Step]:
    """Measure a step, and report it when it is answered, by a refusal too.

    What a stranger asks for is no step.
    """
    step = Step(number, name)
    start = time.perf_counter()
    raised: Exception | None = None
    try:
        yield step
    except UnauthenticatedError:
        raise
    except SecurePairError as refusal:
        step.refused, raised = refusal.failure.value, refusal
    except Exception as unexpected:  # noqa: BLE001  # raised again below
        step.refused, raised = Failure.KEY_SERVICE_UNAVAILABLE.value, unexpected
    step.ms = round((time.perf_counter() - start) * 1000, 2)
    if on_step is not None:
        on_step(step)
    if raised is not None:
        raise raised
