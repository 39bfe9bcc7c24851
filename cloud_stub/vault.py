"""Initial keys at rest: AES-256-GCM under the master key, bound to the device id."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

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

    def made(self, check_value: bytes | None) -> bool:
        """Tell whether a check value was made with this master key."""
        if check_value is None:
            return False
        try:
            PRIMITIVES.open(self.master_key, check_value, _CHECK)
        except OpenError:
            return False
        return True


@dataclass(slots=True, eq=False)
class Vaults:
    """The vault in use, and a second one while a new master key is introduced.

    Keys are looked up again when a device's does not open: a service that runs while the
    master key is replaced goes on without a restart.
    """

    current: Vault
    lookup: Callable[[], list[Vault]]
    """Reads the master keys anew, the newest last."""
    others: list[Vault] = field(default_factory=list)

    @property
    def master_key(self) -> Secret:
        """The key that new devices are sealed under."""
        return self.current.master_key

    def seal(self, device_id: str, initial_key: Secret) -> bytes:
        """Return a device's initial key, sealed for this device and no other."""
        return self.current.seal(device_id, initial_key)

    def open(self, device_id: str, sealed: bytes) -> Secret:
        """Return a device's initial key, 32 bytes; raises OpenError."""
        for vault in [self.current, *self.others]:
            try:
                return vault.open(device_id, sealed)
            except OpenError:
                continue
        self.others = self.lookup()
        for vault in self.others:
            try:
                return vault.open(device_id, sealed)
            except OpenError:
                continue
        raise OpenError
