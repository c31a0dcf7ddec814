"""Reading a PNG file: its chunks, checked, and the frames they are of."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from isal import isal_zlib

from objectlock.images.png_file import GRAY, PALETTE, RGB, SIGNATURE, Frame, Header, PngFile
from objectlock.images.profile import is_gray
from objectlock.images.reading import broken, unsupported

# What says how gray levels are to be shown, and how large. All else describes the colours, or is about the file.
_KEPT: Final = frozenset({b"cICP", b"gAMA", b"pHYs", b"sRGB"})
_MAX_CHUNKS: Final = 200_000  # each costs some hundred bytes of memory, whatever it holds
_FRAMES: Final = frozenset({b"fcTL", b"fdAT"})
_ABOUT: Final = frozenset({b"eXIf", b"iCCP"})  # as if they were not there, if they are broken
_READ: Final = _KEPT | _FRAMES | _ABOUT | {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL"}
_LONGEST_NAME: Final = 80
_HEADER_OF_PROFILE: Final = 128


def parse(body: bytes) -> PngFile:
    """The file, its pixels not yet looked at.

    Raises: SourceRejected if it is cut short, a checksum is wrong, or its chunks make no sense.
    """
    chunks = _chunks(body)
    kind, data = next(chunks)
    if kind != b"IHDR":
        raise broken("PNG", "no header")
    file = PngFile(Header.parse(data))
    announced = sequence = 0
    for kind, data in chunks:
        if kind == b"IHDR":
            raise broken("PNG", "two headers")
        if kind == b"acTL":
            if not file.frames:  # after the pixels it means nothing
                announced, file.plays = struct.unpack(">II", data)
        elif kind not in _FRAMES:
            _add(file, kind, data)
        elif file.plays is not None:  # without acTL they mean nothing
            _add_to_animation(file, kind, data, sequence)
            sequence += 1
    if sum(frame.control is not None for frame in file.frames) != announced:
        raise broken("PNG", f"not the {announced} frames that it announces")
    if not file.frames or not all(frame.data for frame in file.frames):
        raise broken("PNG", "no pixels")
    file.transparency = _transparency(file)
    return file


def _transparency(file: PngFile) -> bytes:
    """If it makes no sense, none, as for libpng."""
    lengths = {GRAY: {2}, RGB: {6}, PALETTE: range(1 + len(file.palette) // 3)}
    return file.transparency if len(file.transparency) in lengths.get(file.header.colour, ()) else b""


def _chunks(body: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Those that matter, each whole by its checksum. What follows the last one is not the image's."""
    view, at, kind, count = memoryview(body), len(SIGNATURE), b"", 0
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", view, at)
        data = view[at + 8 : at + 8 + length]
        if kind in _READ:
            count += 1
            if count > _MAX_CHUNKS:
                raise unsupported("PNG", f"more than {_MAX_CHUNKS} chunks")
            (checksum,) = struct.unpack_from(">I", view, at + 8 + length)
            if isal_zlib.crc32(data, isal_zlib.crc32(kind)) == checksum:
                yield kind, data
            elif kind not in _ABOUT:
                raise broken("PNG", f"wrong checksum of {kind.decode()}")
        elif not kind[0] & 0x20:  # a capital: who does not know it cannot show the image
            raise unsupported("PNG", f"a chunk {kind!r}")
        at += 12 + length


def _add(file: PngFile, kind: bytes, data: memoryview) -> None:
    match kind:
        case b"PLTE":
            file.palette = bytes(data)
        case b"tRNS":
            file.transparency = bytes(data)
        case b"eXIf":
            file.exif = bytes(data)
        case b"IDAT":
            _first_frame(file).data.append(data)
        case b"iCCP":
            if file.header.is_gray and _is_gray_profile(data):
                file.kept.append((kind, bytes(data)))
        case _ if kind in _KEPT:
            file.kept.append((kind, bytes(data)))


def _is_gray_profile(data: memoryview) -> bool:
    """One that cannot be read is none, as for any viewer."""
    name = bytes(data[:_LONGEST_NAME]).partition(b"\0")[0]
    with suppress(Exception):
        return is_gray(isal_zlib.decompressobj().decompress(data[len(name) + 2 :], _HEADER_OF_PROFILE))
    return False


def _first_frame(file: PngFile) -> Frame:
    """The one that IDAT is of: announced by an fcTL, or else not part of the animation."""
    if not file.frames:
        file.frames.append(Frame(file.header.width, file.header.height))
    first = file.frames[0]
    if len(file.frames) > 1 or (first.width, first.height) != (file.header.width, file.header.height):
        raise broken("PNG", "frames out of order")
    return first


def _add_to_animation(file: PngFile, kind: bytes, data: memoryview, sequence: int) -> None:
    (number,) = struct.unpack_from(">I", data)
    if number != sequence:
        raise broken("PNG", "frames out of order")
    if kind == b"fdAT":
        if len(file.frames) < 2:  # the first one's data is in IDAT
            raise broken("PNG", "frames out of order")
        file.frames[-1].data.append(data[4:])
        return
    width, height, x, y = struct.unpack_from(">IIII", data, 4)
    is_inside = 0 < width <= file.header.width - x and 0 < height <= file.header.height - y
    if len(data) != 26 or not is_inside:
        raise broken("PNG", "a frame outside of its canvas")
    file.frames.append(Frame(width, height, bytes(data[4:])))
