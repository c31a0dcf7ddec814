"""JPEG to gray JPEG: of a photo only the luma is decoded, and stored again with the tables that it came with."""

from __future__ import annotations

import io
from typing import Any, Final

from PIL import Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile

from objectlock.images.jpeg_file import JpegFile, parse
from objectlock.images.limits import Limits
from objectlock.images.orientation import UPRIGHT, exif_of, orientation_in
from objectlock.images.pixels import gray
from objectlock.images.reading import broken, reading

_MADE_UP: Final = frozenset({127, 128})  # middle gray, and what it is after it was inverted
_ANY_DATA: Final = bytes(range(1, 255))


def convert(body: bytes, limits: Limits) -> bytes:
    """What is gray already keeps its very pixels.

    Raises: SourceRejected.
    """
    with reading("JPEG"):
        file = parse(body)
    limits.check_frames([(file.width, file.height)])
    with reading("JPEG"):
        image = _decoded(file, body)
    orientation = orientation_in(image.info.get("exif", b""))
    exif = b"" if orientation == UPRIGHT else exif_of(orientation)
    options = _options(image, exif)
    is_doubtful, luma = _may_be_made_up(image), gray(image)
    del image  # of four bands it takes four times as much memory
    if is_doubtful:
        with reading("JPEG"):
            _check_end(file, luma)
    return file.without_metadata(exif) if file.components == 1 else _encoded(file, luma, options)


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


def _check_end(file: JpegFile, luma: Image.Image) -> None:
    """Decode it with more data, of which a whole image takes no notice."""
    longer = gray(_decoded(file, file.with_more_data(_ANY_DATA)))
    if ImageChops.difference(luma, longer).getbbox() is not None:
        raise broken("JPEG", "pixels are missing")


def _options(image: JpegImageFile, exif: bytes) -> dict[str, Any]:
    """What of the source is kept when its luma is encoded."""
    table = image.quantization[image.layer[0][3]]
    return _resolution(image) | {
        "qtables": [table],
        "exif": b"Exif\0\0" + exif if exif else b"",
        "progressive": "progressive" in image.info,
    }


def _encoded(file: JpegFile, luma: Image.Image, options: dict[str, Any]) -> bytes:
    """Baseline, with the usual Huffman tables: the fastest to write. No larger than the source, if others help it."""
    luma.info.clear()  # the encoder would take a comment from there
    body = _saved(luma, options | {"progressive": False})
    if len(body) <= len(file.body):
        return body
    return _saved(luma, options | {"optimize": True})


def _resolution(image: JpegImageFile) -> dict[str, Any]:
    dpi = image.info.get("dpi", ())
    return {"dpi": dpi} if dpi and all(1 <= value <= 0xFFFF for value in dpi) else {}


def _saved(luma: Image.Image, options: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    luma.save(out, "JPEG", **options)
    return out.getvalue()
