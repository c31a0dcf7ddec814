import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objectlock.errors import SourceRejected
from objectlock.images.bmp import convert
from objectlock.images.bmp_file import parse
from objectlock.images.bmp_rle import end_of_pixels
from objectlock.images.limits import Limits
from tests.unit.pictures import SIZE, alpha, decoded, difference, encoded, photo

LIMITS = Limits()
RAW, RLE8, RLE4, BITFIELDS = 0, 1, 2, 3
BGRA = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
COLOURS = [(200, 30, 1), (10, 200, 2), (90, 60, 250), (0, 0, 255)]  # blue, green, red


def luma(blue: int, green: int, red: int, *_: int) -> int:
    return (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16


def bmp(
    width: int,
    height: int,
    bits: int,
    pixels: bytes,
    *,
    colours: list[tuple[int, int, int]] = (),  # type: ignore[assignment]
    compression: int = RAW,
    length: int = 40,
    masks: tuple[int, ...] = (),
    tail: bytes = b"",
    space: bytes = b"BGRs",
    profile: tuple[int, int] = (0, 0),
    claimed: int | None = None,
) -> bytes:
    """What Pillow cannot write: every header, run lengths, masks, alpha and colour profiles."""
    if length == 12:
        header = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        used = len(colours) if claimed is None else claimed
        header = struct.pack(
            "<IiiHHIIiiII", length, width, height, 1, bits, compression, len(pixels), 2835, 5669, used, 0
        )
        rest = struct.pack(f"<{len(masks)}I", *masks)
        rest = rest.ljust(16, b"\0") + space + b"\7" * 48 if length >= 108 else rest
        rest += struct.pack("<IIII", 2, *profile, 0) if length == 124 else b""
        header += rest if length == 40 else rest.ljust(length - 40, b"\0")
    table = b"".join(bytes(colour) + (b"" if length == 12 else b"\0") for colour in colours)
    offset = 14 + len(header) + len(table)
    return b"BM" + struct.pack("<IHHI", offset + len(pixels) + len(tail), 0, 0, offset) + header + table + pixels + tail


def gray_table(body: bytes, length: int = 40, size: int = 4) -> bytes:
    """The same file, each of its COLOURS exchanged for its luma."""
    out, start = bytearray(body), 14 + length
    for index, colour in enumerate(COLOURS):
        out[start + index * size : start + index * size + 3] = bytes([luma(*colour)] * 3)
    return bytes(out)


def with_alpha(height: int = 2, **options: Any) -> bytes:
    pixels = bytes(value * 5 % 256 for value in range(4 * 3 * abs(height)))
    return bmp(3, height, 32, pixels, **{"compression": BITFIELDS, "length": 108, "masks": BGRA, **options})


# --- tables of colours -------------------------------------------------------------------------------------

ROWS = {1: b"\x40\0\0\0", 2: b"\x1b\0\0\0", 4: b"\x01\x23\0\0", 8: b"\0\1\2\3"}


@pytest.mark.parametrize("length", [40, 52, 56, 64])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_only_the_colours_of_a_table_change(bits: int, length: int) -> None:
    """All else stays byte for byte: indices, resolution, and what nobody asked for."""
    body = bmp(4, 2, bits, ROWS[bits] * 2, colours=COLOURS[: 1 << bits], length=length, tail=b"more")
    used = gray_table(body, length)[: 14 + length + 4 * min(4, 1 << bits)]
    assert convert(body, LIMITS) == used + body[len(used) :]


def test_a_bitmap_of_os_2_has_three_bytes_a_colour() -> None:
    body = bmp(4, 2, 2, ROWS[2] * 2, colours=COLOURS, length=12)
    assert convert(body, LIMITS) == gray_table(body, 12, 3)


@pytest.mark.parametrize("height", [2, -2])
def test_a_palette_looks_as_its_gray_counterpart(height: int) -> None:
    body = bmp(4, height, 8, b"\0\1\2\3\3\2\1\1", colours=COLOURS)
    result = decoded(convert(body, LIMITS))
    assert (result.mode, result.format, difference(result, decoded(body))) == ("P", "BMP", 0)


@pytest.mark.parametrize("offset", [0, 54])
def test_a_table_that_is_left_out_of_the_offset_is_found(offset: int) -> None:
    body = bytearray(bmp(4, 2, 2, ROWS[2] * 2, colours=COLOURS))
    struct.pack_into("<I", body, 10, offset)
    assert convert(bytes(body), LIMITS) == gray_table(bytes(body))


def test_an_os2_table_that_is_too_short_is_not_taken_for_pixels() -> None:
    """Nothing in such a file says how many colours there are; the output has a table that is complete."""
    body = bytearray(bmp(4, 2, 8, ROWS[8] * 2, colours=COLOURS, length=12))
    result = decoded(convert(bytes(body), LIMITS))
    assert (result.mode, result.size) == ("L", (4, 2))
    assert difference(result, decoded(bytes(body))) == 0


def test_what_fills_up_the_last_row_may_be_missing() -> None:
    """There are writers that leave it out, and no pixel is missing."""
    body = bmp(3, 2, 8, b"\0\1\2\0\3\2\1\0", colours=COLOURS)
    assert convert(body[:-1], LIMITS) == gray_table(body)[:-1]
    assert "pixels are missing" in rejected(body[:-2])


def test_a_table_that_claims_more_colours_than_there_is_room_leaves_the_pixels_alone() -> None:
    """The output claims what it has: otherwise a reader takes pixels for colours, and they are none of ours."""
    body = bmp(4, 2, 8, ROWS[8] * 2, colours=COLOURS, claimed=256)
    told = bmp(4, 2, 8, ROWS[8] * 2, colours=COLOURS, claimed=len(COLOURS))
    assert convert(body, LIMITS) == gray_table(told)


RUNS = {
    "to the mark at its end": (RLE8, b"\4\0\0\0\2\1\2\2\0\0\0\1"),
    "with literal pixels": (RLE8, b"\0\3\1\2\3\0\1\0\0\0\4\1\0\1"),
    "with a skip": (RLE8, b"\1\1\0\2\1\1\2\2\0\1"),
    "that end early": (RLE8, b"\4\0\0\1"),
    "that end with literal pixels": (RLE8, b"\0\3\1\2\3\0\0\1"),
    "with a skip to the last row": (RLE8, b"\0\2\0\1\4\1"),
    "of 4 bits that end with literal pixels": (RLE4, b"\0\3\x12\x30\0\1"),
    "without a mark": (RLE8, b"\4\0\0\0\4\1"),
    "without a mark, its rows ended": (RLE8, b"\4\0\0\0\4\1\0\0"),
    "of 4 bits": (RLE4, b"\4\x12\0\0\0\3\x12\x30\1\1\0\1"),
}


@pytest.mark.parametrize("kind", RUNS)
def test_run_lengths_stay_as_they_are(kind: str) -> None:
    """Pillow would write them anew, four times as large; and it rejects some that are allowed."""
    compression, pixels = RUNS[kind]
    body = bmp(4, 2, 8 if compression == RLE8 else 4, pixels, colours=COLOURS, compression=compression)
    assert convert(body, LIMITS) == gray_table(body)


@pytest.mark.parametrize(
    "pixels",
    [b"", b"\4\0\0", b"\4\0\0\0\3\1", b"\4\0\0\0\0\4\1\2", b"\4\0\0\2\1", b"\4\0" * 5000],
    ids=["nothing", "half a mark", "a row too short", "literals cut short", "a skip cut short", "one row"],
)
def test_run_lengths_that_break_off_are_rejected(pixels: bytes) -> None:
    body = bmp(20_000 if len(pixels) > 99 else 4, 2, 8, pixels, colours=COLOURS, compression=RLE8)
    assert rejected(body).startswith("truncated or corrupt BMP")


def test_long_runs_are_followed_to_their_end() -> None:
    pixels = b"\4\1" * 5000 + b"\0\0" + b"\4\2" * 5000 + b"\0\1"
    body = bmp(20_000, 2, 8, pixels, colours=COLOURS, compression=RLE8)
    assert convert(body, LIMITS) == gray_table(body)


# --- alpha -------------------------------------------------------------------------------------------------

LAYOUTS = [BGRA, (0xFF, 0xFF00, 0xFF0000, 0xFF000000), (0xFF000000, 0xFF0000, 0xFF00, 0xFF)]


@pytest.mark.parametrize("masks", LAYOUTS)
@pytest.mark.parametrize("height", [2, -2])
@pytest.mark.parametrize("length", [56, 108, 124])
def test_alpha_is_kept(masks: tuple[int, ...], height: int, length: int) -> None:
    """In place: the header, and each pixel's fourth byte, are the very same."""
    body = with_alpha(height, masks=masks, length=length)
    result = convert(body, LIMITS)
    assert result[:70] == body[:70]
    assert alpha(decoded(result)) == alpha(decoded(body))
    assert len(set(alpha(decoded(body)))) > 2, "or the test tests nothing"
    assert decoded(result).convert("RGB").tobytes() == decoded(body).convert("L").convert("RGB").tobytes()


def test_alpha_of_one_bit_is_rejected_rather_than_dropped() -> None:
    body = bmp(2, 1, 16, bytes(4), compression=BITFIELDS, length=56, masks=(0x7C00, 0x3E0, 0x1F, 0x8000))
    assert rejected(body) == "unsupported: BMP with colour masks 7C00, 3E0, 1F, 8000"


# --- without alpha -----------------------------------------------------------------------------------------


def test_colours_become_one_byte_a_pixel() -> None:
    result = decoded(convert(encoded(photo(), "BMP"), LIMITS))
    assert (result.format, result.mode, result.size) == ("BMP", "L", SIZE)
    assert difference(result, photo()) == 0


@pytest.mark.parametrize("mode", ["1", "L"])
def test_what_is_gray_already_stays_as_it_is(mode: str) -> None:
    body = encoded(photo(mode), "BMP")
    assert convert(body, LIMITS) == body


@pytest.mark.parametrize(
    ("bits", "compression", "masks"),
    [
        (16, RAW, ()),
        (16, BITFIELDS, (0xF800, 0x7E0, 0x1F)),
        (16, BITFIELDS, (0x7C00, 0x3E0, 0x1F)),
        (24, RAW, ()),
        (32, RAW, ()),
        (32, BITFIELDS, BGRA[:3]),
        (32, BITFIELDS, (0xFF000000, 0xFF0000, 0xFF00)),
    ],
)
@pytest.mark.parametrize("height", [2, -2])
@pytest.mark.parametrize("length", [40, 108])
def test_every_depth_comes_out_gray(
    bits: int, compression: int, masks: tuple[int, ...], height: int, length: int
) -> None:
    """The right way up, too; rows may be stored from the top or from the bottom."""
    stride = (3 * bits + 31) // 32 * 4
    pixels = bytes(value * 37 % 256 for value in range(2 * stride))
    body = bmp(3, height, bits, pixels, compression=compression, masks=masks, length=length)
    result = decoded(convert(body, LIMITS))
    assert (result.mode, result.size) == ("L", (3, 2))
    assert difference(result, decoded(body)) == 0


def test_masks_that_pillow_does_not_know_are_read() -> None:
    body = bmp(1, 1, 32, bytes([1, 2, 3, 9]), compression=BITFIELDS, length=40, masks=(0xFF, 0xFF00, 0xFF0000))
    assert decoded(convert(body, LIMITS)).getpixel((0, 0)) == luma(3, 2, 1)


@pytest.mark.parametrize("ppm", [0, 2835, 11811, -1])
def test_the_resolution_is_kept(ppm: int) -> None:
    body = bytearray(encoded(photo(), "BMP"))
    struct.pack_into("<ii", body, 38, ppm, ppm)
    assert struct.unpack_from("<ii", convert(bytes(body), LIMITS), 38) == (ppm, ppm)


# --- colour profiles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [b"DEBM", b"KNIL"])
def test_no_colour_profile_is_left(space: bytes) -> None:
    """An RGB profile on gray pixels is wrong; what is left of it is where it was."""
    pixels = len(with_alpha(length=124)) - 14
    body = with_alpha(length=124, space=space, profile=(pixels, 7), tail=b"profile")
    result = convert(body, LIMITS)
    assert b"profile" in body
    assert b"profile" not in result
    assert result[70:74] == b"BGRs"
    assert result[74:122] == bytes(48)
    assert result[126:134] == bytes(8)
    assert alpha(decoded(result)) == alpha(decoded(body))


def test_no_primaries_are_left() -> None:
    body = with_alpha(length=108, space=bytes(4))
    assert convert(body, LIMITS)[70:122] == b"BGRs" + bytes(48)


def test_a_profile_that_points_into_the_pixels_leaves_them_alone() -> None:
    whole = with_alpha(length=124)
    body = with_alpha(length=124, space=b"DEBM", profile=(124, 999))
    assert convert(body, LIMITS)[138:] == convert(whole, LIMITS)[138:]


# --- rejected ----------------------------------------------------------------------------------------------


def rejected(body: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(SourceRejected) as caught:
        convert(body, limits)
    return str(caught.value)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (bmp(1, 1, 24, bytes(4), compression=4), "24 bits a pixel and compression 4"),
        (bmp(1, 1, 1, bytes(4), colours=COLOURS[:2], compression=3, length=64), "1 bits a pixel and compression 3"),
        (bmp(1, 1, 64, bytes(8)), "64 bits a pixel and compression 0"),
        (bmp(1, 1, 32, bytes(4), length=57), "a header of 57 bytes"),
        (
            bmp(1, 1, 32, bytes(4), compression=BITFIELDS, length=56, masks=(0x3FF, 0xFFC00, 0x3FF00000, 0)),
            "colour masks 3FF, FFC00, 3FF00000, 0",
        ),
        (
            bmp(1, 1, 32, bytes(4), compression=BITFIELDS, length=56, masks=(0xFF, 0xFF, 0xFF00, 0)),
            "colour masks FF, FF, FF00, 0",
        ),
    ],
)
def test_what_cannot_be_read_is_rejected_by_name(body: bytes, what: str) -> None:
    assert rejected(body) == f"unsupported: BMP with {what}"


