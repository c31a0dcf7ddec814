"""Writing a PNG file."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from isal import isal_zlib

from objectlock.images.png_file import SIGNATURE, PngFile

Pieces = list[memoryview | bytes]


def encode(file: PngFile) -> bytes:
    """The file, as bytes."""
    out: Pieces = [SIGNATURE]
    for kind, pieces in _chunks(file):
        checksum = isal_zlib.crc32(kind)
        for piece in pieces:
            checksum = isal_zlib.crc32(piece, checksum)
        out += (struct.pack(">I4s", sum(map(len, pieces)), kind), *pieces, struct.pack(">I", checksum))
    return b"".join(out)


def _chunks(file: PngFile) -> Iterator[tuple[bytes, Pieces]]:
    yield b"IHDR", [file.header.encoded()]
    for kind, data in file.kept:
        yield kind, [data]
    for kind, data in ((b"PLTE", file.palette), (b"tRNS", file.transparency), (b"eXIf", file.exif)):
        if data:
            yield kind, [data]
    if file.plays is not None:
        yield b"acTL", [struct.pack(">II", sum(frame.control is not None for frame in file.frames), file.plays)]
    yield from _frames(file)
    yield b"IEND", []


def _frames(file: PngFile) -> Iterator[tuple[bytes, Pieces]]:
    """The first in IDAT, the others in fdAT, which are numbered together with the fcTL before each."""
    sequence = 0
    for index, frame in enumerate(file.frames):
        if frame.control is not None:
            yield b"fcTL", [struct.pack(">I", sequence), frame.control]
            sequence += 1
        for piece in frame.data:
            if index == 0:
                yield b"IDAT", [piece]
            else:
                yield b"fdAT", [struct.pack(">I", sequence), piece]
                sequence += 1
