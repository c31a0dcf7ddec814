"""JPEG. A photo is decoded and encoded once more: what may be lost on the way is measured here."""

import io
import math
import struct
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps

from objectlock.errors import SourceRejected
from objectlock.images import Limits, to_grayscale
from tests.unit.pictures import SIZE, decoded, difference, encoded, photo

SAMPLES = Path(__file__).parents[2] / "samples"
ROCKET = (SAMPLES / "rocket.jpg").read_bytes()
SOI, SOS, DQT, COMMENT = 0xD8, 0xDA, 0xDB, 0xFE
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


class Segment(NamedTuple):
    """One marker, its data, and the compressed data after a scan's."""

    marker: int
    data: bytes
    compressed: bytes = b""

    @property
    def whole(self) -> bytes:
        return b"\xff" + bytes([self.marker]) + (2 + len(self.data)).to_bytes(2) + self.data + self.compressed


def segments(body: bytes) -> list[Segment]:
    """Of a file that is one image and nothing else."""
    assert body.startswith(b"\xff\xd8")
    found, at = [], 2
    while body[at : at + 2] != b"\xff\xd9":
        assert body[at] == 0xFF
        end = at + 2 + int.from_bytes(body[at + 2 : at + 4])
        following = end
        if body[at + 1] == SOS:
            while body[following] != 0xFF or body[following + 1] in {0, *range(0xD0, 0xD8)}:
                following += 1
        found.append(Segment(body[at + 1], body[at + 4 : end], body[end:following]))
        at = following
    assert at + 2 == len(body)
    return found


def joined(parts: list[Segment]) -> bytes:
    return b"\xff\xd8" + b"".join(part.whole for part in parts) + b"\xff\xd9"


def after_start(body: bytes, *parts: Segment) -> bytes:
    """With these before all others."""
    return body[:2] + b"".join(part.whole for part in parts) + body[2:]


def pixels_only(body: bytes) -> list[Segment]:
    """Without what is only said about the image."""
    return [part for part in segments(body) if part.marker != COMMENT and not 0xE0 <= part.marker <= 0xEF]


def frame_header(body: bytes) -> bytearray:
    (found,) = [part.data for part in segments(body) if part.marker in FRAMES]
    return bytearray(found)


def with_frame_header(body: bytes, header: bytes | bytearray) -> bytes:
    return joined([part._replace(data=bytes(header)) if part.marker in FRAMES else part for part in segments(body)])


def gray(body: bytes) -> bytes:
    return to_grayscale(body).body


def luma(body: bytes) -> Image.Image:
    """What a decoder makes of the luma alone."""
    image = Image.open(io.BytesIO(body))
    image.draft("L", None)
    image.load()
    assert image.mode == "L"
    return image


def psnr(one: Image.Image, other: Image.Image) -> float:
    """In dB."""
    counts = ImageChops.difference(one, other).histogram()
    error = sum(count * level**2 for level, count in enumerate(counts)) / sum(counts)
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


@cache
def scene(mode: str = "RGB") -> Image.Image:
    """A part of a real photo."""
    return decoded(ROCKET).crop((200, 0, 520, 240)).convert(mode)


def rejected(body: bytes, why: str = "^truncated or corrupt JPEG: ") -> None:
    with pytest.raises(SourceRejected, match=why):
        to_grayscale(body)


# --- colours -----------------------------------------------------------------------------------------------

KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "optimized": {"optimize": True},
    "4:4:4": {"subsampling": "4:4:4"},
    "4:2:2": {"subsampling": "4:2:2"},
    "4:2:0": {"subsampling": "4:2:0"},
    "progressive 4:4:4": {"progressive": True, "subsampling": "4:4:4"},
    "restart markers": {"restart_marker_blocks": 3},
    "restart markers and progressive": {"restart_marker_rows": 1, "progressive": True},
}


@pytest.mark.parametrize("quality", [25, 75, 95])
@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_keeps_its_luma_its_tables_and_no_more_than_its_size(kind: str, quality: int) -> None:
    """No viewer shows a difference of 50 dB."""
    body = encoded(scene(), "JPEG", quality=quality, **KINDS[kind])
    result = gray(body)
    assert (decoded(result).mode, decoded(result).size) == ("L", scene().size)
    assert psnr(luma(result), luma(body)) >= 50
    assert decoded(result).quantization == {0: decoded(body).quantization[0]}  # type: ignore[attr-defined]
    assert len(result) <= 1.05 * len(body)


