"""The segments of a JPEG file (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Final, NamedTuple

from objectlock.images.profile import is_gray
from objectlock.images.reading import broken, unsupported

SOI: Final = b"\xff\xd8"
_EOI, _SOS, _DQT, _DRI, _JFIF, _EXIF, _PROFILE, _COMMENT = 0xD9, 0xDA, 0xDB, 0xDD, 0xE0, 0xE1, 0xE2, 0xFE
_PROFILE_AT: Final = 14  # after its name, its number and how many there are
_RESTARTS: Final = range(0xD0, 0xD8)
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_DECODED: Final = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}  # sequential and progressive, by Huffman's or arithmetic coding
_MAX_SCANS: Final = 100  # each goes through all pixels; ten are usual
_APPLICATIONS: Final = range(0xE0, 0xF0)
_BETWEEN_SCANS: Final = frozenset({0xC4, 0xCC, _EOI, _SOS, 0xDC, 0xDD, _COMMENT})
_MAX_SEGMENTS: Final = 1_000
_MAX_EXIF: Final = 16  # segments, which Pillow joins one by one; one is usual
# In compressed data FF is followed by 0. Before a marker there may be any number of FF.
_MARKER: Final = re.compile(rb"\xff([^\0\xff])")


class Segment(NamedTuple):
    """A marker and what belongs to it: body[start:end]."""

    marker: int
    start: int
    data: int
    end: int


@dataclass(frozen=True, slots=True)
class JpegFile:
    """The first image of a file; an MPO has more behind it, for displays in 3D or HDR.

    Attributes:
        components: 1 is gray.
    """

    body: bytes
    segments: list[Segment]
    width: int
    height: int
    components: int

    def with_more_data(self, data: bytes) -> bytes:
        """The file with this after its compressed data."""
        end = self.segments[-1].start
        return b"".join((self.body[:end], data, self.body[end:]))

    def without_metadata(self, exif: bytes) -> bytes:
        """The image with the very pixels it has; of what is said about it, only how gray is meant, and this EXIF."""
        view, profile = memoryview(self.body), self._gray_profile()
        jfif = next((view[each.data : each.end] for each in self.segments if each.marker == _JFIF), view[:0])
        kept: list[bytes | memoryview] = [SOI]
        if len(jfif) >= 12 and bytes(jfif[:5]) == b"JFIF\0":
            kept += [b"\xff\xe0\0\x10", jfif[:12], b"\0\0"]  # no thumbnail
        if exif:
            kept += [b"\xff\xe1", (8 + len(exif)).to_bytes(2), b"Exif\0\0", exif]
        kept += [
            view[each.start : each.end]
            for each in self.segments
            if (each.marker not in _APPLICATIONS and each.marker != _COMMENT) or each in profile
        ]
        return b"".join(kept)

    def _gray_profile(self) -> list[Segment]:
        """The parts, which come in order, of a profile that says how bright gray levels are (ICC.1, B.4), if any."""
        parts = [
            each
            for each in self.segments
            if each.marker == _PROFILE and self.body.startswith(b"ICC_PROFILE\0", each.data)
        ]
        has_gray = bool(parts) and is_gray(self.body[parts[0].data + _PROFILE_AT : parts[0].end])
        return parts if has_gray else []


def parse(body: bytes) -> JpegFile:
    """The file, its pixels not yet looked at.

    Raises: SourceRejected if the image has no end, or there are markers where none can be.
    """
    segments = list(islice(_segments(body), _MAX_SEGMENTS + 1))
    exif = sum(segment.marker == _EXIF and body.startswith(b"Exif", segment.data) for segment in segments)
    if len(segments) > _MAX_SEGMENTS or exif > _MAX_EXIF:
        raise unsupported("JPEG", "a flood of segments")
    scans = sum(segment.marker == _SOS for segment in segments)
    if scans > _MAX_SCANS:
        raise unsupported("JPEG", f"{scans} scans")
    frames = [segment for segment in segments if segment.marker in _FRAMES]
    if len(frames) != 1:
        raise broken("JPEG", f"{len(frames)} images in one")
    return _described(body, segments, frames[0])


def _described(body: bytes, segments: list[Segment], frame: Segment) -> JpegFile:
    bits, height, width, components = struct.unpack_from(">BHHB", body, frame.data)
    if frame.marker not in _DECODED:
        raise unsupported("JPEG", f"compression SOF{frame.marker & 15}")
    if bits != 8:
        raise unsupported("JPEG", f"{bits} bits a channel")
    if components not in {1, 3, 4}:
        raise unsupported("JPEG", f"{components} components")
    if not height:
        raise unsupported("JPEG", "a height that comes after the pixels")
    return JpegFile(body, segments, width, height, components)


def _segments(body: bytes) -> Iterator[Segment]:
    at, interval, is_after_scan = len(SOI), 0, False
    while found := _MARKER.search(body, at):
        marker, data = found[1][0], found.end()
        if is_after_scan and marker == _DQT:  # whose is it? decoders differ
            raise unsupported("JPEG", "quantization tables between scans")
        if marker in _RESTARTS or (is_after_scan and marker not in _BETWEEN_SCANS):
            raise broken("JPEG", "compressed data is broken off")
        if marker == _EOI:
            yield Segment(marker, found.start(), data, data)
            return
        end = data + int.from_bytes(body[data : data + 2])
        if marker == _DRI:
            interval = int.from_bytes(body[data + 2 : data + 4])
        if marker == _SOS:
            is_after_scan = True
            end = _end_of_scan(body, end, has_restarts=interval > 0)
        yield Segment(marker, found.start(), data + 2, end)
        at = end
    raise broken("JPEG", "the image does not end")


def _end_of_scan(body: bytes, at: int, *, has_restarts: bool) -> int:
    """Where the next marker is that is not one of the restarts, which count from 0 to 7 over and over."""
    expected = cycle(_RESTARTS) if has_restarts else iter(())
    for found in _MARKER.finditer(body, at):
        if found[1][0] != next(expected, None):
            return found.start()
    return len(body)