@pytest.mark.parametrize("height", [20_000, -20_000])
def test_too_many_pixels_are_rejected_before_anything_is_decoded(height: int) -> None:
    """There are no pixels here: decoding would say "truncated"."""
    assert rejected(bmp(20_000, height, 24, b"")) == "20000x20000 is 400000000 pixels, more than 100000000"


@pytest.mark.parametrize(
    "body",
    [
        encoded(photo(), "BMP"),
        encoded(photo("L"), "BMP"),
        encoded(photo("1"), "BMP"),
        with_alpha(),
        bmp(4, 2, 8, b"\4\0\0\0\4\1\0\1", colours=COLOURS, compression=RLE8),
    ],
    ids=["RGB", "L", "1", "alpha", "run lengths"],
)
def test_a_bitmap_without_its_last_pixels_is_rejected(body: bytes) -> None:
    assert convert(body, LIMITS)
    for missing in (4, 6):
        assert rejected(body[:-missing]).startswith("truncated or corrupt BMP")


@pytest.mark.parametrize(("width", "height"), [(0, 1), (-1, 1), (1, 0)])
def test_a_bitmap_without_a_size_is_rejected(width: int, height: int) -> None:
    assert rejected(bmp(width, height, 24, bytes(4))) == "truncated or corrupt BMP: no size"


