"""What is mutated: a small file of each kind that there is, and the small ones of the corpus where that was fetched."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from PIL import Image

from objectlock.errors import SourceRejected
from objectlock.images.formats import format_of
from tests.unit.pictures import SIZE, encoded, photo

KINDS: Final = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WebP")
LARGEST_OF_CORPUS: Final = 16_384  # bytes: what is larger is slower, and no other
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@dataclass(frozen=True, slots=True)
class Seed:
    """A file that is whole."""

    name: str
    kind: str
    body: bytes


def seeds(corpus: Path | None = None) -> list[Seed]:
    """Always the same ones, in the same order."""
    made = [Seed(name, kind, body) for kind, files in _made().items() for name, body in files.items()]
    return made + (_small_ones_of(corpus) if corpus else [])


def _small_ones_of(corpus: Path) -> list[Seed]:
    found = []
    for path in sorted(corpus.rglob("*")):
        if path.is_file() and path.stat().st_size <= LARGEST_OF_CORPUS:
            body = path.read_bytes()
            try:
                kind = format_of(body)
            except SourceRejected:
                continue  # another format
            found.append(Seed(path.relative_to(corpus).as_posix(), kind, body))
    return found


def _made() -> dict[str, dict[str, bytes]]:
    return {"BMP": _bmp(), "GIF": _gif(), "JPEG": _jpeg(), "PNG": _png(), "TIFF": _tiff(), "WebP": _webp()}


def _frames(mode: str = "RGB") -> list[Image.Image]:
    first = photo(mode)
    return [first, first.transpose(Image.Transpose.ROTATE_180), first.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Maker"
    return exif


def _jpeg() -> dict[str, bytes]:
    save = partial(encoded, kind="JPEG", quality=85)
    rgb = photo()
    return {
        "baseline": save(rgb),
        "4:4:4": save(rgb, subsampling=0),
        "4:2:2": save(rgb, subsampling=1),
        "progressive": save(rgb, progressive=True),
        "optimized": save(rgb, optimize=True),
        "restarts": save(rgb, restart_marker_blocks=2),
        "gray": save(photo("L")),
        "gray progressive": save(photo("L"), progressive=True),
        "cmyk": save(photo("CMYK")),
        "turned": save(rgb, exif=_exif(6), icc_profile=b"profile" * 20, comment=b"comment", dpi=(300, 300)),
        "mpo": encoded(rgb, "MPO", save_all=True, append_images=_frames()[1:]),
    }


def _gif() -> dict[str, bytes]:
    frames = _frames("P")
    clear = photo("P")
    clear.info["transparency"] = 3
    animation = {"save_all": True, "append_images": frames[1:], "duration": [50, 120, 70], "loop": 3}
    return {
        "still": encoded(frames[0], "GIF"),
        "not interlaced": encoded(frames[0], "GIF", interlace=0, comment=b"comment"),
        "transparent": encoded(clear, "GIF", transparency=3),
        "animated": encoded(frames[0], "GIF", **animation),
        "disposal": encoded(frames[0], "GIF", disposal=2, **animation),
        "local tables": encoded(
            frames[0].quantize(8), "GIF", save_all=True, append_images=[each.quantize(5) for each in _frames()]
        ),
        "gray": encoded(photo("L"), "GIF"),
    }


def _png() -> dict[str, bytes]:
    frames = {"save_all": True, "duration": [50, 120, 70], "loop": 2}
    clear = photo("P")
    return {
        **{mode: encoded(photo(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA")},
        "4 bits": encoded(photo("P").quantize(16), "PNG", bits=4),
        "gray 16": encoded(photo("L").convert("I").convert("I;16"), "PNG"),
        "palette with alpha": encoded(clear, "PNG", transparency=bytes(range(256))),
        "one colour clear": encoded(photo(), "PNG", transparency=(0, 0, 128)),
        "turned": encoded(photo(), "PNG", exif=_exif(8), icc_profile=b"profile" * 20, dpi=(300, 300)),
        "apng": encoded(photo(), "PNG", append_images=_frames()[1:], **frames),
        "apng rgba": encoded(
            photo("RGBA"), "PNG", append_images=_frames("RGBA")[1:], default_image=True, blend=1, disposal=2, **frames
        ),
        "apng palette": encoded(photo("P"), "PNG", append_images=_frames("P")[1:], **frames),
        "rgb 16": png(photo().tobytes(), 2, 16, repeat=2),
        "rgba 16": png(photo("RGBA").tobytes(), 6, 16, repeat=2),
        "interlaced rgb": png(photo().tobytes(), 2, 8, interlaced=True),
        "interlaced rgba 16": png(photo("RGBA").tobytes(), 6, 16, repeat=2, interlaced=True),
        "interlaced gray": png(photo("L").tobytes(), 0, 8, interlaced=True),
    }


def png(pixels: bytes, colour: int, depth: int, *, repeat: int = 1, interlaced: bool = False) -> bytes:
    """A PNG of kinds that Pillow does not write. Each byte of the pixels is repeated so many times."""
    width, height = SIZE
    size = len(pixels) // (width * height) * repeat  # of a pixel
    data = bytes(byte for byte in pixels for _ in range(repeat))
    rows = bytearray()
    for x, y, step_x, step_y in _PASSES if interlaced else ((0, 0, 1, 1),):
        for row in range(y, height, step_y):
            at = [(row * width + column) * size for column in range(x, width, step_x)]
            rows += b"\0" + b"".join(data[each : each + size] for each in at)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)


def chunk(kind: bytes, data: bytes) -> bytes:
    """One of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _webp() -> dict[str, bytes]:
    frames = {"save_all": True, "duration": [50, 120, 70], "loop": 2}
    return {
        "lossy": encoded(photo(), "WEBP", quality=80),
        "lossless": encoded(photo(), "WEBP", lossless=True),
        "palette": encoded(photo("P"), "WEBP", lossless=True),
        "alpha": encoded(photo("RGBA"), "WEBP", quality=80),
        "lossless alpha": encoded(photo("RGBA"), "WEBP", lossless=True),
        "animated": encoded(photo(), "WEBP", append_images=_frames()[1:], **frames),
        "animated alpha": encoded(photo("RGBA"), "WEBP", append_images=_frames("RGBA")[1:], lossless=True, **frames),
        "turned": encoded(photo(), "WEBP", exif=_exif(3), icc_profile=b"profile" * 20),
    }


