import io
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageSequence, TiffImagePlugin

from objectlock.errors import SourceRejected
from objectlock.images import tiff_file
from objectlock.images.limits import Limits
from objectlock.images.tiff import convert
from tests.unit.pictures import SIZE, alpha, decoded, difference, encoded, photo

RAW, LZW, OLD_JPEG, JPEG, DEFLATE = 1, 5, 6, 7, 8
RGB, CMYK, YCBCR = 2, 5, 6
LOSSLESS = ["raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate"]
LIMITS = Limits()

Tags = dict[int, Any]


class Part(NamedTuple):
    """A page to be: its tags, and its strips or tiles. A tag's value is numbers, or bytes as they are."""

    tags: Tags
    blocks: list[bytes]


def tiff(*pages: Part, order: str = "<", big: bool = False, gap: bytes = b"") -> bytes:
    """What Pillow cannot write: of each page its directory, its strips or tiles, and the values of its tags."""
    word, count = ("Q", "Q") if big else ("I", "H")
    wide = struct.calcsize(word)
    start = (43, 8, 0, 16 + len(gap)) if big else (42, 8 + len(gap))
    out = (b"II" if order == "<" else b"MM") + struct.pack(order + ("HHHQ" if big else "HI"), *start) + gap
    for number, (more, blocks) in enumerate(pages, 1):
        places, lengths = (324, 325) if 322 in more else (273, 279)
        tags = {places: [0] * len(blocks), lengths: [len(block) for block in blocks], **more}
        blocks_at = len(out) + struct.calcsize(count) + len(tags) * (4 + 2 * wide) + wide
        if places not in more:
            tags[places] = [blocks_at + sum(map(len, blocks[:index])) for index in range(len(blocks))]
        values_at, values = blocks_at + sum(map(len, blocks)), b""
        out += struct.pack(order + count, len(tags))
        for tag, value in sorted(tags.items()):
            kind, length, data = _value(order, value)
            shown = data.ljust(wide, b"\0")
            if len(data) > wide:
                shown = struct.pack(order + word, values_at + len(values))
                values += data
            out += struct.pack(f"{order}HH{word}", tag, kind, length) + shown
        out += struct.pack(order + word, 0 if number == len(pages) else values_at + len(values))
        out += b"".join(blocks) + values
    return out


def _value(order: str, value: Any) -> tuple[int, int, bytes]:
    if isinstance(value, bytes):
        return 7, len(value), value
    values = [value] if isinstance(value, int) else value
    kind, code = (3, "H") if max(values) < 1 << 16 else (4, "I")
    return kind, len(values), struct.pack(f"{order}{len(values)}{code}", *values)


def page(samples: int, bits: int, blocks: list[bytes], **more: Any) -> Part:
    """One of 6 x 4 pixels; `more` has tags by number, each after a letter."""
    tags = {256: 6, 257: 4, 258: [bits] * samples, 259: 1, 262: RGB if samples > 2 else 1, 277: samples, 278: 4}
    return Part({**tags, **{int(name[1:]): value for name, value in more.items()}}, blocks)


COLOURS = [[(x * 9001 + y * 31337 + band * 20011 + 7) % 65536 for band in range(4)] for y in range(4) for x in range(6)]


def luma(red: int, green: int, blue: int, *_: int) -> int:
    return (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16


def stored(
    samples: int, order: str, compression: int = RAW, predictor: int = 1, *, planar: bool = False, tiled: bool = False
) -> bytes:
    """COLOURS, the first samples of each, of 16 bits."""
    bands = [[band] for band in range(samples)] if planar else [list(range(samples))]
    rows = [[COLOURS[y * 6 + x] if x < 6 else [0] * 4 for x in range(16)] for y in range(4)]
    blocks = []
    for chosen in bands:
        data = b""
        for row in [*rows, *[rows[0]] * 12] if tiled else rows:
            pixels = [[pixel[band] for band in chosen] for pixel in (row if tiled else row[:6])]
            if predictor == 2:
                before = [[0] * len(chosen), *pixels]
                pixels = [
                    [(a - b) % 65536 for a, b in zip(*pair, strict=True)]
                    for pair in zip(pixels, before[:-1], strict=True)
                ]
            data += b"".join(struct.pack(f"{order}{len(chosen)}H", *pixel) for pixel in pixels)
        blocks.append(zlib.compress(data) if compression == DEFLATE else data)
    more: dict[str, Any] = {"t259": compression, "t317": predictor, "t284": 2 if planar else 1}
    more |= {"t322": 16, "t323": 16} if tiled else {}
    more |= {"t338": 2} if samples in {2, 4} else {}
    return tiff(page(samples, 16, blocks, **more), order=order)


class Found(NamedTuple):
    """A page as it came out: its tags, its strips or tiles, and of raw and Deflate its pixels."""

    order: str
    tags: dict[int, tuple[int, ...]]
    blocks: list[bytes]

    @property
    def pixels(self) -> list[list[int]]:
        (width,), bits, predictor = self.tags[256], self.tags[258], self.tags.get(317, (1,))
        code = {8: "B", 16: "H"}[bits[0]]
        data = b"".join(zlib.decompress(b) if self.tags[259] == (DEFLATE,) else b for b in self.blocks)
        pixels = [list(p) for p in struct.iter_unpack(f"{self.order}{len(bits)}{code}", data)]
        if predictor == (2,):
            for index in range(len(pixels)):
                if index % width:
                    pairs = zip(pixels[index], pixels[index - 1], strict=True)
                    pixels[index] = [(a + b) % (1 << bits[0]) for a, b in pairs]
        return pixels


def pages(body: bytes) -> list[Found]:
    return list(_pages(body))


def _pages(body: bytes) -> Iterator[Found]:
    order = "<" if body[:2] == b"II" else ">"
    big = body[2:4] in {b"+\0", b"\0+"}
    word, count = ("Q", "Q") if big else ("I", "H")
    (at,) = struct.unpack_from(order + word, body, 8 if big else 4)
    while at:
        (entries,) = struct.unpack_from(order + count, body, at)
        at += struct.calcsize(count)
        tags = {}
        for _ in range(entries):
            tag, kind, length = struct.unpack_from(f"{order}HH{word}", body, at)
            code = {3: "H", 4: "I", 5: "II", 16: "Q"}.get(kind, "B")
            place = at + 4 + struct.calcsize(word)
            if length * struct.calcsize(order + code) > struct.calcsize(word):
                (place,) = struct.unpack_from(order + word, body, place)
            tags[tag] = struct.unpack_from(order + code * length, body, place)
            at += 4 + 2 * struct.calcsize(word)
        places = zip(tags.get(273) or tags[324], tags.get(279) or tags[325], strict=True)
        yield Found(order, tags, [body[start : start + size] for start, size in places])
        (at,) = struct.unpack_from(order + word, body, at)


def gray(body: bytes) -> Image.Image:
    return decoded(convert(body, LIMITS))


# --- gray --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "becomes"),
    [("1", "1"), ("L", "L"), ("LA", "LA"), ("P", "P"), ("RGB", "L"), ("RGBA", "LA"), ("CMYK", "L"), ("YCbCr", "L")],
)
def test_every_kind_of_pixels_comes_out_in_the_nearest_gray_one(mode: str, becomes: str) -> None:
    body = encoded(photo(mode), "TIFF")
    result = gray(body)
    assert (result.mode, result.size) == (becomes, SIZE)
    assert difference(result, decoded(body)) == 0


