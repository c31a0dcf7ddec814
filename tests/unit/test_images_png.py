"""PNG and APNG. What Pillow cannot write or read (16 bits of colour, interlacing, single chunks) is done here."""

import io
import itertools
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from PIL import Image, ImageCms, ImageSequence

from objectlock.errors import SourceRejected
from objectlock.images import Limits, png_pixels, to_grayscale
from objectlock.images.orientation import exif_of
from tests.unit.pictures import decoded, encoded, photo

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
BANDS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))

# Rows of pixels; a pixel is its samples.
Pixels = Sequence[Sequence[tuple[int, ...]]]


class Kind(NamedTuple):
    """Of pixels, and how they are stored."""

    colour: int
    bits: int
    is_interlaced: bool = False

    @property
    def pixel_bits(self) -> int:
        return BANDS[self.colour] * self.bits

    def ihdr(self, width: int, height: int) -> bytes:
        return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, self.bits, self.colour, 0, 0, self.is_interlaced))


def kinds(colours: Sequence[int], bits: Sequence[int]) -> list[Kind]:
    return [Kind(*each) for each in itertools.product(colours, bits, (False, True))]


COLOURED = kinds((RGB, RGBA), (8, 16))
UNTOUCHED = [*kinds((GRAY,), (1, 2, 4, 8, 16)), *kinds((GRAY_ALPHA,), (8, 16))]
INDEXED = kinds((PALETTE,), (1, 2, 4, 8))


# --- written by hand ---------------------------------------------------------------------------------------


