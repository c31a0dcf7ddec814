"""Pixels to the compressed data of a PNG.

A filter foretells each pixel from its neighbours, and the better it does, the less is left to compress. Pillow tries
all five on every row, in C, byte by byte; one filter for the whole image, by operations on whole images, takes a
tenth of the time and costs photos 7 % of size. ISA-L compresses such data as small as zlib's level 4 to 6 in a tenth
of its time; where there is more to gain, as in drawings, zlib has its way. A sample decides both.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Protocol

from isal import isal_zlib
from PIL import Image, ImageChops

from objectlock.images.pixels import Crop

NONE, LEFT, UP, AVERAGE = 0, 1, 2, 3  # as PNG numbers them; the fifth, Paeth's, has no fast form
_STRIP: Final = 1 << 18  # pixels filtered at once: they stay in the processor's cache
_SAMPLES: Final = 8
_SAMPLE: Final = 1 << 13  # pixels in each


class Compressor(Protocol):
    """What zlib.compressobj and its like return."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


# What a byte is worth that comes out of the slower ones, and how many may go in: they take up to 0.1 µs for each.
_COMPRESSORS: Final[list[tuple[Callable[[], Compressor], float, int]]] = [
    (partial(isal_zlib.compressobj, 1), 1.0, sys.maxsize),
    (partial(zlib.compressobj, 4), 1.03, 1 << 27),
    (partial(zlib.compressobj, 6), 1.14, 1 << 26),
]


def compressed(crop: Crop, width: int, height: int) -> Iterator[bytes]:
    """The data of an image, in pieces.

    Args:
        crop: of the whole.
        width: of the whole, in pixels.
        height: of the whole, in pixels.
    """
    kind, compressor = _best(crop, width, height)
    for top, bottom in _strips(width, height):
        yield compressor.compress(_filtered(crop, width, top, bottom, kind))
    yield compressor.flush()


def _strips(width: int, height: int) -> Iterator[tuple[int, int]]:
    rows = max(1, _STRIP // width)
    return ((top, min(top + rows, height)) for top in range(0, height, rows))


def _best(crop: Crop, width: int, height: int) -> tuple[int, Compressor]:
    """Which filter and which compressor do best on a sample, rows from all over the image."""
    rows = max(1, _SAMPLE // width)
    strips = [(top, min(top + rows, height)) for top in range(0, height, max(rows, height // _SAMPLES))]
    filtered = {
        kind: b"".join(_filtered(crop, width, top, bottom, kind) for top, bottom in strips)
        for kind in (AVERAGE, UP, LEFT, NONE)
    }
    kind = min(filtered, key=lambda kind: len(isal_zlib.compress(filtered[kind], 1)))

    size = width * height * len(crop((0, 0, 1, 1)).getbands())
    costs = {make: price * len(_all_of(make(), filtered[kind])) for make, price, most in _COMPRESSORS if size <= most}
    return kind, min(costs, key=lambda make: costs[make])()


def _all_of(compressor: Compressor, data: bytes) -> bytes:
    return compressor.compress(data) + compressor.flush()


def _filtered(crop: Crop, width: int, top: int, bottom: int, kind: int) -> bytes:
    """These rows, each after the number of its filter (PNG, chapter 9)."""
    block = crop((-1, top - 1, width, bottom))
    size = (width, bottom - top)
    shifted = partial(_part, block, size)
    here = shifted(1, 1)
    if kind == LEFT:
        here = ImageChops.subtract_modulo(here, shifted(0, 1))
    elif kind == UP:
        here = ImageChops.subtract_modulo(here, shifted(1, 0))
    elif kind == AVERAGE:
        here = ImageChops.subtract_modulo(here, ImageChops.add(shifted(0, 1), shifted(1, 0), scale=2))
    data = here.tobytes()
    stride = len(data) // size[1]
    rows = Image.new("L", (1 + stride, size[1]), kind)
    rows.paste(Image.frombuffer("L", (stride, size[1]), data, "raw", "L", 0, 1), (1, 0))
    return rows.tobytes()


def _part(block: Image.Image, size: tuple[int, int], x: int, y: int) -> Image.Image:
    return block.crop((x, y, x + size[0], y + size[1]))
