"""How much one image may ask of the function that converts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from objectlock.errors import SourceRejected


@dataclass(frozen=True, slots=True)
class Limits:
    """What is checked before anything is decoded: a file of a few bytes can claim gigabytes.

    Attributes:
        max_bytes: of the encoded image.
        max_pixels: of all its frames together, each as large as it is stored.
        max_frames: of an animation, or pages of a document.
    """

    max_bytes: int = 100_000_000
    max_pixels: int = 100_000_000
    max_frames: int = 1_000

    def check_bytes(self, count: int) -> None:
        """Raises: SourceRejected."""
        if count > self.max_bytes:
            msg = f"{count} bytes, more than {self.max_bytes}"
            raise SourceRejected(msg)

    def check_count(self, frames: int) -> None:
        """Raises: SourceRejected."""
        if frames > self.max_frames:
            msg = f"{frames} frames, more than {self.max_frames}"
            raise SourceRejected(msg)

    def check_frames(self, sizes: Sequence[tuple[int, int]]) -> None:
        """By the (width, height) of each frame.

        Raises: SourceRejected.
        """
        self.check_count(len(sizes))
        pixels = sum(width * height for width, height in sizes)
        if pixels > self.max_pixels:
            what = "{}x{} is".format(*sizes[0]) if len(sizes) == 1 else f"{len(sizes)} frames have"
            msg = f"{what} {pixels} pixels, more than {self.max_pixels}"
            raise SourceRejected(msg)