def chunk(name: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


IEND = chunk(b"IEND")


def noise(width: int, height: int, kind: Kind, seed: int = 0) -> Pixels:
    random = Random(seed)
    return [
        [tuple(random.randrange(1 << kind.bits) for _ in range(BANDS[kind.colour])) for _ in range(width)]
        for _ in range(height)
    ]


def passes(pixels: Pixels, *, is_interlaced: bool) -> Iterator[Pixels]:
    for x, y, step_x, step_y in ADAM7 if is_interlaced else ((0, 0, 1, 1),):
        rows = [row[x::step_x] for row in pixels[y::step_y]]
        if rows and rows[0]:
            yield rows


def raw(pixels: Pixels, kind: Kind) -> bytes:
    """Rows after a filter type of 0, not compressed."""
    out = bytearray()
    for rows in passes(pixels, is_interlaced=kind.is_interlaced):
        for row in rows:
            bits = "".join(f"{sample:0{kind.bits}b}" for pixel in row for sample in pixel)
            bits += "0" * (-len(bits) % 8)
            out += b"\0" + int(bits, 2).to_bytes(len(bits) // 8)
    return bytes(out)


def idat(pixels: Pixels, kind: Kind) -> bytes:
    return chunk(b"IDAT", zlib.compress(raw(pixels, kind)))


def png(pixels: Pixels, kind: Kind, *before: bytes) -> bytes:
    """A still image, with these chunks before its pixels."""
    return b"".join((SIGNATURE, kind.ihdr(len(pixels[0]), len(pixels)), *before, idat(pixels, kind), IEND))


class Frame(NamedTuple):
    """Of an animation."""

    pixels: Pixels
    x: int = 0
    y: int = 0
    delay: tuple[int, int] = (1, 10)
    dispose: int = 0
    blend: int = 0

    @property
    def control(self) -> bytes:
        size = len(self.pixels[0]), len(self.pixels)
        return struct.pack(">IIIIHHBB", *size, self.x, self.y, *self.delay, self.dispose, self.blend)


def apng(
    kind: Kind, frames: Sequence[Frame], *before: bytes, plays: int = 0, hidden: Pixels | None = None, pieces: int = 1
) -> bytes:
    """An animation; a hidden image is for viewers that know no APNG. Each frame's data comes in so many pieces."""
    sequence = itertools.count()

    def numbered(name: bytes, data: bytes) -> bytes:
        return chunk(name, struct.pack(">I", next(sequence)) + data)

    whole = hidden or frames[0].pixels
    out = [
        SIGNATURE,
        kind.ihdr(len(whole[0]), len(whole)),
        *before,
        chunk(b"acTL", struct.pack(">II", len(frames), plays)),
    ]
    if hidden:
        out.append(idat(hidden, kind))
    for index, frame in enumerate(frames):
        out.append(numbered(b"fcTL", frame.control))
        data = zlib.compress(raw(frame.pixels, kind))
        step = -(-len(data) // pieces)
        for at in range(0, len(data), step):
            piece = data[at : at + step]
            out.append(chunk(b"IDAT", piece) if index == 0 and not hidden else numbered(b"fdAT", piece))
    return b"".join((*out, IEND))


# --- read by hand ------------------------------------------------------------------------------------------


def chunks(body: bytes) -> list[tuple[bytes, bytes]]:
    """All of them; whole, and nothing after them."""
    assert body.startswith(SIGNATURE)
    found, at = [], len(SIGNATURE)
    while at < len(body):
        (length,) = struct.unpack_from(">I", body, at)
        name, data = body[at + 4 : at + 8], body[at + 8 : at + 8 + length]
        assert body[at : at + 12 + length] == chunk(name, data)
        found.append((name, data))
        at += 12 + length
    assert [name for name, _ in found].index(b"IEND") == len(found) - 1
    return found


def names(body: bytes) -> list[bytes]:
    return [name for name, _ in chunks(body)]


def data_of(body: bytes, name: bytes) -> bytes:
    return b"".join(data for each, data in chunks(body) if each == name)


def inflated(data: bytes) -> bytes:
    """All of it: the checksum is right, and nothing follows."""
    inflate = zlib.decompressobj()
    out = inflate.decompress(data)
    assert inflate.eof
    assert not inflate.unused_data
    return out


def header(body: bytes) -> tuple[int, int, Kind]:
    name, data = chunks(body)[0]
    assert name == b"IHDR"
    width, height, bits, colour, compression, filters, interlace = struct.unpack(">IIBBBBB", data)
    assert (compression, filters) == (0, 0)
    return width, height, Kind(colour, bits, bool(interlace))


def paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))


def unfiltered(data: bytes, width: int, height: int, kind: Kind) -> Pixels:
    """The pixels of an image that is not interlaced (PNG, 9.2)."""
    assert not kind.is_interlaced
    stride, step = (width * kind.pixel_bits + 7) // 8, max(1, kind.pixel_bits // 8)
    assert len(data) == height * (1 + stride)
    above, pixels = bytes(stride), []
    for start in range(0, len(data), 1 + stride):
        row = bytearray(step)
        for at, byte in enumerate(data[start + 1 : start + 1 + stride]):
            left, up, corner = row[at], above[at], above[at - step] if at >= step else 0
            guess = (0, left, up, (left + up) // 2, paeth(left, up, corner))[data[start]]
            row.append((byte + guess) & 255)
        above = bytes(row[step:])
        number, bits = int.from_bytes(above), 8 * stride
        samples = [
            number >> (bits - (at + 1) * kind.bits) & ((1 << kind.bits) - 1) for at in range(width * BANDS[kind.colour])
        ]
        bands = BANDS[kind.colour]
        pixels.append([tuple(samples[at : at + bands]) for at in range(0, len(samples), bands)])
    return pixels


def pixels_of(body: bytes) -> Pixels:
    """Of a still image."""
    return unfiltered(inflated(data_of(body, b"IDAT")), *header(body))


def luma(red: int, green: int, blue: int) -> int:
    return (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16


def gray_pixels(pixels: Pixels) -> list[list[tuple[int, ...]]]:
    """Of RGB, with whatever follows."""
    return [[(luma(*pixel[:3]), *pixel[3:]) for pixel in row] for row in pixels]


class Shown(NamedTuple):
    """A frame as it is in the file; control is None for a hidden image."""

    control: bytes | None
    data: bytes


def frames_of(body: bytes) -> list[Shown]:
    """Of an animation whose sequence numbers are right, each frame as large as its control says."""
    found: list[Shown] = []
    sequence = itertools.count()
    for name, data in chunks(body):
        if name in {b"fcTL", b"fdAT"}:
            assert data[:4] == struct.pack(">I", next(sequence))
        if name == b"fcTL":
            found.append(Shown(data[4:], b""))
        elif name == b"IDAT" and not found:
            found.append(Shown(None, data))
        elif name in {b"IDAT", b"fdAT"}:
            found[-1] = found[-1]._replace(data=found[-1].data + data[4 * (name == b"fdAT") :])
    assert struct.unpack(">I", data_of(body, b"acTL")[:4]) == (sum(each.control is not None for each in found),)
    assert names(body).index(b"acTL") < names(body).index(b"IDAT")
    return found


def frame_pixels(body: bytes) -> list[Pixels]:
    *canvas, kind = header(body)
    found = []
    for control, data in frames_of(body):
        width, height = struct.unpack_from(">II", control) if control else canvas
        found.append(unfiltered(inflated(data), width, height, kind))
    return found


# --- gray already ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", UNTOUCHED)
def test_gray_levels_keep_the_very_bytes_of_their_pixels(kind: Kind) -> None:
    pixels = noise(13, 11, kind)
    body = to_grayscale(png(pixels, kind)).body
    assert header(body) == (13, 11, kind)
    assert inflated(data_of(body, b"IDAT")) == raw(pixels, kind)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_transparent_level_of_a_gray_image_is_kept(bits: int) -> None:
    kind, clear = Kind(GRAY, bits), chunk(b"tRNS", b"\0\1")
    body = to_grayscale(png(noise(13, 11, kind), kind, clear)).body
    assert data_of(body, b"tRNS") == b"\0\1"
    assert names(body).index(b"tRNS") < names(body).index(b"IDAT")


@pytest.mark.parametrize("mode", ["1", "L", "LA"])
def test_gray_images_of_pillow_keep_their_pixels(mode: str) -> None:
    before = encoded(photo(mode), "PNG")
    after = to_grayscale(before).body
    assert decoded(after).mode == mode
    assert decoded(after).tobytes() == decoded(before).tobytes()


# --- palettes ----------------------------------------------------------------------------------------------


def palette_of(kind: Kind) -> bytes:
    return Random(7).randbytes(3 << kind.bits)


@pytest.mark.parametrize("kind", INDEXED)
@pytest.mark.parametrize("clear", [b"", b"\x00\x7f"], ids=["opaque", "tRNS"])
def test_a_palette_turns_gray_and_its_pixels_and_alpha_stay_what_they_are(kind: Kind, clear: bytes) -> None:
    palette, pixels = palette_of(kind), noise(13, 11, kind)
    trns = [chunk(b"tRNS", clear)] if clear else []
    body = to_grayscale(png(pixels, kind, chunk(b"PLTE", palette), *trns)).body
    assert header(body) == (13, 11, kind)
    assert inflated(data_of(body, b"IDAT")) == raw(pixels, kind)
    assert data_of(body, b"PLTE") == bytes(
        level for at in range(0, len(palette), 3) for level in [luma(*palette[at : at + 3])] * 3
    )
    assert data_of(body, b"tRNS") == clear
    assert names(body) == [b"IHDR", b"PLTE", *[b"tRNS"] * bool(clear), b"IDAT", b"IEND"]


def test_a_short_palette_stays_short() -> None:
    kind = Kind(PALETTE, 8)
    body = to_grayscale(png([[(0,), (1,), (2,)]], kind, chunk(b"PLTE", bytes(range(9))))).body
    assert data_of(body, b"PLTE") == bytes([1, 1, 1, 4, 4, 4, 7, 7, 7])


@pytest.mark.parametrize(
    "palette",
    [
        pytest.param([], id="none"),
        pytest.param([chunk(b"PLTE")], id="no colours"),
        pytest.param([chunk(b"PLTE", bytes(4))], id="a third of a colour more"),
        pytest.param([chunk(b"PLTE", bytes(3 * 257))], id="257 colours"),
    ],
)
def test_a_palette_that_makes_no_sense_is_rejected(palette: list[bytes]) -> None:
    with pytest.raises(SourceRejected, match=r"^truncated or corrupt PNG"):
        to_grayscale(png([[(0,)]], Kind(PALETTE, 8), *palette))


@pytest.mark.parametrize("kind", [Kind(RGB, 8), Kind(RGBA, 16), Kind(GRAY, 8)])
def test_a_palette_that_is_only_a_suggestion_is_dropped(kind: Kind) -> None:
    assert b"PLTE" not in names(to_grayscale(png(noise(3, 3, kind), kind, chunk(b"PLTE", bytes(12)))).body)


# --- colours -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", COLOURED)
def test_colours_turn_into_the_luma_of_bt_601_with_the_bits_they_had_and_alpha_stays(kind: Kind) -> None:
    pixels = noise(23, 19, kind)
    body = to_grayscale(png(pixels, kind)).body
    assert header(body) == (23, 19, Kind(GRAY_ALPHA if kind.colour == RGBA else GRAY, kind.bits))
    assert pixels_of(body) == gray_pixels(pixels)


@pytest.mark.parametrize("bits", [8, 16])
def test_the_brightest_and_the_darkest_stay_white_and_black(bits: int) -> None:
    top = (1 << bits) - 1
    pixels = [[(0, 0, 0), (top, top, top), (top, 0, 0), (0, top, 0), (0, 0, top), (0, 0, 1), (top - 1, top, top)]]
    assert pixels_of(to_grayscale(png(pixels, Kind(RGB, bits))).body) == gray_pixels(pixels)


def test_half_a_level_is_rounded_up() -> None:
    """7471 / 65536 of this blue is 3735.5, and so on."""
    pixels = [[(0, 0, 32768), (32768, 0, 0), (65535, 65535, 32768), (32768, 0, 1), (32768, 0, 65535)]]
    assert pixels_of(to_grayscale(png(pixels, Kind(RGB, 16))).body) == gray_pixels(pixels)


@pytest.mark.parametrize("kind", [Kind(RGB, 8, is_interlaced=True), Kind(RGBA, 16, is_interlaced=True), Kind(RGBA, 8)])
def test_an_image_of_any_small_size_comes_out_whole(kind: Kind) -> None:
    """Interlaced, some passes of it are empty."""
    for width, height in itertools.product(range(1, 10), repeat=2):
        pixels = noise(width, height, kind)
        body = to_grayscale(png(pixels, kind)).body
        assert header(body)[:2] == (width, height)
        assert pixels_of(body) == gray_pixels(pixels), (width, height)


@pytest.mark.parametrize("kind", [Kind(GRAY, 1, is_interlaced=True), Kind(GRAY_ALPHA, 16, is_interlaced=True)])
def test_a_gray_image_of_any_small_size_is_known_to_be_whole(kind: Kind) -> None:
    for width, height in itertools.product(range(1, 10), repeat=2):
        pixels = noise(width, height, kind)
        data = raw(pixels, kind)
        assert inflated(data_of(to_grayscale(png(pixels, kind)).body, b"IDAT")) == data
        short = chunk(b"IDAT", zlib.compress(data[:-1]))
        with pytest.raises(SourceRejected):
            to_grayscale(SIGNATURE + kind.ihdr(width, height) + short + IEND)


@pytest.mark.parametrize("is_interlaced", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_transparent_colour_is_one_and_only_that_one(bits: int, *, is_interlaced: bool) -> None:
    """A colour that differs in a single bit is none, be it the lowest of 16."""
    kind, key = Kind(RGB, bits, is_interlaced), (0x5A5A & ((1 << bits) - 1), 0x13 << (bits - 8), 7)
    near = [
        tuple(level ^ (bit if at == band else 0) for at, level in enumerate(key))
        for band in range(3)
        for bit in (1 << shift for shift in range(bits))
    ]
    pixels = [[key, *near, key]]
    body = to_grayscale(png(pixels, kind, chunk(b"tRNS", struct.pack(">3H", *key)))).body
    top = (1 << bits) - 1
    assert header(body)[2] == Kind(GRAY_ALPHA, bits)
    assert pixels_of(body) == [[(luma(*pixel), 0 if pixel == key else top) for pixel in pixels[0]]]
    assert b"tRNS" not in names(body)


def test_of_a_transparent_colour_only_the_bits_that_a_sample_has_count() -> None:
    """PNG, 11.3.1.1: with 8 bits a sample, the higher ones are ignored."""
    clear = chunk(b"tRNS", b"\xff\1\xff\2\xff\3")
    body = to_grayscale(png([[(1, 2, 3), (3, 2, 1)]], Kind(RGB, 8), clear)).body
    assert [pixel[1] for pixel in pixels_of(body)[0]] == [0, 255]


def line_art(*, by_column: bool) -> Image.Image:
    """Levels that leap from column to column, or from row to row."""
    line = Image.new("L", (97, 1))
    line.putdata(list(Random(3).randbytes(97)))
    bars = line.resize((97, 97))
    return (bars if by_column else bars.transpose(Image.Transpose.ROTATE_90)).convert("RGB")


def shaded() -> Image.Image:
    """Each row is a ramp with a start of its own."""
    image, starts = Image.new("L", (97, 97)), Random(5).randbytes(97)
    image.putdata([(start + 3 * x) % 256 for start in starts for x in range(97)])
    return image.convert("RGB")


def speckled() -> Image.Image:
    image, random = Image.new("RGB", (97, 97)), Random(9)
    image.putdata([random.choice([(0, 0, 0), (250, 10, 90)]) for _ in range(97 * 97)])
    return image


def cloudy() -> Image.Image:
    random = Image.frombytes("RGB", (40, 40), Random(11).randbytes(40 * 40 * 3))
    return random.resize((300, 300), Image.Resampling.BICUBIC)


ASTRONAUT = Path(__file__).parents[2] / "samples" / "astronaut.png"
PICTURES: dict[str, Callable[[], Image.Image]] = {
    "higher than what is compressed at once": lambda: photo("RGB", (200, 1400)),
    "wider than what is compressed at once": lambda: photo("RGB", (263_000, 1)),
    "columns": lambda: line_art(by_column=True),
    "rows": lambda: line_art(by_column=False),
    "ramps": shaded,
    "speckles": speckled,
    "clouds": cloudy,
    "flat": lambda: Image.new("RGB", (200, 100), (9, 99, 199)),
    "photo": lambda: decoded(ASTRONAUT.read_bytes()).crop((150, 50, 350, 200)),
}


@cache
def converted(picture: str, mode: str) -> tuple[Image.Image, bytes]:
    image = PICTURES[picture]().convert(mode)
    return image, to_grayscale(encoded(image, "PNG", compress_level=1)).body


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("picture", PICTURES)
def test_however_an_image_is_best_compressed_its_pixels_are_the_same(picture: str, mode: str) -> None:
    image, body = converted(picture, mode)
    result = decoded(body)
    assert result.tobytes() == image.convert(result.mode).tobytes()
    assert result.mode == ("LA" if mode == "RGBA" else "L")
    inflated(data_of(body, b"IDAT"))


def test_the_pictures_of_the_test_above_are_compressed_in_every_way() -> None:
    """By four filters, which each row names, and three compressors: zlib's data is that of zlib."""
    filters, levels = set(), set()
    for picture, mode in itertools.product(PICTURES, ["RGB", "RGBA"]):
        data = data_of(converted(picture, mode)[1], b"IDAT")
        rows = inflated(data)
        filters.add(rows[0])
        levels.add(next((level for level in (4, 6) if zlib.compress(rows, level) == data), None))
    assert filters == {0, 1, 2, 3}
    assert levels == {4, 6, None}


# --- animations --------------------------------------------------------------------------------------------


def animation(kind: Kind) -> list[Frame]:
    return [
        Frame(noise(9, 8, kind, 1), 0, 0, (1, 10), 1, 0),
        Frame(noise(5, 3, kind, 2), 4, 5, (0, 0), 2, 1),
        Frame(noise(9, 8, kind, 3), 0, 0, (65535, 1), 0, 0),
        Frame(noise(1, 8, kind, 4), 8, 0, (7, 1000), 0, 1),
    ]


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("is_hidden", [False, True], ids=["", "with a hidden image"])
@pytest.mark.parametrize("kind", [*UNTOUCHED, *INDEXED, *COLOURED])
def test_an_animation_keeps_its_frames_times_places_and_ways_to_be_shown(
    kind: Kind, pieces: int, *, is_hidden: bool
) -> None:
    frames = animation(kind)
    hidden = noise(9, 8, kind, 5) if is_hidden else None
    palette = [chunk(b"PLTE", palette_of(kind))] if kind.colour == PALETTE else []
    body = to_grayscale(apng(kind, frames, *palette, plays=3, hidden=hidden, pieces=pieces)).body
    assert struct.unpack(">II", data_of(body, b"acTL")) == (4, 3)
    shown = frames_of(body)
    assert [each.control for each in shown] == [None] * is_hidden + [frame.control for frame in frames]
    before = [hidden] * is_hidden + [frame.pixels for frame in frames]
    if kind in COLOURED:
        assert frame_pixels(body) == [gray_pixels(pixels or []) for pixels in before]
    else:
        assert [inflated(each.data) for each in shown] == [raw(pixels or [], kind) for pixels in before]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_an_animation_of_pillow_looks_the_same_but_gray(mode: str) -> None:
    frames = [photo("RGBA").rotate(angle).convert(mode) for angle in (0, 90, 180)]
    options = {"disposal": [0, 1, 2]} if mode == "RGBA" else {}
    body = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=[20, 30, 50], loop=2, **options)
    before, after = (Image.open(io.BytesIO(each)) for each in (body, to_grayscale(body).body))
    assert after.info["loop"] == 2
    shown = [
        [
            (frame.info["duration"], frame.convert("RGBA").convert("LA").tobytes())
            for frame in ImageSequence.Iterator(image)
        ]
        for image in (before, after)
    ]
    assert shown[0] == shown[1]
    assert [duration for duration, _ in shown[0]] == [20, 30, 50]


def test_the_transparent_colour_of_an_animation_is_that_of_every_frame() -> None:
    kind, clear = Kind(RGB, 16), chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))
    frames = [Frame([[(1, 2, 3), (1, 2, 4)]]), Frame([[(1, 2, 259), (1, 2, 3)]])]
    first, second = frame_pixels(to_grayscale(apng(kind, frames, clear)).body)
    assert [pixel[1] for pixel in (*first[0], *second[0])] == [0, 65535, 65535, 0]


def test_frames_without_an_animation_mean_nothing() -> None:
    """PNG, 11.3.5: they are the rest of one; a viewer shows the still image."""
    kind = Kind(RGB, 8)
    body = apng(kind, animation(kind))
    at = body.index(b"acTL") - 4
    after = to_grayscale(body[:at] + body[at + 20 :]).body
    assert names(after) == [b"IHDR", b"IDAT", b"IEND"]
    assert pixels_of(after) == gray_pixels(animation(kind)[0].pixels)


def edited(body: bytes, edit: Callable[[list[tuple[bytes, bytes]]], object]) -> bytes:
    """With other chunks, their checksums right."""
    found = chunks(body)
    edit(found)
    return SIGNATURE + b"".join(chunk(name, data) for name, data in found)


def replaced(found: list[tuple[bytes, bytes]], index: int, at: int, new: bytes) -> None:
    """These bytes of a chunk."""
    name, data = found[index]
    found[index] = name, data[:at] + new + data[at + len(new) :]


# Of IHDR, acTL, fcTL 0, IDAT, fcTL 1, fdAT 2, fcTL 3, fdAT 4, fcTL 5, fdAT 6, IEND.
@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda found: replaced(found, 1, 0, b"\0\0\0\3"), id="one frame more than announced"),
        pytest.param(lambda found: replaced(found, 1, 0, b"\0\0\0\5"), id="one frame less than announced"),
        pytest.param(lambda found: found.__delitem__(slice(8, 10)), id="the last frame is missing"),
        pytest.param(lambda found: found.__delitem__(slice(4, 6)), id="a number is left out"),
        pytest.param(lambda found: found.__delitem__(9), id="a frame without pixels"),
        pytest.param(lambda found: found.__delitem__(3), id="a first frame without pixels"),
        pytest.param(lambda found: found.__delitem__(8), id="pixels of no frame"),
        pytest.param(lambda found: found.insert(6, (b"fdAT", struct.pack(">I", 2))), id="a number comes twice"),
        pytest.param(lambda found: replaced(found, 4, 0, struct.pack(">I", 9)), id="a frame out of order"),
        pytest.param(lambda found: replaced(found, 5, 0, struct.pack(">I", 9)), id="pixels out of order"),
        pytest.param(lambda found: replaced(found, 4, 12, struct.pack(">I", 5)), id="outside to the right"),
        pytest.param(lambda found: replaced(found, 4, 16, struct.pack(">I", 6)), id="outside below"),
        pytest.param(lambda found: replaced(found, 4, 12, b"\xff" * 4), id="outside by far"),
        pytest.param(lambda found: replaced(found, 4, 4, bytes(4)), id="no width"),
        pytest.param(lambda found: replaced(found, 4, 8, bytes(4)), id="no height"),
        pytest.param(lambda found: replaced(found, 2, 4, struct.pack(">I", 8)), id="a first frame too small"),
        pytest.param(lambda found: found.__setitem__(4, (b"fcTL", found[4][1][:-1])), id="a control too short"),
        pytest.param(lambda found: found.__setitem__(4, (b"fcTL", found[4][1] + b"\0")), id="a control too long"),
        pytest.param(lambda found: found.__setitem__(1, (b"acTL", found[1][1][:-1])), id="an announcement too short"),
        pytest.param(lambda found: found.__setitem__(5, (b"fdAT", b"\0\0")), id="pixels without a number"),
        pytest.param(lambda found: replaced(found, 5, 4, b"\0\0"), id="pixels that are not compressed"),
        pytest.param(lambda found: found.insert(10, found[3]), id="a second still image"),
        pytest.param(lambda found: found.insert(3, found[0]), id="a second header"),
    ],
)
@pytest.mark.parametrize("kind", [Kind(GRAY, 8), Kind(RGB, 8), Kind(RGBA, 16)])
def test_an_animation_that_is_not_whole_is_rejected(
    kind: Kind, edit: Callable[[list[tuple[bytes, bytes]]], object]
) -> None:
    body = edited(apng(kind, animation(kind)), edit)
    with pytest.raises(SourceRejected, match=r"^truncated or corrupt PNG: "):
        to_grayscale(body)