def _tiff() -> dict[str, bytes]:
    save = partial(encoded, kind="TIFF")
    gray_16 = photo("L").convert("I").convert("I;16")
    return {
        "raw": save(photo()),
        "gray": save(photo("L")),
        "bilevel g4": save(photo("1"), compression="group4"),
        "bilevel packbits": save(photo("1"), compression="packbits"),
        "rgb lzw": save(photo(), compression="tiff_lzw"),
        "rgb lzw predicted": save(photo(), compression="tiff_lzw", tiffinfo={317: 2}),
        "rgb deflate": save(photo(), compression="tiff_adobe_deflate"),
        "rgb jpeg": save(photo(), compression="jpeg"),
        "rgba deflate": save(photo("RGBA"), compression="tiff_adobe_deflate"),
        "palette": save(photo("P"), compression="tiff_lzw"),
        "cmyk": save(photo("CMYK"), compression="tiff_lzw"),
        "lab": save(photo().convert("LAB"), icc_profile=b"profile" * 20),  # the one that it has says what time it is
        "gray 16": save(gray_16),
        "gray 16 deflate": save(gray_16, compression="tiff_adobe_deflate"),
        "pages": save(photo(), save_all=True, append_images=_frames()[1:], compression="tiff_lzw"),
        "pages of kinds": save(photo(), save_all=True, append_images=[photo("L"), photo("1"), gray_16]),
        "strips": save(photo(), tiffinfo={278: 5}),
        "turned": save(photo(), tiffinfo={274: 5}, icc_profile=b"profile" * 20, dpi=(300, 300)),
        "big": save(photo(), big_tiff=True),
        "big-endian rgb 16": tiff(photo().tobytes(), 16, ">"),
        "rgb 16": tiff(photo().tobytes(), 16, "<"),
        "planar": tiff(photo().tobytes(), 8, "<", is_planar=True),
        "tiled": tiff(photo().tobytes(), 8, "<", tile=16),
    }