@pytest.mark.parametrize("file", sorted(SAMPLES.glob("*.jpg")), ids=lambda file: file.name)
def test_the_samples_keep_their_luma_and_their_size(file: Path) -> None:
    body = file.read_bytes()
    result = gray(body)
    assert psnr(luma(result), luma(body)) >= 50
    assert len(result) <= len(body)


@pytest.mark.parametrize("kind", ["baseline", "optimized", "progressive", "progressive 4:4:4"])
@pytest.mark.parametrize("quality", [50, 75, 98])
def test_a_photo_that_has_hardly_any_colour_grows_no_larger_either(kind: str, quality: int) -> None:
    """All of its size is luma; whatever made that small has to be done again."""
    body = encoded(scene("L").convert("RGB"), "JPEG", quality=quality, **KINDS[kind])
    result = gray(body)
    assert len(result) <= len(body)
    assert psnr(luma(result), luma(body)) >= 50


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "progressive" not in kind])
def test_a_photo_that_is_not_progressive_does_not_become_it(kind: str) -> None:
    """It takes more memory to show, and some devices cannot."""
    for mode in ("RGB", "L"):
        body = encoded(scene(mode).convert("RGB"), "JPEG", **KINDS[kind])
        assert "progressive" not in decoded(gray(body)).info


def test_the_table_is_that_of_the_luma_whichever_number_it_has() -> None:
    body = encoded(scene(), "JPEG", quality=60)
    header = frame_header(body)
    assert [header[at] for at in (8, 11, 14)] == [0, 1, 1]
    header[8], header[11], header[14] = 1, 0, 0
    swapped = [
        part._replace(data=bytes([part.data[0] ^ 1]) + part.data[1:]) if part.marker == DQT else part
        for part in segments(with_frame_header(body, header))
    ]
    assert decoded(joined(swapped)).tobytes() == decoded(body).tobytes()
    assert gray(joined(swapped)) == gray(body)


def test_a_table_with_steps_of_more_than_a_byte_is_kept() -> None:
    """T.81, B.2.4.1: they have two where they need to; other than in a baseline image."""
    body = encoded(scene(), "JPEG", quality=3, progressive=True)
    steps = [
        struct.pack(">64H", *(step * 2 for step in part.data[1:])) for part in segments(body) if part.marker == DQT
    ]
    wide = iter(Segment(DQT, bytes([0x10 | number]) + data) for number, data in enumerate(steps))
    body = joined([next(wide) if part.marker == DQT else part for part in segments(body)])
    before, after = decoded(body), decoded(gray(body))
    assert max(before.quantization[0]) == 510  # type: ignore[attr-defined]
    assert after.quantization == {0: before.quantization[0]}  # type: ignore[attr-defined]
    assert psnr(luma(gray(body)), luma(body)) >= 40


def test_a_jpeg_of_red_green_and_blue_comes_out_as_their_luma() -> None:
    """An encoder need not tell luma and chroma apart."""
    body = encoded(photo(), "JPEG", keep_rgb=True, quality=95)
    assert difference(decoded(gray(body)), decoded(body)) <= 3
    assert decoded(gray(body)).quantization == {0: decoded(body).quantization[0]}  # type: ignore[attr-defined]


INKS = {  # cyan, magenta, yellow, black: how bright they are together
    (0, 0, 0, 0): 255,
    (0, 0, 0, 255): 0,
    (0, 255, 255, 0): 76,
    (255, 0, 255, 0): 150,
    (255, 255, 0, 0): 29,
    (0, 0, 0, 128): 127,
}


def printed(patches: list[tuple[int, ...]]) -> Image.Image:
    """A patch of 16x16 each."""
    page = Image.new("CMYK", (16 * len(patches), 16))
    for index, patch in enumerate(patches):
        page.paste(patch, (16 * index, 0, 16 * index + 16, 16))
    return page


def shades(image: Image.Image) -> list[object]:
    return [image.getpixel((x, 8)) for x in range(8, image.width, 16)]


def test_cmyk_is_not_inverted() -> None:
    """Adobe stores it upside down: white paper must not come out black."""
    result = decoded(gray(encoded(printed([*INKS]), "JPEG", quality=100)))
    assert result.mode == "L"
    assert shades(result) == pytest.approx([*INKS.values()], abs=3)


