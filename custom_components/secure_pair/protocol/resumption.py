"""Later connections, without the cloud (docs/protocol.md, section 5).

terminal                          device
resume                    r1 ->   receive_resume, then answer_resume
receive_resume_answer  <- r2
                          r3 ->   accept_resumption
"""

from collections.abc import Callable
from dataclasses import dataclass

from . import keys
from .bindings import check_version
from .crypto import Crypto, InvalidPublicKeyError
from .errors import Failure, SecurePairError
from .keys import ResumptionKeys, TrafficKeys
from .messages import VERSION, Greeting, Resume, ResumeAnswer, ResumeConfirmation
from .negotiation import Session
from .secret import Secret

PENDING_SECONDS = 10
"""How long the device waits for r3."""


type FindSession = Callable[[bytes], Session | None]
"""Looks a session up by its id, in what the device holds at this moment."""


# The bindings, each by itself


def check_session(find: FindSession, session_id: bytes, epoch: int) -> Session:
    """The device holds the session, and its owner has not changed since."""
    session = find(session_id)
    if session is None or session.grant.epoch != epoch:
        raise SecurePairError(Failure.SESSION_UNKNOWN)
    return session


def check_binder[K](
    crypto: Crypto[K], session_key: Secret, resume: Resume, greeting_random: bytes
) -> None:
    """The sender holds the session key, and answers this very greeting."""
    text = keys.binder_text(
        crypto, resume.version, resume.session_id, resume.public_key, greeting_random
    )
    if not crypto.verify(keys.binder_key(crypto, session_key), text, resume.binder):
        raise SecurePairError(Failure.SESSION_UNKNOWN)


def check_device_confirmation[K](crypto: Crypto[K], derived: ResumptionKeys, tag: bytes) -> None:
    """The device holds the session key, and took part in this connection."""
    if not crypto.verify(derived.device_confirmation, derived.transcript, tag):
        raise SecurePairError(Failure.DEVICE_UNPROVEN)


def check_terminal_confirmation[K](crypto: Crypto[K], derived: ResumptionKeys, tag: bytes) -> None:
    """The terminal is there now, and r1 was no recording."""
    if not crypto.verify(derived.terminal_confirmation, derived.transcript, tag):
        raise SecurePairError(Failure.TERMINAL_UNPROVEN)


# The terminal


@dataclass(frozen=True, slots=True, eq=False)
class Resuming[K]:
    """r1 is sent; r2 is awaited."""

    session_id: bytes
    session_key: Secret
    private_key: K
    public_key: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Resumed:
    """r2 is good; r3 is sent, and the channel begins."""

    traffic: TrafficKeys
    transcript: bytes


def resume[K](
    crypto: Crypto[K],
    session_id: bytes,
    session_key: Secret,
    greeting: Greeting,
    private_key: K,
) -> tuple[Resuming[K], bytes]:
    """Return the state and r1's payload; a new private key for each r1."""
    public_key = crypto.public_key(private_key)
    text = keys.binder_text(crypto, VERSION, session_id, public_key, greeting.random)
    binder = crypto.hmac(keys.binder_key(crypto, session_key), text)
    r1 = crypto.encode(Resume(VERSION, session_id, public_key, binder))
    return Resuming(session_id, session_key, private_key, public_key), r1


def receive_resume_answer[K](
    crypto: Crypto[K], state: Resuming[K], r2: bytes
) -> tuple[Resumed, bytes]:
    """Return the keys and r3's payload.

    Raises SecurePairError (device_unproven and the codec's).
    """
    message = crypto.decode(ResumeAnswer, r2)
    try:
        agreed = crypto.agree(state.private_key, message.public_key)
    except InvalidPublicKeyError as error:
        raise SecurePairError(Failure.DEVICE_UNPROVEN) from error
    derived = keys.agree_resumption(
        crypto,
        session_key=state.session_key,
        agreed=agreed,
        version=VERSION,
        session_id=state.session_id,
        terminal_key=state.public_key,
        device_key=message.public_key,
    )
    check_device_confirmation(crypto, derived, message.confirmation)
    confirmation = crypto.hmac(derived.terminal_confirmation, derived.transcript)
    r3 = crypto.encode(ResumeConfirmation(confirmation))
    return Resumed(derived.traffic, derived.transcript), r3


# The device


@dataclass(frozen=True, slots=True, eq=False)
class ResumeReceived:
    """r1 is bound to a session; so far there was symmetric work only."""

    session: Session
    terminal_key: bytes


@dataclass(frozen=True, slots=True, eq=False)
class ResumeAnswered:
    """r2 is sent; r3 is awaited, and nothing is sent or done before it."""

    session: Session
    derived: ResumptionKeys


def receive_resume[K](
    crypto: Crypto[K],
    r1: bytes,
    greeting: Greeting,
    find_session: FindSession,
    epoch: int,
) -> ResumeReceived:
    """Check r1: one refusal for every reason, so that nobody learns which ids exist.

    Raises SecurePairError (session_unknown, version_not_supported and the codec's).
    """
    message = crypto.decode(Resume, r1)
    check_version(message.version)
    session = check_session(find_session, message.session_id, epoch)
    check_binder(crypto, session.session_key, message, greeting.random)
    return ResumeReceived(session, message.public_key)


def answer_resume[K](
    crypto: Crypto[K], state: ResumeReceived, private_key: K
) -> tuple[ResumeAnswered, bytes]:
    """Return the state and r2's payload; a new private key for each r2.

    Raises SecurePairError (terminal_unproven).
    """
    try:
        agreed = crypto.agree(private_key, state.terminal_key)
    except InvalidPublicKeyError as error:
        raise SecurePairError(Failure.TERMINAL_UNPROVEN) from error
    public_key = crypto.public_key(private_key)
    derived = keys.agree_resumption(
        crypto,
        session_key=state.session.session_key,
        agreed=agreed,
        version=VERSION,
        session_id=state.session.session_id,
        terminal_key=state.terminal_key,
        device_key=public_key,
    )
    confirmation = crypto.hmac(derived.device_confirmation, derived.transcript)
    r2 = crypto.encode(ResumeAnswer(public_key, confirmation))
    return ResumeAnswered(state.session, derived), r2


def accept_resumption[K](
    crypto: Crypto[K],
    state: ResumeAnswered,
    r3: bytes,
    find_session: FindSession,
    epoch: int,
) -> TrafficKeys:
    """Check r3, and that the session is still there: it may have gone meanwhile.

    Raises SecurePairError (terminal_unproven, session_unknown and the codec's).
    """
    message = crypto.decode(ResumeConfirmation, r3)
    check_terminal_confirmation(crypto, state.derived, message.confirmation)
    if check_session(find_session, state.session.session_id, epoch) is not state.session:
        raise SecurePairError(Failure.SESSION_UNKNOWN)
    return state.derived.traffic