def test_an_animation_that_is_announced_too_late_is_none() -> None:
    """Viewers show the still image."""
    kind = Kind(RGB, 8)
    still = edited(apng(kind, animation(kind)), lambda found: found.insert(3, found.pop(1)))
    assert names(to_grayscale(still).body) == [b"IHDR", b"IDAT", b"IEND"]


def test_an_animation_keeps_each_frame_apart() -> None:
    """Data of a frame that was never begun must not be added to the one before."""
    kind = Kind(RGB, 8)
    body = edited(
        apng(kind, animation(kind)[:1]), lambda found: found.insert(4, (b"fdAT", struct.pack(">I", 1) + found[3][1]))
    )
    with pytest.raises(SourceRejected, match=r"^truncated or corrupt PNG: "):
        to_grayscale(body)


def test_a_flood_of_chunks_is_rejected() -> None:
    """Each takes a hundred times its length in memory."""
    rejected(
        edited(encoded(photo(), "PNG"), lambda found: found.__setitem__(slice(1, 1), [(b"IDAT", b"")] * 200_000)),
        "^unsupported: PNG with more than 200000 chunks$",
    )


@pytest.mark.parametrize(("mode", "length"), [("RGB", 2), ("RGB", 7), ("L", 6), ("P", 257), ("LA", 2), ("RGBA", 6)])
def test_transparency_that_makes_no_sense_is_as_if_it_were_not_there(mode: str, length: int) -> None:
    """As in any viewer that reads by libpng."""
    body = encoded(photo(mode), "PNG")
    odd = edited(body, lambda found: found.insert(2 if mode == "P" else 1, (b"tRNS", bytes(length))))
    assert to_grayscale(odd) == to_grayscale(body)