def tiff(pixels: bytes, bits: int, order: str, *, is_planar: bool = False, tile: int = 0) -> bytes:
    """An RGB TIFF of kinds that Pillow does not write; 16 bits are twice the same byte."""
    width, height = SIZE
    samples = [bytes(byte for byte in pixels[at::3] for _ in range(bits // 8)) for at in range(3)]
    size = bits // 8
    whole = b"".join(sample[at : at + size] for at in range(0, len(samples[0]), size) for sample in samples)
    blocks = samples if is_planar else _tiles(whole, 3 * size, tile) if tile else [whole]
    tags: dict[int, tuple[int, ...]] = {
        256: (width,), 257: (height,), 258: (bits,) * 3, 259: (1,), 262: (2,), 277: (3,), 284: (1 + is_planar,)
    }  # fmt: skip
    tags |= {322: (tile,), 323: (tile,)} if tile else {278: (height,)}
    offsets, lengths = (324, 325) if tile else (273, 279)
    at, ends = 8, []
    for block in blocks:
        ends.append(at)
        at += len(block)
    tags |= {offsets: tuple(ends), lengths: tuple(len(block) for block in blocks)}
    directory = at
    values_at = directory + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for tag, numbers in sorted(tags.items()):
        data = struct.pack(f"{order}{len(numbers)}I", *numbers)
        entries += struct.pack(f"{order}HHI", tag, 4, len(numbers))
        if len(numbers) == 1:
            entries += data
        else:
            entries += struct.pack(f"{order}I", values_at + len(values))
            values += data
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}I", directory)
    return b"".join([head, *blocks, struct.pack(f"{order}H", len(tags)), entries, bytes(4), values])


def _tiles(pixels: bytes, size: int, tile: int) -> list[bytes]:
    width, height = SIZE
    rows = [pixels[at : at + width * size] for at in range(0, len(pixels), width * size)]
    rows += [bytes(width * size)] * (-height % tile)
    return [
        b"".join(row[left * size : (left + tile) * size].ljust(tile * size, b"\0") for row in rows[top : top + tile])
        for top in range(0, height, tile)
        for left in range(0, width, tile)
    ]


def _bmp() -> dict[str, bytes]:
    high = struct.pack("<768H", *range(0, 768 * 85, 85))
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    colours = bytes(level for index in range(256) for level in (index, 255 - index, index // 2, 0))
    rle = b"".join(bytes([16, row, 0, 3, 1, 2, 3, 0, 13, 9, 0, 0]) for row in range(24)) + b"\0\1"
    small = b"".join(bytes([32, 0x12 + row, 0, 0]) for row in range(24)) + b"\0\1"
    return {
        **{mode: encoded(photo(mode), "BMP") for mode in ("1", "L", "P", "RGB", "RGBA")},
        "555": _dib(16, 0, b"", high),
        "565": _dib(16, 3, masks, high),
        "rle8": _dib(8, 1, colours, rle),
        "rle4": _dib(4, 2, colours[:64], small),
        "top down": _dib(24, 0, b"", photo().tobytes(), height=-24),
        "os2": b"BM" + struct.pack("<IIIIHHHH", 26 + 2304, 0, 26, 12, *SIZE, 1, 24) + photo().tobytes(),
    }


def _dib(bits: int, compression: int, table: bytes, pixels: bytes, height: int = 24) -> bytes:
    start = 54 + len(table)
    head = struct.pack("<2sIII", b"BM", start + len(pixels), 0, start)
    info = struct.pack("<IiiHHIIiiII", 40, 32, height, 1, bits, compression, len(pixels), 2835, 2835, 0, 0)
    return head + info + table + pixels
