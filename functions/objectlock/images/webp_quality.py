"""The quality that a lossy WebP was encoded with, from the quantizers in its header."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import Final

_FRAME_TAG: Final = 10  # with the start code and the size: uncompressed, RFC 6386, 9.1
_HEADER: Final = 64  # bytes that all of the compressed header fits in, with every optional field
_SEGMENTS: Final = 4
_MAX_INDEX: Final = 127


def quality_of(frame: bytes | memoryview) -> int:
    """The quality, 0 to 100, at which libwebp uses the quantizers of this VP8 key frame.

    An estimate: measured, it is within 2 of what libwebp was asked for.

    Raises: nothing, not even for a frame that is cut short or broken, of which it says anything.
    """
    bits = _Bits(frame[_FRAME_TAG:])
    bits.number(2)  # colour space, clamping
    segments = _Segments()
    if bits.flag():
        segments.update(bits)
    bits.number(10)  # loop filter: its type, level and sharpness
    if bits.flag() and bits.flag():
        for _ in range(8):
            bits.signed(6)  # what changes the filter level
    bits.number(2)  # how many partitions
    return _quality(segments.quantizers(bits.number(7)), segments.shares())


class _Bits:
    """RFC 6386, 7.3, the boolean decoder, where either value of every flag is as likely as the other: a header."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._value = int.from_bytes(bytes(data[:_HEADER]).ljust(_HEADER, b"\0"), "big")
        self._shift = 8 * (_HEADER - 1)
        self._range = 255

    def flag(self) -> int:
        split = (self._range + 1) // 2
        if is_set := self._value >= split << self._shift:
            self._value -= split << self._shift
            self._range -= split
        else:
            self._range = split
        while self._range < 128:
            self._range *= 2
            self._shift -= 1
        return int(is_set)

    def number(self, length: int) -> int:
        value = 0
        for _ in range(length):
            value = 2 * value + self.flag()
        return value

    def optional(self, length: int, default: int) -> int:
        return self.number(length) if self.flag() else default

    def signed(self, length: int) -> int:
        """Optional, too."""
        if not self.flag():
            return 0
        value = self.number(length)
        return -value if self.flag() else value


class _Segments:
    """RFC 6386, 9.3: up to four sorts of macroblocks, each with a quantizer of its own."""

    def __init__(self) -> None:
        self._is_absolute = False
        self._values = [0] * _SEGMENTS
        self._tree: list[int] | None = None

    def update(self, bits: _Bits) -> None:
        has_map, has_values = bits.flag(), bits.flag()
        if has_values:
            self._is_absolute = bool(bits.flag())
            self._values = [bits.signed(7) for _ in range(_SEGMENTS)]
            for _ in range(_SEGMENTS):
                bits.signed(6)  # filter levels
        if has_map:
            self._tree = [bits.optional(8, 255) for _ in range(_SEGMENTS - 1)]

    def quantizers(self, base: int) -> list[int]:
        """The index of each, where `base` is that of the frame."""
        values = self._values if self._is_absolute else [base + value for value in self._values]
        return [min(max(value, 0), _MAX_INDEX) for value in values]

    def shares(self) -> list[float]:
        """Of all macroblocks: an encoder derives the probabilities in the tree from how many there are."""
        if self._tree is None:
            return [1.0, 0.0, 0.0, 0.0]
        lower, first, third = (probability / 255 for probability in self._tree)
        return [lower * first, lower * (1 - first), (1 - lower) * third, (1 - lower) * (1 - third)]


def _quality(indices: Sequence[int], shares: Sequence[float]) -> int:
    """What libwebp makes quantizers of, backwards (src/enc/quant_enc.c, src/enc/analysis_enc.c).

    It takes the cube root c of a function of the quality, linear in two pieces, c ** x for each segment with an x of
    which the mean is 1, and of that the index (1 - c ** x) * 127, rounded down.
    """
    mean = sum(share * log(_factor(index)) for index, share in zip(indices, shares, strict=True))
    linear = exp(3 * mean)
    return round(150 * linear if linear < 0.5 else 50 * (1 + linear))


def _factor(index: int) -> float:
    """From the middle of what is rounded to it, but 1 for the index of quality 100."""
    return 1 - (index + 0.5) / _MAX_INDEX if 0 < index < _MAX_INDEX else max(1.0 - index, 0.001)