@pytest.mark.parametrize("name", [b"eXIf", b"iCCP"])
def test_metadata_with_a_wrong_checksum_is_as_if_it_were_not_there(name: bytes) -> None:
    body = encoded(photo(), "PNG")
    about = bytearray(chunk(name, exif_of(6)))
    about[-1] ^= 1
    assert to_grayscale(body[:33] + bytes(about) + body[33:]) == to_grayscale(body)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "P"])
@pytest.mark.parametrize("space", [b"GRAY", b"RGB "])
def test_a_profile_for_gray_levels_is_kept_with_gray_levels(mode: str, space: bytes) -> None:
    """It says how bright they are; one for colours has nothing to say any more."""
    profile = bytes(16) + space + bytes(200)
    result = decoded(to_grayscale(encoded(photo(mode), "PNG", icc_profile=profile)).body)
    assert result.info.get("icc_profile") == (profile if (mode[0], space) == ("L", b"GRAY") else None)


@pytest.mark.parametrize("name", [b"", b"no end" * 20])
def test_a_profile_that_cannot_be_read_is_dropped(name: bytes) -> None:
    body = encoded(photo("L"), "PNG")
    assert to_grayscale(body[:33] + chunk(b"iCCP", name + b"\0\0not compressed") + body[33:]) == to_grayscale(body)


