"""Grayscale: encoded image in, encoded image of the same format out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from objectlock.images import bmp, gif, jpeg, png, tiff, webp
from objectlock.images.formats import format_of
from objectlock.images.limits import Limits
from objectlock.ports import Picture

__all__ = ["Limits", "to_grayscale"]

_CODECS: Final[dict[str, Callable[[bytes, Limits], bytes]]] = {
    "BMP": bmp.convert,
    "GIF": gif.convert,
    "JPEG": jpeg.convert,
    "PNG": png.convert,
    "TIFF": tiff.convert,
    "WebP": webp.convert,
}
_DEFAULT: Final = Limits()


def to_grayscale(body: bytes, limits: Limits = _DEFAULT) -> Picture:
    """The gray counterpart of an image: ITU-R BT.601 luma (Pillow's "L"), in the format that the content has.

    Size, orientation, transparency, frames and their times, and bits a channel stay; lossy stays lossy, with the
    quality it came with. EXIF, colour profiles and comments, which describe the colour image, are dropped.

    Raises: SourceRejected for what is no image, is truncated or corrupt, exceeds the limits, or would lose
        something on the way.
    """
    limits.check_bytes(len(body))
    kind = format_of(body)
    return Picture(_CODECS[kind](body, limits), f"image/{kind.lower()}")