@pytest.mark.parametrize(
    ("mode", "compression"), [*product(["1", "L", "LA", "P", "I;16"], LOSSLESS), ("1", "group3"), ("1", "group4")]
)
def test_what_has_no_colours_keeps_its_very_bytes(mode: str, compression: str) -> None:
    image = Image.linear_gradient("L").convert("I;16") if mode == "I;16" else photo(mode)
    body = encoded(image, "TIFF", compression=compression)
    (before,), (after,) = pages(body), pages(convert(body, LIMITS))
    assert after.blocks == before.blocks
    assert after.tags[259] == before.tags[259]


@pytest.mark.parametrize("bits", [2, 4])
def test_few_gray_levels_stay_few(bits: int) -> None:
    body = tiff(page(1, bits, [b"\x1b\x2d\xe4"[: -(-6 * bits // 8)] * 4]))
    assert pages(convert(body, LIMITS))[0].blocks == pages(body)[0].blocks


@pytest.mark.parametrize(("scale", "name"), [(257, "full"), (256, "as Pillow"), (1, "of 8 bits")])
def test_a_palette_keeps_its_indices_and_gets_gray_colours(scale: int, name: str) -> None:
    table = [[200, 10, 90, 0], [30, 200, 60, 0], [1, 2, 250, 255]]
    body = tiff(page(1, 2, [b"\x1b\xe4" * 4], t262=3, t320=[level * scale for band in table for level in band]))
    (found,) = pages(convert(body, LIMITS))
    levels = [luma(*colour) * 257 for colour in zip(*table, strict=True)]
    assert found.tags[320] == (*levels, *levels, *levels), name
    assert found.blocks == [b"\x1b\xe4" * 4]


@pytest.mark.parametrize("compression", LOSSLESS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_lossless_stays_lossless_with_the_same_compression(mode: str, compression: str) -> None:
    body = encoded(photo(mode), "TIFF", compression=compression)
    result = gray(body)
    assert result.info["compression"] == decoded(body).info["compression"]
    assert difference(result, decoded(body)) == 0
    assert alpha(result) == alpha(decoded(body))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_differences_stay_differences(mode: str, compression: str) -> None:
    """The predictor of a compression is half of how well it compresses."""
    body = encoded(photo(mode), "TIFF", compression=compression, tiffinfo={317: 2})
    assert pages(convert(body, LIMITS))[0].tags[317] == (2,)
    assert difference(gray(body), decoded(body)) == 0
    assert alpha(gray(body)) == alpha(decoded(body))


def test_an_image_of_many_strips_has_no_seams() -> None:
    image = photo(size=(1400, 900))
    for options in ({"compression": "raw"}, {"compression": "tiff_lzw", "tiffinfo": {317: 2}}):
        body = encoded(image, "TIFF", **options)
        assert len(pages(convert(body, LIMITS))[0].blocks) > 1
        assert difference(gray(body), image) == 0


@pytest.mark.parametrize("order", ["<", ">"])
def test_samples_that_are_stored_apart_are_put_together(order: str) -> None:
    bands = photo().resize((6, 4)).split()
    body = tiff(page(3, 8, [band.tobytes() for band in bands], t284=2), order=order)
    (found,) = pages(convert(body, LIMITS))
    assert found.blocks == [photo().resize((6, 4)).convert("L").tobytes()]
    assert found.tags.get(284, (1,)) == (1,)


def test_ink_on_white_paper_is_not_inverted() -> None:
    (found,) = pages(convert(tiff(page(4, 8, [bytes(48) + bytes([0, 0, 0, 255]) * 12], t262=CMYK)), LIMITS))
    assert found.blocks == [b"\xff" * 12 + bytes(12)]


# --- transparency ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("planar", [1, 2])
@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_fourth_sample_stays_what_it_is(kind: int, planar: int) -> None:
    """Of nobody knows what (0), or alpha that the colours are multiplied with (1) or not (2).

    Colours that are multiplied are turned to gray as they are: divided, they would lose what was rounded, and all of
    it where nothing can be seen.
    """
    colours = [bytes([9, 3, 200]), bytes([255, 0, 7]), bytes([0, 0, 0])] * 8
    alphas = bytes(range(24))
    if planar == 2:
        blocks = [bytes(colour[band] for colour in colours) for band in range(3)] + [alphas]
    else:
        blocks = [b"".join(colour + alphas[i : i + 1] for i, colour in enumerate(colours))]
    (found,) = pages(convert(tiff(page(4, 8, blocks, t338=kind, t284=planar)), LIMITS))
    assert found.tags[338] == (kind,)
    assert found.pixels == [[luma(*colour), a] for colour, a in zip(colours, alphas, strict=True)]


def test_a_palette_keeps_its_alpha() -> None:
    pixels = bytes(value % 256 for value in range(48))
    colours = [7 * level % 65536 for level in range(768)]
    (found,) = pages(convert(tiff(page(2, 8, [pixels], t262=3, t338=2, t320=colours)), LIMITS))
    assert (found.blocks, found.tags[338]) == ([pixels], (2,))


# --- sixteen bits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "order", "how", "planar", "tiled"),
    list(product([3, 4], "<>", [(RAW, 1), (DEFLATE, 1), (DEFLATE, 2)], [False, True], [False, True])),
)
def test_sixteen_bits_stay_sixteen(samples: int, order: str, how: tuple[int, int], planar: bool, tiled: bool) -> None:
    """To the last bit, by the same weights; Pillow would halve them without a word."""
    body = stored(samples, order, *how, planar=planar, tiled=tiled)
    (found,) = pages(convert(body, LIMITS))
    assert found.tags[258] == (16,) * (samples - 2)
    assert not {322, 323} & set(found.tags)
    assert (found.tags[259], found.tags.get(317, (1,))) == ((how[0],), (how[1],))
    assert found.pixels == [[luma(*colour), *colour[3:samples]] for colour in COLOURS]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("predictor", [1, 2])
def test_sixteen_bits_stay_in_lzw(order: str, predictor: int) -> None:
    once = convert(stored(3, order, DEFLATE, predictor), LIMITS)
    source = encoded(Image.frombytes("L", (36, 4), _bytes(order, predictor)), "TIFF", compression="tiff_lzw")
    body = tiff(page(3, 16, pages(source)[0].blocks, t259=LZW, t317=predictor), order=order)
    result = convert(body, LIMITS)
    assert pages(result)[0].tags[259] == (LZW,)
    assert decoded(result).convert("I").tobytes() == decoded(once).convert("I").tobytes()


def _bytes(order: str, predictor: int) -> bytes:
    return zlib.decompress(pages(stored(3, order, DEFLATE, predictor))[0].blocks[0])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("photometric", [0, 1])
def test_gray_of_sixteen_bits_keeps_its_very_bytes(order: str, samples: int, photometric: int) -> None:
    body = stored(samples, order, DEFLATE, 2)
    (before,) = pages(body)
    body = tiff(page(samples, 16, before.blocks, t259=DEFLATE, t317=2, t262=photometric), order=order)
    (after,) = pages(convert(body, LIMITS))
    assert (after.blocks, after.tags[262], after.tags[317]) == (before.blocks, (photometric,), (2,))


# --- JPEG --------------------------------------------------------------------------------------------------


def jpeg_tiff(quality: int, *, tiled: bool = False, **options: Any) -> bytes:
    """YCbCr in JPEG, as scanners have it, in 2 strips or 4 tiles; Pillow would store RGB."""
    options |= {"quality": quality, "subsampling": 0}
    parts = [photo().crop((x, y, x + 16, y + 16)) for y in (0, 16) for x in (0, 16)]
    if not tiled:
        parts = [photo().crop((0, y, 32, min(24, y + 16))) for y in (0, 16)]
    tables = encoded(parts[0], "JPEG", streamtype=1, **options)
    blocks = [encoded(part, "JPEG", streamtype=2, **options) for part in parts]
    blocks = [block[:2] + block[20:] for block in blocks]  # without JFIF, which would say what the bands are
    tags: Tags = {256: 32, 257: 24, 258: [8] * 3, 259: JPEG, 262: YCBCR, 277: 3, 530: [1, 1], 347: tables}
    return tiff(Part(tags | ({322: 16, 323: 16} if tiled else {278: 16}), blocks))


def quantization(found: Found) -> list[int]:
    """The table of the first band."""
    body = bytes(found.tags[347])[:-2] + found.blocks[0][2:]
    tables: dict[int, list[int]] = decoded(body).quantization  # type: ignore[attr-defined]
    return tables[0]


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("quality", [30, 95])
def test_a_page_in_jpeg_keeps_its_quality(quality: int, tiled: bool) -> None:
    """The very table that its brightness came with, and no more loss than a rounding."""
    body = jpeg_tiff(quality, tiled=tiled)
    result = convert(body, LIMITS)
    (before,), (after,) = pages(body), pages(result)
    assert quantization(after) == quantization(before)
    assert (decoded(result).mode, after.tags[259]) == ("L", (JPEG,))
    assert len(after.blocks) == len(before.blocks)
    assert difference(decoded(result), decoded(body)) <= 2
    assert len(result) < len(body)


def test_a_page_of_rgb_in_jpeg_keeps_its_quality() -> None:
    body = encoded(photo(), "TIFF", compression="jpeg", quality=90)
    assert pages(body)[0].tags[262] == (RGB,), "or the test tests nothing"
    result = convert(body, LIMITS)
    assert quantization(pages(result)[0]) == quantization(pages(body)[0])
    assert difference(decoded(result), decoded(body)) <= 4


def test_strips_with_tables_of_their_own_keep_them() -> None:
    parts = [photo().crop((0, y, 32, y + 8)) for y in (0, 8, 16)]
    blocks = [
        encoded(part, "JPEG", quality=quality, subsampling=0) for part, quality in zip(parts, (90, 60, 90), strict=True)
    ]
    tags = {256: 32, 257: 24, 258: [8] * 3, 259: JPEG, 262: YCBCR, 277: 3, 278: 8, 530: [1, 1]}
    body = tiff(Part(tags, blocks))
    assert difference(gray(body), decoded(body)) <= 6
    second = decoded(pages(convert(body, LIMITS))[0].blocks[1])
    assert second.quantization[0] == decoded(blocks[1]).quantization[0]  # type: ignore[attr-defined]


def test_gray_in_jpeg_keeps_its_very_bytes() -> None:
    body = encoded(photo("L"), "TIFF", compression="jpeg", quality=70)
    assert pages(convert(body, LIMITS))[0].blocks == pages(body)[0].blocks


@pytest.mark.parametrize("photometric", [1, YCBCR])
def test_a_strip_that_claims_to_be_larger_than_its_page_is_rejected(photometric: int) -> None:
    """A file of two kilobytes took four gigabytes."""
    data = encoded(photo("L" if photometric == 1 else "RGB", (16, 16)), "JPEG", progressive=True)
    samples = 1 if photometric == 1 else 3
    tags = {256: 16, 257: 16, 258: [8] * samples, 259: JPEG, 262: photometric, 277: samples}
    assert convert(tiff(Part(tags, [data])), LIMITS)
    at = data.index(b"\xff\xc2") + 5
    for size, said in (((64, 16), "16x64"), ((16, 64), "64x16"), ((8, 16), "16x8"), ((16, 8), "8x16")):
        body = tiff(Part(tags, [data[:at] + struct.pack(">HH", *size) + data[at + 4 :]]))
        assert rejected(body) == f"truncated or corrupt TIFF: strip or tile 0 is of {said}"


def test_a_strip_of_two_sizes_is_rejected() -> None:
    """Pillow goes by the last one, and finds it even within a segment that it does not know."""
    data = encoded(photo("L", (16, 16)), "JPEG")
    at = data.index(b"\xff\xc0")
    other = data[at : at + 5] + struct.pack(">HH", 65_500, 65_500) + data[at + 9 : at + 13]
    data = data[: at + 13] + b"\xff\xf0" + struct.pack(">H", 2 + len(other)) + other + data[at + 13 :]
    body = tiff(Part({256: 16, 257: 16, 258: 8, 259: JPEG, 262: 1, 277: 1}, [data]))
    assert rejected(body) == "truncated or corrupt JPEG: two sizes"


def test_a_strip_that_hides_its_size_in_the_tables_is_rejected() -> None:
    """Behind a comment without an end: libtiff takes it for all there is of the tables, and believes the strip."""
    data = encoded(photo("L", (16, 16)), "JPEG")
    large = bytearray(data[data.index(b"\xff\xc0") :][:13])
    large[5:9] = struct.pack(">HH", 65_500, 65_500)
    tables = b"\xff\xd8\xff\xfe" + struct.pack(">H", 2 + len(large)) + b"\xff\xd9"
    body = tiff(Part({256: 16, 257: 16, 258: 8, 259: JPEG, 262: 1, 347: tables}, [data[:2] + bytes(large) + data[2:]]))
    assert rejected(body) == "truncated or corrupt TIFF: JPEG tables that do not end"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_strip_that_ends_early_is_rejected(mode: str) -> None:
    """Decoders show a middle gray for what is missing, and say nothing."""
    data = encoded(Image.effect_noise((64, 64), 90).convert(mode), "JPEG", subsampling=-1 if mode == "L" else 0)
    samples, photometric = {"RGB": (3, YCBCR), "L": (1, 1), "CMYK": (4, CMYK)}[mode]
    tags = {256: 64, 257: 64, 258: [8] * samples, 259: JPEG, 262: photometric, 277: samples}
    assert convert(tiff(Part(tags, [data])), LIMITS)
    body = tiff(Part(tags, [data[: len(data) // 2] + b"\xff\xd9"]))
    assert rejected(body) == "truncated or corrupt JPEG: pixels are missing"


def test_a_gray_strip_is_not_taken_for_one_that_ends_early() -> None:
    data = encoded(Image.new("L", (16, 16), 128), "JPEG")
    body = tiff(Part({256: 16, 257: 16, 258: 8, 259: JPEG, 262: 1, 277: 1}, [data]))
    assert pages(convert(body, LIMITS))[0].blocks == [data]


def test_a_flood_of_scans_or_segments_or_tables_is_rejected() -> None:
    """Each is gone through for every strip."""
    data = encoded(photo("L", (16, 16)), "JPEG")
    tags: Tags = {256: 16, 257: 16, 258: 8, 259: JPEG, 262: 1, 277: 1}
    scan = data[data.index(b"\xff\xda") : -2]
    assert rejected(tiff(Part(tags, [data[:-2] + scan * 100 + data[-2:]]))) == "unsupported: JPEG with 101 scans"
    body = tiff(Part(tags, [data[:2] + b"\xff\xfe\0\2" * 100 + data[2:]]))
    assert rejected(body).endswith("segments in a strip or tile")
    tables = b"\xff\xd8\xff\xfe\xff\xff" + bytes(65_533) + b"\xff\xd9"
    assert rejected(tiff(Part(tags | {347: tables}, [data]))).endswith("JPEG tables of 65541 bytes")


def test_old_jpegs_are_found_in_a_file_of_many_pages() -> None:
    """Each is found from the one before: from the first on, a thousand took ten seconds."""
    data = encoded(photo(size=(16, 16)), "JPEG", subsampling=0)
    tags: Tags = {256: 16, 257: 16, 258: [8] * 3, 259: OLD_JPEG, 262: YCBCR, 277: 3, 278: 16}
    tags |= {513: 8, 514: len(data), 273: 8, 279: len(data), 530: [1, 1]}
    body = tiff(*[page(1, 8, [bytes(24)]), Part(tags, [])] * 200, gap=data + bytes(len(data) % 2))
    seeks = []

    class Counted(TiffImagePlugin.TiffImageFile):
        def _open(self) -> None:
            seeks.append(self)
            super()._open()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TiffImagePlugin, "TiffImageFile", Counted)
        found = pages(convert(body, LIMITS))
    assert len(seeks) == 1
    assert [each.tags[256] for each in found] == [(6,), (16,)] * 200


@pytest.mark.parametrize("orientation", [1, 6])
def test_an_old_jpeg_comes_out_without_more_loss(orientation: int) -> None:
    """Upright: libtiff alone knows how it is stored, and what it decodes is turned already."""
    data = encoded(photo(), "JPEG", quality=90, subsampling=0)
    first = page(1, 8, [bytes(24)])
    tags: Tags = {256: 32, 257: 24, 258: [8] * 3, 259: OLD_JPEG, 262: YCBCR, 274: orientation, 277: 3, 278: 24}
    tags |= {513: 0, 514: len(data), 530: [1, 1]}
    at = tiff(first, Part(tags, [data])).index(data)
    body = tiff(first, Part(tags | {513: at}, [data]))
    before, after = (list(ImageSequence.Iterator(Image.open(io.BytesIO(b)))) for b in (body, convert(body, LIMITS)))
    before[1].load()
    assert after[1].size == before[1].size == (SIZE if orientation == 1 else SIZE[::-1])
    assert after[1].info["compression"] == "tiff_adobe_deflate"
    assert 274 not in pages(convert(body, LIMITS))[1].tags
    assert difference(after[1], before[1]) == 0


# --- what stays, and what does not -------------------------------------------------------------------------


def test_all_pages_are_kept_in_order() -> None:
    """Each in a kind and a compression of its own."""
    modes = ["RGB", "1", "P", "RGBA", "CMYK", "L"]
    images = [photo(mode, (32 + index, 24)) for index, mode in enumerate(modes)]
    parts = []
    for image, how in zip(images, ["raw", "group4", "packbits", "tiff_lzw", "jpeg", "tiff_adobe_deflate"], strict=True):
        (found,) = pages(encoded(image, "TIFF", compression=how))
        tags = {tag: bytes(v) if tag == 347 else list(v) for tag, v in found.tags.items() if tag not in {273, 279}}
        parts.append(Part(tags, found.blocks))
    body = tiff(*parts)
    before = [image.copy() for image in ImageSequence.Iterator(Image.open(io.BytesIO(body)))]
    after = [image.copy() for image in ImageSequence.Iterator(Image.open(io.BytesIO(convert(body, LIMITS))))]
    assert [image.mode for image in after] == ["L", "1", "P", "LA", "L", "L"]
    assert [image.size for image in after] == [image.size for image in before]
    assert all(difference(one, other) == 0 for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_the_resolution_is_kept(mode: str) -> None:
    assert gray(encoded(photo(mode), "TIFF", dpi=(300, 150))).info["dpi"] == (300, 150)


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_nothing_is_left_that_describes_another_image(mode: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[270], info[700], info[34665], info[37724] = "a caption", b"<x:xmpmeta>", {0x9003: "2026:11:22"}, b"private"
    body = encoded(photo(mode), "TIFF", tiffinfo=info, icc_profile=profile, software="a program")
    result = convert(body, LIMITS)
    for text in (b"a caption", b"<x:xmpmeta>", b"2026:11:22", b"private", b"acsp", b"a program"):
        assert text in body
        assert text not in result
    assert not {270, 305, 330, 700, 34665, 34675, 37724} & set(pages(result)[0].tags)


@pytest.mark.parametrize("kind", ["RGB", "L", "P", "RGB of 16 bits", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_page_stays_upright(kind: str, orientation: int) -> None:
    """Its pixels stay where they are, and so does what says how they are shown."""
    source = {"RGB of 16 bits": stored(3, "<"), "JPEG": jpeg_tiff(90)}.get(kind) or encoded(photo(kind), "TIFF")
    (found,) = pages(source)
    tags = {
        tag: bytes(v) if tag == 347 else list(v) for tag, v in found.tags.items() if tag not in {273, 279, 282, 283}
    }
    body = tiff(Part(tags | {274: orientation}, found.blocks))
    upright, result = decoded(body), gray(body)
    assert result.size == upright.size
    assert pages(convert(body, LIMITS))[0].tags[274] == (orientation,)
    if kind != "RGB of 16 bits":  # those are compared above, to the last bit
        assert difference(result, upright) <= 2


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P"])
@pytest.mark.parametrize("big", [False, True])
def test_a_big_tiff_stays_one_and_no_other_becomes_one(mode: str, big: bool) -> None:
    body = encoded(photo(mode), "TIFF", big_tiff=big)
    result = convert(body, LIMITS)
    assert result[:4] == body[:4] == (b"II+\0" if big else b"II*\0")
    assert difference(decoded(result), decoded(body)) == 0


@pytest.mark.parametrize("tag", [282, 296, 274])
def test_a_resolution_that_is_text_is_dropped(tag: int) -> None:
    (found,) = pages(convert(tiff(page(1, 8, [bytes(24)], **{f"t{tag}": b"abc"})), LIMITS))
    assert found.blocks == [bytes(24)]
    assert tag not in found.tags


def test_a_tag_that_nobody_needs_may_be_broken() -> None:
    body = tiff(page(1, 8, [bytes(24)], t37724=b"private"))
    entry = body.index(struct.pack("<HHI", 37724, 7, 7))
    body = body[: entry + 4] + struct.pack("<II", 1 << 30, 1 << 30) + body[entry + 12 :]
    assert pages(convert(body, LIMITS))[0].blocks == [bytes(24)]


@pytest.mark.parametrize(("tag", "kind"), [(282, 5), (283, 5), (296, 4), (274, 3), (274, 99)])
def test_what_says_how_a_page_is_shown_may_be_broken(tag: int, kind: int) -> None:
    """Outside of the file, or of a type that there is not."""
    body = tiff(page(1, 8, [bytes(24)], **{f"t{tag}": b"12345678"}))
    entry = body.index(struct.pack("<HHI", tag, 7, 8))
    count = 1 if kind == 5 else 4
    body = body[:entry] + struct.pack("<HHII", tag, kind, count, 1 << 30) + body[entry + 12 :]
    (found,) = pages(convert(body, LIMITS))
    assert found.blocks == [bytes(24)]
    assert tag not in found.tags


def test_pixels_that_begin_like_a_camera_s_mark_are_not_taken_for_one() -> None:
    body = tiff(page(3, 8, [bytes(72)]), gap=b"CR")
    assert body[8:10] == b"CR"
    assert convert(body, LIMITS)


@pytest.mark.parametrize("compression", ["raw", "packbits"])
@pytest.mark.parametrize(("bits", "bytes_"), [(8, 1), (16, 2)])
def test_differences_mean_nothing_where_pixels_are_not_predicted(compression: str, bits: int, bytes_: int) -> None:
    """Readers ignore the tag there: differences would be shown as they are."""
    pixels = bytes(value * 37 % 251 for value in range(72 * bytes_))
    block = pages(encoded(Image.frombytes("L", (18 * bytes_, 4), pixels), "TIFF", compression=compression))[0]
    tags = {"t259": block.tags[259][0]}
    results = [pages(convert(tiff(page(3, bits, block.blocks, **tags, t317=how)), LIMITS))[0] for how in (1, 2)]
    assert results[0].blocks == results[1].blocks
    assert 317 not in results[1].tags


def test_the_last_strip_may_be_shorter() -> None:
    body = tiff(page(1, 8, [bytes(range(18)), bytes(6)], t278=3))
    assert pages(convert(body, LIMITS))[0].blocks == [bytes(range(18)), bytes(6)]


def test_lengths_that_are_wrong_do_not_keep_raw_pixels_from_being_converted() -> None:
    """They need not be told: the size says it."""
    body = tiff(page(3, 8, [bytes(range(72))], t279=7))
    assert len(pages(convert(body, LIMITS))[0].blocks[0]) == 24


def test_smaller_copies_in_subdirectories_are_dropped() -> None:
    """Viewers show the page itself; of a file for maps or slides, that is the whole picture."""
    body = tiff(page(3, 8, [bytes(range(72))], t330=8))
    assert 330 not in pages(convert(body, LIMITS))[0].tags


# --- rejected ----------------------------------------------------------------------------------------------


def rejected(body: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(SourceRejected) as caught:
        convert(body, limits)
    return str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(tiff(page(3, 8, [bytes(72)], t50706=b"\1\4\0\0")), id="DNG"),
        pytest.param(tiff(page(3, 8, [bytes(72)], t254=1, t330=8)), id="NEF and ARW"),
        pytest.param(tiff(page(1, 8, [bytes(24)], t262=32803)), id="the pattern of a sensor"),
        pytest.param(tiff(page(3, 8, [bytes(72)], t262=34892)), id="linear raw"),
        pytest.param(tiff(page(3, 8, [bytes(72)]), gap=b"CR\2\0\0\0\0\0"), id="CR2"),
    ],
)
def test_a_camera_s_raw_data_is_rejected(body: bytes) -> None:
    """The first page of such a file is a thumbnail: a gray one would pass for the photo."""
    assert rejected(body) == "unsupported: TIFF with a camera's raw data"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (encoded(Image.new("F", SIZE, 0.5), "TIFF"), "signed or floating point pixels"),
        (encoded(Image.new("I", SIZE, 5), "TIFF"), "signed or floating point pixels"),
        (tiff(page(1, 16, [bytes(48)], t339=2)), "signed or floating point pixels"),
        (tiff(page(1, 8, [bytes(24)], t339=4)), "signed or floating point pixels"),
        (tiff(page(1, 32, [bytes(96)])), "pixels of 32 bits"),
        (tiff(page(1, 12, [bytes(36)])), "pixels of 12 bits"),
        (encoded(photo().convert("LAB"), "TIFF"), "pixels of 8 bits, CIELab"),
        (tiff(page(4, 16, [bytes(192)], t262=CMYK)), "pixels of 16 bits"),
        (tiff(page(5, 8, [bytes(120)], t338=[2, 0])), "5 samples a pixel"),
        (tiff(page(5, 8, [bytes(120)], t262=CMYK)), "5 samples a pixel"),
        (tiff(page(4, 8, [bytes(96)], t262=1)), "4 samples a pixel"),
        (tiff(page(4, 8, [bytes(96)], t338=[255])), "a sample of an unknown kind"),
        (tiff(page(3, 8, [bytes(72)], t262=YCBCR)), "subsampled colours that are not compressed"),
        (tiff(page(3, 8, [bytes(72)], t258=[5, 6, 5])), "samples of different sizes"),
        (tiff(page(3, 8, [bytes(72)], t259=34676)), "compression 34676"),
    ],
)
def test_what_would_lose_something_is_rejected_by_name(body: bytes, what: str) -> None:
    """Elevations and measurements, above all: in eight bits most of them would be all black or all white."""
    assert rejected(body).startswith(f"unsupported: TIFF with {what}")


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param({256: 1, 257: 100_000_000, 278: 1}, id="strips"),
        pytest.param({256: 10_000, 257: 10_000, 322: 1, 323: 1}, id="tiles"),
        pytest.param({256: 6, 257: 4, 277: 0xFFFF_FFFF, 284: 2}, id="planes"),
    ],
)
def test_strips_that_are_only_claimed_take_no_memory(tags: Tags) -> None:
    """A file of 122 bytes took two gigabytes."""
    body = tiff(Part({258: 8, 259: 1, 262: 1, 277: 1, **tags}, [bytes(24)]))
    tracemalloc.start()
    try:
        assert "strips or tiles" in rejected(body)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_planes_of_a_single_sample_are_not_told_of() -> None:
    """They mean nothing, and Pillow cannot read a file that has them."""
    body = tiff(page(1, 8, [bytes(range(24))], t284=2))
    (found,) = pages(convert(body, LIMITS))
    assert 284 not in found.tags


def test_an_orientation_of_any_whole_type_is_kept() -> None:
    """A signed one too: Pillow and libtiff go by it."""
    body = bytearray(tiff(page(1, 8, [bytes(range(24))], t274=6)))
    at = body.index(struct.pack("<HHI", 274, 3, 1))
    struct.pack_into("<H", body, at + 2, 8)
    assert decoded(convert(bytes(body), LIMITS)).size == (4, 6)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "LA", "I;16"])
@pytest.mark.parametrize("space", [b"GRAY", b"RGB "])
def test_a_profile_for_gray_levels_is_kept_with_gray_levels(mode: str, space: bytes) -> None:
    """It says how bright they are; one for colours has nothing to say any more."""
    profile = bytes(16) + space + bytes(200)
    image = Image.new("I;16", SIZE, 40_000) if mode == "I;16" else photo(mode)
    result = decoded(convert(encoded(image, "TIFF", icc_profile=profile), LIMITS))
    is_kept = mode not in {"RGB", "P"} and space == b"GRAY"
    assert result.info.get("icc_profile") == (profile if is_kept else None)


@pytest.mark.parametrize("compression", LOSSLESS)
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1"])
def test_a_file_that_broke_off_is_rejected(mode: str, compression: str) -> None:
    """The directory is whole, the pixels after it are not."""
    (found,) = pages(encoded(photo(mode, (64, 64)), "TIFF", compression=compression))
    tags = {tag: list(value) for tag, value in found.tags.items() if tag not in {273, 279}}
    body = tiff(Part(tags | {320: [0] * 768} if mode == "P" else tags, found.blocks))
    end = body.index(found.blocks[-1]) + len(found.blocks[-1])
    assert convert(body, LIMITS)
    for length in (end // 2, end - 1):
        assert rejected(body[:length]).startswith("truncated or corrupt TIFF")


@pytest.mark.parametrize(
    ("mode", "compression"),
    [*product(["RGB", "L", "I;16"], LOSSLESS[1:]), ("RGB", "jpeg"), ("L", "jpeg")],
)
def test_compressed_pixels_that_stop_short_are_rejected(mode: str, compression: str) -> None:
    """Whether they have colours or not: what is not decoded to be converted is decoded to be checked."""
    image = Image.effect_noise((64, 64), 90).convert(mode)
    (found,) = pages(encoded(image, "TIFF", compression=compression))
    tags = {tag: bytes(v) if tag == 347 else list(v) for tag, v in found.tags.items() if tag not in {273, 279}}
    body = tiff(Part(tags, [block[: len(block) // 2] for block in found.blocks]))
    assert rejected(body).startswith("truncated or corrupt")


@pytest.mark.parametrize("tag", [256, 277, 278, 317, 338])
def test_a_number_that_is_text_is_rejected(tag: int) -> None:
    body = tiff(page(3, 8, [bytes(72)], **{f"t{tag}": b"6\0"}))
    assert rejected(body) == f"truncated or corrupt TIFF: tag {tag} of type 7"


def test_too_many_pixels_are_rejected_before_anything_is_decoded() -> None:
    """All pages together, and with what tiles add. There are no pixels here: decoding would say "truncated"."""
    assert rejected(tiff(page(3, 8, [b""], t256=20_000, t257=20_000))) == (
        "20000x20000 is 400000000 pixels, more than 100000000"
    )
    assert rejected(tiff(page(3, 16, [bytes(60)], t256=8_000, t257=8_000, t278=8_000, t259=DEFLATE))) == (
        "128000000 pixels, those of 16 bits a colour counted twice, more than 100000000"
    )
    half = page(3, 8, [b""], t256=8_000, t257=8_000)
    assert rejected(tiff(half, half)) == "2 frames have 128000000 pixels, more than 100000000"
    assert "pixels, more than" in rejected(tiff(page(3, 8, [b""], t322=65_520, t323=65_520)))


def test_too_many_pages_are_rejected() -> None:
    body = tiff(*[page(1, 8, [bytes(24)])] * 4)
    assert len(pages(convert(body, replace(LIMITS, max_frames=4)))) == 4
    assert rejected(body, replace(LIMITS, max_frames=2)) == "3 frames, more than 2", "and no more are looked for"


def test_pages_that_lead_back_come_to_an_end() -> None:
    """With the last page that was not there before, as in any viewer."""
    body = bytearray(tiff(page(1, 8, [bytes(24)]), page(1, 8, [bytes(24)])))
    (entries,) = struct.unpack_from("<H", body, 8)
    (second,) = struct.unpack_from("<I", body, 10 + 12 * entries)
    struct.pack_into("<I", body, second + 2 + 12 * entries, 8)
    assert len(pages(convert(bytes(body), LIMITS))) == 2


def test_strips_that_pages_share_do_not_multiply() -> None:
    """A thousand pages of the same megabyte would come out as a gigabyte."""
    body = tiff(*[page(1, 8, [b""], t273=8, t279=24)] * 40)
    assert rejected(body, replace(LIMITS, max_bytes=500)) == "960 bytes, more than 500"


def test_values_that_tags_share_do_not_multiply() -> None:
    body = tiff(page(1, 8, [bytes(24)], t330=bytes(50), t347=bytes(50)))
    for tag in (330, 347):
        entry = body.index(struct.pack("<HHI", tag, 7, 50))
        body = body[: entry + 4] + struct.pack("<II", len(body) - 8, 8) + body[entry + 12 :]
    assert rejected(body) == "truncated or corrupt TIFF: values outside of the file"


def test_too_many_strips_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs memory, whatever little it holds."""
    monkeypatch.setattr(tiff_file, "_MAX_BLOCKS", 3)
    assert rejected(tiff(page(1, 8, [bytes(6)] * 4, t278=1))) == "truncated or corrupt TIFF: tag 273 of 4 values"
    body = tiff(*[page(1, 8, [bytes(12)] * 2, t278=2)] * 2)
    assert rejected(body) == "truncated or corrupt TIFF: not the 2 strips or tiles that it should have"


def test_too_many_strips_in_jpeg_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """All pages together: each costs time, whatever little it holds."""
    monkeypatch.setattr(tiff_file, "_MAX_JPEG_BLOCKS", 3)
    (found,) = pages(jpeg_tiff(50))
    part = Part({tag: bytes(v) if tag == 347 else list(v) for tag, v in found.tags.items()}, found.blocks)
    for tag in (273, 279):
        del part.tags[tag]
    assert convert(tiff(part), LIMITS)
    assert rejected(tiff(part, part)) == "unsupported: TIFF with 4 strips or tiles in JPEG, more than 3"


def test_values_that_nobody_needs_take_no_memory() -> None:
    """A tag that has one value may have millions, and is asked for it over and over."""
    found = tiff_file.Page("<", {262: tiff_file.Entry(3, 900_000, b"\6\0" * 900_000)})
    tracemalloc.start()
    try:
        assert found.number(262, 0) == YCBCR
        assert tracemalloc.get_traced_memory()[1] < 10_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("big", [False, True])
def test_directories_that_overlap_are_rejected(big: bool) -> None:
    """A BigTIFF of two megabytes took ten seconds: each of a thousand directories was nearly as long as the file."""
    first, second = 1_000, 1_012  # both have the same 1000 entries, but for one
    body = bytearray((b"II+\0\x08\0\0\0" if big else b"II*\0") + struct.pack("<Q" if big else "<I", first))
    body = body.ljust(first + (20 if big else 12) * 1_001 + 40, b"\0")
    for at, following in ((first, second), (second, 0)):
        struct.pack_into("<Q" if big else "<H", body, at, 900)
        struct.pack_into("<Q" if big else "<I", body, at + (8 + 20 * 900 if big else 2 + 12 * 900), following)
    assert rejected(bytes(body)) == "truncated or corrupt TIFF: directories that overlap"


@pytest.mark.parametrize("missing", [256, 257, 273, 278, 320])
def test_a_page_without_what_it_needs_is_rejected(missing: int) -> None:
    body = tiff(page(1, 8, [bytes(24)], t262=3, t320=[0] * 768, t259=DEFLATE))
    (entries,) = struct.unpack_from("<H", body, 8)
    for entry in range(entries):
        if struct.unpack_from("<H", body, 10 + 12 * entry) == (missing,):
            body = body[: 10 + 12 * entry] + struct.pack("<HHII", missing, 3, 1, 0) + body[22 + 12 * entry :]
    assert "TIFF" in rejected(body)


# --- whatever comes ----------------------------------------------------------------------------------------

SMALL = {
    "RGB": encoded(photo().resize((8, 6)), "TIFF"),
    "LZW": encoded(photo("RGBA").resize((8, 6)), "TIFF", compression="tiff_lzw", tiffinfo={317: 2}),
    "fax": encoded(photo("1").resize((8, 6)), "TIFF", compression="group4"),
    "palette": tiff(page(1, 2, [b"\x1b\xe4" * 4], t262=3, t320=[9] * 12)),
    "two pages": tiff(page(1, 8, [bytes(24)]), page(3, 8, [bytes(72)])),
    "16 bits": stored(3, ">", DEFLATE, 2),
    "16 bits, tiles, planes": stored(4, "<", tiled=True, planar=True),
    "JPEG": jpeg_tiff(50),
    "big": tiff(page(3, 8, [bytes(72)]), big=True, order=">"),
}
SMALL_LIMITS = Limits(max_bytes=100_000, max_pixels=10_000, max_frames=5)


@pytest.mark.parametrize("kind", SMALL)
def test_a_file_cut_anywhere_is_converted_or_rejected(kind: str) -> None:
    """Any other error would be taken for one that may pass, and leave an old output in place."""
    body = SMALL[kind]
    assert convert(body, SMALL_LIMITS)
    for length in range(len(body)):
        with suppress(SourceRejected):
            convert(body[:length], SMALL_LIMITS)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(
    body=st.sampled_from(list(SMALL.values())),
    places=st.lists(st.tuples(st.integers(min_value=0), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_a_file_with_broken_bytes_is_converted_or_rejected(body: bytes, places: list[tuple[int, int]]) -> None:
    broken = bytearray(body)
    for place, value in places:
        broken[place % len(broken)] = value
    with suppress(SourceRejected):
        convert(bytes(broken), SMALL_LIMITS)