def test_ycck_is_not_inverted() -> None:
    """Adobe's other way: luma and chroma of what is not inked, and black. The marker says so in its last byte."""
    rgb = [Image.new("RGB", (1, 1), ink[:3]).convert("YCbCr").getpixel((0, 0)) for ink in INKS]
    stored = [
        tuple(255 - level for level in (*components, 255 - ink[3]))  # Pillow inverts what it stores
        for components, ink in zip(rgb, INKS, strict=True)
        if isinstance(components, tuple)
    ]
    body = encoded(printed(stored), "JPEG", quality=100)
    adobe = body.index(b"Adobe")
    assert body[adobe + 11] == 0
    body = body[: adobe + 11] + b"\2" + body[adobe + 12 :]
    assert shades(decoded(body).convert("L")) == pytest.approx([*INKS.values()], abs=3), "or the file is wrong"
    assert shades(decoded(gray(body))) == pytest.approx([*INKS.values()], abs=3)


def test_an_mpo_comes_out_as_the_photo_it_starts_with() -> None:
    """Many phones write these, with a second picture for 3D or HDR; any viewer shows the first."""
    body = encoded(photo(), "MPO", save_all=True, append_images=[Image.new("RGB", SIZE)])
    picture = to_grayscale(body)
    result = decoded(picture.body)
    assert (result.format, result.mode, picture.content_type) == ("JPEG", "L", "image/jpeg")
    assert difference(result, photo()) <= 12
    assert {part.marker for part in segments(picture.body)}.isdisjoint({0xE1, 0xE2})


def test_an_mpo_of_gray_photos_comes_out_as_the_first() -> None:
    body = encoded(photo("L"), "MPO", save_all=True, append_images=[Image.new("L", SIZE)])
    assert decoded(gray(body)).tobytes() == decoded(body).tobytes()
    assert pixels_only(gray(body)) == pixels_only(encoded(photo("L"), "JPEG"))


# --- gray already ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_gray_photo_keeps_the_very_bytes_of_its_pixels(kind: str) -> None:
    body = encoded(scene("L"), "JPEG", comment=b"a cat", icc_profile=PROFILE, **KINDS[kind])
    result = gray(body)
    assert pixels_only(result) == pixels_only(body)
    assert segments(result)[0].marker == 0xE0
    assert segments(result)[1:] == pixels_only(body)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("kind", ["baseline", "progressive"])
def test_a_second_conversion_changes_nothing(mode: str, kind: str) -> None:
    once = gray(encoded(scene(mode), "JPEG", dpi=(300, 150), exif=exif_with(0x0112, 6), **KINDS[kind]))
    assert gray(once) == once


def exif_with(tag: int, value: object) -> bytes:
    exif = Image.Exif()
    exif[tag] = value
    return exif.tobytes()


def test_segments_may_be_filled_up_and_come_twice() -> None:
    """T.81, B.1.1.2: before a marker there may be any number of FF."""
    body = encoded(photo("L"), "JPEG")
    filled = b"\xff\xd8" + b"".join(b"\xff\xff\xff" + part.whole for part in segments(body)) + b"\xff\xff\xd9"
    assert decoded(gray(filled)).tobytes() == decoded(body).tobytes()


def test_what_follows_the_image_is_dropped() -> None:
    for mode in ("L", "RGB"):
        body = encoded(photo(mode), "JPEG")
        assert gray(body + b"a film of three seconds") == gray(body)


# --- what is said about the image --------------------------------------------------------------------------

DROPPED = [
    Segment(0xE0, b"JFXX\0\x10" + encoded(photo(size=(8, 8)), "JPEG")),
    Segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
    Segment(0xE2, b"ICC_PROFILE\0\1\1" + PROFILE),
    Segment(0xE2, b"MPF\0" + b"II*\0\x08\0\0\0\0\0"),
    Segment(0xEC, b"Ducky\0\1"),
    Segment(0xED, b"Photoshop 3.0\0"),
    Segment(0xEF, b"whatever"),
    Segment(COMMENT, b"a cat"),
]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_nothing_but_the_resolution_is_said_about_the_gray_image(mode: str) -> None:
    body = encoded(photo(mode), "JPEG", dpi=(300, 150))
    first, *rest = segments(body)
    result = segments(gray(joined([first, *DROPPED, *rest])))
    assert result[0] == first
    assert result == segments(gray(body))
    assert pixels_only(joined(result)) == result[1:]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_thumbnail_of_jfif_is_dropped(mode: str) -> None:
    body = encoded(photo(mode), "JPEG", dpi=(300, 150))
    first, *rest = segments(body)
    thumbnail = Segment(0xE0, first.data[:12] + b"\2\3" + bytes(range(18)))
    assert gray(joined([thumbnail, *rest])) == gray(body)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("length", range(7, 14))
