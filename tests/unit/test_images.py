"""What holds for every format. What holds for one is in test_images_png.py and so on."""

import io
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps, ImageSequence, PngImagePlugin

from objectlock.errors import SourceRejected
from objectlock.images import Limits, to_grayscale
from objectlock.images.reading import reading
from tests.unit.pictures import SIZE, alpha, decoded, difference, encoded, is_gray, photo

SAMPLES = sorted(path for path in (Path(__file__).parents[2] / "samples").iterdir() if path.suffix in {".jpg", ".png"})
MEDIA_TYPES = {
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
}
LOSSY = {"JPEG", "WEBP"}
ANIMATED = ["GIF", "PNG", "TIFF", "WEBP"]
WITH_EXIF = ["JPEG", "PNG", "TIFF", "WEBP"]
ORIENTATION = 0x0112


def gray(body: bytes) -> Image.Image:
    """The counterpart of `body`, decoded."""
    return decoded(to_grayscale(body).body)


def exif_with(tag: int, value: object) -> Image.Exif:
    exif = Image.Exif()
    exif[tag] = value
    return exif


@cache
def large(kind: str) -> bytes:
    return encoded(photo(size=(160, 120)), kind)


@cache
def animated(kind: str) -> bytes:
    frames = [photo().rotate(angle) for angle in (0, 90, 180)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


# --- right -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_every_format_comes_out_gray_in_the_same_format_and_size(kind: str) -> None:
    body = encoded(photo(), kind)
    picture = to_grayscale(body)
    result = decoded(picture.body)
    assert (result.format, picture.content_type) == (kind, MEDIA_TYPES[kind])
    assert result.size == SIZE
    assert is_gray(result)
    assert difference(result, decoded(body)) <= (12 if kind in LOSSY else 0)


@pytest.mark.parametrize("kind", MEDIA_TYPES)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (257, 3)])
def test_an_image_may_be_as_small_as_a_pixel(kind: str, size: tuple[int, int]) -> None:
    body = encoded(photo(size=size), kind)
    assert gray(body).size == size
    assert difference(gray(body), decoded(body)) <= (16 if kind in LOSSY else 0)


@pytest.mark.parametrize("kind", ["BMP", "GIF", "PNG", "TIFF"])
def test_the_weights_are_those_of_bt_601(kind: str) -> None:
    """0.299 R + 0.587 G + 0.114 B: a plain average would be 85 for all three."""
    primaries = Image.new("RGB", (3, 1))
    primaries.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255)])
    assert gray(encoded(primaries, kind)).convert("L").tobytes() == bytes([76, 150, 29])


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_what_is_gray_already_keeps_its_levels(kind: str) -> None:
    body = encoded(photo("L"), kind)
    assert difference(gray(body), decoded(body)) <= (12 if kind == "WEBP" else 0)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(encoded(photo("RGBA"), "PNG"), id="PNG"),
        pytest.param(encoded(photo("LA"), "PNG"), id="gray PNG"),
        pytest.param(encoded(photo("RGBA"), "WEBP", lossless=True), id="lossless WebP"),
        pytest.param(encoded(photo("RGBA"), "WEBP"), id="lossy WebP"),
        pytest.param(encoded(photo("RGBA"), "TIFF"), id="TIFF"),
        pytest.param(encoded(photo("LA"), "TIFF"), id="gray TIFF"),
        pytest.param(encoded(photo().quantize(8), "PNG", transparency=bytes(range(0, 256, 32))), id="palette PNG"),
        pytest.param(encoded(photo().quantize(8), "PNG", transparency=3), id="palette PNG with one clear colour"),
        pytest.param(encoded(Image.new("RGB", SIZE, (9, 9, 9)), "PNG", transparency=(9, 9, 9)), id="RGB PNG with tRNS"),
        pytest.param(encoded(photo().quantize(8), "GIF", transparency=3), id="GIF"),
    ],
)
def test_transparency_is_kept(body: bytes) -> None:
    before = decoded(body)
    assert min(alpha(before)) < 255, "or the test tests nothing"
    assert alpha(gray(body)) == alpha(before)