def test_a_palette_without_colours_is_rejected() -> None:
    body = bytearray(bmp(4, 2, 8, ROWS[8] * 2, colours=COLOURS))
    struct.pack_into("<I", body, 10, 30)
    assert rejected(bytes(body)) == "truncated or corrupt BMP: no table of colours"


# --- whatever comes ----------------------------------------------------------------------------------------

SMALL = {
    "RGB": encoded(photo().resize((5, 3)), "BMP"),
    "palette": bmp(4, 2, 4, ROWS[4] * 2, colours=COLOURS),
    "OS/2": bmp(4, 2, 2, ROWS[2] * 2, colours=COLOURS, length=12),
    "alpha": with_alpha(),
    "profile": with_alpha(length=124, space=b"DEBM", profile=(148, 7), tail=b"profile"),
    "masks": bmp(3, 2, 16, bytes(16), compression=BITFIELDS, masks=(0xF800, 0x7E0, 0x1F)),
    "run lengths": bmp(4, 2, 8, RUNS["with literal pixels"][1], colours=COLOURS, compression=RLE8),
    "run lengths of 4 bits": bmp(4, 2, 4, RUNS["of 4 bits"][1], colours=COLOURS, compression=RLE4),
}
SMALL_LIMITS = Limits(max_pixels=10_000)