def test_a_jfif_header_that_is_too_short_does_not_break_the_image(mode: str, length: int) -> None:
    body = encoded(photo(mode), "JPEG")
    first, *rest = segments(body)
    result = gray(joined([Segment(0xE0, first.data[:length]), *rest]))
    assert segments(result)[0].marker in {0xE0, DQT}
    assert decoded(result).tobytes() == decoded(gray(body)).tobytes()


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("dpi", [(72, 72), (300, 150), (1, 65535)])
def test_the_resolution_is_kept(mode: str, dpi: tuple[int, int]) -> None:
    assert decoded(gray(encoded(photo(mode), "JPEG", dpi=dpi))).info["dpi"] == dpi


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_resolution_is_kept_by_the_centimetre_too(mode: str) -> None:
    first, *rest = segments(encoded(photo(mode), "JPEG"))
    body = joined([Segment(0xE0, first.data[:7] + struct.pack(">BHH", 2, 118, 40) + b"\0\0"), *rest])
    assert decoded(body).info["dpi"] == pytest.approx((299.72, 101.6))
    assert decoded(gray(body)).info["dpi"] == pytest.approx((299.72, 101.6), abs=0.5)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("per_centimetre", [(65535, 65535), (65535, 100), (0, 0), (100, 0)])
def test_a_resolution_that_makes_no_sense_does_not_matter(mode: str, per_centimetre: tuple[int, int]) -> None:
    """65535 a centimetre are more an inch than can be said."""
    first, *rest = segments(encoded(photo(mode), "JPEG"))
    body = joined([Segment(0xE0, first.data[:7] + struct.pack(">BHH", 2, *per_centimetre) + b"\0\0"), *rest])
    assert difference(decoded(gray(body)), decoded(body)) <= 12


def photo_with_exif(mode: str, orientation: int) -> bytes:
    """As cameras write it: the maker's name, a place, and a thumbnail in colours."""
    entries = [
        struct.pack(">HHII", 0x010F, 2, 15, 38),
        struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0),
    ]
    directory = struct.pack(">H", 2) + b"".join(entries) + struct.pack(">I", 54)
    thumbnail = encoded(photo(size=(8, 6)), "JPEG")
    second = struct.pack(">HHHIIHHIII", 2, 0x0201, 4, 1, 84, 0x0202, 4, 1, len(thumbnail), 0)
    exif = b"MM\0*\0\0\0\x08" + directory + b"a camera maker\0\0" + second + thumbnail
    return after_start(encoded(photo(mode), "JPEG"), Segment(0xE1, b"Exif\0\0" + exif))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_of_exif_the_orientation_is_kept_and_nothing_else(mode: str, orientation: int) -> None:
    body = photo_with_exif(mode, orientation)
    result = gray(body)
    assert b"a camera maker" in body
    assert b"a camera maker" not in result
    assert result.count(b"\xff\xd8\xff") == 1, "no thumbnail"
    assert result.count(b"Exif\0\0") == (orientation > 1)
    assert dict(decoded(result).getexif()) == ({} if orientation == 1 else {0x0112: orientation})
    upright, turned = (ImageOps.exif_transpose(decoded(each)) for each in (body, result))
    assert upright.size == turned.size
    assert difference(upright, turned) <= 3


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_is_ignored(mode: str, orientation: int) -> None:
    assert not decoded(gray(photo_with_exif(mode, orientation))).getexif()


# --- rejected ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("kind", ["baseline", "progressive", "restart markers"])
def test_a_jpeg_cut_anywhere_is_rejected(mode: str, kind: str) -> None:
    body = encoded(photo(mode, (16, 16)), "JPEG", comment=b"a cat", **KINDS[kind])
    for length in range(3, len(body)):
        rejected(body[:length])


