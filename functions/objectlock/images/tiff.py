"""TIFF to gray TIFF, of one page or many: only what has colours is decoded."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from typing import Final, TypeVar

from PIL import Image, TiffImagePlugin

from objectlock.errors import SourceRejected
from objectlock.images.limits import Limits
from objectlock.images.pixels import gray, gray_colours
from objectlock.images.profile import is_gray
from objectlock.images.reading import reading, unsupported
from objectlock.images.tiff_decoding import as_bytes, bands, decoded, jpeg_blocks, planes, sixteen_bits
from objectlock.images.tiff_encoding import store, store_jpeg
from objectlock.images.tiff_file import (
    BITS,
    BLACK_IS_ZERO,
    CMYK,
    COLOUR_MAP,
    DEFLATE,
    DIFFERENCES,
    DNG_VERSION,
    EXTRA_SAMPLES,
    HEIGHT,
    JPEG,
    LZW,
    MASK,
    OLD_DEFLATE,
    OLD_JPEG,
    ORIENTATION,
    PACKBITS,
    PALETTE,
    PHOTOMETRIC,
    PLANAR,
    PREDICTOR,
    PROFILE,
    RAW,
    RGB,
    SAMPLE_FORMAT,
    SAMPLES,
    SUB_DIRECTORIES,
    SUBFILE_TYPE,
    SUBSAMPLING,
    WHITE_IS_ZERO,
    WIDTH,
    YCBCR,
    Page,
    encode,
    parse,
)

_Item = TypeVar("_Item")

_KEPT: Final = {WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE, MASK}
_COLOURS: Final = {RGB: "RGB", CMYK: "CMYK", YCBCR: "YCbCr"}
_NAMES: Final = {8: "CIELab", 9: "ICCLab", 10: "ITULab", 32844: "LogL", 32845: "LogLuv"}
_CAMERA: Final = {32803, 34892}  # photometric interpretations: the pattern of a sensor, and linear raw
_FAX: Final = {2, 3, 4}
_OTHERS: Final = {OLD_JPEG, OLD_DEFLATE, 34925, 50000}  # LZMA and Zstandard; written anew by Deflate
_LOSSLESS: Final = {RAW: RAW, LZW: LZW, DEFLATE: DEFLATE, OLD_DEFLATE: DEFLATE, PACKBITS: PACKBITS}
_KINDS_OF_ALPHA: Final = {0, 1, 2}  # not said, multiplied with, and not
_UNSIGNED: Final = {1}
_CR2: Final = b"\x10\0\0\0CR\2\0"  # where the first page is, and what Canon has before it


def convert(body: bytes, limits: Limits) -> bytes:
    """Gray levels and palettes of gray keep the very pixels they came with, colours become one gray level each.

    Raises: SourceRejected.
    """
    with reading("TIFF"):
        file = parse(body, limits)
        for page in file.pages:
            _check_kind(body, page)
        _check_wide(file.pages, limits)
    for page in file.pages:
        _drop_colour_profile(page)
    old_jpegs = _read(_old_jpegs(body, file.pages))
    for page in file.pages:
        if page.compression == OLD_JPEG:
            _store_old_jpeg(page, next(old_jpegs))
        elif page.number(PHOTOMETRIC, WHITE_IS_ZERO) in _COLOURS:
            _reduce(page)
        else:
            _keep(page)
    return encode(file)


def _drop_colour_profile(page: Page) -> None:
    """One for gray levels stays with them, as it says how bright they are."""
    has_gray_levels = page.number(PHOTOMETRIC, WHITE_IS_ZERO) in {WHITE_IS_ZERO, BLACK_IS_ZERO}
    if PROFILE in page.entries and not (has_gray_levels and is_gray(page.entries[PROFILE].data)):
        del page.entries[PROFILE]


def _check_kind(body: bytes, page: Page) -> None:
    """Raises: SourceRejected for what would lose something, or cannot be decoded."""
    photometric = page.number(PHOTOMETRIC, WHITE_IS_ZERO)
    is_preview = bool(page.number(SUBFILE_TYPE, 0) & 1)
    if body[4:12] == _CR2 or DNG_VERSION in page.entries or photometric in _CAMERA:
        raise unsupported("TIFF", "a camera's raw data")
    if is_preview and SUB_DIRECTORIES in page.entries:  # of what is in there: so Nikon and Sony have it
        raise unsupported("TIFF", "a camera's raw data")
    if page.compression not in {*_LOSSLESS, *_FAX, *_OTHERS, JPEG}:
        raise unsupported("TIFF", f"compression {page.compression}")
    if page.compression != OLD_JPEG:
        _check_samples(page, photometric)


def _check_samples(page: Page, photometric: int) -> None:
    if not set(page.numbers(SAMPLE_FORMAT, 1)) <= _UNSIGNED:
        raise unsupported("TIFF", "signed or floating point pixels")
    colours = len(_COLOURS.get(photometric, "L").replace("YCbCr", "RGB"))
    is_known = page.bits in ({8, 16} if photometric == RGB else {8} if photometric in _COLOURS else {1, 2, 4, 8, 16})
    if photometric not in {*_KEPT, *_COLOURS} or not is_known:
        name = _NAMES.get(photometric, f"photometric interpretation {photometric}")
        raise unsupported("TIFF", f"pixels of {page.bits} bits, {name}")
    extra = page.samples - colours
    if not 0 <= extra <= (photometric not in {CMYK, YCBCR}):
        raise unsupported("TIFF", f"{page.samples} samples a pixel")
    if photometric in _COLOURS and not set(page.numbers(EXTRA_SAMPLES)) <= _KINDS_OF_ALPHA:
        raise unsupported("TIFF", "a sample of an unknown kind")
    if photometric == YCBCR and page.compression == RAW and page.numbers(SUBSAMPLING, 2, 2) != (1, 1):
        raise unsupported("TIFF", "subsampled colours that are not compressed")


def _check_wide(pages: list[Page], limits: Limits) -> None:
    """Colours of 16 bits are decoded twice, by halves, and take twice the memory."""
    wide = [page for page in pages if page.number(PHOTOMETRIC, WHITE_IS_ZERO) == RGB and page.bits == 16]
    pixels = sum(width * height for width, height in (page.stored_size for page in [*pages, *wide]))
    if pixels > limits.max_pixels:
        msg = f"{pixels} pixels, those of 16 bits a colour counted twice, more than {limits.max_pixels}"
        raise SourceRejected(msg)


def _keep(page: Page) -> None:
    """The pixels as they are, once it is known that they are all there."""
    if page.samples == 1:
        page.entries.pop(PLANAR, None)  # it means nothing then, and there are readers that take it seriously
    with reading("TIFF"):
        for plane in planes(page):
            if plane.compression == JPEG:
                deque(jpeg_blocks(plane), maxlen=0)
            elif plane.compression in _FAX:
                decoded(plane)
            elif plane.compression != RAW:
                decoded(as_bytes(plane))
        if page.number(PHOTOMETRIC, WHITE_IS_ZERO) == PALETTE:
            page.put(COLOUR_MAP, *_gray_map(page.numbers(COLOUR_MAP), 1 << page.bits))


def _gray_map(values: tuple[int, ...], colours: int) -> list[int]:
    """A table of colours, all red levels first; 16 bits each, of which everybody shows 8."""
    shift = 8 if max(values) > 255 else 0  # there are writers that forget it
    levels = [value >> shift for value in values]
    table = bytes(
        level
        for colour in zip(*(levels[band * colours :][:colours] for band in range(3)), strict=True)
        for level in colour
    )
    return [level * 257 for level in gray_colours(table)[::3]] * 3


def _reduce(page: Page) -> None:
    """From colours to gray levels."""
    photometric, compression = page.number(PHOTOMETRIC, WHITE_IS_ZERO), page.compression
    if compression == JPEG and page.samples == 3 and not page.is_planar:
        blocks = jpeg_blocks(page.only())
        _describe(page, 8, ())
        store_jpeg(page, _read(blocks))
        return
    has_extra = page.samples == 4 and photometric == RGB
    mode = "RGBA" if has_extra else _COLOURS[photometric]
    with reading("TIFF"):
        if compression == JPEG:  # libtiff decodes these, and does not tell when they end early
            for plane in planes(page):
                deque(jpeg_blocks(plane), maxlen=0)
        crop = sixteen_bits(page, mode).gray_bytes if page.bits == 16 else gray(bands(page, mode)).crop
    predictor = page.number(PREDICTOR, 1) if compression in _LOSSLESS else DIFFERENCES
    _describe(page, page.bits, page.numbers(EXTRA_SAMPLES, 2)[:has_extra])
    store(page, crop, _LOSSLESS.get(compression, DEFLATE), predictor)


def _read(blocks: Iterator[_Item]) -> Iterator[_Item]:
    """The same; what is wrong with them is the image's fault, what is wrong between them is not."""
    while True:
        with reading("TIFF"):
            block = next(blocks, None)
        if block is None:
            return
        yield block


def _describe(page: Page, bits: int, extra: tuple[int, ...]) -> None:
    page.put(PHOTOMETRIC, BLACK_IS_ZERO)
    page.put(BITS, *[bits] * (1 + len(extra)))
    page.put(SAMPLES, 1 + len(extra))
    page.entries.pop(EXTRA_SAMPLES, None)
    page.entries.pop(SAMPLE_FORMAT, None)
    if extra:
        page.put(EXTRA_SAMPLES, *extra)


def _old_jpegs(body: bytes, pages: list[Page]) -> Iterator[Image.Image]:
    """The JPEG of TIFF 6.0, section 22, which every writer understood otherwise: only libtiff can tell.

    Each is valid until the next one.
    """
    with TiffImagePlugin.TiffImageFile(io.BytesIO(body)) as source:
        for index, page in enumerate(pages):
            if page.compression == OLD_JPEG:
                source.seek(index)
                source.load()
                yield gray(source)


def _store_old_jpeg(page: Page, image: Image.Image) -> None:
    page.entries.pop(ORIENTATION, None)  # Pillow has turned it
    page.put(WIDTH, image.width)
    page.put(HEIGHT, image.height)
    _describe(page, 8, ())
    store(page, image.crop, DEFLATE, DIFFERENCES)
