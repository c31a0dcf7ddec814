"""Images of 16 bits a channel, which Pillow cannot hold: a pair of 8-bit images, the high bytes and the low ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from PIL import Image, ImageMath

# Pillow's unpackers keep one byte of each sample. Told the other byte order, they keep the other byte.
LOW_BYTES: Final = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGB;16N": "RGB;16B",  # little-endian is native wherever Lambda runs
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    "RGBA;16N": "RGBA;16B",
}


@dataclass(frozen=True, slots=True)
class SixteenBits:
    """RGB or RGBA.

    Attributes:
        high: the more significant byte of each sample.
        low: the other one.
        alpha: transparency that is not in the samples; mode "L".
    """

    high: Image.Image
    low: Image.Image
    alpha: Image.Image | None = None

    def gray_bytes(self, box: tuple[int, int, int, int]) -> Image.Image:
        """The gray pixels of a part, a byte a band: mode "LA" is high and low, "RGBA" the same of gray and alpha.

        What of the box is outside of the image is zero, as for Pillow's `crop`.
        """
        high, low = self.high.crop(box).split(), self.low.crop(box).split()
        luma = ImageMath.lambda_eval(_luma, **dict(zip("RGBrgb", (*high[:3], *low[:3]), strict=True)))
        gray = [ImageMath.lambda_eval(byte, luma=luma).convert("L") for byte in (_high_byte, _low_byte)]
        if self.alpha is not None:
            part = self.alpha.crop(box)
            return Image.merge("RGBA", (*gray, part, part))
        return Image.merge("RGBA", (*gray, high[3], low[3])) if len(high) == 4 else Image.merge("LA", gray)


def _luma(bands: dict[str, Any]) -> Any:  # noqa: ANN401 - ImageMath's operands have no public type
    """Of the high and the low bytes apart: the products with whole samples would not fit into 32 bits."""
    high = bands["R"] * 19595 + bands["G"] * 38470 + bands["B"] * 7471
    low = bands["r"] * 19595 + bands["g"] * 38470 + bands["b"] * 7471
    return (high + ((low + 32768) >> 8)) >> 8


def _high_byte(bands: dict[str, Any]) -> Any:  # noqa: ANN401
    return bands["luma"] >> 8


def _low_byte(bands: dict[str, Any]) -> Any:  # noqa: ANN401
    return bands["luma"] & 255