def test_a_jpeg_cut_anywhere_is_rejected_even_though_its_thumbnail_is_whole() -> None:
    body = photo_with_exif("RGB", 6)
    for length in range(3, len(body)):
        rejected(body[:length])


def with_marker(mode: str, kind: str, marker: bytes) -> bytes:
    """In the middle of the longest scan of noise, in place of its data."""
    noise = Image.frombytes(mode, SIZE, Random(1).randbytes(SIZE[0] * SIZE[1] * (1 if mode == "L" else 3)))
    parts = segments(encoded(noise, "JPEG", **KINDS[kind]))
    index = max(range(len(parts)), key=lambda each: len(parts[each].compressed))
    data = parts[index].compressed
    end = len(marker)
    at = next(at for at in range(len(data) // 2, len(data)) if 0xFF not in data[at - 1 : at + end + 1])
    parts[index] = parts[index]._replace(compressed=data[:at] + marker + data[at + end :])
    return joined(parts)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("kind", ["baseline", "progressive"])
@pytest.mark.parametrize("marker", [0x01, 0x02, 0x4F, 0xBF, 0xC0, 0xC2, SOI, 0xE0, 0xE1, 0xEF, 0xF0, 0xFD])
@pytest.mark.parametrize("length", [b"", b"\0\2", b"\0\4"], ids=["", "and its length", "and a length with data"])
def test_a_marker_in_the_middle_of_compressed_data_is_noticed(mode: str, kind: str, marker: int, length: bytes) -> None:
    """What a decoder makes of it is a picture that is gray from there on."""
    rejected(with_marker(mode, kind, bytes([0xFF, marker]) + length))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("kind", ["baseline", "progressive"])
@pytest.mark.parametrize("marker", [b"\xff\xd0", b"\xff\xd7"], ids=["first", "last"])
def test_a_restart_where_none_was_announced_is_noticed(mode: str, kind: str, marker: bytes) -> None:
    rejected(with_marker(mode, kind, marker))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_an_end_in_the_middle_of_compressed_data_is_noticed(mode: str) -> None:
    """As of an upload that broke off, and of which somebody made a whole file."""
    rejected(with_marker(mode, "baseline", b"\xff\xd9"))


def test_a_header_that_is_repeated_is_noticed() -> None:
    """As when the parts of an upload come in the wrong order."""
    body = encoded(scene(), "JPEG")
    rejected(body[: len(body) // 2] + body)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("bits", [2, 12, 16])
def test_other_than_eight_bits_are_named_as_unsupported(mode: str, bits: int) -> None:
    body = encoded(photo(mode), "JPEG")
    header = frame_header(body)
    header[0] = bits
    rejected(with_frame_header(body, header), f"^unsupported: JPEG with {bits} bits a channel$")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xff\xd8\xff\xd9", id="nothing between start and end"),
        pytest.param(b"\xff\xd8\xff", id="nothing but the first bytes"),
        pytest.param(joined([part for part in segments(encoded(photo(), "JPEG")) if part.marker != SOS]), id="no scan"),
        pytest.param(
            joined([part for part in segments(encoded(photo(), "JPEG")) if part.marker not in FRAMES]), id="no frame"
        ),
        pytest.param(
            joined([part for part in segments(encoded(photo(), "JPEG")) if part.marker != DQT]), id="no tables"
        ),
        pytest.param(
            joined([part for part in segments(encoded(photo("L"), "JPEG")) if part.marker != SOS]), id="no scan"
        ),
    ],
)
def test_a_jpeg_without_a_part_that_it_needs_is_rejected(body: bytes) -> None:
    rejected(body)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_without_a_width_is_rejected(mode: str) -> None:
    body = encoded(photo(mode), "JPEG")
    header = frame_header(body)
    header[3:5] = b"\0\0"
    rejected(with_frame_header(body, header))


@pytest.mark.parametrize(
    ("at", "data", "what"),
    [
        pytest.param(1, b"\0\0", "a height that comes after the pixels", id="height"),
        pytest.param(5, b"\2", "2 components", id="components"),
    ],
)
def test_what_no_decoder_of_ours_knows_is_named_as_unsupported(at: int, data: bytes, what: str) -> None:
    body = encoded(photo(), "JPEG")
    header = frame_header(body)
    header[at : at + len(data)] = data
    rejected(with_frame_header(body, header), f"^unsupported: JPEG with {what}$")


@pytest.mark.parametrize("process", [3, 5, 7, 11, 15])
def test_a_process_that_is_not_decoded_is_named_as_unsupported(process: int) -> None:
    """Lossless and hierarchical ones."""
    parts = segments(encoded(photo(), "JPEG"))
    changed = [part._replace(marker=0xC0 | process) if part.marker in FRAMES else part for part in parts]
    rejected(joined(changed), f"^unsupported: JPEG with compression SOF{process}$")


@pytest.mark.parametrize("at", [0, -1], ids=["before", "after"])
def test_a_second_frame_header_is_rejected(at: int) -> None:
    """Pillow goes by the last one: a small image could have gigabytes of pixels that no limit has seen."""
    parts = segments(encoded(photo(), "JPEG"))
    header = next(part for part in parts if part.marker in FRAMES)
    huge = header._replace(data=header.data[:1] + b"\x4e\x20\x4e\x20" + header.data[5:])
    parts.insert(parts.index(header) + 1 + at, huge)
    rejected(joined(parts))


@pytest.mark.parametrize(("repeats", "is_accepted"), [(0, True), (80, True), (100, False)])
def test_scans_are_counted(repeats: int, *, is_accepted: bool) -> None:
    """Each is small and goes through all pixels: a file of half a megabyte would take longer than a Lambda has."""
    *parts, last = segments(encoded(photo(), "JPEG", progressive=True))
    body = joined([*parts, *[last] * (1 + repeats)])
    if is_accepted:
        to_grayscale(body)
    else:
        rejected(body, r"^unsupported: JPEG with 1\d\d scans$")


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param([Segment(0xE0, b"")] * 1000, id="empty segments"),
        pytest.param([Segment(0xE1, b"Exif\0\0" + bytes(100))] * 17, id="EXIF"),
    ],
)
def test_a_flood_of_segments_is_rejected(flood: list[Segment]) -> None:
    """Pillow keeps each, and joins EXIF anew for each: a file of 30 MB took a minute and a half."""
    rejected(after_start(encoded(photo(), "JPEG"), *flood), "^unsupported: JPEG with a flood of segments$")


