"""What a PNG file is made of (PNG, third edition, W3C 2025), animated or not."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from objectlock.images.reading import broken

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6  # colour types
_SAMPLES: Final = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}
_DEPTHS: Final = {
    GRAY: {1, 2, 4, 8, 16},
    RGB: {8, 16},
    PALETTE: {1, 2, 4, 8},
    GRAY_ALPHA: {8, 16},
    RGB_ALPHA: {8, 16},
}
# First column and row of each pass of an interlaced image, and the steps to the next ones.
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_WHOLE: Final = ((0, 0, 1, 1),)


@dataclass(frozen=True, slots=True)
class Header:
    """IHDR. The same for all frames, but for their sizes."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool = False

    @classmethod
    def parse(cls, data: memoryview) -> Header:
        """Raises: SourceRejected."""
        width, height, depth, colour, compression, filters, interlace = struct.unpack(">IIBBBBB", data)
        is_known = depth in _DEPTHS.get(colour, ()) and (compression, filters) == (0, 0) and interlace <= 1
        if not (is_known and 0 < width < 1 << 31 and 0 < height < 1 << 31):
            raise broken("PNG", "a header that makes no sense")
        return cls(width, height, depth, colour, bool(interlace))

    @property
    def is_gray(self) -> bool:
        """Whether its samples are gray levels."""
        return self.colour in {GRAY, GRAY_ALPHA}

    def encoded(self) -> bytes:
        """As the data of the chunk."""
        return struct.pack(">IIBBBBB", self.width, self.height, self.depth, self.colour, 0, 0, self.interlaced)

    def rows(self, width: int, height: int) -> list[tuple[int, int]]:
        """How many rows of how many bytes a frame of this size is, once decompressed: interlaced, in each pass."""
        bits = self.depth * _SAMPLES[self.colour]
        found = []
        for x, y, step_x, step_y in _PASSES if self.interlaced else _WHOLE:
            columns, rows = -(-(width - x) // step_x), -(-(height - y) // step_y)
            if columns > 0 and rows > 0:
                found.append((rows, 1 + (columns * bits + 7) // 8))
        return found


@dataclass(slots=True)
class Frame:
    """One image: a whole one, or the part of an animation's canvas that changes.

    Attributes:
        control: of fcTL, all that follows the sequence number; None for an image that is still, or that the
            animation leaves out.
        data: compressed, in pieces.
    """

    width: int
    height: int
    control: bytes | None = None
    data: list[memoryview | bytes] = field(default_factory=list)

    def joined(self) -> memoryview | bytes:
        """The data in one piece."""
        return self.data[0] if len(self.data) == 1 else b"".join(self.data)


@dataclass(slots=True)
class PngFile:
    """What of a PNG file has to do with its pixels.

    Attributes:
        plays: how often an animation plays, 0 for ever; None for a still image.
        kept: chunks that say how gray levels are shown, and how large.
    """

    header: Header
    palette: bytes = b""
    transparency: bytes = b""
    exif: bytes = b""
    plays: int | None = None
    kept: list[tuple[bytes, bytes]] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
