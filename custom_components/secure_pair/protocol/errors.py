"""Every way it can fail: one code each (docs/protocol.md, section 12).

The code is the one in an Error frame, in the key service's answers, the key of the config
flow's text and of the translated exception, and the row in the docs.
"""

from enum import StrEnum
from typing import Self

import msgspec


class Failure(StrEnum):
    """A code, and what it means in one line."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        """Keep the meaning beside the code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    @classmethod
    def of(cls, code: str) -> Failure | None:
        """Return the failure of a code that came from elsewhere, if this version has it."""
        return next((failure for failure in cls if failure == code), None)

    # Reaching the device
    CANNOT_CONNECT = "cannot_connect", "nothing accepts a connection at this address"
    CONNECTION_LOST = "connection_lost", "the connection ended in the middle"
    TIMEOUT = "timeout", "no answer in time"
    NOT_SECURE_PAIR = "not_secure_pair", "what answers is not a Secure Pair device"
    WRONG_DEVICE = "wrong_device", "another device answers at this address"
    ANOTHER_MODEL = "another_model", "the device is of another model than the one that it replaces"
    VERSION_NOT_SUPPORTED = (
        "version_not_supported",
        "the two ends have no protocol version in common",
    )
    BUSY = "busy", "too many negotiations or commands are under way"
    # Messages
    MALFORMED = "malformed", "a message does not have the form that its type demands"
    TOO_LARGE = "too_large", "a frame is longer than this stage allows"
    OUT_OF_ORDER = "out_of_order", "a message came at a stage that has no place for it"
    UNKNOWN_KIND = (
        "unknown_kind",
        "an entity is of a kind that this version does not know",
    )
    OUT_OF_RANGE = "out_of_range", "a state or an action contradicts the description"
    CHALLENGE_EXPIRED = "challenge_expired", "the challenge was answered too late"
    RECORD_FAILED = "record_failed", "an encrypted record did not open"
    # The key service
    KEY_SERVICE_UNREACHABLE = (
        "key_service_unreachable",
        "the key service cannot be reached",
    )
    KEY_SERVICE_INVALID = (
        "key_service_invalid",
        "what answers is not a key service, or its answer makes no sense",
    )
    KEY_SERVICE_UNAVAILABLE = (
        "key_service_unavailable",
        "the key service answers, but cannot work at the moment",
    )
    KEY_SERVICE_INSECURE = (
        "key_service_insecure",
        "plain HTTP is only for a key service on this machine",
    )
    CERTIFICATE_REFUSED = (
        "certificate_refused",
        "the key service's certificate is neither trusted nor the one with this fingerprint",
    )
    INVALID_FINGERPRINT = "invalid_fingerprint", "this is no SHA-256 fingerprint"
    TOKEN_REFUSED = "token_refused", "the key service refuses the terminal token"
    SLOW_DOWN = "slow_down", "the key service asks to slow down"
    NOT_YOURS = (
        "not_yours",
        "the key service knows no such device in this account",
    )
    OWNED_BY_ANOTHER = "owned_by_another", "another account owns the device"
    CLAIM_REFUSED = (
        "claim_refused",
        "the key service knows no unclaimed device with this id and this setup code",
    )
    # The setup code
    MISTYPED_SETUP_CODE = "mistyped_setup_code", "the setup code has a typing error"
    WRONG_SETUP_CODE = "wrong_setup_code", "the setup code is not this device's"
    # The negotiation and the session
    AUTHORIZATION_REJECTED = (
        "authorization_rejected",
        "the device holds another initial key than the key service",
    )
    EPOCH_REFUSED = (
        "epoch_refused",
        "the device has already followed a later change of its owner",
    )
    DEVICE_UNPROVEN = "device_unproven", "the device failed to prove itself"
    TERMINAL_UNPROVEN = "terminal_unproven", "the terminal failed to prove itself"
    DEVICE_RESET = "device_reset", "the device was reset to factory state"
    TERMINAL_REVOKED = "terminal_revoked", "the device refuses this terminal"
    TABLE_FULL = "table_full", "the device holds as many terminals as it can"
    SESSION_UNKNOWN = "session_unknown", "the device does not know the session"
    SESSION_NOT_STORED = "session_not_stored", "no session with the device is stored"
    IDENTITY_IN_USE = (
        "identity_in_use",
        "sessions were lost again and again: a copy of this terminal is probably in use",
    )
    STORAGE_FAILED = "storage_failed", "the session could not be stored"
    STORAGE_UNREADABLE = "storage_unreadable", "the stored sessions cannot be read"


REFUSALS = frozenset(
    {
        Failure.AUTHORIZATION_REJECTED,
        Failure.BUSY,
        Failure.CHALLENGE_EXPIRED,
        Failure.CONNECTION_LOST,
        Failure.DEVICE_RESET,
        Failure.EPOCH_REFUSED,
        Failure.MALFORMED,
        Failure.OUT_OF_ORDER,
        Failure.SESSION_UNKNOWN,
        Failure.STORAGE_FAILED,
        Failure.TABLE_FULL,
        Failure.TERMINAL_REVOKED,
        Failure.TERMINAL_UNPROVEN,
        Failure.TIMEOUT,
        Failure.TOO_LARGE,
        Failure.VERSION_NOT_SUPPORTED,
    }
)
"""What a device may say in an Error frame; anybody on the way can say it too."""


UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises where bytes do not have the form that their type demands."""


class SecurePairError(Exception):
    """A failure with its code; the text never holds a secret."""

    def __init__(self, failure: Failure, detail: str | None = None) -> None:
        """Say what failed, and what was seen, for a developer's eyes."""
        super().__init__(f"{failure}: {detail or failure.meaning}")
        self.failure = failure


class RefusedError(SecurePairError):
    """The other end said so, in a plaintext Error frame: trusted for its wording only."""
