"""WebP, whose chunks are put together by hand where Pillow would not write them so."""

import io
import struct
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageSequence

from objectlock.errors import SourceRejected
from objectlock.images import webp
from objectlock.images.limits import Limits
from objectlock.images.orientation import exif_of
from objectlock.images.webp_quality import quality_of
from tests.unit.pictures import SIZE, alpha, decoded, difference, encoded, is_gray, photo

SAMPLE = Image.open(Path(__file__).parents[2] / "samples" / "rocket.jpg").crop((200, 60, 440, 300))
ANIMATION, EXIF, ALPHA = 0x02, 0x08, 0x10
NO_BLENDING, TO_BACKGROUND = 0x02, 0x01
FOREVER = struct.pack("<H", 0)
CLEAR = bytes(4)


def convert(body: bytes, **limits: int) -> bytes:
    return webp.convert(body, Limits(**limits))


def lossless(image: Image.Image) -> bytes:
    return encoded(image, "WEBP", lossless=True, exact=True)


def chunk(kind: bytes, *data: bytes) -> bytes:
    content = b"".join(data)
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    return chunk(b"RIFF", b"WEBP", *chunks)


def uint24(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(3, "little") for number in numbers)


def vp8x(flags: int, width: int, height: int) -> bytes:
    return chunk(b"VP8X", struct.pack("<I", flags), uint24(width - 1, height - 1))


