"""Grayscale: encoded image in, encoded image of the same format out."""

from __future__ import annotations

import io
from typing import Any, Final

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from objectlock.errors import SourceRejected
from objectlock.work import Picture

MAX_PIXELS: Final = 100_000_000

# Importing a plugin registers its format; asking Pillow for all of them would import forty modules.
_FORMATS: Final = tuple(
    str(plugin.format)
    for plugin in (
        BmpImagePlugin.BmpImageFile,
        GifImagePlugin.GifImageFile,
        JpegImagePlugin.JpegImageFile,  # MPO as well
        PngImagePlugin.PngImageFile,
        TiffImagePlugin.TiffImageFile,
        WebPImagePlugin.WebPImageFile,
    )
)
_SIXTEEN_BIT: Final = ("I;16", "I;16B", "I;16L", "I")


def to_grayscale(body: bytes) -> Picture:
    """The gray counterpart of an image: ITU-R BT.601 luma (Pillow's "L"), transparency kept, displayed upright.

    The format is told from the content. EXIF and colour profile, which describe the colour image, are dropped.
    JPEG keeps the quality it came with.

    Raises: SourceRejected for what is no image, is truncated or corrupt, has more than MAX_PIXELS pixels, or is
        of a kind that would lose something on the way (another format, several frames, 16 bits a channel).
    """
    try:
        with Image.open(io.BytesIO(body), formats=_FORMATS) as image:
            _check(image)
            image.load()
            return _encode(image)
    except UnidentifiedImageError:
        raise SourceRejected("not an image in a supported format (BMP, GIF, JPEG, PNG, TIFF, WebP)") from None
    except Image.DecompressionBombError as error:
        raise SourceRejected(str(error)) from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
    ) as error:  # what Pillow's decoders raise on broken data
        msg = f"truncated or corrupt image: {error}"
        raise SourceRejected(msg) from error


def _check(image: Image.Image) -> None:
    """Refuse by the header alone, before any pixel is decoded."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        msg = f"{image.width}x{image.height} is {pixels} pixels, more than {MAX_PIXELS}"
        raise SourceRejected(msg)
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # an MPO is a photo with extras for 3D or HDR displays
        msg = f"unsupported: {image.format} with {frames} frames"
        raise SourceRejected(msg)
    if image.mode in _SIXTEEN_BIT or _is_sixteen_bit_png(image):
        msg = f"unsupported: {image.format} with 16 bits a channel"
        raise SourceRejected(msg)


def _is_sixteen_bit_png(image: Image.Image) -> bool:
    """Pillow opens 16-bit RGB as 8-bit without a word; the raw mode of the tile tells."""
    return image.format == "PNG" and any(";16" in str(tile.args) for tile in getattr(image, "tile", ()))


def _encode(image: Image.Image) -> Picture:
    upright = ImageOps.exif_transpose(image)
    gray = upright.convert("LA" if upright.has_transparency_data else "L")
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    options: dict[str, Any] = {}
    if kind == "JPEG":
        tables = getattr(image, "quantization", None)  # the source's own quality
        options = {"qtables": [tables[0]]} if tables else {"quality": 90}
    elif kind == "WEBP":
        options = {"quality": 80, "method": 2}
    out = io.BytesIO()
    gray.save(out, kind, **options)
    return Picture(out.getvalue(), Image.MIME[kind])
