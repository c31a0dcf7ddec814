"""What an image shows, as Pillow says, and by hand where Pillow keeps it to itself. Knows nothing of the conversion."""

from __future__ import annotations

import io
import struct
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops, ImageOps

_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
LARGEST: Final = 50_000_000  # pixels
_SIXTEEN: Final = {"I;16", "I;16B", "I;16L", "I;16N"}


@dataclass(frozen=True)
class Shown:
    """One frame, as it is displayed.

    Attributes:
        luma: mode "L", or "I;16".
        alpha: mode "L".
        colour: the largest difference between two channels.
        duration: in milliseconds.
    """

    luma: Image.Image
    alpha: Image.Image
    colour: int
    duration: float


def frames(body: bytes) -> Iterator[Shown]:
    """Each of an animation, or page of a document, composed and turned as it is displayed."""
    image = opened(body)
    for number in range(count(image)):
        image.seek(number)
        if image.width * image.height > LARGEST:
            return  # a frame that reaches out of its canvas: Pillow, and nobody else, makes the canvas larger
        image.load()
        duration = float(image.info.get("duration", 0) or 0)
        yield _shown(ImageOps.exif_transpose(image), duration)


def opened(body: bytes) -> Image.Image:
    """Not decoded yet."""
    return Image.open(io.BytesIO(body))


def count(image: Image.Image) -> int:
    """How many frames there are; an MPO is one photo, with extras."""
    return 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def _shown(image: Image.Image, duration: float) -> Shown:
    if image.mode in _SIXTEEN:
        return Shown(_native(image), Image.new("L", image.size, 255), 0, duration)
    if image.mode in {"La", "RGBa"}:  # with colours that alpha has been multiplied into
        image = image.convert(image.mode.upper())
    rgba = image.convert("RGBA")
    if "transparency" in image.info and image.mode == "1":  # the one mode that Pillow does not convert with it
        level = 255 if image.info["transparency"] else 0
        rgba.putalpha(image.convert("L").point([0 if value == level else 255 for value in range(256)]))
    colours = image.convert("RGB") if image.mode in {"CMYK", "YCbCr", "LAB"} else rgba.convert("RGB")
    red, green, blue = colours.split()
    colour = max(max(ImageChops.difference(red, other).tobytes()) for other in (green, blue))
    return Shown(colours.convert("L"), rgba.getchannel("A"), colour, duration)


def _native(image: Image.Image) -> Image.Image:
    if image.mode == "I;16B":
        samples = array("H", image.tobytes())
        samples.byteswap()
        return Image.frombytes("I;16", image.size, samples.tobytes())
    return image


# --- PNG of 16 bits, which Pillow halves ----------------------------------------------------------------------


@dataclass(frozen=True)
class Samples:
    """All of an image's: gray, or gray and alpha."""

    gray: list[int]
    alpha: list[int]


def sixteen_bits(body: bytes) -> Samples | None:
    """The luma of a PNG that has 16 bits a channel; of an animation, what IDAT holds."""
    chunks = dict(reversed([*png_chunks(body)]))
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if depth != 16:
        return None
    data = zlib.decompress(b"".join(data for kind, data in png_chunks(body) if kind == b"IDAT"))
    bands = _SAMPLES[colour]
    pixels: list[tuple[int, ...]] = [()] * (width * height)
    at = 0
    for x, y, step_x, step_y in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns = range(x, width, step_x)
        before = bytes(len(columns) * bands * 2)
        for row in range(y, height, step_y) if columns else ():
            kind, line = data[at], bytearray(data[at + 1 : at + 1 + len(before)])
            at += 1 + len(before)
            _unfilter(kind, line, before, bands * 2)
            before = bytes(line)
            values = struct.unpack(f">{len(line) // 2}H", line)
            for index, column in enumerate(columns):
                pixels[row * width + column] = values[index * bands : (index + 1) * bands]
    clear = struct.unpack(f">{bands}H", chunks[b"tRNS"]) if b"tRNS" in chunks else None
    gray = [pixel[0] if bands < 3 else _luma(*pixel[:3]) for pixel in pixels]
    return Samples(gray, [pixel[-1] if bands in {2, 4} else 0 if pixel == clear else 0xFFFF for pixel in pixels])


def _luma(red: int, green: int, blue: int) -> int:
    return (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16


def _unfilter(kind: int, line: bytearray, above: bytes, step: int) -> None:
    for at in range(len(line)):
        left, up = (line[at - step] if at >= step else 0), above[at]
        corner = above[at - step] if at >= step else 0
        line[at] = (line[at] + (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]) & 0xFF


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))


def png_chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of each."""
    at = 8
    while at + 8 <= len(body):
        length, kind = struct.unpack_from(">I4s", body, at)
        yield kind, body[at + 8 : at + 8 + length]
        at += 12 + length


# --- metadata -------------------------------------------------------------------------------------------------


def exif_tags(body: bytes) -> set[int]:
    """Of the EXIF block, without those that say how a TIFF's own pixels are stored."""
    image = opened(body)
    return set() if image.format == "TIFF" else set(image.getexif())


def loops(body: bytes) -> int | None:
    """How often an animation plays."""
    loop = opened(body).info.get("loop")
    return None if loop is None else int(loop)


def bits(body: bytes) -> int:
    """A channel."""
    image = opened(body)
    if body.startswith(b"\x89PNG"):
        return int(body[24])
    if image.format == "TIFF":
        stored = image.tag_v2.get(258, (1,))  # type: ignore[attr-defined]
        return int(stored[0] if isinstance(stored, tuple) else stored)
    return 8


def is_lossy(body: bytes) -> bool:
    """Whether its pixels are not exactly those that were encoded."""
    image = opened(body)
    if image.format == "WEBP":
        return b"VP8 " in body
    return image.format in {"JPEG", "MPO"} or "jpeg" in str(image.info.get("compression"))
