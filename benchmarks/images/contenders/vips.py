"""libvips."""

from __future__ import annotations

from typing import Final

import pyvips

from benchmarks.images.contenders import CannotConvert

VERSION: Final = f"{pyvips.__version__}, libvips {'.'.join(str(pyvips.version(part)) for part in range(3))}"
_EXTENSIONS: Final = {"jpeg": ".jpg", "png": ".png", "gif": ".gif", "webp": ".webp", "tiff": ".tif"}


def convert(body: bytes) -> bytes:
    """Raises: CannotConvert for BMP: the packaged library cannot read it."""
    if body.startswith(b"BM"):
        raise CannotConvert("no BMP in the package of libvips")
    first = pyvips.Image.new_from_buffer(body, "", access="sequential")
    frames = first.get("n-pages") if first.get_typeof("n-pages") else 1
    image = first if frames == 1 else pyvips.Image.new_from_buffer(body, "", access="sequential", n=-1)
    gray = image.colourspace("grey16" if image.interpretation == "rgb16" else "b-w")
    written: bytes = gray.write_to_buffer(_EXTENSIONS[image.get("vips-loader").removesuffix("load_buffer")])
    return written
