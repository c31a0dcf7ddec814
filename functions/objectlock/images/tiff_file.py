"""The pages of a TIFF file (TIFF 6.0, Adobe 1992), or of a BigTIFF one, which has 64 bits where TIFF has 32."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Final, NamedTuple

from objectlock.images.limits import Limits
from objectlock.images.reading import broken, unsupported

SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, ORIENTATION, SAMPLES, STRIP_ROWS, STRIP_LENGTHS = 273, 274, 277, 278, 279
X_RESOLUTION, Y_RESOLUTION, PLANAR, RESOLUTION_UNIT, PREDICTOR, COLOUR_MAP = 282, 283, 284, 296, 317, 320
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_LENGTHS = 322, 323, 324, 325
SUB_DIRECTORIES, EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_TABLES, SUBSAMPLING, PROFILE = 330, 338, 339, 347, 530, 34675
DNG_VERSION: Final = 50706
_FAX_OPTIONS, _FAX4_OPTIONS, _PAGE_NUMBER = 292, 293, 297

RAW, LZW, OLD_JPEG, JPEG, DEFLATE, PACKBITS, OLD_DEFLATE = 1, 5, 6, 7, 8, 32773, 32946  # compressions
DIFFERENCES: Final = 2  # a predictor
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, CMYK, YCBCR = 0, 1, 2, 3, 4, 5, 6  # photometric interpretations

_BYTE, _SHORT, _LONG, _RATIONAL, _UNDEFINED, _LONG8 = 1, 3, 4, 5, 7, 16
# A signed type is read as if it were not: no number of interest is negative.
_NUMBERS: Final = {_BYTE: "B", 6: "B", _SHORT: "H", 8: "H", _LONG: "I", 9: "I", 13: "I", _LONG8: "Q", 18: "Q"}
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}

# What says how pixels are stored and shown. All else describes the colours, or is about the file.
_STORED: Final = frozenset(
    {WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, SAMPLES, STRIP_ROWS, PLANAR, PREDICTOR, COLOUR_MAP}
    | {TILE_WIDTH, TILE_HEIGHT, EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_TABLES, SUBSAMPLING, _FAX_OPTIONS, _FAX4_OPTIONS}
)
_SHOWN: Final = frozenset(
    {SUBFILE_TYPE, ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, _PAGE_NUMBER, PROFILE}
)
_PLACES: Final = frozenset({STRIP_OFFSETS, STRIP_LENGTHS, TILE_OFFSETS, TILE_LENGTHS})
_MUST_BE_NUMBERS: Final = (_STORED | _PLACES) - {JPEG_TABLES}
_READ: Final = _STORED | _SHOWN | _PLACES | {SUB_DIRECTORIES, DNG_VERSION}
_MAX_BLOCKS: Final = 1_000_000  # each costs some hundred bytes of memory, whatever it holds
_MAX_JPEG_BLOCKS: Final = 20_000  # each costs some time too


class Entry(NamedTuple):
    """One of a directory: its type, how many values it has, and these as they are in the file."""

    kind: int
    length: int
    data: bytes


class Block(NamedTuple):
    """What of a page is stored in one piece, a strip or a tile, in pixels."""

    width: int
    height: int


@dataclass(slots=True)
class Page:
    """One image of the file.

    Attributes:
        order: of the bytes, as `struct` has it.
        data: its strips or tiles, compressed.
    """

    order: str
    entries: dict[int, Entry]
    data: list[bytes | memoryview] = field(default_factory=list)

    def numbers(self, tag: int, *default: int) -> tuple[int, ...]:
        """The values of a tag that are whole and not negative."""
        if tag not in self.entries:
            return default
        kind, length, data = self.entries[tag]
        return struct.unpack(f"{self.order}{length}{_NUMBERS[kind]}", data)

    def number(self, tag: int, default: int) -> int:
        """The first of them, however many there are."""
        if tag not in self.entries:
            return default
        kind, _, data = self.entries[tag]
        value: int = struct.unpack_from(f"{self.order}{_NUMBERS[kind]}", data)[0]
        return value

    def put(self, tag: int, *values: int) -> None:
        """Replace the values of a tag."""
        kind = _SHORT if max(values) < 1 << 16 else _LONG
        self.entries[tag] = Entry(kind, len(values), struct.pack(f"{self.order}{len(values)}{_NUMBERS[kind]}", *values))

    def put_bytes(self, tag: int, data: bytes) -> None:
        """Replace the value of a tag that only some decoder understands."""
        self.entries[tag] = Entry(_UNDEFINED, len(data), data)

    def only(self, tags: frozenset[int] = _STORED) -> Page:
        """The same without what else is known about it."""
        return replace(self, entries={tag: entry for tag, entry in self.entries.items() if tag in tags})

    @property
    def size(self) -> tuple[int, int]:
        return self.number(WIDTH, 0), self.number(HEIGHT, 0)

    @property
    def compression(self) -> int:
        return self.number(COMPRESSION, RAW)

    @property
    def samples(self) -> int:
        return self.number(SAMPLES, 1)

    @property
    def bits(self) -> int:
        """Of each sample. Raises: SourceRejected if they differ."""
        bits = set(self.numbers(BITS, 1)[: self.samples])
        if len(bits) != 1:
            raise unsupported("TIFF", "samples of different sizes")
        return bits.pop()

    @property
    def is_planar(self) -> bool:
        """Whether the samples of a pixel are stored apart."""
        return self.number(PLANAR, 1) == 2 and self.samples > 1

    @property
    def is_tiled(self) -> bool:
        return TILE_WIDTH in self.entries

    @property
    def block(self) -> Block:
        width, height = self.size
        if self.is_tiled:
            return Block(self.number(TILE_WIDTH, 0), self.number(TILE_HEIGHT, 0))
        return Block(width, min(self.number(STRIP_ROWS, height), height))

    @property
    def stored_size(self) -> tuple[int, int]:
        """With what fills the last tiles up. Raises: SourceRejected if there is nothing, or nothing in a block."""
        (width, height), block = self.size, self.block
        if not (width and height and all(block)):
            raise broken("TIFF", "no size")
        return (-(-width // block.width) * block.width, -(-height // block.height) * block.height)

    def row_bytes(self, pixels: int) -> int:
        """How long a row is, once decompressed."""
        return (pixels * self.bits * (1 if self.is_planar else self.samples) + 7) // 8


@dataclass(slots=True)
class TiffFile:
    """All of them.

    Attributes:
        order: of the bytes, as `struct` has it.
        is_big: whether it is a BigTIFF.
    """

    order: str
    is_big: bool
    pages: list[Page] = field(default_factory=list)

    @property
    def first_at(self) -> int:
        """How long the header is."""
        return 16 if self.is_big else 8

    @property
    def word(self) -> str:
        """An offset."""
        return "Q" if self.is_big else "I"

    @property
    def count(self) -> str:
        """How many entries a directory has."""
        return "Q" if self.is_big else "H"

    @property
    def header(self) -> bytes:
        mark = b"II" if self.order == "<" else b"MM"
        if self.is_big:
            return mark + struct.pack(f"{self.order}HHHQ", 43, 8, 0, self.first_at)
        return mark + struct.pack(f"{self.order}HI", 42, self.first_at)


def parse(body: bytes, limits: Limits) -> TiffFile:
    """The file, its pixels not yet looked at; its directories end where they lead back to one before, or nowhere.

    Raises: SourceRejected if it is cut short, makes no sense, or exceeds the limits.
    """
    order = "<" if body[:2] == b"II" else ">"
    file = TiffFile(order, body[2:4] in {b"+\0", b"\0+"})
    reader = _Reader(body, file)
    (at,) = struct.unpack_from(f"{order}{file.word}", body, file.first_at - struct.calcsize(file.word))
    seen: set[int] = set()
    while at and at not in seen and len(file.pages) <= limits.max_frames:
        seen.add(at)
        entries, at = reader.directory(at)
        file.pages.append(Page(order, entries))
    if not file.pages:
        raise broken("TIFF", "no page")
    limits.check_frames([page.stored_size for page in file.pages])
    for page in file.pages:
        page.data = reader.blocks(page)
    limits.check_bytes(reader.pixel_bytes)
    return file


class _Reader:
    """What is where in the file.

    Attributes:
        pixel_bytes: how long all strips and tiles are together; where directories share them, longer than the file.
    """

    def __init__(self, body: bytes, file: TiffFile) -> None:
        self._body = memoryview(body)
        self._file = file
        self._entry = struct.Struct(f"{file.order}HH{file.word}{struct.calcsize(file.word)}s")
        self._directory_bytes = self._value_bytes = self._blocks = self._jpeg_blocks = self.pixel_bytes = 0

    def directory(self, at: int) -> tuple[dict[int, Entry], int]:
        """Of all its entries those that matter, and where the next directory is."""
        order, entries = self._file.order, {}
        (count,) = struct.unpack_from(f"{order}{self._file.count}", self._body, at)
        at += struct.calcsize(self._file.count)
        end = at + count * self._entry.size
        self._directory_bytes += end - at
        if self._directory_bytes > len(self._body):
            raise broken("TIFF", "directories that overlap")
        for tag, kind, values, field_ in self._entry.iter_unpack(self._body[at:end]):
            if tag not in _READ or tag in entries or not values:
                continue
            if tag in _MUST_BE_NUMBERS and kind not in _NUMBERS:
                raise broken("TIFF", f"tag {tag} of type {kind}")
            if tag in _MUST_BE_NUMBERS and values > _MAX_BLOCKS:
                raise broken("TIFF", f"tag {tag} of {values} values")
            if tag in _SHOWN and not _is_plausible(tag, kind, values):
                continue
            data = self._value(_SIZES[kind] * values, field_)
            if data is not None:
                entries[tag] = Entry(kind, values, data)
            elif tag not in _SHOWN:
                raise broken("TIFF", "values outside of the file")
        (following,) = struct.unpack_from(f"{order}{self._file.word}", self._body, end)
        return entries, following

    def _value(self, size: int, in_place: bytes) -> bytes | None:
        """None if it is not in the file, or if with it there were more values than the file has bytes."""
        if size <= len(in_place):
            return in_place[:size]
        (at,) = struct.unpack(f"{self._file.order}{self._file.word}", in_place)
        self._value_bytes += size
        if at + size > len(self._body) or self._value_bytes > len(self._body):
            return None
        return bytes(self._body[at : at + size])

    def blocks(self, page: Page) -> list[bytes | memoryview]:
        """Where those of the page are in the file. An old JPEG has ways of its own."""
        if page.compression == OLD_JPEG:
            return []
        (width, height), block = page.stored_size, page.block
        rows = -(-height // block.height)
        count = (width // block.width) * rows * (page.samples if page.is_planar else 1)
        self._blocks += count
        offsets = page.numbers(TILE_OFFSETS if page.is_tiled else STRIP_OFFSETS)
        if len(offsets) < count or self._blocks > _MAX_BLOCKS:
            raise broken("TIFF", f"not the {count} strips or tiles that it should have")
        self._jpeg_blocks += count if page.compression == JPEG else 0
        if self._jpeg_blocks > _MAX_JPEG_BLOCKS:
            raise unsupported("TIFF", f"{self._jpeg_blocks} strips or tiles in JPEG, more than {_MAX_JPEG_BLOCKS}")
        lengths = page.numbers(TILE_LENGTHS if page.is_tiled else STRIP_LENGTHS)
        if page.compression == RAW:  # they need not be told, and sometimes are wrong
            lengths = _raw_lengths(page)
        if len(lengths) < count:
            raise broken("TIFF", f"not the lengths of its {count} strips or tiles")
        return [self._block(at, length) for at, length in zip(offsets[:count], lengths[:count], strict=True)]

    def _block(self, at: int, length: int) -> memoryview:
        self.pixel_bytes += length
        if at + length > len(self._body):
            raise broken("TIFF", "pixels are missing")
        return self._body[at : at + length]


def _raw_lengths(page: Page) -> tuple[int, ...]:
    """Of strips or tiles that are not compressed: all alike, but for the last strip of each plane."""
    (width, height), block = page.stored_size, page.block
    across, down = width // block.width, height // block.height
    row = page.row_bytes(block.width)
    lengths = [row * block.height] * (across * down)
    if not page.is_tiled:
        lengths[-1] -= row * (height - page.size[1])
    return (*lengths,) * (page.samples if page.is_planar else 1)


def _is_plausible(tag: int, kind: int, values: int) -> bool:
    """Viewers do not mind a resolution that is text, and the like."""
    if tag in {X_RESOLUTION, Y_RESOLUTION}:
        return (kind, values) == (_RATIONAL, 1)
    if tag == PROFILE:
        return kind == _UNDEFINED
    return kind in _NUMBERS


def encode(file: TiffFile) -> bytes:
    """The file, as bytes: of each page its directory, then its pixels."""
    out: list[bytes | memoryview] = [file.header]
    at = file.first_at
    for page in file.pages:
        directory = _directory(file, page, at, is_last=page is file.pages[-1])
        out += [directory, *page.data]
        at += len(directory) + sum(map(len, page.data))
        out.append(bytes(at % 2))  # a directory begins at an even offset
        at += at % 2
    return b"".join(out)


def _directory(file: TiffFile, page: Page, at: int, *, is_last: bool) -> bytes:
    """Of one page whose pixels follow it, and then the next page."""
    order, word, lengths = file.order, file.word, [len(block) for block in page.data]
    entries = page.only(_STORED | _SHOWN).entries
    offsets_tag, lengths_tag = (TILE_OFFSETS, TILE_LENGTHS) if page.is_tiled else (STRIP_OFFSETS, STRIP_LENGTHS)
    for tag in (offsets_tag, lengths_tag):
        kind = _LONG8 if file.is_big else _LONG
        entries[tag] = Entry(kind, len(lengths), struct.pack(f"{order}{len(lengths)}{word}", *lengths))

    in_place = struct.calcsize(word)
    values_at = at + struct.calcsize(file.count) + len(entries) * (4 + 2 * in_place) + in_place
    outside = sum(len(entry.data) + len(entry.data) % 2 for entry in entries.values() if len(entry.data) > in_place)
    pixels_at = values_at + outside
    offsets = list(accumulate(lengths, initial=pixels_at))
    end = offsets.pop()
    entries[offsets_tag] = entries[offsets_tag]._replace(data=struct.pack(f"{order}{len(lengths)}{word}", *offsets))

    out, values = struct.pack(f"{order}{file.count}", len(entries)), b""
    for tag, (kind, length, data) in sorted(entries.items()):
        shown = data.ljust(in_place, b"\0")
        if len(data) > in_place:
            shown = struct.pack(f"{order}{word}", values_at + len(values))
            values += data + bytes(len(data) % 2)
        out += struct.pack(f"{order}HH{word}", tag, kind, length) + shown
    return out + struct.pack(f"{order}{word}", 0 if is_last else end + end % 2) + values
