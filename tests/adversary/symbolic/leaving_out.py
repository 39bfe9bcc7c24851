"""How a binding is left out of the shipping code.

A check lets everything through; a derivation loses what it was made over. The functions are
those that ship, called with something empty in the place of what is left out.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, NamedTuple
from unittest.mock import patch

from secure_pair_protocol import sessions
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.keys import Agreement
from secure_pair_protocol.messages import ResumeConfirmation
from secure_pair_protocol.negotiation import Session
from secure_pair_protocol.resumption import FindSession, check_terminal_confirmation
from secure_pair_protocol.secret import Secret
from secure_pair_protocol.sessions import HeldSession, Register

from .backend import Symbolic


class Patch(NamedTuple):
    """Where something is left out, and what is made of what ships there."""

    where: object
    name: str
    mutate: Callable[[Any], Any]
    left_out: tuple[str, ...] = ()
    """Arguments of a derivation."""


@contextmanager
def applied(patches: Iterable[Patch]) -> Iterator[None]:
    """Run with these patches, one on top of the other."""
    with ExitStack() as stack:
        for where, name, mutate, _ in patches:
            stack.enter_context(patch.object(where, name, mutate(getattr(where, name))))
        yield


def unchecked(module: object, check: str) -> Patch:
    """Let a check pass whatever comes."""
    return Patch(module, check, lambda ships: lambda *_: None)


def unchecked_in(module: object, step: str, check: str) -> Patch:
    """Let a check pass in one step only."""

    def mutate(ships: Callable[..., Any]) -> Callable[..., Any]:
        def mutated(*args: Any, **kwargs: Any) -> Any:
            with applied([unchecked(module, check)]):
                return ships(*args, **kwargs)

        return mutated

    return Patch(module, step, mutate)


EMPTY = {bytes: b"", Secret: Secret(b""), int: 0}


def without(where: object, function: str, *names: str, labels: tuple[str, ...] = ()) -> Patch:
    """Leave arguments out of a derivation; with labels, only of those that have one of them."""

    def mutate(ships: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(ships)

        @wraps(ships)
        def mutated(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            if not labels or bound.arguments["label"] in labels:
                for name in names:
                    bound.arguments[name] = EMPTY[type(bound.arguments[name])]
            return ships(*bound.args, **bound.kwargs)

        return mutated

    return Patch(where, function, mutate, names)


def one_label(first: str, other: str) -> Patch:
    """Derive under one label what has two."""

    def mutate(ships: Callable[..., Secret]) -> Callable[..., Secret]:
        def mutated(crypto: Symbolic, key: Secret, label: str, context: bytes) -> Secret:
            return ships(crypto, key, first if label == other else label, context)

        return mutated

    return Patch(Symbolic, "expand", mutate)


def zero_accepted(ships: bool) -> bool:
    """Agree with the zero point as with any other."""
    return False


def one_session_id(ships: Callable[..., Agreement]) -> Callable[..., Agreement]:
    def mutated(*args: Any, **kwargs: Any) -> Agreement:
        agreement = ships(*args, **kwargs)
        return Agreement(
            agreement.session_key,
            b"always the same.",
            agreement.device_confirmation,
            agreement.terminal_confirmation,
            agreement.traffic,
            agreement.transcript,
        )

    return mutated


def any_epoch(ships: object) -> Callable[[Register, Session], Register]:
    """Let a device hold a session of whatever epoch, and keep those that it holds."""

    def mutated(register: Register, session: Session) -> Register:
        epoch = max(register.epoch, session.grant.epoch)
        return Register(register.installation, epoch, (*register.held, HeldSession(session)))

    return mutated


def whatever_the_epoch(ships: object) -> Callable[[FindSession, bytes, int], Session]:
    """Find a session of a former owner too."""

    def mutated(find: FindSession, session_id: bytes, epoch: int) -> Session:
        if (session := find(session_id)) is None:
            raise SecurePairError(Failure.SESSION_UNKNOWN)
        return session

    return mutated


def without_another_look(ships: object) -> Callable[..., Any]:
    """Accept r3 by its confirmation alone."""

    def mutated(crypto: Symbolic, state: Any, r3: bytes, *_: object) -> Any:
        message = crypto.decode(ResumeConfirmation, r3)
        check_terminal_confirmation(crypto, state.derived, message.confirmation)
        return state.derived.traffic

    return mutated


ANY_EPOCH_HELD = Patch(sessions, "accepted", any_epoch)
ZERO_ACCEPTED = Patch(Symbolic, "refuses_zero", zero_accepted)
