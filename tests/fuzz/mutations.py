"""What is done to a file: bytes anywhere, and what its format is made of.

A mutant is told by its number: the same number and the same seeds give the same bytes.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from tests.fuzz.seeds import KINDS, Seed, chunk

Change = Callable[[random.Random, bytearray], None]
Piece = TypeVar("Piece")

BYTES: Final = (0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF)
NUMBERS: Final = (0, 1, 2, 3, 4, 8, 16, 32, 255, 256, 1000, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEADER: Final = 64  # bytes: what a file says about itself is mostly there
_PNG_START, _RIFF_START = 8, 12
_OF_ITS_KIND: Final = {"PNG": 0.9}  # a checksum tells of nearly any other change
_REPAIRED: Final = 0.9  # so often what is only bookkeeping is put right: else nothing but that would be tested


def mutant(number: int, seeds: Sequence[Seed], kinds: Sequence[str] = KINDS) -> tuple[Seed, bytes]:
    """The file with this number, and what it was."""
    chance = random.Random(number)
    kind = chance.choice(kinds)  # before all else: see kind_of
    alike = [seed for seed in seeds if seed.kind == kind]
    seed = chance.choice(alike)
    body = bytearray(seed.body)
    if chance.random() < 0.1:
        _splice(chance, body, chance.choice(alike).body)
    for _ in range(min(1 + int(chance.expovariate(1)), 20)):
        changes = _OF_KIND[kind] if chance.random() < _OF_ITS_KIND.get(kind, 0.5) else _ANYWHERE
        with suppress(ValueError, IndexError, struct.error, zlib.error):  # it is too broken already for this change
            chance.choice(changes)(chance, body)
    if kind in _REPAIRS and chance.random() < _REPAIRED:
        _REPAIRS[kind](body)
    return seed, bytes(body)


def kind_of(number: int, kinds: Sequence[str] = KINDS) -> str:
    """The format of the file with this number, which is not made for that: it may be what does not end."""
    return random.Random(number).choice(kinds)


# --- anywhere -------------------------------------------------------------------------------------------------


def _flip(chance: random.Random, body: bytearray) -> None:
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)


def _set_byte(chance: random.Random, body: bytearray) -> None:
    body[chance.randrange(len(body))] = chance.choice((*BYTES, chance.randrange(256)))


def _set_in_header(chance: random.Random, body: bytearray) -> None:
    at = chance.randrange(min(len(body), HEADER))
    body[at] = chance.choice((*BYTES, chance.randrange(256), (body[at] + 1) % 256, (body[at] - 1) % 256))


def _set_number(chance: random.Random, body: bytearray) -> None:
    _put_number(chance, body, chance.randrange(len(body)))


def _set_number_in_header(chance: random.Random, body: bytearray) -> None:
    _put_number(chance, body, chance.randrange(min(len(body), HEADER)))


def _put_number(chance: random.Random, body: bytearray, at: int) -> None:
    size, order = chance.choice((2, 4)), chance.choice("<>")
    number = chance.choice((*NUMBERS, len(body), chance.randrange(len(body))))
    data = struct.pack(f"{order}Q", number)
    body[at : at + size] = data[:size] if order == "<" else data[-size:]


def _stretch(chance: random.Random, body: bytearray) -> slice:
    start = chance.randrange(len(body))
    return slice(start, start + min(1 + int(chance.expovariate(1 / 20)), 1000))


def _delete(chance: random.Random, body: bytearray) -> None:
    del body[_stretch(chance, body)]


def _duplicate(chance: random.Random, body: bytearray) -> None:
    stretch = _stretch(chance, body)
    body[stretch.start : stretch.start] = body[stretch] * chance.choice((1, 1, 1, 2, 20))


def _swap(chance: random.Random, body: bytearray) -> None:
    one, other = _stretch(chance, body), _stretch(chance, body)
    body[one], body[other] = body[other], body[one]


def _insert(chance: random.Random, body: bytearray) -> None:
    count, at = chance.choice((1, 1, 2, 4, 50)), chance.randrange(len(body) + 1)
    body[at:at] = chance.choice((chance.randbytes(count), bytes([chance.choice(BYTES)]) * count))


def _truncate(chance: random.Random, body: bytearray) -> None:
    del body[chance.choice((chance.randrange(len(body)), max(len(body) - chance.randrange(1, 20), 1))) :]


def _append(chance: random.Random, body: bytearray) -> None:
    body += chance.choice((chance.randbytes(20), bytes(300), bytes(body)))


def _splice(chance: random.Random, body: bytearray, other: bytes) -> None:
    body[chance.randrange(1, len(body)) :] = other[chance.randrange(len(other)) :]


_ANYWHERE: Final[tuple[Change, ...]] = (
    _flip,
    _set_byte,
    _set_in_header,
    _set_number,
    _set_number_in_header,
    _delete,
    _duplicate,
    _swap,
    _insert,
    _truncate,
    _append,
)
_WITHIN: Final[tuple[Change, ...]] = (_flip, _flip, _set_byte, _set_byte, _set_number, _delete, _insert)


def _shuffle(chance: random.Random, pieces: list[Piece]) -> None:
    """One of them is taken away, repeated, or put somewhere else."""
    piece = pieces[chance.randrange(len(pieces))]
    what = chance.randrange(3)
    if what != 1:
        pieces.remove(piece)
    if what != 0:
        pieces.insert(chance.randrange(len(pieces) + 1), piece)


# --- PNG ------------------------------------------------------------------------------------------------------


def _png_chunks(body: bytearray) -> list[tuple[bytes, bytes]]:
    chunks, at = [], _PNG_START
    while at + 8 <= len(body):
        length, kind = struct.unpack_from(">I4s", body, at)
        chunks.append((kind, bytes(body[at + 8 : at + 8 + length])))
        at += 12 + length
    return chunks


def _put_png(body: bytearray, chunks: list[tuple[bytes, bytes]]) -> None:
    body[_PNG_START:] = b"".join(chunk(*each) for each in chunks)


def _png_shuffle(chance: random.Random, body: bytearray) -> None:
    chunks = _png_chunks(body)
    _shuffle(chance, chunks)
    _put_png(body, chunks)


def _png_within(chance: random.Random, body: bytearray) -> None:
    chunks = _png_chunks(body)
    at = chance.randrange(len(chunks))
    data = bytearray(chunks[at][1])
    chance.choice(_WITHIN)(chance, data)
    chunks[at] = chunks[at][0], bytes(data)
    _put_png(body, chunks)


def _png_header(chance: random.Random, body: bytearray) -> None:
    field = chance.randrange(7)
    if field < 2:
        struct.pack_into(">I", body, 16 + 4 * field, chance.choice((0, 1, 7, 31, 33, 64, 255, 1000, *NUMBERS)))
    else:
        body[22 + field] = chance.choice(((1, 2, 4, 8, 16), (0, 2, 3, 4, 6), (0, 1), (0, 1), (0, 1, 2))[field - 2])


def _png_pixels(chance: random.Random, body: bytearray) -> None:
    """Before they are compressed: after, the checksum in them would tell."""
    chunks = _png_chunks(body)
    at = chance.choice([at for at, (kind, _) in enumerate(chunks) if kind in {b"IDAT", b"fdAT"}])
    kind, data = chunks[at]
    head = 4 if kind == b"fdAT" else 0
    pixels = bytearray(zlib.decompress(data[head:]))
    chance.choice(_WITHIN)(chance, pixels)
    chunks[at] = kind, data[:head] + zlib.compress(pixels, chance.choice((0, 1, 6)))
    _put_png(body, chunks)


def _png_extra(chance: random.Random, body: bytearray) -> None:
    chunks = _png_chunks(body)
    extra = chance.choice(
        (
            (b"acTL", struct.pack(">II", chance.choice((0, 1, 2, 3, 0x7FFFFFFF)), 0)),
            (b"fcTL", struct.pack(">IIIIIHHBB", chance.randrange(3), 8, 8, chance.randrange(40), 4, 1, 10, 1, 1)),
            (b"tRNS", chance.randbytes(chance.choice((1, 2, 6, 256, 300)))),
            (b"PLTE", chance.randbytes(chance.choice((3, 48, 768, 769, 0)))),
            (b"eXIf", b"MM\0*" + chance.randbytes(30)),
            (b"iCCP", b"name\0\0" + zlib.compress(bytes(100_000))),
            (b"zTXt", b"name\0\0" + zlib.compress(bytes(1_000_000))),
            (b"gAMA", chance.randbytes(4)),
            (b"CgBI", chance.randbytes(4)),
        )
    )
    chunks.insert(chance.randrange(len(chunks) + 1), extra)
    _put_png(body, chunks)


def _repair_png(body: bytearray) -> None:
    at = _PNG_START
    while at + 12 <= len(body):
        (length,) = struct.unpack_from(">I", body, at)
        if at + 12 + length > len(body):
            return
        struct.pack_into(">I", body, at + 8 + length, zlib.crc32(body[at + 4 : at + 8 + length]))
        at += 12 + length


# --- WebP -----------------------------------------------------------------------------------------------------


def _riff_chunks(body: bytearray) -> list[bytes]:
    chunks, at = [], _RIFF_START
    while at + 8 <= len(body):
        (length,) = struct.unpack_from("<I", body, at + 4)
        end = at + 8 + length + length % 2
        chunks.append(bytes(body[at:end]))
        at = end
    return chunks


def _riff_shuffle(chance: random.Random, body: bytearray) -> None:
    chunks = _riff_chunks(body)
    _shuffle(chance, chunks)
    body[_RIFF_START:] = b"".join(chunks)


def _riff_within(chance: random.Random, body: bytearray) -> None:
    chunks = _riff_chunks(body)
    at = chance.randrange(len(chunks))
    data = bytearray(chunks[at][8:])
    chance.choice(_WITHIN)(chance, data)
    chunks[at] = chunks[at][:4] + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    body[_RIFF_START:] = b"".join(chunks)


def _repair_riff(body: bytearray) -> None:
    if len(body) >= _RIFF_START:
        struct.pack_into("<I", body, 4, len(body) - 8)


# --- TIFF -----------------------------------------------------------------------------------------------------

_TAGS: Final = (254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325)
_MORE_TAGS: Final = (330, 332, 338, 339, 347, 512, 513, 514, 529, 530, 531, 532, 34665, 34675, 50706)
_DIRECTORIES, _ENTRIES = 200, 200  # no more are looked for
_TIFF_VALUES: Final = (0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 24, 33, 34676, 32773, 8, 0xFFFF)


def _tiff_entries(body: bytearray) -> tuple[str, list[int]]:
    """Byte order, and where each entry of each directory begins."""
    order = "<" if body[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", body, 4)
    found: list[int] = []
    for _ in range(_DIRECTORIES):  # those without entries may go round in a circle
        if not at or len(found) >= _ENTRIES:
            break
        (count,) = struct.unpack_from(f"{order}H", body, at)
        found += [at + 2 + 12 * number for number in range(count)]
        (at,) = struct.unpack_from(f"{order}I", body, at + 2 + 12 * count)
    return order, found


def _tiff_value(chance: random.Random, body: bytearray) -> None:
    order, entries = _tiff_entries(body)
    at = chance.choice(entries)
    form = chance.choice("HI")
    values = (*_TIFF_VALUES, *NUMBERS, len(body), chance.randrange(len(body)))
    number = chance.choice(values) & (0xFFFF if form == "H" else 0xFFFFFFFF)
    struct.pack_into(f"{order}{form}", body, at + 8, number)


def _tiff_entry(chance: random.Random, body: bytearray) -> None:
    order, entries = _tiff_entries(body)
    at = chance.choice(entries)
    match chance.randrange(4):
        case 0:
            struct.pack_into(f"{order}H", body, at, chance.choice((*_TAGS, *_MORE_TAGS)))
        case 1:
            struct.pack_into(f"{order}H", body, at + 2, chance.randrange(20))
        case 2:
            struct.pack_into(f"{order}I", body, at + 4, chance.choice(NUMBERS))
        case _:
            other = chance.choice(entries)
            body[at : at + 12], body[other : other + 12] = body[other : other + 12], body[at : at + 12]


def _tiff_next(chance: random.Random, body: bytearray) -> None:
    """Where the next directory is: anywhere, or this one once more."""
    order, entries = _tiff_entries(body)
    (first,) = struct.unpack_from(f"{order}I", body, 4)
    struct.pack_into(f"{order}I", body, entries[-1] + 12, chance.choice((first, first + 12, 8, len(body))))


# --- JPEG -----------------------------------------------------------------------------------------------------


def _jpeg_segments(body: bytearray) -> list[bytes]:
    """From one marker to the next; what is compressed belongs to the scan it follows."""
    at = [each for each in range(len(body) - 1) if body[each] == 0xFF and body[each + 1] not in {0, 0xFF}]
    at = [each for each in at if not 0xD0 <= body[each + 1] <= 0xD7]
    ends = [*at[1:], len(body)]
    return [bytes(body[start:end]) for start, end in zip(at, ends, strict=True)]


def _jpeg_shuffle(chance: random.Random, body: bytearray) -> None:
    segments = _jpeg_segments(body)
    _shuffle(chance, segments)
    body[:] = b"".join(segments)


def _jpeg_within(chance: random.Random, body: bytearray) -> None:
    segments = _jpeg_segments(body)
    at = chance.randrange(1, len(segments))
    data = bytearray(segments[at][4:])
    chance.choice(_WITHIN)(chance, data)
    has_length = 0xC0 <= segments[at][1] <= 0xFE and segments[at][1] not in {0xD8, 0xD9, 0xDA}
    length = struct.pack(">H", (len(data) + 2) & 0xFFFF) if has_length else segments[at][2:4]
    segments[at] = segments[at][:2] + length + data
    body[:] = b"".join(segments)


def _jpeg_frame(chance: random.Random, body: bytearray) -> None:
    """Size, channels, subsampling and tables, or what kind of compression it is said to be."""
    at = body.index(b"\xff\xc0") if b"\xff\xc0" in body else body.index(b"\xff\xc2")
    what = chance.randrange(5)
    if what == 0:
        body[at + 1] = chance.choice((0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC9, 0xCA))
    elif what < 3:
        struct.pack_into(">H", body, at + 3 + 2 * what, chance.choice((0, 1, 8, 23, 25, 33, 100, 1000, 0xFFFF)))
    else:
        body[at + chance.randrange(4, 19)] = chance.choice((0, 1, 2, 3, 4, 8, 12, 0x11, 0x12, 0x21, 0x22, 0x41, 0x44))


# --- GIF and BMP ----------------------------------------------------------------------------------------------


def _gif_field(chance: random.Random, body: bytearray) -> None:
    """Sizes, places and flags: of the screen, of an image, of the control block before it."""
    starts = [each for each in range(13, len(body)) if body[each] in {0x21, 0x2C}]
    at = chance.choice([5, *starts])
    field = at + chance.randrange(1, 10)
    body[field] = chance.choice((*BYTES, 8, 9, 12, 0x87, 0xC0, 0xF9, chance.randrange(256)))


def _bmp_field(chance: random.Random, body: bytearray) -> None:
    at, size, values = chance.choice(
        (
            (10, 4, (0, 14, 54, 55, 1078, 5000)),
            (14, 4, (12, 16, 40, 52, 56, 64, 108, 124)),
            (18, 4, (0, 1, 31, 33, 100, 0xFFFFFFFF)),
            (22, 4, (0, 1, 23, 25, 100, 0xFFFFFFE8, 0x80000000)),
            (26, 2, (0, 1, 2)),
            (28, 2, (0, 1, 2, 4, 8, 16, 24, 32, 64)),
            (30, 4, (0, 1, 2, 3, 4, 5, 6)),
            (34, 4, NUMBERS),
            (46, 4, (0, 1, 2, 16, 255, 256, 257, 0xFFFFFFFF)),
        )
    )
    body[at : at + size] = chance.choice(values).to_bytes(size, "little")


_OF_KIND: Final[dict[str, tuple[Change, ...]]] = {
    "BMP": (_bmp_field,),
    "GIF": (_gif_field,),
    "JPEG": (_jpeg_within, _jpeg_within, _jpeg_shuffle, _jpeg_frame),
    "PNG": (_png_within, _png_shuffle, _png_header, _png_pixels, _png_extra),
    "TIFF": (_tiff_value, _tiff_value, _tiff_entry, _tiff_next),
    "WebP": (_riff_within, _riff_within, _riff_shuffle),
}
_REPAIRS: Final[dict[str, Callable[[bytearray], None]]] = {"PNG": _repair_png, "WebP": _repair_riff}