# How each EXIF orientation is stored, from the picture as it is displayed.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", WITH_EXIF)
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("orientation", STORED)
def test_a_photo_is_displayed_the_same_way_up(kind: str, mode: str, orientation: int) -> None:
    """Whether its pixels are turned, or what EXIF says about them is kept; but not both."""
    how = STORED[orientation]
    stored = photo(mode) if how is None else photo(mode).transpose(how)
    result = gray(encoded(stored, kind, exif=exif_with(ORIENTATION, orientation)))
    displayed = ImageOps.exif_transpose(result)
    assert displayed.size == SIZE
    assert difference(displayed, photo()) <= (16 if kind in LOSSY else 0)


@pytest.mark.parametrize("kind", WITH_EXIF)
@pytest.mark.parametrize("orientation", [1, 6])
def test_of_exif_nothing_but_the_orientation_is_left(kind: str, orientation: int) -> None:
    """It may hold a place, a name and a colour thumbnail, and describes another file."""
    exif = exif_with(0x010F, "a camera maker")
    exif[ORIENTATION] = orientation
    body = encoded(photo(), kind, exif=exif)
    assert b"a camera maker" in body
    assert b"a camera maker" not in to_grayscale(body).body


ABOUT: dict[str, Callable[[str], dict[str, Any]]] = {
    "GIF": lambda text: {"comment": text},
    "JPEG": lambda text: {"comment": text, "xmp": f"<x>{text}</x>".encode()},
    "PNG": lambda text: {"pnginfo": png_info(text)},
    "TIFF": lambda text: {"description": text, "software": text, "artist": text},
    "WEBP": lambda text: {"xmp": f"<x>{text}</x>".encode()},
}


