"""Which way up an image is shown: of all its metadata, the one thing that a viewer has to know."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Final

from PIL import Image

_ORIENTATION: Final = 0x0112
UPRIGHT: Final = 1


def only_orientation(exif: bytes) -> bytes:
    """EXIF that says of this nothing but which way up the image is; none at all where it is upright."""
    orientation = orientation_in(exif)
    return b"" if orientation == UPRIGHT else exif_of(orientation)


def orientation_in(exif: bytes) -> int:
    """What EXIF says (EXIF 2.32, 4.6.4: 1 to 8); one that cannot be read says nothing, as in any viewer."""
    with suppress(Exception):
        tags = Image.Exif()
        tags.load(exif)
        value = tags.get(_ORIENTATION)
        if isinstance(value, int) and 1 <= value <= 8:
            return value
    return UPRIGHT


def exif_of(orientation: int) -> bytes:
    """EXIF that says nothing but this: a TIFF header and a directory of one entry."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, orientation, 0, 0)
