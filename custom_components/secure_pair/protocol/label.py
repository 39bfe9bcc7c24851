"""The setup code on a device's label (docs/protocol.md, section 3)."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from .crypto import KEY_SIZE, PRIMITIVES, P
from .errors import Failure, SecurePairError
from .keys import claim_proof, pairing_secret
from .secret import Secret

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: no I, L, O, U."""

CHARACTERS = 15
"""Random characters of a code: 75 bits. One check character follows."""

_QR_PREFIX = "SP1:"
_FORGIVEN = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


@dataclass(frozen=True, slots=True)
class LabelKeys:
    """What derives from a setup code, for one device id."""

    pairing_secret: Secret
    claim_proof: Secret


@dataclass(frozen=True, slots=True, eq=False)
class SetupCode:
    """A code without typing errors: on the label, and stored nowhere else."""

    characters: Secret
    device_id: str | None = None
    """The device that the label names, where its whole QR text was given."""

    @property
    def text(self) -> str:
        """Return the code as the label shows it: four groups of four."""
        code = self.characters.reveal().decode()
        code += check_character(code)
        return "-".join(code[start : start + 4] for start in range(0, len(code), 4))

    def qr_text(self, device_id: str) -> str:
        """Return what the label's QR code says."""
        return f"{_QR_PREFIX}{device_id}:{self.text}"

    def stretch(self, device_id: str) -> LabelKeys:
        """Derive the label's keys: 64 MiB and some 0.1 s, so never on an event loop."""
        digest = Hash(SHA256())
        digest.update(P + b"code" + device_id.encode())
        argon2id = Argon2id(
            salt=digest.finalize()[:16],
            length=KEY_SIZE,
            iterations=3,
            lanes=1,
            memory_cost=64 * 1024,
        )
        code_key = Secret(argon2id.derive(self.characters.reveal()))
        return LabelKeys(
            pairing_secret(PRIMITIVES, code_key, device_id),
            claim_proof(PRIMITIVES, code_key, device_id),
        )


def draw_setup_code(random: bytes) -> SetupCode:
    """Make a code of 15 random bytes, of which five bits each are used."""
    if len(random) != CHARACTERS:
        msg = f"a setup code takes {CHARACTERS} random bytes"
        raise ValueError(msg)
    characters = "".join(ALPHABET[byte % len(ALPHABET)] for byte in random)
    return SetupCode(Secret(characters.encode()))


def parse_setup_code(text: str) -> SetupCode:
    """Read what a user typed or pasted: the code, or the label's whole QR text.

    Forgives case, spaces, dashes, O for 0, I and L for 1. Raises SecurePairError
    (mistyped_setup_code), without the text.
    """
    text = text.strip()
    device_id = None
    if text[: len(_QR_PREFIX)].upper() == _QR_PREFIX:
        device_id, _, text = text[len(_QR_PREFIX) :].rpartition(":")
    code = text.upper().translate(_FORGIVEN)
    if (
        not text.isascii()
        or device_id == ""
        or len(code) != CHARACTERS + 1
        or not set(code) <= set(ALPHABET)
        or check_character(code[:-1]) != code[-1]
    ):
        raise SecurePairError(Failure.MISTYPED_SETUP_CODE)
    return SetupCode(Secret(code[:-1].encode()), device_id)


def check_character(characters: str) -> str:
    """Return the Luhn mod 32 check character: it catches any one wrong character."""
    base = len(ALPHABET)
    total = 0
    for place, character in enumerate(reversed(characters)):
        addend = ALPHABET.index(character) * (2 if place % 2 == 0 else 1)
        total += addend // base + addend % base
    return ALPHABET[-total % base]
