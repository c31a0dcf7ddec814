"""Gray pixels to the strips of a TIFF page."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from isal import isal_zlib
from PIL import Image, ImageChops

from objectlock.images.limits import Limits
from objectlock.images.pixels import Crop
from objectlock.images.tiff_file import (
    COMPRESSION,
    DEFLATE,
    DIFFERENCES,
    FILL_ORDER,
    JPEG_TABLES,
    LZW,
    PACKBITS,
    PLANAR,
    PREDICTOR,
    RAW,
    STRIP_ROWS,
    SUBSAMPLING,
    TILE_HEIGHT,
    TILE_WIDTH,
    Page,
    parse,
)

_TABLES, _PIXELS = 1, 2  # what to write of a JPEG, as Pillow numbers it
_STRIP_BYTES: Final = 1 << 18
_BY_LIBTIFF: Final = {LZW: "tiff_lzw", PACKBITS: "packbits"}


def store(page: Page, crop: Crop, compression: int, predictor: int) -> None:
    """Exchange the pixels of a page.

    Args:
        page: its tags already say what the pixels are.
        crop: makes the image of a part, a byte a band, the high one first; what is outside of the whole is zero.
        compression: RAW, LZW, DEFLATE or PACKBITS.
        predictor: 2 to store differences, which compress better; means nothing with RAW and PACKBITS.
    """
    if compression in {RAW, PACKBITS}:
        predictor = 1
    width, height = page.size
    rows = max(1, _STRIP_BYTES // page.row_bytes(width))
    page.data = [
        _compressed(
            _row_bytes(page, crop, (top, min(top + rows, height)), predictor), page.row_bytes(width), compression
        )
        for top in range(0, height, rows)
    ]
    _tell_of_strips(page, rows, compression)
    if predictor == DIFFERENCES:
        page.put(PREDICTOR, predictor)


def _tell_of_strips(page: Page, rows: int, compression: int) -> None:
    for tag in (TILE_WIDTH, TILE_HEIGHT, PREDICTOR, FILL_ORDER, JPEG_TABLES, SUBSAMPLING, PLANAR):
        page.entries.pop(tag, None)
    page.put(COMPRESSION, compression)
    page.put(STRIP_ROWS, rows)


def _row_bytes(page: Page, crop: Crop, rows: tuple[int, int], predictor: int) -> bytes:
    width = page.size[0]
    part = crop((0, rows[0], width, rows[1]))
    is_wide = page.bits == 16
    if predictor == DIFFERENCES:
        left = crop((-1, rows[0], width - 1, rows[1]))
        part = _wide_differences(part, left) if is_wide else ImageChops.subtract_modulo(part, left)
    if is_wide and page.order == "<":
        part = Image.merge(part.mode, list(_swapped(part.split())))
    return part.tobytes()


def _swapped(parts: tuple[Image.Image, ...]) -> Iterator[Image.Image]:
    for high, low in zip(parts[::2], parts[1::2], strict=True):
        yield low
        yield high


def _wide_differences(here: Image.Image, left: Image.Image) -> Image.Image:
    """Of samples of two bytes each."""
    found = []
    for high, low, left_high, left_low in zip(
        *(part.split()[half::2] for part in (here, left) for half in (0, 1)), strict=True
    ):
        borrow = ImageChops.subtract(left_low, low).point([0] + [1] * 255)
        found.append(ImageChops.subtract_modulo(ImageChops.subtract_modulo(high, left_high), borrow))
        found.append(ImageChops.subtract_modulo(low, left_low))
    return Image.merge(here.mode, found)


def _compressed(data: bytes, row: int, compression: int) -> bytes | memoryview:
    if compression == RAW:
        return data
    if compression == DEFLATE:
        return isal_zlib.compress(data, 3)
    height, out = len(data) // row, io.BytesIO()
    image = Image.frombuffer("L", (row, height), data, "raw", "L", 0, 1)
    image.save(out, "TIFF", compression=_BY_LIBTIFF[compression], strip_size=len(data))
    (page,) = parse(out.getvalue(), Limits(len(data) * 2 + 1024, len(data), 1)).pages
    (strip,) = page.data
    return strip


def store_jpeg(page: Page, blocks: Iterable[tuple[Image.Image, list[int]]]) -> None:
    """Exchange the strips or tiles of a page for these in JPEG, each by its table; they keep their sizes."""
    found = [(_jpeg(luma, table, _PIXELS), tuple(table)) for luma, table in blocks]
    tables = {table: _jpeg(Image.new("L", (8, 8)), table, _TABLES) for _, table in found}
    for tag in (FILL_ORDER, SUBSAMPLING, PLANAR, JPEG_TABLES):
        page.entries.pop(tag, None)
    if len(tables) == 1:
        page.put_bytes(JPEG_TABLES, *tables.values())
        page.data = [data for data, _ in found]
    else:
        page.data = [tables[table][:-2] + data[2:] for data, table in found]


def _jpeg(image: Image.Image, table: Sequence[int], what: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", qtables=[list(table)], streamtype=what)
    return out.getvalue()