@pytest.mark.parametrize("kind", SMALL)
def test_a_bitmap_cut_anywhere_is_converted_or_rejected(kind: str) -> None:
    """Any other error would be taken for one that may pass, and leave an old output in place."""
    body = SMALL[kind]
    assert convert(body, SMALL_LIMITS)
    for length in range(len(body)):
        with suppress(SourceRejected):
            convert(body[:length], SMALL_LIMITS)


@settings(max_examples=800, deadline=None, derandomize=True)
@given(
    body=st.sampled_from(list(SMALL.values())),
    places=st.lists(st.tuples(st.integers(min_value=0), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_a_bitmap_with_broken_bytes_is_converted_or_rejected(body: bytes, places: list[tuple[int, int]]) -> None:
    broken = bytearray(body)
    for place, value in places:
        broken[place % len(broken)] = value
    with suppress(SourceRejected):
        convert(bytes(broken), SMALL_LIMITS)


def test_runs_that_go_on_after_the_last_row_are_not_followed() -> None:
    """A file of 44 MB of ends of rows took longer than a Lambda has."""
    rows = b"\4\1\0\0" * 2
    body = bmp(4, 2, 8, rows + b"\0\0" * 1000, colours=COLOURS, compression=RLE8)
    header = parse(body)
    assert end_of_pixels(body, header) == header.pixels_at + len(rows)
