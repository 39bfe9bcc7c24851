"""Account keys and terminal tokens: opaque, seen once, kept as their hash."""

import hashlib
import os

from secure_pair_protocol import base64url
from secure_pair_protocol.secret import Secret

# So that each is known as what it is where it should not be: in a log, in a repository.
_ACCOUNT_KEY_PREFIX = "spa_"
_TOKEN_PREFIX = "spt_"  # noqa: S105


def new_account_key() -> Secret:
    """Draw an account key: ASCII text, as it stands behind ``Bearer``."""
    return _draw(_ACCOUNT_KEY_PREFIX)


def new_token() -> Secret:
    """Draw a terminal token: ASCII text, as it stands behind ``Bearer``."""
    return _draw(_TOKEN_PREFIX)


def credential_hash(credential: Secret) -> bytes:
    """Return what is kept of a credential: SHA-256 is enough for 32 random bytes."""
    return hashlib.sha256(credential.reveal()).digest()


def _draw(prefix: str) -> Secret:
    return Secret(f"{prefix}{base64url.encode(os.urandom(32))}".encode())
