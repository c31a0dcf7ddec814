"""The headers of a Windows or OS/2 bitmap (Microsoft, "Bitmap Header Types"; IBM, OS/2 Presentation Manager)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from objectlock.images.reading import broken, unsupported

RAW, RLE8, RLE4, BITFIELDS = 0, 1, 2, 3  # compressions
_CORE, _INFO, _V3, _OS2, _V4, _V5 = 12, 40, 56, 64, 108, 124  # headers, by their length
_HEADERS: Final = {_CORE, _INFO, 52, _V3, _OS2, _V4, _V5}
_FILE_HEADER: Final = 14
RESOLUTION_AT: Final = 38
_COLOURS_AT: Final = 46


class Masks(NamedTuple):
    """Which bits of a pixel are what."""

    red: int
    green: int
    blue: int
    alpha: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a bitmap says about itself.

    Attributes:
        length: of the header after the file's, which tells its kind.
        is_top_down: whether the first row is the uppermost.
        pixels_at: where in the file they are.
        colours: how many its table has; 0 if there is none.
        per_metre: how many pixels across and down, as it is in the file.
    """

    length: int
    width: int
    height: int
    is_top_down: bool
    bits: int
    compression: int
    pixels_at: int
    colours: int
    per_metre: bytes
    masks: Masks

    @property
    def table_at(self) -> int:
        return _FILE_HEADER + self.length

    @property
    def lacks_colours(self) -> bool:
        """Whether its table is too short, and it has no place to say so: readers differ in what they take for one."""
        return self.length == _CORE and self.colours < 1 << self.bits

    @property
    def colour_bytes(self) -> int:
        """Of one entry of the table."""
        return 3 if self.length == _CORE else 4

    @property
    def row_bytes(self) -> int:
        """Of one row, of whole 32-bit words."""
        return (self.width * self.bits + 31) // 32 * 4

    @property
    def pixel_bytes(self) -> int:
        """Of all rows. Nobody knows before if they are run-length encoded."""
        return self.row_bytes * self.height

    @property
    def padding_bytes(self) -> int:
        """What fills up a row; after the last one it may be missing."""
        return self.row_bytes - (self.width * self.bits + 7) // 8


def parse(body: bytes) -> Header:
    """The header.

    Raises: SourceRejected, or struct.error where it is cut short.
    """
    pixels_at, length = struct.unpack_from("<II", body, 10)
    if length not in _HEADERS:
        raise unsupported("BMP", f"a header of {length} bytes")
    compression = colours = 0
    if length == _CORE:
        width, height, _, bits = struct.unpack_from("<HHHH", body, 18)
    else:
        width, height, _, bits, compression, _, _, _, colours = struct.unpack_from("<iiHHIIiiI", body, 18)
    if width <= 0 or height == 0:
        raise broken("BMP", "no size")
    header = Header(
        length,
        width,
        abs(height),
        is_top_down=height < 0,
        bits=bits,
        compression=compression,
        pixels_at=pixels_at,
        colours=(colours or 1 << bits) if bits <= 8 else 0,
        per_metre=bytes(8) if length == _CORE else body[RESOLUTION_AT : RESOLUTION_AT + 8],
        masks=_masks(body, length, compression),
    )
    return _with_room_for_its_table(header)


def _masks(body: bytes, length: int, compression: int) -> Masks:
    """After the shortest header come three of them; longer ones have room for alpha, too."""
    if compression != BITFIELDS or length == _OS2:
        return Masks(0, 0, 0, 0)
    if length < _V3:
        red, green, blue = struct.unpack_from("<III", body, 54)
        return Masks(red, green, blue, 0)
    return Masks(*struct.unpack_from("<IIII", body, 54))


def _with_room_for_its_table(header: Header) -> Header:
    """Some writers leave it out of account where they say where the pixels are, or give it more colours than fit."""
    size = header.colour_bytes
    if header.colours and header.pixels_at in {0, header.table_at}:
        return replace(header, pixels_at=header.table_at + header.colours * size)
    room = max(0, header.pixels_at - header.table_at) // size
    return replace(header, colours=min(header.colours, room))


def tell_colours(body: bytearray, header: Header) -> None:
    """Have the header say how many colours there are, where it said more than there is room for."""
    if header.length == _CORE:  # it has no place for that
        return
    (told,) = struct.unpack_from("<I", body, _COLOURS_AT)
    if header.colours < (told or 1 << header.bits):
        struct.pack_into("<I", body, _COLOURS_AT, header.colours)


def without_profile(body: bytearray, header: Header, pixels_end: int) -> None:
    """Have a header that tells of the colours' meaning say that they are sRGB, and nothing more."""
    if header.length not in {_V4, _V5}:
        return
    space = _FILE_HEADER + 56
    if header.length == _V5 and bytes(body[space : space + 4]) in {b"KNIL", b"DEBM"}:  # a profile, linked or embedded
        _blank_profile(body, header, pixels_end)
    body[space : space + 4] = b"BGRs"
    body[space + 4 : _FILE_HEADER + _V4] = bytes(_FILE_HEADER + _V4 - space - 4)  # primaries and gamma


def _blank_profile(body: bytearray, header: Header, pixels_end: int) -> None:
    """It is where the header says, before the pixels or after; nowhere else is anything touched."""
    place = _FILE_HEADER + 112
    at, size = struct.unpack_from("<II", body, place)
    body[place : place + 8] = bytes(8)
    start, end = _FILE_HEADER + at, min(_FILE_HEADER + at + size, len(body))
    is_before = header.table_at + header.colours * header.colour_bytes <= start and end <= header.pixels_at
    if start < end and (is_before or start >= pixels_end):
        body[start:end] = bytes(end - start)
