"""What holds a negotiation together: each check by itself (docs/protocol.md, section 4).

Dropping one lets an attacker in, or leaves it to one other check to keep him out: which, the
tests of the adversary on symbolic terms say. All raise SecurePairError with the code that the
failure has everywhere.
"""

from .crypto import Crypto
from .errors import Failure, SecurePairError
from .keys import Agreement
from .messages import VERSION


def check_version(version: int) -> None:
    """Both ends and the cloud refuse a version that they do not know."""
    if version != VERSION:
        raise SecurePairError(Failure.VERSION_NOT_SUPPORTED)


def check_device(chosen: str, answering: str) -> None:
    """Only the device that the user chose may take part."""
    if answering != chosen:
        raise SecurePairError(Failure.WRONG_DEVICE)


def check_terminal(token_owner: bytes, requesting: bytes) -> None:
    """A token authorizes only the terminal that it was issued to."""
    if requesting != token_owner:
        raise SecurePairError(Failure.TOKEN_REFUSED)


def check_first_data[K](crypto: Crypto[K], drawn: bytes, returned: bytes) -> None:
    """The first encrypted data must hold this very connection's first data."""
    if not crypto.equal(drawn, returned):
        raise SecurePairError(Failure.AUTHORIZATION_REJECTED)


def check_epoch(own: int, granted: int) -> None:
    """A grant from before a change of owner has ended."""
    if granted < own:
        raise SecurePairError(Failure.EPOCH_REFUSED)


def check_device_confirmation[K](crypto: Crypto[K], agreement: Agreement, tag: bytes) -> None:
    """The device is genuine, and saw the same conversation."""
    if not crypto.verify(agreement.device_confirmation, agreement.transcript, tag):
        raise SecurePairError(Failure.DEVICE_UNPROVEN)


def check_terminal_confirmation[K](crypto: Crypto[K], agreement: Agreement, tag: bytes) -> None:
    """The terminal has the ticket, the label's secret, and the same conversation."""
    if not crypto.verify(agreement.terminal_confirmation, agreement.transcript, tag):
        raise SecurePairError(Failure.TERMINAL_UNPROVEN)


def check_installation(expected: bytes | None, answering: bytes) -> None:
    """A renewal by itself does not follow a device through a factory reset."""
    if expected is not None and answering != expected:
        raise SecurePairError(Failure.DEVICE_RESET)