def chunks(body: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 12
    while at < len(body):
        kind, length = struct.unpack_from("<4sI", body, at)
        found.append((kind, body[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return found


def kinds(body: bytes) -> list[bytes]:
    return [kind for kind, _ in chunks(body)]


def data(body: bytes, kind: bytes) -> bytes:
    return dict(chunks(body))[kind]


def bitstream(body: bytes) -> bytes:
    """Of a still image, what makes a frame of an animation."""
    return b"".join(chunk(kind, content) for kind, content in chunks(body) if kind in {b"ALPH", b"VP8 ", b"VP8L"})


def frame(still: bytes, x: int = 0, y: int = 0, *, milliseconds: int = 100, flags: int = 0) -> bytes:
    width, height = decoded(still).size
    numbers = uint24(x // 2, y // 2, width - 1, height - 1, milliseconds)
    return chunk(b"ANMF", numbers, bytes([flags]), bitstream(still))


def animation(*frames: bytes, background: bytes = CLEAR, plays: bytes = FOREVER, flags: int = ANIMATION) -> bytes:
    return riff(vp8x(flags, *SIZE), chunk(b"ANIM", background, plays), *frames)


def headers(body: bytes) -> list[bytes]:
    """Of each frame: where and how large it is, how long it is shown, how it is blended and disposed of."""
    return [content[:16] for kind, content in chunks(body) if kind == b"ANMF"]


def shown(body: bytes) -> list[tuple[Image.Image, Any]]:
    """Each frame as a viewer has it, and for how long."""
    image = Image.open(io.BytesIO(body))
    return [(frame.convert("RGBA"), image.info["duration"]) for frame in ImageSequence.Iterator(image)]


def claims(width: int, height: int) -> bytes:
    """A header, and nothing after it."""
    return riff(chunk(b"VP8 ", b"\x10\0\0\x9d\x01\x2a", struct.pack("<HH", width, height)))


def lossy_with_alpha() -> bytes:
    return encoded(photo("RGBA"), "WEBP", quality=80)


def busy() -> bytes:
    """An animation with everything: lossy and lossless, with alpha and without, parts of the canvas, all flags."""
    part = photo("RGBA").crop((0, 0, 13, 11))
    return animation(
        frame(encoded(photo(), "WEBP"), milliseconds=70),
        frame(encoded(part, "WEBP"), 6, 4, milliseconds=20, flags=TO_BACKGROUND),
        frame(lossless(part), 10, 2, milliseconds=500, flags=NO_BLENDING),
        frame(lossless(part.convert("RGB")), 0, 12, milliseconds=0, flags=NO_BLENDING | TO_BACKGROUND),
        background=bytes([200, 100, 50, 128]),
        plays=struct.pack("<H", 3),
        flags=ANIMATION | ALPHA,
    )


def test_lossy_stays_lossy_and_becomes_gray() -> None:
    body = encoded(photo(), "WEBP", quality=90)
    out = convert(body)
    assert kinds(out) == [b"VP8 "]
    assert is_gray(decoded(out))
    assert difference(decoded(out), decoded(body)) <= 6


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_lossless_stays_lossless_and_becomes_gray_to_the_very_level(mode: str) -> None:
    out = convert(lossless(photo(mode)))
    assert kinds(out) == [b"VP8L"]
    assert decoded(out).mode == mode
    assert decoded(out).convert("LA").tobytes() == photo(mode).convert("LA").tobytes()
    assert is_gray(decoded(out))


def test_gray_under_full_transparency_is_kept_in_a_lossless_image() -> None:
    image = photo()
    image.putalpha(0)
    assert decoded(convert(lossless(image))).getchannel("G").tobytes() == photo("L").tobytes()


@pytest.mark.parametrize("options", [{"quality": 80}, {"alpha_quality": 20}, {"lossless": True}])
def test_alpha_is_the_very_same(options: dict[str, Any]) -> None:
    body = encoded(photo("RGBA"), "WEBP", **options)
    assert alpha(decoded(convert(body))) == alpha(decoded(body))


def test_a_lossy_image_with_alpha_says_so_and_nothing_else() -> None:
    out = convert(lossy_with_alpha())
    assert kinds(out) == [b"VP8X", b"ALPH", b"VP8 "]
    assert data(out, b"VP8X") == struct.pack("<I", ALPHA) + uint24(SIZE[0] - 1, SIZE[1] - 1)


def test_alpha_that_is_only_announced_is_announced_no_more() -> None:
    out = convert(riff(vp8x(ALPHA, *SIZE), bitstream(encoded(photo(), "WEBP"))))
    assert kinds(out) == [b"VP8 "]


@pytest.mark.parametrize("method", [0, 4, 6])
@pytest.mark.parametrize("quality", [0, 10, 30, 50, 75, 80, 90, 95, 100])
def test_the_quality_of_a_source_is_known_from_its_header(quality: int, method: int) -> None:
    body = encoded(SAMPLE, "WEBP", quality=quality, method=method)
    assert abs(quality_of(data(body, b"VP8 ")) - quality) <= 4


@pytest.mark.parametrize("quality", [20, 50, 80, 100])
def test_lossy_is_as_large_as_the_source_would_be_in_gray(quality: int) -> None:
    out = convert(encoded(SAMPLE, "WEBP", quality=quality))
    assert abs(quality_of(data(out, b"VP8 ")) - quality) <= 4
    assert len(out) == pytest.approx(len(encoded(SAMPLE.convert("L"), "WEBP", quality=quality)), rel=0.12)


def header(flags: str) -> bytes:
    """RFC 6386, 7.3, the boolean encoder, where either value of every flag is as likely as the other."""
    value, span, shift = 0, 255, 8 * 63
    for flag in flags:
        if flag != " ":
            split = (span + 1) // 2
            value, span = (value + (split << shift), span - split) if flag == "1" else (value, split)
            while span < 128:
                span, shift = span * 2, shift - 1
    return bytes(10) + value.to_bytes(64, "big")


@pytest.mark.parametrize(("mode", "value"), [("0", "1 0000110 0"), ("0", "1 0000110 1"), ("1", "1 0101110 0")])
def test_quantizers_are_found_behind_every_optional_field(mode: str, value: str) -> None:
    """Relative to the frame's or not; libwebp writes only a few of the fields."""
    index = {"1 0000110 0": 46, "1 0000110 1": 34, "1 0101110 0": 46}[value]
    plain = f"00 0 0000000000 0 00 {index:07b}"
    filters, tree, changes = 4 * "1 111111 1", 3 * "1 01010101", 8 * "1 101010 1"
    full = f"00 1 11 {mode} {4 * value} {filters} {tree} 1010101010 11 {changes} 11 {40:07b}"
    assert quality_of(header(full)) == quality_of(header(plain))
    assert quality_of(header(plain.replace(f"{index:07b}", f"{40:07b}"))) != quality_of(header(plain))


def test_quality_of_anything_is_a_quality() -> None:
    for body in (b"", bytes(200), b"\xff" * 200, bytes(range(200))):
        assert 0 <= quality_of(body) <= 100


def test_every_frame_keeps_its_place_its_time_and_how_it_is_blended_and_disposed_of() -> None:
    out = convert(busy())
    assert len(headers(out)) == 4
    assert headers(out) == headers(busy())


def test_an_animation_looks_as_before_but_gray() -> None:
    for (before, milliseconds), (after, same) in zip(shown(busy()), shown(convert(busy())), strict=True):
        assert same == milliseconds
        assert max(difference(after.getchannel(one), after.getchannel(other)) for one, other in ("RG", "RB")) <= 1
        assert alpha(after) == alpha(before)
        assert difference(after, before) <= 12


def test_lossy_and_lossless_frames_stay_what_they_are() -> None:
    out = convert(busy())
    bodies = [content[16:] for kind, content in chunks(out) if kind == b"ANMF"]
    assert [kinds(bytes(12) + body) for body in bodies] == [[b"VP8 "], [b"ALPH", b"VP8 "], [b"VP8L"], [b"VP8L"]]


def test_identical_frames_are_not_merged() -> None:
    one = frame(encoded(photo(), "WEBP"))
    assert [milliseconds for _, milliseconds in shown(convert(animation(one, one, one)))] == [100, 100, 100]


def test_an_animation_plays_as_often_as_before() -> None:
    assert data(convert(busy()), b"ANIM")[4:] == struct.pack("<H", 3)


def test_the_background_becomes_gray_and_keeps_its_alpha() -> None:
    level = Image.new("RGB", (1, 1), (50, 100, 200)).convert("L").tobytes()
    assert data(convert(busy()), b"ANIM")[:4] == 3 * level + bytes([128])


@pytest.mark.parametrize(
    ("still", "flags"),
    [
        (encoded(photo(), "WEBP"), ANIMATION),
        (lossy_with_alpha(), ANIMATION | ALPHA),
        (lossless(photo()), ANIMATION),
        (lossless(photo("RGBA")), ANIMATION | ALPHA),
    ],
)
def test_an_animation_says_that_it_has_alpha_if_a_frame_has(still: bytes, flags: int) -> None:
    for said in (ANIMATION, ANIMATION | ALPHA):
        assert data(convert(animation(frame(still), flags=said)), b"VP8X")[0] == flags


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("still", [encoded(photo(), "WEBP"), lossy_with_alpha(), lossless(photo("RGBA"))])
def test_an_image_is_shown_as_it_was_turned(still: bytes, prefix: bytes) -> None:
    tags = Image.Exif()
    tags[0x0112], tags[0x010E] = 6, "a description"
    exif = prefix + tags.tobytes().removeprefix(b"Exif\0\0")
    out = convert(riff(vp8x(EXIF, *SIZE), bitstream(still), chunk(b"EXIF", exif)))
    assert data(out, b"EXIF") == exif_of(6)
    assert data(out, b"VP8X")[0] & EXIF
    assert decoded(out).size == SIZE
    assert dict(decoded(out).getexif()) == {0x0112: 6}


def test_an_animation_is_shown_as_it_was_turned() -> None:
    out = convert(animation(frame(lossless(photo())), chunk(b"EXIF", exif_of(8)), flags=ANIMATION | EXIF))
    assert data(out, b"VP8X")[0] == ANIMATION | EXIF
    assert dict(decoded(out).getexif()) == {0x0112: 8}


def test_exif_that_viewers_do_not_read_since_no_flag_announces_it_is_dropped() -> None:
    out = convert(riff(vp8x(0, *SIZE), bitstream(encoded(photo(), "WEBP")), chunk(b"EXIF", exif_of(6))))
    assert kinds(out) == [b"VP8 "]


def test_colour_profiles_metadata_and_what_is_unknown_are_dropped() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010E] = "a description"
    body = encoded(photo("RGBA"), "WEBP", icc_profile=profile, exif=exif, xmp=b"<x:xmpmeta/>")
    body = riff(*(chunk(kind, content) for kind, content in chunks(body)), chunk(b"what", b"ever"))
    assert {b"ICCP", b"EXIF", b"XMP ", b"what"} < set(kinds(body))
    out = convert(body)
    assert kinds(out) == [b"VP8X", b"ALPH", b"VP8 "]
    assert data(out, b"VP8X")[0] == ALPHA


def test_what_follows_the_image_is_dropped() -> None:
    body = encoded(photo(), "WEBP")
    assert convert(body + b"more") == convert(body)
    body = riff(vp8x(EXIF, *SIZE), bitstream(body))
    assert kinds(convert(body + chunk(b"EXIF", exif_of(6)))) == [b"VP8 "]


def test_a_last_chunk_may_lack_its_padding() -> None:
    content = bitstream(lossless(Image.new("RGB", (1, 1), "red")))
    assert struct.unpack_from("<I", content, 4)[0] % 2, "nothing is padded"
    assert decoded(convert(b"RIFF" + struct.pack("<I", 3 + len(content)) + b"WEBP" + content[:-1])).size == (1, 1)


@pytest.mark.parametrize("body", [encoded(photo(), "WEBP"), lossy_with_alpha(), lossless(photo()), busy()])
def test_an_image_cut_short_anywhere_is_rejected(body: bytes) -> None:
    for length in range(12, len(body)):
        with pytest.raises(SourceRejected, match="truncated or corrupt WebP"):
            convert(body[:length])


@pytest.mark.parametrize("body", [encoded(photo(), "WEBP"), lossy_with_alpha(), lossless(photo())])
def test_a_bitstream_cut_short_is_rejected_even_in_a_whole_container(body: bytes) -> None:
    *before, (kind, content) = chunks(body)
    for length in range(len(content) * 3 // 4):
        with pytest.raises(SourceRejected, match="truncated or corrupt WebP"):
            convert(riff(*(chunk(*other) for other in before), chunk(kind, content[:length])))


@settings(deadline=None)
@given(st.data())
def test_a_broken_image_is_converted_or_rejected(choices: st.DataObject) -> None:
    body = bytearray(choices.draw(st.sampled_from([encoded(photo(), "WEBP"), lossless(photo()), busy()])))
    for _ in range(choices.draw(st.integers(1, 4))):
        body[choices.draw(st.integers(12, len(body) - 1))] = choices.draw(st.integers(0, 255))
    try:
        out = convert(bytes(body), max_pixels=100_000)
    except SourceRejected:
        return
    decoded(out)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (riff(), "no pixels"),
        (riff(vp8x(0, *SIZE)), "no pixels"),
        (riff(vp8x(0, 33, 24), bitstream(encoded(photo(), "WEBP"))), "not as large as its canvas"),
        (riff(vp8x(0, 1 << 24, 1 << 24), bitstream(encoded(photo(), "WEBP"))), "makes no sense"),
        (riff(vp8x(ANIMATION, *SIZE), frame(encoded(photo(), "WEBP"))), "without frames"),
        (animation(), "without frames"),
        (animation(frame(encoded(photo(), "WEBP"), 2, 0)), "outside of its canvas"),
        (animation(frame(encoded(photo(), "WEBP"), 0, 2)), "outside of its canvas"),
        (animation(frame(encoded(photo(), "WEBP")).replace(uint24(31, 23), uint24(30, 23))), "outside of its canvas"),
        (claims(0, 1), "makes no sense"),
        (claims(1, 1).replace(b"\x10\0\0\x9d", b"\x11\0\0\x9d"), "makes no sense"),
        (riff(chunk(b"VP8L", b"\x2f", struct.pack("<I", 1 << 29))), "makes no sense"),
        (riff(bitstream(encoded(photo(), "WEBP"))[:-20]), "bytes of"),
        (riff(vp8x(EXIF, *SIZE), bitstream(encoded(photo(), "WEBP")), b"EXIF\x30\0\0\0", exif_of(6)), "bytes of"),
    ],
)
def test_chunks_that_make_no_sense_are_rejected(body: bytes, why: str) -> None:
    with pytest.raises(SourceRejected, match=why):
        convert(body)


def test_pixels_are_counted_before_anything_is_decoded() -> None:
    with pytest.raises(SourceRejected, match="16383x16383 is 268402689 pixels, more than 100000000"):
        convert(claims(16383, 16383))


def test_a_picture_larger_than_libwebp_has_memory_for_is_not_decoded() -> None:
    assert webp.MAX_PIXELS < 8192 * 4096
    with pytest.raises(SourceRejected, match=f"8192x4096 is 33554432 pixels, more than {webp.MAX_PIXELS}"):
        convert(claims(8192, 4096))


def test_a_picture_that_libwebp_could_not_write_is_rejected() -> None:
    body = riff(chunk(b"VP8L", b"\x2f", struct.pack("<I", 16383)))
    with pytest.raises(SourceRejected, match="unsupported: WebP with more than 16383 pixels a side"):
        convert(body)


def test_frames_and_all_their_pixels_are_counted() -> None:
    body = animation(*[frame(encoded(photo(), "WEBP"))] * 3)
    with pytest.raises(SourceRejected, match="3 frames, more than 2"):
        convert(body, max_frames=2)
    with pytest.raises(SourceRejected, match="3 frames have 2304 pixels, more than 2000"):
        convert(body, max_pixels=2000)


def test_a_canvas_is_counted_however_small_its_frames_are() -> None:
    """Whoever shows the output makes room for all of it."""
    parts = chunks(animation(frame(encoded(photo(), "WEBP"))))
    huge = riff(vp8x(ANIMATION, 16383, 16383), *(chunk(kind, data) for kind, data in parts[1:]))
    with pytest.raises(SourceRejected, match="16383x16383 is 268402689 pixels, more than 100000000"):
        convert(huge)


def test_a_drawing_without_loss_is_about_as_small_as_libwebp_makes_it() -> None:
    image = Image.new("RGB", (400, 300), "white")
    chance = Random(1)
    stamps = [SAMPLE.crop((x, 40, x + 16, 56)) for x in range(0, 128, 16)]
    for _ in range(200):
        image.paste(chance.choice(stamps), (chance.randrange(400), chance.randrange(300)))
    assert len(convert(lossless(image))) <= 1.1 * len(lossless(image.convert("L")))
