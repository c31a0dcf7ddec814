"""Pixels of TIFF pages, decoded by Pillow and libtiff, from a file of this page alone and of known tags."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any, Final

from PIL import Image, TiffImagePlugin

from objectlock.images.jpeg_decoding import luma_of
from objectlock.images.jpeg_file import parse as parse_jpeg
from objectlock.images.reading import broken, unsupported
from objectlock.images.sixteen import LOW_BYTES, SixteenBits
from objectlock.images.tiff_file import (
    BITS,
    BLACK_IS_ZERO,
    COLOUR_MAP,
    EXTRA_SAMPLES,
    FILL_ORDER,
    JPEG_TABLES,
    PHOTOMETRIC,
    PLANAR,
    PREDICTOR,
    RGB,
    SAMPLE_FORMAT,
    SAMPLES,
    TILE_WIDTH,
    WHITE_IS_ZERO,
    WIDTH,
    YCBCR,
    Block,
    Page,
    TiffFile,
    encode,
)

_MAX_SAMPLING: Final = 32  # pixels, in each direction, that a JPEG of whole units may have too many
_MAX_SEGMENTS: Final = 100  # each costs time, in every strip or tile; ten are usual, and thirty if progressive
_MAX_TABLES: Final = 1 << 16  # bytes, which go before every strip or tile; some hundreds are usual
_UNASSOCIATED: Final = 2  # alpha that the colours are not multiplied with: Pillow takes such samples as they are


def planes(page: Page) -> list[Page]:
    """Those of a page whose samples are stored apart, each as a gray page of its own; of any other, itself."""
    if not page.is_planar:
        return [page]
    count = len(page.data) // page.samples
    return [_plane(page, page.data[start : start + count]) for start in range(0, len(page.data), count)]


def _plane(page: Page, data: list[bytes | memoryview]) -> Page:
    plane = page.only()
    plane.data = data
    plane.put(BITS, page.bits)
    plane.put(PHOTOMETRIC, BLACK_IS_ZERO)
    for tag in (SAMPLES, PLANAR, EXTRA_SAMPLES, SAMPLE_FORMAT):
        plane.entries.pop(tag, None)
    return plane


def as_bytes(page: Page) -> Page:
    """The same compressed data, but of bytes: what can be decompressed without knowing what they mean."""
    result = page.only()
    result.put(WIDTH, page.row_bytes(page.size[0]))
    if page.is_tiled:
        result.put(TILE_WIDTH, page.row_bytes(page.block.width))
    result.put(BITS, 8)
    result.put(PHOTOMETRIC, BLACK_IS_ZERO)
    for tag in (SAMPLES, EXTRA_SAMPLES, SAMPLE_FORMAT, COLOUR_MAP, PREDICTOR, FILL_ORDER):
        result.entries.pop(tag, None)
    return result


def decoded(page: Page, rawmodes: dict[str, str] | None = None) -> Image.Image:
    """The image, as it is stored.

    Args:
        page: one that Pillow has a mode for.
        rawmodes: what to unpack the pixels by, instead of what Pillow would.
    """
    with _opened(page) as image:
        if rawmodes:
            image.tile = [tile._replace(args=_exchanged(tile.args, rawmodes)) for tile in image.tile]
        image.load()
        return image


def _opened(page: Page) -> TiffImagePlugin.TiffImageFile:
    source = page.only()
    if EXTRA_SAMPLES in source.entries and page.number(PHOTOMETRIC, WHITE_IS_ZERO) == RGB:
        source.put(EXTRA_SAMPLES, _UNASSOCIATED)
    return TiffImagePlugin.TiffImageFile(io.BytesIO(encode(TiffFile(page.order, is_big=False, pages=[source]))))


def _exchanged(args: tuple[Any, ...] | str | None, rawmodes: dict[str, str]) -> tuple[Any, ...]:
    rawmode, *rest = tuple(args or ())
    return (rawmodes[rawmode], *rest)


def bands(page: Page, mode: str) -> Image.Image:
    """All samples of a page of 8 bits, in this mode."""
    if not page.is_planar:
        return decoded(page)
    return Image.merge(mode, [decoded(plane) for plane in planes(page)])


def sixteen_bits(page: Page, mode: str) -> SixteenBits:
    """All samples of a page of 16 bits, in this mode."""
    if not page.is_planar:
        return SixteenBits(decoded(page), decoded(page, LOW_BYTES))
    halves = [_halves(decoded(plane)) for plane in planes(page)]
    high, low = (Image.merge(mode, half) for half in zip(*halves, strict=True))
    return SixteenBits(high, low)


def _halves(image: Image.Image) -> list[Image.Image]:
    """High and low bytes of an image of mode "I;16" or "I;16B"."""
    first, second = Image.frombytes("LA", image.size, image.tobytes()).split()
    return [first, second] if image.mode == "I;16B" else [second, first]


def jpeg_blocks(page: Page) -> Iterator[tuple[Image.Image, list[int]]]:
    """Of every strip or tile of a page in JPEG: its first band, the brightness, and the table that this came with."""
    start, block = _jpeg_start(page), page.block
    for index, (data, size) in enumerate(zip(page.data, _block_sizes(page), strict=True)):
        file = parse_jpeg(start + data[2:])
        if any(each.start < len(start) < each.end for each in file.segments):  # libtiff reads them apart
            raise broken("TIFF", "JPEG tables that do not end")
        if len(file.segments) > _MAX_SEGMENTS:
            raise unsupported("TIFF", f"{len(file.segments)} segments in a strip or tile")
        if not (
            size.width <= file.width < block.width + _MAX_SAMPLING
            and size.height <= file.height < block.height + _MAX_SAMPLING
        ):
            raise broken("TIFF", f"strip or tile {index} is of {file.width}x{file.height}")
        luma = luma_of(file)
        yield luma.pixels.crop((0, 0, *size)), luma.table


def _jpeg_start(page: Page) -> bytes:
    """What belongs before each of them (TIFF Technical Note 2, Adobe 1995), and says what the bands are."""
    tables = page.entries[JPEG_TABLES].data if JPEG_TABLES in page.entries else b"\xff\xd8\xff\xd9"
    if len(tables) > _MAX_TABLES:
        raise broken("TIFF", f"JPEG tables of {len(tables)} bytes")
    is_transformed = page.number(PHOTOMETRIC, YCBCR) == YCBCR
    adobe = b"\xff\xee" + struct.pack(">H5sHHHB", 14, b"Adobe", 100, 0, 0, is_transformed)
    return tables[:2] + adobe + tables[2 : tables.rindex(b"\xff\xd9")]


def _block_sizes(page: Page) -> Iterator[Block]:
    (_, height), block = page.size, page.block
    if page.is_tiled:
        return (block for _ in page.data)
    return (Block(block.width, min(block.height, height - index * block.height)) for index in range(len(page.data)))