def test_slow_compressors_are_for_small_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take a tenth of a microsecond a byte: a large image would take longer than a Lambda has."""
    body = encoded(Image.linear_gradient("L").convert("RGB").resize((300, 300)), "PNG")
    small = to_grayscale(body).body
    fast, *slow = png_pixels._COMPRESSORS
    monkeypatch.setattr(png_pixels, "_COMPRESSORS", [fast, *((make, price, 300 * 300 - 1) for make, price, _ in slow)])
    assert len(to_grayscale(body).body) > len(small)


# --- what is said about the image --------------------------------------------------------------------------

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
KEPT = {
    b"cICP": b"\x0c\x0d\0\1",
    b"gAMA": struct.pack(">I", 45455),
    b"pHYs": struct.pack(">IIB", 2835, 2834, 1),
    b"sRGB": b"\0",
}
DROPPED = {
    b"eXIf": b"MM\0*\0\0\0\x08\0\0\0\0\0\0",
    b"iCCP": b"sRGB\0\0" + zlib.compress(PROFILE),
    b"iTXt": b"XML:com.adobe.xmp\0\0\0\0\0<x/>",
    b"prVt": b"of some program",
    b"tEXt": b"Comment\0a cat",
    b"tIME": b"\x07\xea\1\1\0\0\0",
    b"zTXt": b"Comment\0\0" + zlib.compress(b"a cat"),
}


@pytest.mark.parametrize("kind", [Kind(GRAY, 8), Kind(PALETTE, 8), Kind(RGB, 8), Kind(RGBA, 16)])
def test_what_says_how_gray_is_shown_is_kept_and_all_else_is_dropped(kind: Kind) -> None:
    about = [chunk(name, data) for name, data in sorted((KEPT | DROPPED).items())]
    palette = [chunk(b"PLTE", palette_of(kind))] if kind.colour == PALETTE else []
    body = to_grayscale(png(noise(5, 4, kind), kind, *about, *palette)).body
    assert names(body) == [b"IHDR", *KEPT, *[b"PLTE"] * len(palette), b"IDAT", b"IEND"]
    assert all(data_of(body, name) == data for name, data in KEPT.items())


@pytest.mark.parametrize("kind", [Kind(GRAY, 8), Kind(RGB, 8)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_of_exif_the_orientation_is_kept_and_nothing_else(kind: Kind, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a camera maker"
    said = exif.tobytes().removeprefix(b"Exif\0\0")
    body = to_grayscale(png(noise(5, 4, kind), kind, chunk(b"eXIf", said))).body
    assert b"a camera maker" in said
    assert dict(decoded(body).getexif()) == ({} if orientation == 1 else {0x0112: orientation})
    assert b"a camera maker" not in body
    assert data_of(body, b"eXIf")[:4] == (b"" if orientation == 1 else b"MM\0*"), "as PNG has it, without a prefix"


def test_pixels_may_come_in_any_number_of_chunks() -> None:
    kind = Kind(RGB, 8)
    pixels = noise(13, 11, kind)
    data = zlib.compress(raw(pixels, kind))
    pieces = [chunk(b"IDAT", data[at : at + 7]) for at in range(0, len(data), 7)]
    pieces.insert(3, chunk(b"IDAT"))
    body = b"".join((SIGNATURE, kind.ihdr(13, 11), *pieces, IEND))
    assert pixels_of(to_grayscale(body).body) == gray_pixels(pixels)


def test_what_follows_the_image_is_dropped() -> None:
    kind = Kind(GRAY, 8)
    body = png(noise(3, 3, kind), kind)
    assert to_grayscale(body + b"and more").body == to_grayscale(body).body


# --- rejected ----------------------------------------------------------------------------------------------

CHECKED = [Kind(GRAY, 8), Kind(GRAY, 1), Kind(PALETTE, 8), Kind(GRAY_ALPHA, 16), *COLOURED]


def with_data(kind: Kind, data: bytes, size: tuple[int, int] = (6, 5)) -> bytes:
    """These bytes as the compressed pixels, all checksums of chunks right."""
    palette = chunk(b"PLTE", bytes(768)) if kind.colour == PALETTE else b""
    return SIGNATURE + kind.ihdr(*size) + palette + chunk(b"IDAT", data) + IEND


def rejected(body: bytes, why: str = "^truncated or corrupt PNG: ") -> None:
    with pytest.raises(SourceRejected, match=why):
        to_grayscale(body)


@pytest.mark.parametrize("kind", CHECKED)
def test_pixels_that_are_missing_are_noticed(kind: Kind) -> None:
    data = raw(noise(6, 5, kind), kind)
    for length in range(len(data)):
        rejected(with_data(kind, zlib.compress(data[:length])))
    to_grayscale(with_data(kind, zlib.compress(data)))


@pytest.mark.parametrize("kind", CHECKED)
def test_compressed_data_that_is_cut_short_is_noticed(kind: Kind) -> None:
    """Be it of its checksum only."""
    data = zlib.compress(raw(noise(6, 5, kind), kind))
    for length in range(len(data)):
        rejected(with_data(kind, data[:length]))


@pytest.mark.parametrize("kind", CHECKED)
def test_a_wrong_checksum_of_the_pixels_is_noticed(kind: Kind) -> None:
    data = zlib.compress(raw(noise(6, 5, kind), kind))
    for at in range(1, 5):
        rejected(with_data(kind, data[:-at] + bytes([data[-at] ^ 1]) + data[len(data) - at + 1 :]))


@pytest.mark.parametrize("kind", CHECKED)
@pytest.mark.parametrize("unknown", [5, 255])
def test_a_filter_that_does_not_exist_is_noticed_in_any_row(kind: Kind, unknown: int) -> None:
    data = raw(noise(6, 5, kind), kind)
    start = 0
    for rows in passes(noise(6, 5, kind), is_interlaced=kind.is_interlaced):
        for row in rows:
            rejected(with_data(kind, zlib.compress(data[:start] + bytes([unknown]) + data[start + 1 :])))
            start += 1 + (len(row) * kind.pixel_bits + 7) // 8
    assert start == len(data)


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"])
def test_a_wrong_checksum_of_a_chunk_that_matters_is_noticed(name: bytes) -> None:
    kind = Kind(PALETTE, 8)
    about = chunk(b"gAMA", KEPT[b"gAMA"]), chunk(b"PLTE", bytes(768)), chunk(b"tRNS", b"\0")
    body = bytearray(apng(kind, animation(kind), *about))
    at = body.index(name)
    (length,) = struct.unpack_from(">I", body, at - 4)
    body[at + 4 + length] ^= 1
    rejected(bytes(body), f"^truncated or corrupt PNG: .*{name.decode()}")


def test_a_wrong_checksum_of_a_chunk_that_is_dropped_does_not_matter() -> None:
    kind = Kind(RGB, 8)
    wrong = chunk(b"tEXt", b"Comment\0a cat")[:-1] + b"?"
    assert b"tEXt" not in names(to_grayscale(png(noise(3, 3, kind), kind, wrong)).body)


def test_a_chunk_that_a_viewer_has_to_know_is_named_as_unsupported() -> None:
    """As Apple's "optimized" PNG has it, which is none."""
    kind = Kind(RGB, 8)
    rejected(png(noise(3, 3, kind), kind, chunk(b"CgBI", b"\0\0\0\2")), "^unsupported: PNG with .*CgBI")


