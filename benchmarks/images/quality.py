"""What came out, held against what went in: as checks, and as a distance."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from PIL import Image, ImageOps, ImageSequence

MOST_COLOUR: Final = 3  # between channels: what YCbCr may round a gray to
MOST_ALPHA: Final = 2
LATEST: Final = 1  # milliseconds by which a film may become longer

Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class Looks:
    """An encoded image, as far as it can be told without its pixels.

    Attributes:
        size: width and height as displayed.
        milliseconds: of all frames together.
        bits: of a channel.
    """

    body: bytes
    kind: str
    size: tuple[int, int]
    frames: int
    milliseconds: float
    bits: int

    @classmethod
    def of(cls, body: bytes) -> Looks:
        with Image.open(io.BytesIO(body)) as image:
            kind, frames = str(image.format), getattr(image, "n_frames", 1)
            size = ImageOps.exif_transpose(image).size if frames == 1 else image.size
            milliseconds = 0.0
            for frame in ImageSequence.Iterator(image) if frames > 1 else ():
                frame.load()
                milliseconds += float(frame.info.get("duration", 0))
        return cls(body, kind, size, frames, milliseconds, body[24] if kind == "PNG" else 8)

    def shown(self) -> Iterator[Frame]:
        """Its frames, one after the other."""
        if self.kind == "PNG" and self.bits == 16:  # of which Pillow would show 8
            yield Frame.deep(cv2.imdecode(np.frombuffer(self.body, np.uint8), cv2.IMREAD_UNCHANGED))
            return
        with Image.open(io.BytesIO(self.body)) as image:
            for frame in ImageSequence.Iterator(image):
                yield Frame.of(ImageOps.exif_transpose(frame))


@dataclass(frozen=True)
class Frame:
    """Pixels as displayed.

    Attributes:
        luma: ITU-R BT.601, as a share of white; `float32`.
        alpha: 0 to 255, where there is transparency.
        colour: the largest difference between two channels of a pixel, of 255.
        levels: how many different ones there are; counted where there may be more than 256.
    """

    luma: Any
    alpha: Any
    colour: int
    levels: int = 0

    @classmethod
    def of(cls, image: Image.Image) -> Frame:
        alpha, colour = None, 0
        if image.has_transparency_data:
            alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if image.mode not in {"1", "L", "LA", "I;16"}:
            pixels = np.asarray(image.convert("RGB"))
            spread = pixels.max(axis=2) - pixels.min(axis=2)
            colour = int((spread if alpha is None else spread * (alpha > 0)).max())
        if alpha is not None and alpha.min() == 255:
            alpha = None
        return cls(np.asarray(image.convert("RGB").convert("L"), np.float32) / 255, alpha, colour)

    @classmethod
    def deep(cls, pixels: Any) -> Frame:
        """Of 16 bits a channel, none of them alpha; colours as OpenCV orders them."""
        if pixels.ndim == 2:
            return cls(pixels.astype(np.float32) / 65535, None, 0, len(np.unique(pixels)))
        blue, green, red = (pixels[:, :, channel].astype(np.int64) for channel in range(3))
        luma = (19595 * red + 38470 * green + 7471 * blue + 32768 >> 16).astype(np.float32) / 65535
        return cls(luma, None, int((pixels.max(axis=2) - pixels.min(axis=2)).max() >> 8))


@dataclass(frozen=True)
class Verdict:
    """What is wrong with an output, nothing if it is right; and how near its luma comes, in dB (PSNR)."""

    flaws: tuple[str, ...]
    psnr: float | None


class Source:
    """What went in."""

    def __init__(self, body: bytes) -> None:
        self.looks = Looks.of(body)
        self._frames = list(self.looks.shown())

    def verdict(self, output: bytes) -> Verdict:
        """Of an output. The colour of a pixel counts only where the source is opaque."""
        after = Looks.of(output)
        flaws = list(_flaws(self.looks, after))
        squares, counted = 0.0, 0
        for old, new in zip(self._frames, after.shown(), strict=False):
            flaws += [flaw for flaw in _flaws_of_frame(old, new) if flaw not in flaws]
            error = _squares(old, new)
            if error is not None:
                squares, counted = squares + float(error.sum()), counted + error.size
        return Verdict(tuple(flaws), _psnr(squares / counted) if counted else None)


def _flaws(before: Looks, after: Looks) -> Iterator[str]:
    if after.kind != before.kind:
        yield f"as {after.kind}"
    if after.frames < before.frames:
        yield f"1st frame of {before.frames}" if after.frames == 1 else f"{after.frames} frames of {before.frames}"
    elif abs(after.milliseconds - before.milliseconds) > LATEST * before.frames:
        yield "other timing"
    if after.size == before.size[::-1]:
        yield "lies on its side"
    elif after.size != before.size:
        yield f"{after.size[0]}x{after.size[1]}"
    if after.bits < before.bits == 16:
        yield f"{after.bits} bits"


def _flaws_of_frame(old: Frame, new: Frame) -> Iterator[str]:
    if 0 < new.levels <= 256:
        yield "8 bits, stored as 16"
    if new.colour > MOST_COLOUR:
        yield "coloured"
    if old.alpha is not None and new.alpha is None:
        yield "no transparency"
    elif old.alpha is not None and old.alpha.shape == new.alpha.shape and _differ(old.alpha, new.alpha):
        yield "other transparency"


def _differ(old: Any, new: Any) -> bool:
    return bool(np.abs(old.astype(int) - new).max() > MOST_ALPHA)


def _squares(old: Frame, new: Frame) -> Any:
    """Of the differences; of the better one of both turns, if only that is wrong."""
    if old.luma.shape == new.luma.shape:
        seen = slice(None) if old.alpha is None else old.alpha == 255
        return np.square(old.luma[seen] - new.luma[seen], dtype=np.float64)
    if old.luma.shape == new.luma.shape[::-1]:
        both = (np.square(old.luma - np.rot90(new.luma, turn), dtype=np.float64) for turn in (1, 3))
        return min(both, key=np.mean)
    return None


def _psnr(error: float) -> float:
    return math.inf if error == 0 else -10 * math.log10(error)
