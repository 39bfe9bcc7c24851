"""What a virtual camera sees: a garden with a ball that rolls, as JPEG."""

import io
import math
import random
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 640, 480

_FRAMES_PER_ROUND = 60
_GRAIN = 4
"""Each grain of the background is so many pixels wide."""

_COMMENT_SIZE = 65533
"""The longest comment of a JPEG, in bytes."""


def take_picture(frame: int, text: str, *, somebody: bool, least: int = 0) -> bytes:
    """Return a JPEG of some tens of kilobytes, or of at least so many bytes.

    The ball goes round with the number of the frame; `somebody` stands in the picture.
    """
    image = _background().copy()
    draw = ImageDraw.Draw(image)
    angle = math.tau * frame / _FRAMES_PER_ROUND
    x, y = WIDTH / 2 + 220 * math.cos(angle), HEIGHT / 2 + 140 * math.sin(angle)
    draw.ellipse((x - 24, y - 24, x + 24, y + 24), fill=(230, 60, 40))
    if somebody:
        draw.ellipse((300, 170, 340, 210), fill=(30, 30, 60))
        draw.rectangle((290, 212, 350, 340), fill=(30, 30, 60))
    draw.text((16, 12), text, fill=(255, 255, 255), font=_font())
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return _pad(file.getvalue(), least)


@lru_cache(maxsize=1)
def _background() -> Image.Image:
    """Grass with a grain, so that a picture has a camera's size; the same each time."""
    size = WIDTH // _GRAIN, HEIGHT // _GRAIN
    grain = random.Random(0).randbytes(size[0] * size[1])  # noqa: S311  # not for secrets
    noise = Image.frombytes("L", size, grain).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    grass = Image.new("RGB", (WIDTH, HEIGHT), (50, 110, 55))
    return Image.blend(grass, Image.merge("RGB", (noise, noise, noise)), 0.2)


@lru_cache(maxsize=1)
def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(24)


def _pad(jpeg: bytes, least: int) -> bytes:
    """Make a JPEG longer with comments behind its first two bytes; it shows the same."""
    comments = bytearray()
    while len(jpeg) + len(comments) < least:
        size = min(_COMMENT_SIZE, least - len(jpeg) - len(comments))
        comments += b"\xff\xfe" + (size + 2).to_bytes(2) + bytes(size)
    return jpeg[:2] + bytes(comments) + jpeg[2:]
