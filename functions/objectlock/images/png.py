"""PNG to gray PNG, still or animated: only what has colours is decoded."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from isal.igzip_lib import DECOMP_ZLIB, IgzipDecompressor
from PIL import Image, ImageChops

from objectlock.images.limits import Limits
from objectlock.images.orientation import only_orientation
from objectlock.images.pixels import Crop, gray, gray_colours, opaque_but
from objectlock.images.png_file import (
    GRAY,
    GRAY_ALPHA,
    PALETTE,
    RGB,
    RGB_ALPHA,
    Frame,
    Header,
    PngFile,
)
from objectlock.images.png_pixels import compressed
from objectlock.images.png_reader import parse
from objectlock.images.png_writer import encode
from objectlock.images.reading import broken, reading
from objectlock.images.sixteen import LOW_BYTES, SixteenBits

_MODES: Final = {RGB: "RGB", RGB_ALPHA: "RGBA"}
_COLOURS: Final = range(1, 257)
_LAST_FILTER: Final = 4
_STEP: Final = 1 << 20


def convert(body: bytes, limits: Limits) -> bytes:
    """Gray levels and palettes of gray keep the very pixels they came with, colours become one gray level each.

    Raises: SourceRejected.
    """
    with reading("PNG"):
        file = parse(body)
    limits.check_frames([(frame.width, frame.height) for frame in file.frames])
    with reading("PNG"):
        for frame in file.frames:
            _check(file.header, frame)
    file.exif = only_orientation(file.exif)
    if file.header.colour in _MODES:
        _reduce(file)
    else:
        file.palette = _gray_palette(file)
    return encode(file)


def _check(header: Header, frame: Frame) -> None:
    """That the pixels are all there, without making an image of them. Pillow takes black for those that are not."""
    inflate = IgzipDecompressor(flag=DECOMP_ZLIB)
    data = frame.joined()
    for count, length in header.rows(frame.width, frame.height):
        strip = max(1, _STEP // length)
        for start in range(0, count, strip):
            size = length * min(strip, count - start)
            rows = inflate.decompress(data, size)
            data = b""  # what is left of it the decompressor holds
            if len(rows) < size:
                raise broken("PNG", "pixels are missing")
            if max(rows[::length]) > _LAST_FILTER:
                raise broken("PNG", "pixels that make no sense")
    if not inflate.eof and not inflate.decompress(b"", 1) and not inflate.eof:
        raise broken("PNG", "the end of the pixels is missing")


def _gray_palette(file: PngFile) -> bytes:
    """Gray levels have none; with colours it is only a hint."""
    if file.header.colour != PALETTE:
        return b""
    colours, rest = divmod(len(file.palette), 3)
    if rest or colours not in _COLOURS:
        raise broken("PNG", "a palette that makes no sense")
    return gray_colours(file.palette)


def _reduce(file: PngFile) -> None:
    """From colours to gray levels."""
    source, clear = file.header, file.transparency
    has_alpha = source.colour == RGB_ALPHA or bool(clear)
    file.header = replace(source, colour=GRAY_ALPHA if has_alpha else GRAY, interlaced=False)
    file.palette = file.transparency = b""
    for frame in file.frames:
        with reading("PNG"):
            crop = _sixteen_bits(source, frame, clear) if source.depth == 16 else _eight_bits(source, frame, clear)
        frame.data = list(filter(None, compressed(crop, frame.width, frame.height)))


def _eight_bits(header: Header, frame: Frame, clear: bytes) -> Crop:
    image = _decoded(header, frame, _MODES[header.colour])
    if header.colour == RGB and clear:
        image.putalpha(opaque_but(image, tuple(clear[1::2])))
    return gray(image).crop


def _sixteen_bits(header: Header, frame: Frame, clear: bytes) -> Crop:
    rawmode = f"{_MODES[header.colour]};16B"
    high, low = (_decoded(header, frame, half) for half in (rawmode, LOW_BYTES[rawmode]))
    alpha = None
    if header.colour == RGB and clear:
        alpha = ImageChops.lighter(opaque_but(high, tuple(clear[0::2])), opaque_but(low, tuple(clear[1::2])))
    return SixteenBits(high, low, alpha).gray_bytes


def _decoded(header: Header, frame: Frame, rawmode: str) -> Image.Image:
    size = (frame.width, frame.height)
    return Image.frombytes(_MODES[header.colour], size, frame.joined(), "zip", rawmode, header.interlaced)