def test_tables_that_come_between_scans_are_named_as_unsupported() -> None:
    """Pillow tells the one that it saw first, libjpeg decodes by the later one: the output would have the wrong one."""
    parts = segments(encoded(photo(), "JPEG", progressive=True))
    tables = next(part for part in parts if part.marker == DQT)
    rejected(joined([*parts[:-1], tables, parts[-1]]), "^unsupported: JPEG with quantization tables between scans$")


@pytest.mark.parametrize(("space", "is_kept"), [(b"GRAY", True), (b"RGB ", False)])
@pytest.mark.parametrize("size", [200, 100_000])
def test_a_profile_for_gray_levels_is_kept_with_gray_levels(space: bytes, size: int, *, is_kept: bool) -> None:
    """It says how bright they are: Photoshop's "Dot Gain 20%" without it is another picture."""
    profile = bytes(16) + space + bytes(size)
    body = encoded(photo("L"), "JPEG", icc_profile=profile)
    assert decoded(gray(body)).info.get("icc_profile") == (profile if is_kept else None)


def test_an_orientation_that_is_only_in_xmp_is_none() -> None:
    """Viewers turn a photo by its EXIF; by XMP they do not, and neither must the output be turned."""
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    body = encoded(photo(), "JPEG", xmp=xmp)
    assert xmp in body
    assert not decoded(gray(body)).getexif()


# --- limits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_too_many_pixels_are_rejected_by_the_size_it_claims(mode: str) -> None:
    body = encoded(photo(mode), "JPEG")
    header = frame_header(body)
    header[1:5] = struct.pack(">HH", 20_001, 20_000)
    rejected(with_frame_header(body, header), "^20000x20001 is 400020000 pixels, more than 100000000$")


def test_as_many_pixels_as_allowed_are_converted() -> None:
    body = encoded(photo(), "JPEG")
    to_grayscale(body, Limits(max_pixels=768))
    with pytest.raises(SourceRejected, match=r"^32x24 is 768 pixels, more than 767$"):
        to_grayscale(body, Limits(max_pixels=767))
