"""Initial keys at rest: AES-256-GCM under the master key."""

import os
from dataclasses import dataclass

from secure_pair_protocol.crypto import KEY_SIZE, NONCE_SIZE, PRIMITIVES, OpenError
from secure_pair_protocol.secret import Secret

# A device id is never empty, so this seals nothing that could pass for a device's key.
_CHECK = b""


@dataclass(frozen=True, slots=True, eq=False)
class Vault:
    """Seals what may not be read from a stolen database."""

    master_key: Secret
    """32 bytes."""

    def seal(self, device_id: str, initial_key: Secret) -> bytes:
        """Return a device's initial key, sealed for this device and no other."""
        nonce = os.urandom(NONCE_SIZE)
        return PRIMITIVES.seal(self.master_key, nonce, device_id.encode(), initial_key.reveal())

    def open(self, device_id: str, sealed: bytes) -> Secret:
        """Return a device's initial key, 32 bytes; raises OpenError."""
        _, (initial_key,) = PRIMITIVES.open(self.master_key, sealed, device_id.encode(), KEY_SIZE)
        return Secret(initial_key)

    def check_value(self) -> bytes:
        """Return what tells this master key from another one later."""
        return PRIMITIVES.seal(self.master_key, os.urandom(NONCE_SIZE), _CHECK)

    def made(self, check_value: bytes) -> bool:
        """Tell whether a check value was made with this master key."""
        try:
            PRIMITIVES.open(self.master_key, check_value, _CHECK)
        except OpenError:
            return False
        return True
