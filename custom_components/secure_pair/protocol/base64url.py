"""Bytes in text: base64url without padding (docs/protocol.md, section 11)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode


def encode(value: bytes) -> str:
    """Return the one text that stands for these bytes."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(text: object, size: int | None = None) -> bytes:
    """Return the bytes; raises ValueError, without the text, unless it is their text.

    `size`: how many they have to be.

    Padding, foreign characters and stray bits at the end are all refused.
    """
    if isinstance(text, str) and text.isascii():
        try:
            value = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            value = b""
        if encode(value) == text and size in {None, len(value)}:
            return value
    msg = "not unpadded base64url"
    # Outside of the except clause: the decoder's error may hold the text.
    raise ValueError(msg)
