"""Who is measured. Each module but this is imported in a process of its own, with one library in it.

A module has `convert`, from encoded bytes to encoded bytes, and `VERSION`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


class CannotConvert(Exception):
    """The library has no way to do it; the message says why."""


@dataclass(frozen=True)
class Contender:
    """A library, used in the plainest way that it offers.

    Attributes:
        name: of its module, and in the raw results.
        title: in the tables.
        how: what it does, in a line.
    """

    name: str
    title: str
    how: str


OURS: Final = "ours"
BASELINE: Final = "pillow"
SHARP: Final = "sharp"
CONTENDERS: Final = (
    Contender(OURS, "Lockstep", "`objectlock.images.to_grayscale`, as the Lambda calls it"),
    Contender(
        BASELINE,
        "plain Pillow",
        '`Image.open(…).convert("L").save(…)`, the same format with Pillow\'s own settings, every frame; '
        'transparent: `"LA"`; a lossless WebP: `lossless=True`; '
        "pages of 1 bit without compression, as fax compression takes no gray",
    ),
    Contender(
        "vips", "pyvips", '`new_from_buffer(…, n=-1)`, `colourspace("b-w")` (16 bits: `"grey16"`), `write_to_buffer`'
    ),
    Contender(
        "opencv",
        "OpenCV",
        "`imdecode(IMREAD_GRAYSCALE)`, `imencode`; for frames its functions for animations and pages",
    ),
    Contender(
        SHARP, "sharp", "`sharp(…, {animated: true}).grayscale().toBuffer()` (16 bits: `.toColourspace('grey16')`)"
    ),
    Contender(
        "rust",
        "Rust image",
        'the `image` crate through puhu: `open`, `convert("L")` (transparent: `"LA"`), `save`; JPEG at quality 75',
    ),
)
