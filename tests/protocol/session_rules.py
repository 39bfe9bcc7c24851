"""The rules of sessions that ship, on the small values of an exploration (section 9).

A session is its number; the terminal's disk also says whether it is provisional.
"""

from secure_pair_protocol import sessions
from secure_pair_protocol.keys import Grant, TrafficKeys
from secure_pair_protocol.messages import TerminalConfirmation
from secure_pair_protocol.negotiation import Proven, Session
from secure_pair_protocol.sessions import HeldSession, PairedDevice, Register, StoredSession

from .roles import DEVICE_ID, TERMINAL_ID, secret


def negotiated(stored: tuple[tuple[int, bool], ...], new: int) -> tuple[tuple[int, bool], ...]:
    traffic = TrafficKeys(secret("t"), secret("d"))
    confirmation = TerminalConfirmation(bytes(32))
    proven = Proven(bytes([new]), secret("s"), bytes(8), 0, b"", traffic, confirmation)
    return ids(sessions.negotiated(paired(stored), proven, 0))


def confirmed(stored: tuple[tuple[int, bool], ...], session: int) -> tuple[tuple[int, bool], ...]:
    return ids(sessions.confirmed(paired(stored), bytes([session])))


def accepted(held: int | None, new: int) -> int:
    before = () if held is None else (HeldSession(agreed(held)),)
    register = sessions.accepted(Register(bytes(8), held=before), agreed(new))
    (only,) = register.held
    return only.session.session_id[0]


def unpaired(held: int | None, session: int) -> int | None:
    before = () if held is None else (HeldSession(agreed(held)),)
    after = sessions.unpaired(Register(bytes(8), held=before), bytes([session])).held
    return after[0].session.session_id[0] if after else None


def agreed(session: int) -> Session:
    return Session(bytes([session]), secret("s"), TERMINAL_ID, Grant(0, 0))


def paired(stored: tuple[tuple[int, bool], ...]) -> PairedDevice:
    return PairedDevice(
        DEVICE_ID,
        "",
        TERMINAL_ID,
        sessions=tuple(
            StoredSession(bytes([session]), secret("s"), 0, 0, b"", provisional)
            for session, provisional in stored
        ),
    )


def ids(device: PairedDevice) -> tuple[tuple[int, bool], ...]:
    return tuple((session.session_id[0], session.provisional) for session in device.sessions)
