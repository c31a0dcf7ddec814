"""Plain Pillow, which the others are compared with."""

from __future__ import annotations

import io
from typing import Any, Final

import PIL
from PIL import Image, ImageSequence

VERSION: Final = PIL.__version__


def convert(body: bytes) -> bytes:
    image = Image.open(io.BytesIO(body))
    options: dict[str, Any] = {}
    if image.format == "TIFF" and image.mode == "1":
        options["compression"] = "raw"  # it would keep the source's, which takes no gray
    if image.format == "WEBP" and body[12:16] == b"VP8L":
        options["lossless"] = True
    out = io.BytesIO()
    if getattr(image, "n_frames", 1) == 1:
        image.convert("LA" if image.has_transparency_data else "L").save(out, image.format, **options)
    else:
        first, *others = [frame.convert("L") for frame in ImageSequence.Iterator(image)]
        first.save(out, image.format, save_all=True, append_images=others, **options)
    return out.getvalue()