@pytest.mark.parametrize(
    ("ihdr", "length"),
    [
        pytest.param((0, 1, 8, 0, 0, 0, 0), 1, id="no width"),
        pytest.param((1, 0, 8, 0, 0, 0, 0), 0, id="no height"),
        pytest.param((1, 1, 8, 1, 0, 0, 0), 2, id="no such colour type"),
        pytest.param((1, 1, 3, 0, 0, 0, 0), 2, id="gray of three bits"),
        pytest.param((2, 1, 4, 2, 0, 0, 0), 4, id="RGB of four bits"),
        pytest.param((1, 1, 4, 4, 0, 0, 0), 2, id="gray with alpha of four bits"),
        pytest.param((1, 1, 16, 3, 0, 0, 0), 3, id="a palette of 16 bits"),
        pytest.param((1, 1, 8, 0, 1, 0, 0), 2, id="no such compression"),
        pytest.param((1, 1, 8, 0, 0, 1, 0), 2, id="no such filters"),
        pytest.param((1, 1, 8, 0, 0, 0, 2), 2, id="no such interlacing"),
        pytest.param((1 << 31, 1, 8, 0, 0, 0, 0), 2, id="wider than can be"),
        pytest.param((1, 1 << 31, 8, 0, 0, 0, 0), 2, id="higher than can be"),
    ],
)
def test_a_header_that_makes_no_sense_is_rejected(ihdr: tuple[int, ...], length: int) -> None:
    """Though it has as much data as it asks for."""
    data = (
        chunk(b"IHDR", struct.pack(">IIBBBBB", *ihdr)),
        chunk(b"PLTE", bytes(3)),
        chunk(b"IDAT", zlib.compress(bytes(length))),
    )
    rejected(b"".join((SIGNATURE, *data, IEND)))


