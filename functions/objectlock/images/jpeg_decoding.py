"""The luma of a JPEG, all of it: an image of its own, or a strip or tile of a TIFF."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile

from objectlock.images.jpeg_file import JpegFile
from objectlock.images.pixels import gray
from objectlock.images.reading import broken

_MADE_UP: Final = frozenset({127, 128})  # middle gray, and what it is after it was inverted
_ANY_DATA: Final = bytes(range(1, 255))


@dataclass(frozen=True, slots=True)
class Luma:
    """The pixels, mode "L"; the quantization table that they came with; and what Pillow knows of the image."""

    pixels: Image.Image
    table: list[int]
    info: dict[Any, Any]


def luma_of(file: JpegFile) -> Luma:
    """Raises: SourceRejected, or whatever Pillow stumbles over."""
    image = _decoded(file, file.body)
    table, info = image.quantization[image.layer[0][3]], dict(image.info)
    is_doubtful, pixels = _may_be_made_up(image), gray(image)
    del image  # of four bands it takes four times as much memory
    if is_doubtful:
        _check_end(file, pixels)
    pixels.info.clear()  # encoders take metadata from there
    return Luma(pixels, table, info)


def _decoded(file: JpegFile, body: bytes) -> JpegImageFile:
    image = JpegImageFile(io.BytesIO(body))
    if image.size != (file.width, file.height):
        raise broken("JPEG", "two sizes")  # the other one is within no limits
    image.draft("L", None)  # luma and chroma are stored apart; this leaves the chroma alone
    image.load()
    return image


def _may_be_made_up(image: JpegImageFile) -> bool:
    """Whether its last corner is what the decoder shows, without a word, for pixels that are missing: a middle gray."""
    width, height = image.size
    corner = image.crop((width - 1 - (width - 1) % 8, height - 1 - (height - 1) % 8, width, height))
    return set(corner.tobytes()) <= _MADE_UP


def _check_end(file: JpegFile, pixels: Image.Image) -> None:
    """Decode it with more data, of which a whole image takes no notice."""
    longer = gray(_decoded(file, file.with_more_data(_ANY_DATA)))
    if ImageChops.difference(pixels, longer).getbbox() is not None:
        raise broken("JPEG", "pixels are missing")
