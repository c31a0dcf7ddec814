"""What may come of any file whatever: a gray image of the same format and size, or SourceRejected."""

from __future__ import annotations

import io
import warnings
from typing import Final

from PIL import Image, ImageChops

from objectlock.errors import SourceRejected
from objectlock.images import Limits, to_grayscale

LIMITS: Final = Limits(max_bytes=2_000_000, max_pixels=2_000_000, max_frames=100)
CONVERTED, REJECTED = "converted", "rejected"
AS_BROKEN: Final = "as broken"  # what Pillow did not decode before it does not decode after: we read more than it does
OUTCOMES: Final = (CONVERTED, REJECTED, AS_BROKEN)
_GRAY: Final = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F"})
_FRAMES_LOOKED_AT: Final = 8


class Wrong(Exception):
    """What came out is not what was promised."""


class Unreadable(Exception):
    """Pillow does not decode it."""


def convert(body: bytes) -> tuple[str, bytes]:
    """What became of a file, and the output if there is one.

    Raises: whatever is not SourceRejected, which is what is looked for.
    """
    try:
        return CONVERTED, to_grayscale(body, LIMITS).body
    except SourceRejected:
        return REJECTED, b""


def check(source: bytes, output: bytes) -> str:
    """Look at the output as everybody else would: what became of the source.

    Raises: Wrong, Unreadable.
    """
    try:
        _check_size(source, output)
        pixels = _decoded(output)
    except Unreadable as error:
        if "image has no palette" in str(error):  # Pillow takes a palette of all gray levels in order for none
            return AS_BROKEN
        try:
            _decoded(source)
        except Unreadable:
            return AS_BROKEN
        raise
    # So much is room for noise that no compression helps, in 16 bits with alpha.
    if len(output) > 2 * len(source) + 5 * pixels + 4096:
        msg = f"{len(source)} bytes became {len(output)}"
        raise Wrong(msg)
    _check_gray(output)
    return CONVERTED


def _decoded(body: bytes) -> int:
    """How many pixels its frames have. Raises: Unreadable."""
    image = _opened(body)
    try:
        frames = getattr(image, "n_frames", 1)
        for frame in range(min(frames, _FRAMES_LOOKED_AT)):
            image.seek(frame)
            if image.width * image.height > 4 * LIMITS.max_pixels:
                break  # a frame that reaches out of its canvas: Pillow makes the canvas larger
            image.load()
            image.convert("RGBA" if image.mode == "P" else image.mode)
    except Exception as error:
        msg = f"{type(error).__name__}: {error}"
        raise Unreadable(msg) from error
    return image.width * image.height * frames


def _check_size(source: bytes, output: bytes) -> None:
    after = _opened(output)
    try:
        before = _opened(source)
    except Unreadable:
        return
    if (before.size, _kind(before)) != (after.size, _kind(after)):
        msg = f"{before.size} {before.format} became {after.size} {after.format}"
        raise Wrong(msg)


def _kind(image: Image.Image) -> str:
    """Its format; an MPO is a JPEG file with more behind it."""
    return "JPEG" if image.format == "MPO" else str(image.format)


def _opened(body: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Where a TIFF's value is outside of the file, Pillow leaves out all tags after it, orientation too.
            warnings.filterwarnings("error", "Truncated File Read")
            return Image.open(io.BytesIO(body))
    except Exception as error:
        msg = f"{type(error).__name__}: {error}"
        raise Unreadable(msg) from error


def _check_gray(output: bytes) -> None:
    """Raises: Wrong."""
    image = _opened(output)
    if image.mode in _GRAY or image.width * image.height > 4 * LIMITS.max_pixels:
        return
    red, green, blue, _ = image.convert("RGBA").split()
    most = max(max(ImageChops.difference(red, other).tobytes()) for other in (green, blue))
    if most > (2 if image.format == "WEBP" else 0):  # lossy WebP has no gray mode: its decoder rounds
        msg = f"not gray, mode {image.mode}: colours differ by {most}"
        raise Wrong(msg)
