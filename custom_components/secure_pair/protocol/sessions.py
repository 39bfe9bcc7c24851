"""Which sessions each end keeps, and when it lets one go (docs/protocol.md, section 9).

Pure rules on frozen values; whoever applies one makes the new value durable before
anything that builds on it goes on the wire.
"""

from dataclasses import dataclass, replace

from .errors import Failure, SecurePairError
from .keys import EMPTY_PAIRING_SECRET
from .negotiation import Proven, Session
from .secret import Secret

# The terminal

STORED_SESSIONS = 4
"""How many sessions of one device a terminal keeps at most."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredSession:
    """A session as the terminal keeps it."""

    session_id: bytes
    session_key: Secret
    lifetime: int
    """Seconds of the device's powered time; 0: no end."""
    negotiated_at: float
    """Unix time, for the user's eyes."""
    transcript: bytes
    provisional: bool = True
    """The device has not been heard on it yet."""
    terminal_id: bytes = b""
    """Whom the device knows it by: a later token may have made this terminal another one."""


@dataclass(frozen=True, slots=True, eq=False)
class PairedDevice:
    """What the terminal keeps of one device."""

    device_id: str
    key_service: str
    """Which of the stored tokens it was paired with: the key service's URL."""
    terminal_id: bytes
    pairing_secret: Secret = EMPTY_PAIRING_SECRET
    model: str = ""
    """As the device named it in the challenge."""
    installation: bytes = b""
    sessions: tuple[StoredSession, ...] = ()
    """The newest first."""

    def find(self, session_id: bytes) -> StoredSession | None:
        """Return the session of this id."""
        return next((s for s in self.sessions if s.session_id == session_id), None)


def may_negotiate(device: PairedDevice, *, asked_by_user: bool) -> bool:
    """Tell whether there is room for one more session; a user may drop the oldest."""
    return asked_by_user or len(device.sessions) < STORED_SESSIONS


def negotiated(device: PairedDevice, proven: Proven, now: float) -> PairedDevice:
    """Apply "m6 good": the new session in front, provisional. Durable before m7.

    With `STORED_SESSIONS` already there the oldest provisional one goes: the caller has
    asked the user.
    """
    sessions = device.sessions
    if len(sessions) >= STORED_SESSIONS:
        oldest = next((s for s in reversed(sessions) if s.provisional), sessions[-1])
        sessions = tuple(s for s in sessions if s is not oldest)
    new = StoredSession(
        proven.session_id,
        proven.session_key,
        proven.lifetime,
        now,
        proven.transcript,
        terminal_id=device.terminal_id,
    )
    return replace(device, installation=proven.installation, sessions=(new, *sessions))


def confirmed(device: PairedDevice, session_id: bytes) -> PairedDevice:
    """Apply "the first record on a connection of this session": the others go.

    Returns the same object when there is nothing to write.
    """
    session = device.find(session_id)
    if session is None or (not session.provisional and len(device.sessions) == 1):
        return device
    return replace(device, sessions=(replace(session, provisional=False),))


# The device

TERMINALS = 8
"""How many terminals a device holds."""

REVOKED = 256
"""How many revoked terminals a device remembers."""

SAVING_SECONDS = 3600
"""How often the device saves a session's powered time: at each full hour of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldSession:
    """A session as the device keeps it."""

    session: Session
    spent: int = 0
    """Seconds of powered time that it has used up."""

    @property
    def remaining(self) -> int | None:
        """Seconds left, or None where the lifetime has no end."""
        lifetime = self.session.grant.lifetime
        return max(lifetime - self.spent, 0) if lifetime else None


@dataclass(frozen=True, slots=True, eq=False)
class Register:
    """All that a device keeps of its terminals."""

    installation: bytes
    """Drawn at each factory reset, 8 bytes."""
    epoch: int = 0
    held: tuple[HeldSession, ...] = ()
    revoked: frozenset[bytes] = frozenset()
    """Terminal ids that are refused until the epoch rises."""

    def find(self, session_id: bytes) -> HeldSession | None:
        """Return a session that has not expired."""
        for held in self.held:
            if held.session.session_id == session_id and held.remaining != 0:
                return held
        return None


def accepted(register: Register, session: Session) -> Register:
    """Apply "m7 good": replaces this terminal's session, and follows a higher epoch.

    Raises SecurePairError (epoch_refused, terminal_revoked, table_full): then nothing
    changes, and never is another terminal evicted.
    """
    epoch = session.grant.epoch
    if epoch < register.epoch:
        raise SecurePairError(Failure.EPOCH_REFUSED)
    revoked = register.revoked if epoch == register.epoch else frozenset()
    if session.terminal_id in revoked:
        raise SecurePairError(Failure.TERMINAL_REVOKED)
    others = tuple(
        held
        for held in register.held
        if held.session.terminal_id != session.terminal_id
        and held.session.grant.epoch == epoch
        and held.remaining != 0
    )
    if len(others) >= TERMINALS:
        raise SecurePairError(Failure.TABLE_FULL)
    return replace(register, epoch=epoch, held=(*others, HeldSession(session)), revoked=revoked)


def unpaired(register: Register, session_id: bytes) -> Register:
    """Apply "unpair": the session goes."""
    held = tuple(h for h in register.held if h.session.session_id != session_id)
    return replace(register, held=held)


def revoked(register: Register, terminal_id: bytes) -> Register:
    """Apply "revoke": the session goes, and the terminal is refused from now on.

    Raises SecurePairError (busy) where as many are refused as the device remembers: then
    nothing changes until the owner epoch rises.
    """
    if len(register.revoked | {terminal_id}) > REVOKED:
        raise SecurePairError(Failure.BUSY, "too many terminals are revoked")
    held = tuple(h for h in register.held if h.session.terminal_id != terminal_id)
    return replace(register, held=held, revoked=register.revoked | {terminal_id})


def powered(register: Register, seconds: int) -> Register:
    """Count powered time; what is over goes."""
    held = (replace(h, spent=h.spent + seconds) for h in register.held)
    return replace(register, held=tuple(h for h in held if h.remaining != 0))


def started(register: Register) -> Register:
    """Apply "start": an hour that had begun counts as a whole one."""
    held = (
        replace(h, spent=(h.spent // SAVING_SECONDS + 1) * SAVING_SECONDS)
        if h.session.grant.lifetime
        else h
        for h in register.held
    )
    return replace(register, held=tuple(h for h in held if h.remaining != 0))


def factory_reset(installation: bytes) -> Register:
    """Apply "factory reset": everything goes but initial key and pairing secret."""
    return Register(installation)
