"""The terminal's part of a negotiation, over a real connection (docs/protocol.md, section 4)."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from .connection import Connection
from .key_service import KeyService
from .link import Link
from .protocol import negotiation, sessions
from .protocol.crypto import PRIMITIVES
from .protocol.errors import Failure, SecurePairError
from .protocol.label import LabelKeys
from .protocol.messages import Challenge
from .protocol.negotiation import Proven
from .protocol.sessions import PairedDevice


class Stage(StrEnum):
    """Where a negotiation stands, for the user's eyes."""

    CONNECTING = "connecting"
    REQUESTING = "requesting"
    CLAIMING = "claiming"
    AUTHORIZING = "authorizing"
    AGREEING = "agreeing"
    STORING = "storing"
    CONFIRMING = "confirming"


type OnStage = Callable[[Stage], None]
type StoreDevice = Callable[[Callable[[PairedDevice], PairedDevice]], Awaitable[PairedDevice]]
"""Applies a rule to what is stored at that moment, durably, and returns what is stored now;
raises SecurePairError (storage_failed, session_not_stored)."""


@dataclass(frozen=True, slots=True, eq=False)
class Paired:
    """What a negotiation ends in."""

    device: PairedDevice
    """As it is stored now."""
    link: Link
    name: str
    """What the device calls itself."""


async def negotiate(
    connection: Connection,
    device: PairedDevice,
    key_service: KeyService,
    store: StoreDevice,
    *,
    label: LabelKeys | None = None,
    expected_installation: bytes | None = None,
    expected_model: str = "",
    on_stage: OnStage,
) -> Paired:
    """Run the seven steps.

    `label` is given at a first pairing, to claim the device; `expected_model` where it is to
    take another one's place. Raises SecurePairError; what was stored before stays stored,
    and is never replaced by less.
    """
    proven, challenge = await _agree(
        connection,
        device,
        key_service,
        label,
        expected_installation,
        expected_model,
        on_stage,
    )
    on_stage(Stage.STORING)
    now = time.time()
    await store(
        lambda stored: replace(sessions.negotiated(stored, proven, now), model=challenge.model)
    )
    on_stage(Stage.CONFIRMING)
    connection.send_payload(PRIMITIVES.encode(proven.confirmation))
    link = await Link.begin(connection, proven.traffic)
    device = await store(lambda stored: sessions.confirmed(stored, proven.session_id))
    return Paired(device, link, challenge.name)


async def _agree(
    connection: Connection,
    device: PairedDevice,
    key_service: KeyService,
    label: LabelKeys | None,
    expected_installation: bytes | None,
    expected_model: str,
    on_stage: OnStage,
) -> tuple[Proven, Challenge]:
    """Return what m6 proved, and what the device says of itself.

    Private key and ticket key go when it returns.
    """
    on_stage(Stage.REQUESTING)
    requested, m1 = negotiation.request_authentication(
        PRIMITIVES,
        device_id=device.device_id,
        terminal_id=device.terminal_id,
        private_key=X25519PrivateKey.generate(),
        pairing_secret=device.pairing_secret,
        expected_installation=expected_installation,
    )
    challenged = negotiation.receive_challenge(PRIMITIVES, requested, await connection.exchange(m1))
    challenge = challenged.challenge
    if expected_model not in {"", challenge.model}:
        # Not proven yet; but where it is a lie, the two will not agree on m2.
        raise SecurePairError(Failure.ANOTHER_MODEL)
    if label is not None:
        on_stage(Stage.CLAIMING)
        await key_service.claim(device.device_id, label.claim_proof)
    on_stage(Stage.AUTHORIZING)
    answer = await key_service.authorize(m1, challenged.m2, challenged.first_public_key)
    on_stage(Stage.AGREEING)
    responded, m5 = negotiation.respond(
        PRIMITIVES,
        challenged,
        answer.first_encrypted_data,
        answer.ticket_key,
        answer.lifetime,
    )
    proven = negotiation.receive_device_key(PRIMITIVES, responded, await connection.exchange(m5))
    return proven, challenge
