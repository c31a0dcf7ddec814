"""Gray pixels: ITU-R BT.601 luma, (19595 R + 38470 G + 7471 B + 32768) >> 16, as Pillow's mode "L" has it."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Final

from PIL import Image, ImageChops

Image.MAX_IMAGE_PIXELS = None  # `Limits` speak, before anything is decoded

Box = tuple[int, int, int, int]
Crop = Callable[[Box], Image.Image]  # makes the image of a part, a byte a band; outside of the whole there are zeros

GRAY_MODES: Final = frozenset({"1", "L", "LA"})


def gray(image: Image.Image) -> Image.Image:
    """The gray counterpart: mode "L", or "LA" where anything can be transparent. What is gray already is itself."""
    if image.mode in GRAY_MODES:
        return image
    return image.convert("LA" if image.has_transparency_data else "L")


def gray_colours(table: bytes) -> bytes:
    """The colours of a table, three bytes each, as their luma three times."""
    count = len(table) // 3
    luma = Image.frombytes("RGB", (count, 1), table[: 3 * count]).convert("L")
    return Image.merge("RGB", (luma, luma, luma)).tobytes() if count else b""


def opaque_but(image: Image.Image, clear: tuple[int, ...]) -> Image.Image:
    """An alpha channel, mode "L": 0 where every band has the value of that one clear colour, else 255."""
    masks = [
        band.point([0 if level == value else 255 for level in range(256)])
        for band, value in zip(image.split(), clear, strict=True)
    ]
    return reduce(ImageChops.lighter, masks)
