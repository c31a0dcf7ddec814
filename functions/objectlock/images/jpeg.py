"""JPEG to gray JPEG: of a photo only the luma is decoded, and stored again with the tables that it came with."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from objectlock.images.jpeg_decoding import Luma, luma_of
from objectlock.images.jpeg_file import JpegFile, parse
from objectlock.images.limits import Limits
from objectlock.images.orientation import only_orientation
from objectlock.images.reading import reading


def convert(body: bytes, limits: Limits) -> bytes:
    """What is gray already keeps its very pixels.

    Raises: SourceRejected.
    """
    with reading("JPEG"):
        file = parse(body)
    limits.check_frames([(file.width, file.height)])
    with reading("JPEG"):
        luma = luma_of(file)
    exif = only_orientation(luma.info.get("exif", b""))
    return file.without_metadata(exif) if file.components == 1 else _encoded(file, luma, exif)


def _encoded(file: JpegFile, luma: Luma, exif: bytes) -> bytes:
    """Baseline, with the usual Huffman tables: the fastest to write. No larger than the source, if others help it."""
    options = _resolution(luma) | {"qtables": [luma.table], "exif": b"Exif\0\0" + exif if exif else b""}
    body = _saved(luma.pixels, options)
    if len(body) <= len(file.body):
        return body
    return _saved(luma.pixels, options | {"optimize": True, "progressive": "progressive" in luma.info})


def _resolution(luma: Luma) -> dict[str, Any]:
    dpi = luma.info.get("dpi", ())
    return {"dpi": dpi} if dpi and all(1 <= value <= 0xFFFF for value in dpi) else {}


def _saved(pixels: Image.Image, options: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    pixels.save(out, "JPEG", **options)
    return out.getvalue()
