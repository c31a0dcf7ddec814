"""GIF. The pixels' data is never touched, so most of this compares bytes."""

import io
import struct
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from random import Random

import pytest
from PIL import Image, ImageSequence

from objectlock.errors import SourceRejected
from objectlock.images import Limits, to_grayscale
from tests.unit.pictures import decoded, encoded, is_gray, photo

COLOURS = bytes.fromhex("000000 ffffff ff0000 00ff00 0000ff 123456 fedcba 010203")
GRAYS = bytes.fromhex("000000 ffffff 4c4c4c 969696 1d1d1d 2e2e2e e2e2e2 020202")
SIZE = (7, 5)
PIXELS = Random(1).choices(range(8), k=35)
TRAILER = b"\x3b"
LOOP = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x05\x00\x00"


# --- written by hand ---------------------------------------------------------------------------------------


def lzw(pixels: Iterable[int], bits: int = 3, *, has_end: bool = True) -> bytes:
    """GIF89a, appendix F."""
    clear = 1 << bits
    number, used = 0, 0

    def put(code: int, length: int) -> None:
        nonlocal number, used
        number |= code << used
        used += length

    codes: dict[tuple[int, ...], int] = {}
    length = bits + 1
    prefix: tuple[int, ...] = ()
    put(clear, length)
    for pixel in pixels:
        longer = (*prefix, pixel)
        if len(longer) == 1 or longer in codes:
            prefix = longer
            continue
        put(codes.get(prefix, prefix[0]), length)
        codes[longer] = clear + 2 + len(codes)
        if codes[longer] == 1 << length and length < 12:
            length += 1
        elif codes[longer] == 4095:
            put(clear, length)
            codes, length = {}, bits + 1
        prefix = (pixel,)
    put(codes.get(prefix, prefix[0]), length)
    if clear + 2 + len(codes) == 1 << length and length < 12:
        length += 1
    if has_end:
        put(clear + 1, length)
    return number.to_bytes((used + 7) // 8, "little")


def blocks(data: bytes, size: int = 255) -> bytes:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"


def flags(table: bytes) -> int:
    """Of a descriptor: that this table follows, and its size."""
    return 0x80 | ((len(table) // 3).bit_length() - 2) if table else 0


def screen(
    table: bytes = COLOURS, size: tuple[int, int] = SIZE, version: bytes = b"GIF89a", background: int = 2
) -> bytes:
    return version + struct.pack("<HHBBB", *size, 0x70 | flags(table), background, 0) + table


def control(disposal: int = 0, delay: int = 0, clear: int | None = None) -> bytes:
    return b"\x21\xf9\4" + struct.pack("<BHBB", disposal << 2 | (clear is not None), delay, clear or 0, 0)


def image(
    data: bytes,
    size: tuple[int, int] = SIZE,
    *,
    bits: int = 3,
    place: tuple[int, int] = (0, 0),
    table: bytes = b"",
    is_interlaced: bool = False,
    blocks_of: int = 255,
) -> bytes:
    descriptor = struct.pack("<HHHHB", *place, *size, flags(table) | is_interlaced << 6)
    return b"\x2c" + descriptor + table + bytes([bits]) + blocks(data, blocks_of)


def gif(*parts: bytes) -> bytes:
    """After a screen with a table of eight colours."""
    return b"".join((screen(), *parts, TRAILER))


STILL = image(lzw(PIXELS))


def gray(body: bytes) -> bytes:
    return to_grayscale(body).body


def rejected(body: bytes, why: str = "^truncated or corrupt GIF: ") -> None:
    with pytest.raises(SourceRejected, match=why):
        to_grayscale(body)


# --- right -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [b"GIF87a", b"GIF89a"])
def test_the_colour_table_turns_gray_and_not_another_byte_changes(version: bytes) -> None:
    body = gray(screen(version=version) + STILL + TRAILER)
    assert body == screen(GRAYS, version=version) + STILL + TRAILER
    assert decoded(body).convert("P").tobytes() == decoded(gif(STILL)).convert("P").tobytes()


@pytest.mark.parametrize("bits", range(1, 9))
def test_colour_tables_of_every_size_turn_gray(bits: int) -> None:
    table = Random(bits).randbytes(3 << bits)
    luma = [
        (19595 * table[at] + 38470 * table[at + 1] + 7471 * table[at + 2] + 32768) >> 16
        for at in range(0, len(table), 3)
    ]
    grays = bytes(level for level in luma for _ in range(3))
    data = lzw(Random(2).choices(range(1 << bits), k=35), max(2, bits))
    still, own = image(data, bits=max(2, bits)), image(data, bits=max(2, bits), table=table)
    assert gray(screen(table) + still + TRAILER) == screen(grays) + still + TRAILER
    assert gray(screen(b"") + own + TRAILER) == screen(b"") + image(data, bits=max(2, bits), table=grays) + TRAILER


@pytest.mark.parametrize("is_interlaced", [False, True])
@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
@pytest.mark.parametrize("delay", [0, 1, 7, 65535])
@pytest.mark.parametrize("clear", [None, 0, 3])
def test_an_animation_keeps_its_frames_times_disposal_and_transparency(
    disposal: int, delay: int, clear: int | None, *, is_interlaced: bool
) -> None:
    how, data = control(disposal, delay, clear), lzw(PIXELS)
    small = image(lzw(PIXELS[:6]), (3, 2), place=(4, 3))
    first = image(data, is_interlaced=is_interlaced)

    def animated(own: bytes) -> bytes:
        return b"".join((LOOP, how, first, how, small, how, image(data, table=own, is_interlaced=is_interlaced)))

    assert gray(gif(animated(COLOURS))) == screen(GRAYS) + animated(GRAYS) + TRAILER


def test_an_animation_of_pillow_looks_the_same_but_gray() -> None:
    frames = [
        photo("RGBA").rotate(angle).quantize(16 + angle, method=Image.Quantize.FASTOCTREE) for angle in (0, 90, 180)
    ]
    body = encoded(
        frames[0], "GIF", save_all=True, append_images=frames[1:], duration=[20, 30, 50], loop=2, disposal=[0, 1, 2]
    )
    before, after = (Image.open(io.BytesIO(each)) for each in (body, gray(body)))
    assert after.info["loop"] == 2
    shown = [
        [
            (frame.info["duration"], frame.convert("RGBA").convert("LA").tobytes())
            for frame in ImageSequence.Iterator(each)
        ]
        for each in (before, after)
    ]
    assert shown[0] == shown[1]
    assert [duration for duration, _ in shown[0]] == [20, 30, 50]
    assert all(is_gray(frame) for frame in ImageSequence.Iterator(after))


@pytest.mark.parametrize("loop", [LOOP, LOOP.replace(b"\5", b"\0"), LOOP.replace(b"NETSCAPE2.0", b"ANIMEXTS1.0"), b""])
def test_how_often_an_animation_plays_is_kept(loop: bytes) -> None:
    assert gray(gif(loop, STILL, STILL)) == screen(GRAYS) + loop + STILL + STILL + TRAILER


def application(name: bytes, data: bytes) -> bytes:
    return b"\x21\xff\x0b" + name + data


@pytest.mark.parametrize(
    "about",
    [
        pytest.param(b"\x21\xfe" + blocks(b"made by a program " * 30), id="comment"),
        pytest.param(
            application(b"XMP DataXMP", b"<x/>" * 80 + b"\1" + bytes(range(255, -1, -1)) + b"\0"),
            id="XMP",
        ),
        pytest.param(application(b"ICCRGBG1012", blocks(bytes(range(1, 200)))), id="ICC profile"),
        pytest.param(application(b"MGK8BIM0000", blocks(b"8BIM")), id="Photoshop"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_what_describes_the_colour_image_is_dropped(about: bytes, place: int) -> None:
    parts = [LOOP, control(1, 5, 2), STILL]
    assert gray(gif(*parts[:place], about, *parts[place:])) == screen(GRAYS) + b"".join(parts) + TRAILER


def test_text_that_is_shown_as_an_image_is_kept() -> None:
    """GIF89a, 25: its colours are those of the table."""
    text = b"\x21\x01\x0c" + struct.pack("<HHHHBBBB", 0, 0, 7, 5, 1, 1, 2, 3) + blocks(b"hello")
    assert gray(gif(STILL, control(), text)) == screen(GRAYS) + STILL + control() + text + TRAILER


def test_what_follows_the_image_is_dropped() -> None:
    assert gray(gif(STILL) + b"and more") == gray(gif(STILL))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16])
def test_the_data_may_come_in_blocks_of_any_size(size: int) -> None:
    still = image(lzw(PIXELS), blocks_of=size)
    assert gray(gif(still)) == screen(GRAYS) + still + TRAILER


@pytest.mark.parametrize("bits", range(2, 9))
def test_data_without_its_end_code_is_accepted_if_all_pixels_are_there(bits: int) -> None:
    """Some encoders leave it out, and no viewer minds."""
    for seed in range(20):
        still = image(lzw(Random(seed).choices(range(min(8, 1 << bits)), k=35), bits, has_end=False), bits=bits)
        assert gray(gif(still)) == screen(GRAYS) + still + TRAILER


@pytest.mark.parametrize("padding", [b"\0", b"\0\0\0\0\0\0", b"\xff", b"\1\2\3\4\5", bytes(300)])
def test_data_may_go_on_after_its_end_code(padding: bytes) -> None:
    still = image(lzw(PIXELS) + padding)
    assert gray(gif(still)) == screen(GRAYS) + still + TRAILER


def test_long_codes_are_known() -> None:
    """Up to twelve bits; then the codes begin anew."""
    pixels = Random(4).choices(range(8), k=300 * 200)
    still = image(lzw(pixels), (300, 200))
    body = screen(size=(300, 200)) + still + TRAILER
    assert decoded(body).convert("P").tobytes() == bytes(pixels), "or the encoder of these tests is wrong"
    assert gray(body) == screen(GRAYS, (300, 200)) + still + TRAILER


def test_a_frame_may_be_larger_than_the_screen() -> None:
    still = image(lzw(PIXELS), place=(3, 3))
    assert gray(gif(still)) == screen(GRAYS) + still + TRAILER


LARGE = (1100, 1000)


@cache
def large_data() -> bytes:
    """Of a frame of over a million pixels in 256 colours, as Pillow compresses it, out of its blocks."""
    body = encoded(photo("L", LARGE), "GIF", interlace=0)
    at = body.index(b"\x2c" + struct.pack("<HHHH", 0, 0, *LARGE)) + 10
    assert body[at] == 8
    data, at = b"", at + 1
    while body[at]:
        data += body[at + 1 : at + 1 + body[at]]
        at += 1 + body[at]
    return data


def large(data: bytes, blocks_of: int = 255) -> list[bytes]:
    """The parts of a large image with this data."""
    table = bytes(level for level in range(256) for _ in range(3))
    return [screen(table, LARGE), image(data, LARGE, bits=8, blocks_of=blocks_of), TRAILER]


def without_end(data: bytes) -> bytes:
    """The last bit that is set is the first of the end code, 257."""
    number = int.from_bytes(data, "little")
    return (number - (257 << number.bit_length() - 9)).to_bytes(len(data), "little")


@pytest.mark.parametrize("size", [255, 254, 3, 1])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(large_data(), id="whole"),
        pytest.param(without_end(large_data()), id="no end code"),
        pytest.param(large_data() + bytes(6), id="zeros after it"),
        pytest.param(large_data() + b"\1\2\3\4\5\6", id="anything after it"),
    ],
)
def test_a_large_image_that_is_whole_is_accepted(data: bytes, size: int) -> None:
    """Such are not always decoded."""
    body = b"".join(large(data, size))
    assert gray(body) == body


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("size", [255, 1])
def test_a_large_image_whose_data_ends_early_is_rejected(share: float, size: int) -> None:
    rejected(b"".join(large(large_data()[: int(share * len(large_data()))], size)))


# --- rejected ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_interlaced", [False, True])
def test_a_gif_cut_anywhere_is_rejected(*, is_interlaced: bool) -> None:
    still = image(lzw(PIXELS), is_interlaced=is_interlaced, table=COLOURS)
    body = gif(LOOP, control(1, 5, 2), still, b"\x21\xfe" + blocks(b"a comment"), control(2, 5), STILL)
    for length in range(6, len(body)):
        rejected(body[:length])


@pytest.mark.parametrize("is_interlaced", [False, True])
@pytest.mark.parametrize("bits", range(2, 9))
def test_pixels_that_are_missing_are_noticed_though_every_block_is_whole(bits: int, *, is_interlaced: bool) -> None:
    pixels = Random(bits).choices(range(1 << bits), k=400)
    data = lzw(pixels, bits)
    table = bytes(3 << bits)
    accepted = []
    for length in range(len(data) - 2):
        still = image(data[:length], (20, 20), bits=bits, is_interlaced=is_interlaced)
        with suppress(SourceRejected):
            to_grayscale(screen(table, (20, 20)) + still + TRAILER)
            accepted.append(length)
    assert not accepted


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(gif(), id="no image"),
        pytest.param(gif(LOOP, control()), id="nothing but how to show it"),
        pytest.param(gif(STILL)[:-1], id="no trailer"),
        pytest.param(gif(STILL, b"\x2a"), id="an unknown block"),
        pytest.param(gif(STILL, b"\0"), id="an empty block too many"),
        pytest.param(gif(image(b"")), id="no data"),
        pytest.param(gif(image(lzw(PIXELS), (0, 5))), id="no width"),
        pytest.param(gif(image(lzw(PIXELS), (7, 0))), id="no height"),
        pytest.param(screen(size=(0, 5)) + STILL + TRAILER, id="a screen without width"),
        pytest.param(screen(size=(7, 0)) + STILL + TRAILER, id="a screen without height"),
        pytest.param(gif(image(lzw(PIXELS), bits=13)), id="codes that are too long"),
        pytest.param(gif(image(lzw(PIXELS), bits=255)), id="codes that are far too long"),
        pytest.param(gif(image(lzw(PIXELS), (7, 6))), id="a row is missing"),
        pytest.param(gif(STILL, image(lzw(PIXELS[:20]))), id="half of the second frame is missing"),
    ],
)
def test_a_gif_that_is_not_whole_is_rejected(body: bytes) -> None:
    rejected(body)