@pytest.mark.parametrize("length", [0, 12, 14])
def test_a_header_of_another_length_is_rejected(length: int) -> None:
    ihdr = chunk(b"IHDR", struct.pack(">IIBBBBBB", 1, 1, 8, 0, 0, 0, 0, 0)[:length])
    rejected(SIGNATURE + ihdr + chunk(b"IDAT", zlib.compress(bytes(2))) + IEND)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(SIGNATURE, id="nothing but the first bytes"),
        pytest.param(SIGNATURE + IEND, id="nothing but the end"),
        pytest.param(SIGNATURE + Kind(GRAY, 8).ihdr(1, 1) + IEND, id="no pixels"),
        pytest.param(SIGNATURE + chunk(b"IDAT", zlib.compress(bytes(2))) + IEND, id="no header"),
        pytest.param(
            SIGNATURE + chunk(b"gAMA", Kind(GRAY, 8).ihdr(1, 1)[8:-4]) + idat([[(0,)]], Kind(GRAY, 8)) + IEND,
            id="a header by another name",
        ),
        pytest.param(SIGNATURE + idat([[(0,)]], Kind(GRAY, 8)) + Kind(GRAY, 8).ihdr(1, 1) + IEND, id="header last"),
        pytest.param(png([[(0,)]], Kind(GRAY, 8)).removesuffix(IEND), id="no end"),
        pytest.param(png([[(0,) * 3]], Kind(RGB, 8)).removesuffix(IEND), id="no end of RGB"),
    ],
)
def test_a_png_without_a_part_that_it_needs_is_rejected(body: bytes) -> None:
    rejected(body)


