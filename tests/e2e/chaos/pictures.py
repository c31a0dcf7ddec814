"""Small pictures that tell which change uploaded them, in colour as in gray; and what is no picture."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image, ImageChops

_SIDE: Final = 4  # blocks; one bit of the number in each
_BLOCK: Final = 8  # pixels, as in a JPEG
_MIDDLE: Final = 128
_JPEG_NOISE: Final = 24  # levels; two pictures differ by far more in at least one block


def picture(number: int) -> bytes:
    """A picture unlike that of any other number below 65536; a PNG or a JPEG."""
    image = Image.new("RGB", (_SIDE, _SIDE))
    light, dark = (250, 220, 160 + number % 64), (60, 20, number % 64)
    image.putdata([light if number >> bit & 1 else dark for bit in range(_SIDE * _SIDE)])
    out = io.BytesIO()
    big = image.resize((_SIDE * _BLOCK, _SIDE * _BLOCK), Image.Resampling.NEAREST)
    big.save(out, "JPEG" if number % 3 == 0 else "PNG")
    return out.getvalue()


def no_picture(number: int) -> bytes:
    """What can never be converted: text, or half a PNG."""
    half = picture(3 * number + 1)
    return f"not a picture, change {number}".encode() if number % 2 else half[: len(half) // 2]


def is_picture(body: bytes) -> bool:
    """Whether all of it is there."""
    try:
        Image.open(io.BytesIO(body)).load()
    except OSError:  # Pillow's word for what is no image, or not a whole one
        return False
    return True


def number_of(body: bytes) -> int:
    """Which picture it is, in colour or gray."""
    blocks = Image.open(io.BytesIO(body)).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return sum(1 << bit for bit, level in enumerate(blocks.tobytes()) if level > _MIDDLE)


def is_gray_of(output: bytes, source: bytes) -> bool:
    """Whether the output is what the source looks like in gray."""
    is_now, wanted = Image.open(io.BytesIO(output)), Image.open(io.BytesIO(source)).convert("L")
    if (is_now.mode, is_now.size) != ("L", wanted.size):
        return False
    _, most = ImageChops.difference(is_now, wanted).getextrema()
    noise = _JPEG_NOISE if is_now.format == "JPEG" else 0
    return isinstance(most, int | float) and most <= noise