def test_a_code_that_cannot_be_is_noticed() -> None:
    """The first code after a clear one is a pixel; here it is one of a string that is not known yet."""
    codes = 8 | 15 << 4
    rejected(gif(image(codes.to_bytes(40, "little"))))


# --- limits ------------------------------------------------------------------------------------------------


def test_too_large_a_screen_is_rejected_by_the_size_it_claims() -> None:
    body = screen(size=(65535, 65535)) + STILL + TRAILER
    rejected(body, "^65535x65535 is 4294836225 pixels, more than 100000000$")


def test_too_large_a_frame_is_rejected_by_the_size_it_claims() -> None:
    rejected(gif(image(b"\0", (65535, 65535))), "^65535x65535 is 4294836225 pixels, more than 100000000$")


def test_the_pixels_of_all_frames_count_together() -> None:
    body = gif(STILL, STILL, STILL)
    to_grayscale(body, Limits(max_pixels=105))
    with pytest.raises(SourceRejected, match=r"^3 frames have 105 pixels, more than 104$"):
        to_grayscale(body, Limits(max_pixels=104))


def test_a_flood_of_blocks_is_rejected() -> None:
    rejected(gif(b"\x21\x01\0" * 100_000, STILL), "^unsupported: GIF with more than 100000 blocks$")


def test_frames_are_counted() -> None:
    body = gif(STILL, STILL, STILL)
    to_grayscale(body, Limits(max_frames=3))
    with pytest.raises(SourceRejected, match=r"^3 frames, more than 2$"):
        to_grayscale(body, Limits(max_frames=2))