def png_info(text: str) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", text)
    info.add_itxt("XML:com.adobe.xmp", f"<x>{text}</x>")
    return info


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("kind", ABOUT)
def test_no_comment_is_left(kind: str, mode: str) -> None:
    body = encoded(photo(mode), kind, **ABOUT[kind]("somebody's name"))
    assert b"somebody's name" in body
    assert b"somebody's name" not in to_grayscale(body).body


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("kind", WITH_EXIF)
def test_no_colour_profile_is_left(kind: str, mode: str) -> None:
    """An RGB profile on a gray image is an error; strict readers refuse the file."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    body = encoded(photo(mode), kind, icc_profile=profile)
    assert "icc_profile" in decoded(body).info
    assert "icc_profile" not in gray(body).info


ON_ITS_SIDE = struct.pack("<HHI4s", ORIENTATION, 3, 1, b"\6")


def with_exif(kind: str, *entries: bytes) -> bytes:
    """An image whose EXIF has these entries of 12 bytes."""
    ifd = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", 0)
    return encoded(photo(), kind, exif=b"Exif\0\0II*\0" + struct.pack("<I", 8) + ifd)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, when it looks at the source
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(struct.pack("<HHI4s", 0x011A, 2, 4, b"abc"), id="resolution is text"),
        pytest.param(struct.pack("<HHI4s", 0x011A, 5, 1, b"\xff\xff\0\0"), id="resolution is nowhere"),
        pytest.param(struct.pack("<HHI4s", 0x0128, 2, 2, b"a"), id="unit is text"),
        pytest.param(struct.pack("<HHI4s", 0x0100, 2, 2, b"7"), id="width is text"),
        pytest.param(struct.pack("<HHI4s", 0x9999, 99, 1, b"7"), id="a type that is none"),
    ],
)
def test_odd_exif_does_not_keep_a_photo_from_being_converted(kind: str, entry: bytes) -> None:
    """It is dropped anyway. Cameras and editors write all kinds of it, and viewers do not mind."""
    result = gray(with_exif(kind, ON_ITS_SIDE, entry))
    assert ImageOps.exif_transpose(result).size == SIZE[::-1]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_that_is_none_does_not_keep_a_photo_from_being_converted(kind: str) -> None:
    assert gray(encoded(photo(), kind, exif=b"Exif\0\0not what it says")).size == SIZE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(struct.pack("<HHI4s", ORIENTATION, 2, 2, b"6"), id="text"),
        pytest.param(struct.pack("<HHI4s", ORIENTATION, 3, 1, b"\0"), id="0"),
        pytest.param(struct.pack("<HHI4s", ORIENTATION, 3, 1, b"\x09"), id="9"),
        pytest.param(struct.pack("<HHIHH", ORIENTATION, 3, 2, 6, 6), id="two"),
    ],
)
def test_an_orientation_that_is_none_is_ignored(kind: str, entry: bytes) -> None:
    result = gray(with_exif(kind, entry))
    assert result.size == SIZE
    assert ORIENTATION not in result.getexif()


@pytest.mark.parametrize("kind", ANIMATED)
def test_every_frame_is_kept_and_gray(kind: str) -> None:
    before, after = (Image.open(io.BytesIO(body)) for body in (animated(kind), to_grayscale(animated(kind)).body))
    frames = [frame.copy() for frame in ImageSequence.Iterator(after)]
    originals = [frame.copy() for frame in ImageSequence.Iterator(before)]
    assert len(frames) == 3
    for frame, original in zip(frames, originals, strict=True):
        assert frame.size == original.size
        frame.format = kind
        assert is_gray(frame)
        assert difference(frame, original) <= (16 if kind in LOSSY else 0)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("loop", [0, 1, 5])
def test_every_frame_is_shown_as_long_and_as_often(kind: str, loop: int) -> None:
    frames = [photo().rotate(angle) for angle in (0, 90, 180)]
    body = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=[20, 300, 50], loop=loop)
    before, after = (Image.open(io.BytesIO(each)) for each in (body, to_grayscale(body).body))
    assert after.info.get("loop") == before.info.get("loop")
    durations = []
    for at in range(3):
        after.seek(at)
        after.load()
        durations.append(after.info["duration"])
    assert durations == [20, 300, 50]


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.name)
def test_the_samples_come_out_gray(file: Path) -> None:
    body = file.read_bytes()
    before, picture = decoded(body), to_grayscale(body)
    result = decoded(picture.body)
    assert (result.format, result.mode, result.size) == (before.format, "L", before.size)
    assert difference(result, before) <= 24
    assert len(picture.body) < len(body)


# --- rejected ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0" * 2000, id="zeros"),
        pytest.param(b"Dear diary", id="text"),
        pytest.param(b'{"a": 1}', id="JSON"),
        pytest.param(b"\x89PNG", id="half of a PNG's first bytes"),
        pytest.param(b"RIFF\4\0\0\0WAVE", id="a sound"),
        pytest.param(b"GIF88a", id="a GIF of no known version"),
        pytest.param(b" \x89PNG\r\n\x1a\n", id="a PNG that begins late"),
    ],
)
def test_what_is_no_image_is_rejected(body: bytes) -> None:
    """And the formats that are supported are named."""
    message = r"^not an image in a supported format \(BMP, GIF, JPEG, PNG, TIFF, WebP\)$"
    with pytest.raises(SourceRejected, match=message):
        to_grayscale(body)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("AVIF", encoded(photo(), "AVIF")),
        ("AVIF", b"\0\0\0\x2cftypavis"),
        ("HEIF", b"\0\0\0\x24ftypheic"),
        ("HEIF", b"\0\0\0\x24ftypmif1"),
        ("ICO", encoded(photo(), "ICO")),
        ("JPEG 2000", encoded(photo(), "JPEG2000")),
        ("JPEG 2000", encoded(photo(), "JPEG2000", no_jp2=True)),
        ("JPEG XL", b"\xff\x0a\xfa\x1f"),
        ("JPEG XL", b"\0\0\0\x0cJXL \r\n\x87\n"),
        ("Canon CR3", b"\0\0\0\x18ftypcrx "),
        ("MP4", b"\0\0\0\x18ftypisom"),
        ("PSD", b"8BPS\0\1"),
        ("DDS", encoded(photo(), "DDS")),
        ("PNM", encoded(photo(), "PPM")),
        ("SVG", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("SVG", b'<?xml version="1.0"?>\n<!-- a drawing -->\n<svg/>'),
        ("PDF", b"%PDF-1.7\n"),
        ("PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n"),
        ("ZIP", b"PK\3\4\x14\0"),
    ],
)
def test_a_format_that_is_not_supported_is_named(kind: str, body: bytes) -> None:
    message = rf"^unsupported format {kind} \(supported: BMP, GIF, JPEG, PNG, TIFF, WebP\)$"
    with pytest.raises(SourceRejected, match=message):
        to_grayscale(body)


NAMES = {kind: "WebP" if kind == "WEBP" else kind for kind in MEDIA_TYPES}


@pytest.mark.parametrize("kind", MEDIA_TYPES)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_part_of_an_image_is_rejected(kind: str, share: float) -> None:
    """An upload that broke off must not come out as a picture with a gray bar."""
    body = large(kind)
    with pytest.raises(SourceRejected, match=f"^truncated or corrupt {NAMES[kind]}: "):
        to_grayscale(body[: int(len(body) * share)])


@pytest.mark.parametrize("kind", ANIMATED)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_part_of_an_animation_is_rejected(kind: str, share: float) -> None:
    body = animated(kind)
    with pytest.raises(SourceRejected, match=f"^truncated or corrupt {NAMES[kind]}: "):
        to_grayscale(body[: int(len(body) * share)])


def test_running_out_of_memory_is_no_fault_of_the_image() -> None:
    """It is tried again; a rejection would be for good."""
    with pytest.raises(MemoryError), reading("PNG"):
        raise MemoryError


# --- limits ------------------------------------------------------------------------------------------------


def test_a_hundred_million_bytes_and_pixels_are_allowed_and_a_thousand_frames() -> None:
    assert Limits() == Limits(max_bytes=100_000_000, max_pixels=100_000_000, max_frames=1000)


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_as_many_pixels_as_allowed_are_converted(kind: str) -> None:
    body = encoded(photo(), kind)
    to_grayscale(body, Limits(max_pixels=768))
    with pytest.raises(SourceRejected, match=r"^32x24 is 768 pixels, more than 767$"):
        to_grayscale(body, Limits(max_pixels=767))


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_as_many_bytes_as_allowed_are_converted(kind: str) -> None:
    body = encoded(photo(), kind)
    to_grayscale(body, Limits(max_bytes=len(body)))
    with pytest.raises(SourceRejected, match=f"^{len(body)} bytes, more than {len(body) - 1}$"):
        to_grayscale(body, Limits(max_bytes=len(body) - 1))


@pytest.mark.parametrize("kind", ANIMATED)
def test_as_many_frames_as_allowed_are_converted(kind: str) -> None:
    body = animated(kind)
    to_grayscale(body, Limits(max_frames=3))
    with pytest.raises(SourceRejected, match=r"^3 frames, more than 2$"):
        to_grayscale(body, Limits(max_frames=2))


@pytest.mark.parametrize("kind", ANIMATED)
def test_the_pixels_of_all_frames_count_together(kind: str) -> None:
    body = animated(kind)
    to_grayscale(body, Limits(max_pixels=3 * 768))
    with pytest.raises(SourceRejected, match=r"^3 frames have \d+ pixels, more than 768$"):
        to_grayscale(body, Limits(max_pixels=768))


# --- whatever comes ----------------------------------------------------------------------------------------

LITTLE = (8, 6)
SMALL = {
    **{kind: encoded(photo(size=LITTLE), kind) for kind in MEDIA_TYPES},
    "PNG with alpha": encoded(photo("RGBA", LITTLE), "PNG"),
    "palette PNG": encoded(photo(size=LITTLE).quantize(8), "PNG", transparency=3),
    "GIF with a palette": encoded(photo(size=LITTLE).quantize(8), "GIF"),
    "gray JPEG": encoded(photo("L", LITTLE), "JPEG"),
    "progressive JPEG": encoded(photo(size=LITTLE), "JPEG", progressive=True),
    "JPEG with EXIF": encoded(photo(size=LITTLE), "JPEG", exif=exif_with(ORIENTATION, 6)),
    "lossless WebP": encoded(photo("RGBA", LITTLE), "WEBP", lossless=True),
    "compressed TIFF": encoded(photo(size=LITTLE), "TIFF", compression="tiff_lzw"),
    **{
        f"{kind} with two frames": encoded(
            photo(size=LITTLE), kind, save_all=True, append_images=[photo(size=LITTLE).rotate(90)]
        )
        for kind in ANIMATED
    },
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, on broken metadata
@pytest.mark.parametrize("kind", SMALL)
def test_an_image_cut_anywhere_is_converted_or_rejected(kind: str) -> None:
    """Any other error would be taken for one that may pass, and leave an old output in place."""
    body = SMALL[kind]
    for length in range(len(body)):
        with suppress(SourceRejected):
            to_grayscale(body[:length])
