"""Grayscale: encoded image in, encoded image of the same format out."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any, Final

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from objectlock.errors import SourceRejected
from objectlock.ports import Picture

MAX_PIXELS: Final = 100_000_000
MAX_WEBP_PIXELS: Final = 40_000_000  # libwebp holds several copies: 32 bytes a pixel, where others take up to 13

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
_MODES: Final = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})
_ORIENTATION: Final = 0x0112
# What turns a picture upright, by its EXIF orientation (EXIF 2.32, 4.6.4).
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LOSSLESS_TIFF: Final = frozenset({"raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate"})

Image.MAX_IMAGE_PIXELS = None  # our own limit speaks, before anything is decoded


def to_grayscale(body: bytes) -> Picture:
    """The gray counterpart of an image: ITU-R BT.601 luma (Pillow's "L"), transparency kept, displayed upright.

    The format is told from the content. EXIF and colour profile, which describe the colour image, are dropped.
    JPEG keeps the quality it came with. What is gray already is encoded anew, as it is.

    Raises: SourceRejected for what is no image, is truncated or corrupt, has too many pixels, or is of
        a kind that would lose something on the way (another format, several frames, 16 bits a channel).
    """
    image = _decode(body)
    gray = _gray(image)
    if image.format == "BMP" and gray.mode == "LA":
        raise SourceRejected("unsupported: BMP with transparency")
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    out = io.BytesIO()
    gray.save(out, kind, **_options(kind, image, gray))
    return Picture(out.getvalue(), Image.MIME[kind])


def _decode(body: bytes) -> Image.Image:
    """The image, decoded and as it is stored. Its header is checked before any pixel is decoded."""
    try:
        image = Image.open(io.BytesIO(body), formats=_FORMATS)
        _check(image)
        image.load()
    except (SourceRejected, MemoryError):
        raise
    except UnidentifiedImageError:
        raise SourceRejected("not an image in a supported format (BMP, GIF, JPEG, PNG, TIFF, WebP)") from None
    except Exception as error:  # on broken data Pillow's decoders raise whatever they stumble over
        msg = f"truncated or corrupt image: {error}"
        raise SourceRejected(msg) from error
    return image


def _check(image: Image.Image) -> None:
    pixels = image.width * image.height
    limit = min(MAX_PIXELS, MAX_WEBP_PIXELS) if image.format == "WEBP" else MAX_PIXELS
    if pixels > limit:
        msg = f"{image.width}x{image.height} is {pixels} pixels, more than {limit}"
        raise SourceRejected(msg)
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # an MPO is a photo with extras for 3D or HDR displays
        msg = f"unsupported: {image.format} with {frames} frames"
        raise SourceRejected(msg)
    if _has_sixteen_bits(image):
        msg = f"unsupported: {image.format} with 16 bits a channel"
        raise SourceRejected(msg)
    if image.mode not in _MODES:
        msg = f"unsupported: {image.format} with pixels of mode {image.mode}"
        raise SourceRejected(msg)


def _has_sixteen_bits(image: Image.Image) -> bool:
    """Pillow opens 16-bit RGB as 8-bit without a word; the raw mode of its tiles tells."""
    tiles = getattr(image, "tile", ())
    return image.mode.startswith("I;16") or any(";16" in str(tile.args) for tile in tiles)


def _gray(image: Image.Image) -> Image.Image:
    """A gray image of the same size as displayed, in the mode nearest to the source's."""
    if image.mode == "P":
        gray = image.copy()
        gray.putpalette(_gray_palette(image))
    elif image.mode in {"1", "L", "LA"}:
        gray = image.copy()
    else:
        gray = image.convert("LA" if image.has_transparency_data else "L")
    upright = _what_turns_upright(image)
    if upright is not None:
        gray = gray.transpose(upright)
    gray.info.clear()  # encoders take metadata from there
    return gray


def _what_turns_upright(image: Image.Image) -> Image.Transpose | None:
    """By its EXIF; one that cannot be read says nothing, as in any viewer."""
    with suppress(Exception):
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    return None


def _gray_palette(image: Image.Image) -> bytes:
    """The colours of a palette image, each as its luma three times."""
    colours = bytes(image.getpalette("RGB") or ())
    luma = Image.frombytes("RGB", (len(colours) // 3, 1), colours).convert("L").tobytes()
    return bytes(level for level in luma for _ in range(3))


def _options(kind: str, image: Image.Image, gray: Image.Image) -> dict[str, Any]:
    """How to encode it: as near to the source as the format's encoder can."""
    options: dict[str, Any] = {}
    if gray.mode in {"1", "L", "P"} and "transparency" in image.info and image.mode == gray.mode:
        options["transparency"] = image.info["transparency"]
    match kind:
        case "JPEG":
            tables: dict[int, list[int]] = getattr(image, "quantization", {})
            options["qtables"] = [tables[min(tables)]]
        case "TIFF":
            compression = image.info.get("compression", "raw")
            keep = gray.mode == "1" or compression in _LOSSLESS_TIFF
            options["compression"] = compression if keep else "tiff_adobe_deflate"
        case "WEBP":
            options |= {"quality": 80, "method": 2}
    return options
