"""BMP to gray BMP: a table of colours, or pixels with alpha, are exchanged in place; else it is written anew."""

from __future__ import annotations

import io
from typing import Final

from PIL import BmpImagePlugin, Image

from objectlock.images.bmp_file import (
    BITFIELDS,
    RAW,
    RESOLUTION_AT,
    RLE4,
    RLE8,
    Header,
    Masks,
    parse,
    tell_colours,
    without_profile,
)
from objectlock.images.bmp_rle import end_of_pixels
from objectlock.images.limits import Limits
from objectlock.images.pixels import gray_colours
from objectlock.images.reading import broken, reading, unsupported

_WITH_TABLE: Final = {(bits, RAW) for bits in (1, 2, 4, 8)} | {(8, RLE8), (4, RLE4)}
_WITHOUT: Final = {(bits, compression) for bits in (16, 24, 32) for compression in (RAW, BITFIELDS)}
_PLACES: Final = {0xFF: 0, 0xFF00: 1, 0xFF0000: 2, 0xFF000000: 3}  # which byte of a pixel a mask means
_NO_MASKS: Final = Masks(0, 0, 0, 0)
_USUAL: Final = Masks(0xFF0000, 0xFF00, 0xFF, 0xFF000000)
_SHORT_MASKS: Final = {16: {(0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F)}, 24: {(0xFF0000, 0xFF00, 0xFF)}}


def convert(body: bytes, limits: Limits) -> bytes:
    """A palette keeps its indices, pixels with alpha keep it; anything else comes out with 8 bits a pixel.

    Raises: SourceRejected.
    """
    with reading("BMP"):
        header = parse(body)
        limits.check_frames([(header.width, header.height)])
        end = _end_of_pixels(body, header)
    if header.colours and not header.lacks_colours:
        return _with_gray_table(body, header, end)
    masks = _masks(header)
    if masks.alpha:
        return _with_gray_pixels(body, header, masks, end)
    return _written_anew(body, header, masks)


def _written_anew(body: bytes, header: Header, masks: Masks) -> bytes:
    if masks == _NO_MASKS:
        with reading("BMP"), BmpImagePlugin.BmpImageFile(io.BytesIO(body)) as image:
            luma = image.convert("L")
    else:
        luma = _luma(*_bands(body, header, masks))
    out = io.BytesIO()
    luma.save(out, "BMP")
    result = bytearray(out.getvalue())
    result[RESOLUTION_AT : RESOLUTION_AT + 8] = header.per_metre
    return bytes(result)


def _end_of_pixels(body: bytes, header: Header) -> int:
    """Raises: SourceRejected if they are not all there, or of a kind that is none of ours."""
    kind = (header.bits, header.compression)
    if kind not in _WITH_TABLE | _WITHOUT:
        raise unsupported("BMP", f"{header.bits} bits a pixel and compression {header.compression}")
    if kind in _WITH_TABLE and not header.colours:
        raise broken("BMP", "no table of colours")
    if header.compression in {RLE4, RLE8}:
        return end_of_pixels(body, header)
    end = header.pixels_at + header.pixel_bytes
    if end - header.padding_bytes > len(body):
        raise broken("BMP", "pixels are missing")
    return min(end, len(body))


def _masks(header: Header) -> Masks:
    """Of four bytes a pixel: which of them is what. None where Pillow knows.

    Raises: SourceRejected for masks of odd bits, and for alpha of fewer than 8 of them, which would be lost.
    """
    if header.compression == RAW:
        return _NO_MASKS
    if header.bits == 32:
        masks = _USUAL if header.masks == _NO_MASKS else header.masks
        used = [mask for mask in masks if mask]
        is_known = all(masks[:3]) and set(used) <= set(_PLACES) and len(set(used)) == len(used)
    else:
        masks = _NO_MASKS
        is_known = header.masks[:3] in _SHORT_MASKS[header.bits] and not header.masks.alpha
    if not is_known:
        names = ", ".join(f"{mask:X}" for mask in header.masks)
        raise unsupported("BMP", f"colour masks {names}")
    return masks


def _with_gray_table(body: bytes, header: Header, pixels_end: int) -> bytes:
    out, size = bytearray(body), header.colour_bytes
    start, end = header.table_at, header.table_at + header.colours * size
    blue, green, red = (body[start + band : end : size] for band in range(3))
    gray = gray_colours(bytes(level for colour in zip(red, green, blue, strict=True) for level in colour))
    for band in range(3):
        out[start + band : end : size] = gray[band::3]
    tell_colours(out, header)
    without_profile(out, header, pixels_end)
    return bytes(out)


def _with_gray_pixels(body: bytes, header: Header, masks: Masks, end: int) -> bytes:
    *colours, alpha = _bands(body, header, masks)
    stored = [_luma(*colours)] * 4
    stored[_PLACES[masks.alpha]] = alpha
    pixels = Image.merge("RGBA", stored)
    out = bytearray(body)
    out[header.pixels_at : end] = pixels.tobytes("raw", "RGBA", 0, _direction(header))
    without_profile(out, header, end)
    return bytes(out)


def _bands(body: bytes, header: Header, masks: Masks) -> list[Image.Image]:
    """Of four bytes a pixel, those that have a mask, in the order of the masks."""
    pixels = body[header.pixels_at : header.pixels_at + header.pixel_bytes]
    size = (header.width, header.height)
    stored = Image.frombuffer("RGBA", size, pixels, "raw", "RGBA", 0, _direction(header)).split()
    return [stored[_PLACES[mask]] for mask in masks if mask]


def _luma(red: Image.Image, green: Image.Image, blue: Image.Image) -> Image.Image:
    return Image.merge("RGB", (red, green, blue)).convert("L")


def _direction(header: Header) -> int:
    return 1 if header.is_top_down else -1
