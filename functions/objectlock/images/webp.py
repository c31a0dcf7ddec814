"""WebP to gray WebP, still or animated: each picture by itself, in the frame that it came in."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Final

from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

from objectlock.errors import SourceRejected
from objectlock.images.limits import Limits
from objectlock.images.orientation import only_orientation
from objectlock.images.pixels import gray, gray_colours
from objectlock.images.reading import reading, unsupported
from objectlock.images.webp_file import LOSSY, Bitstream, Frame, WebpFile, encode, parse
from objectlock.images.webp_quality import quality_of

# Of one picture. libwebp holds several copies of it: measured, up to 17 bytes a pixel for a lossy photo, 31 for lossy
# noise, 34 for a lossless image and 40 for one with alpha. With a source of 100 MB, that stays below 1.4 GB.
MAX_PIXELS: Final = 32_000_000
# VP8L can say 16384, but libwebp does not write it.
_MAX_SIDE: Final = 16383

# Of libwebp's methods, 2 is the fastest that makes of a photo no more than 1.1 times what 4, its default, does:
# measured, and not so for the highest and the lowest qualities.
_METHOD: Final = 4
_FAST_METHOD: Final = 2
_FAST_QUALITIES: Final = range(50, 98)

# How hard libwebp looks for repetitions in a lossless image. Beyond 25 it also looks for those that drawings have:
# slower, and in vain in a photo, which is known by its many bits a pixel.
_EFFORT_FOR_PHOTO: Final = 25
_EFFORT_FOR_DRAWING: Final = 40
_BITS_OF_PHOTO: Final = 3


def convert(body: bytes, limits: Limits) -> bytes:
    """Lossy stays lossy, with the quality it came with, and lossless stays lossless. Alpha is the very same.

    Raises: SourceRejected.
    """
    with reading("WebP"):
        file = parse(body)
    limits.check_frames([(file.width, file.height)])
    _check([frame.picture.size for frame in file.frames], limits)
    file.exif = only_orientation(file.exif)
    if file.animation is not None:
        file.animation = _gray_background(file.animation)
    for frame in file.frames:
        frame.picture = _gray_picture(frame.picture)
    return encode(file)


def _check(sizes: list[tuple[int, int]], limits: Limits) -> None:
    limits.check_frames(sizes)
    for width, height in sizes:
        if width * height > MAX_PIXELS:
            msg = f"{width}x{height} is {width * height} pixels, more than {MAX_PIXELS}"
            raise SourceRejected(msg)
        if max(width, height) > _MAX_SIDE:
            raise unsupported("WebP", f"more than {_MAX_SIDE} pixels a side")


def _gray_background(animation: bytes) -> bytes:
    """ANIM, its colour blue first and its alpha untouched."""
    return gray_colours(animation[2::-1]) + animation[3:]


def _gray_picture(picture: Bitstream) -> Bitstream:
    image = _decoded(picture)
    if picture.kind != LOSSY:
        image = gray(image).convert(image.mode)
        return _encoded(image, lossless=True, exact=True, quality=_effort(picture))
    luma = image.convert("L")
    image = Image.merge("RGB", (luma, luma, luma))
    quality = quality_of(picture.data)
    method = _FAST_METHOD if quality in _FAST_QUALITIES else _METHOD
    return replace(_encoded(image, quality=quality, method=method), alpha=picture.alpha)


def _effort(picture: Bitstream) -> int:
    width, height = picture.size
    is_photo = 8 * len(picture.data) > _BITS_OF_PHOTO * width * height
    return _EFFORT_FOR_PHOTO if is_photo else _EFFORT_FOR_DRAWING


def _decoded(picture: Bitstream) -> Image.Image:
    """Mode "RGB" or "RGBA": all of it, or SourceRejected."""
    with reading("WebP"):
        image = WebPImageFile(io.BytesIO(encode(WebpFile(*picture.size, frames=[Frame(picture)]))))
        image.load()
    return image


def _encoded(image: Image.Image, **options: float) -> Bitstream:
    out = io.BytesIO()
    image.save(out, "WEBP", **options)
    return parse(out.getvalue()).frames[0].picture