@pytest.mark.parametrize("kind", [Kind(GRAY, 8), Kind(RGB, 8), Kind(PALETTE, 8)])
def test_a_png_cut_anywhere_is_rejected(kind: Kind) -> None:
    palette = [chunk(b"PLTE", palette_of(kind))] if kind.colour == PALETTE else []
    body = apng(kind, animation(kind)[:2], chunk(b"tEXt", b"Comment\0a cat"), *palette)
    for length in range(len(SIGNATURE), len(body)):
        rejected(body[:length])


# --- limits ------------------------------------------------------------------------------------------------


def zeros(count: int) -> bytes:
    """So many of them as zlib would compress them, made of a block that is compressed once."""
    block = bytes(1 << 20)
    deflate = zlib.compressobj(9, wbits=-15)
    once = deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, wbits=-15)
    rest = last.compress(bytes(count % len(block))) + last.flush()
    return b"\x78\xda" + count // len(block) * once + rest + struct.pack(">HH", count % 65521, 1)


def test_the_bombs_of_the_test_below_are_whole() -> None:
    assert inflated(zeros((3 << 20) + 5)) == bytes((3 << 20) + 5)


@pytest.mark.parametrize("kind", [Kind(GRAY, 8), Kind(RGB, 8)])
def test_a_bomb_is_rejected_by_the_size_it_claims(kind: Kind) -> None:
    """It has all its pixels: 400 million of them, in a megabyte or so."""
    data = zeros(20_000 * (1 + 20_000 * kind.pixel_bits // 8))
    assert len(data) < 2_000_000
    rejected(with_data(kind, data, (20_000, 20_000)), "^20000x20000 is 400000000 pixels, more than 100000000$")


def test_the_pixels_of_all_frames_count_together() -> None:
    kind = Kind(GRAY, 8)
    frames = animation(kind)
    count = sum(len(frame.pixels) * len(frame.pixels[0]) for frame in frames)
    body = apng(kind, frames)
    to_grayscale(body, Limits(max_pixels=count))
    with pytest.raises(SourceRejected, match=f"^4 frames have {count} pixels, more than {count - 1}$"):
        to_grayscale(body, Limits(max_pixels=count - 1))


def test_frames_are_counted() -> None:
    kind = Kind(RGB, 8)
    body = apng(kind, animation(kind))
    to_grayscale(body, Limits(max_frames=4))
    with pytest.raises(SourceRejected, match=r"^4 frames, more than 3$"):
        to_grayscale(body, Limits(max_frames=3))
