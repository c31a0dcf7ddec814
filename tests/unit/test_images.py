import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms

from objectlock import images
from objectlock.errors import SourceRejected
from objectlock.images import to_grayscale

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
SIZE = (32, 24)


def photo(mode: str = "RGB") -> Image.Image:
    """Colourful, smooth, and different in every corner; with alpha, it fades out to the right."""
    ramp = Image.linear_gradient("L").resize(SIZE)
    bands = [ramp, ramp.transpose(Image.Transpose.ROTATE_90).resize(SIZE), Image.new("L", SIZE, 128)]
    image = Image.merge("RGB", bands)
    if mode.endswith("A"):
        image.putalpha(ramp.transpose(Image.Transpose.ROTATE_90).resize(SIZE))
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decoded(body: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(body))
    image.load()
    return image


def gray(body: bytes) -> Image.Image:
    """The counterpart of `body`, decoded."""
    return decoded(to_grayscale(body).body)


def alpha(image: Image.Image) -> bytes:
    return image.convert("RGBA").getchannel("A").tobytes()


def difference(one: Image.Image, other: Image.Image) -> int:
    """The largest between two pixels' brightness."""
    return max(ImageChops.difference(one.convert("L"), other.convert("L")).tobytes())


def is_gray(image: Image.Image) -> bool:
    """Lossy WebP has no gray mode: it keeps colour differences of zero, which its decoder rounds to one at most."""
    red, green, blue = image.convert("RGB").split()
    return max(difference(red, green), difference(red, blue)) <= (1 if image.format == "WEBP" else 0)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *, bits: int = 8, colour: int = 2, pixels: bytes = b"") -> bytes:
    """What Pillow cannot write: 16 bits a channel, and sizes that are only claimed."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            png_chunk(b"IDAT", zlib.compress(pixels)),
            png_chunk(b"IEND", b""),
        )
    )


def tiff(tags: dict[int, int | bytes], pixels: bytes) -> bytes:
    """An uncompressed TIFF of one strip; a bytes value is an array of SHORTs, kept before the pixels."""
    arrays = b"".join(value for value in tags.values() if isinstance(value, bytes))
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    tags = {**tags, 273: start + len(arrays), 279: len(pixels)}
    entries = b""
    for tag, value in sorted(tags.items()):
        if isinstance(value, bytes):
            entries += struct.pack("<HHII", tag, 3, len(value) // 2, start)
            start += len(value)
        else:
            entries += struct.pack("<HHII", tag, 4, 1, value)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + arrays + pixels


def bmp_with_alpha() -> bytes:
    """Two red pixels, one half transparent; the masks of a V4 header say where the alpha is."""
    pixels = bytes([0, 0, 255, 128, 0, 0, 255, 255])
    header = struct.pack("<IiiHHIIiiII", 108, 2, 1, 1, 32, 3, len(pixels), 2835, 2835, 0, 0)
    header += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    offset = 14 + len(header)
    return b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset) + header + pixels


ON_ITS_SIDE = struct.pack("<HHI4s", 0x0112, 3, 1, b"\6")


def jpeg_with_exif(*entries: bytes) -> bytes:
    """A JPEG whose EXIF has these entries of 12 bytes."""
    ifd = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", 0)
    return encoded(photo(), "JPEG", exif=b"Exif\0\0II*\0" + struct.pack("<I", 8) + ifd)


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


def test_the_weights_are_those_of_bt_601() -> None:
    """0.299 R + 0.587 G + 0.114 B: a plain average would be 85 for all three."""
    primaries = Image.new("RGB", (3, 1))
    primaries.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255)])
    assert gray(encoded(primaries, "PNG")).tobytes() == bytes([76, 150, 29])


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "1"])
def test_every_kind_of_png_comes_out_gray(mode: str) -> None:
    body = encoded(photo(mode), "PNG")
    result = gray(body)
    assert is_gray(result)
    assert result.size == SIZE
    assert difference(result, decoded(body)) == 0


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_every_common_kind_of_tiff_comes_out_gray(compression: str) -> None:
    """Nothing is lost, not even to JPEG a second time."""
    body = encoded(photo(), "TIFF", compression=compression)
    result = gray(body)
    assert (result.format, result.mode) == ("TIFF", "L")
    assert difference(result, decoded(body)) == 0


@pytest.mark.parametrize("compression", ["group3", "group4"])
def test_a_scanned_page_is_an_image(compression: str) -> None:
    """TIFF's fax compressions take black and white only; the gray counterpart needs another one."""
    body = encoded(photo("1"), "TIFF", compression=compression)
    assert difference(gray(body), decoded(body)) == 0


def test_cmyk_is_not_inverted() -> None:
    """Adobe stores it upside down: white paper must not come out black."""
    page = Image.new("CMYK", (32, 16), (0, 0, 0, 0))
    page.paste((0, 0, 0, 255), (16, 0, 32, 16))
    result = gray(encoded(page, "JPEG"))
    assert result.mode == "L"
    assert result.getpixel((4, 8)) == 255
    assert result.getpixel((28, 8)) == 0


def test_an_mpo_comes_out_as_the_photo_it_starts_with() -> None:
    """Many phones write these, with a second picture for 3D or HDR; any viewer shows the first."""
    body = encoded(photo(), "MPO", save_all=True, append_images=[Image.new("RGB", SIZE)])
    picture = to_grayscale(body)
    result = decoded(picture.body)
    assert (result.format, result.mode, picture.content_type) == ("JPEG", "L", "image/jpeg")
    assert difference(result, photo()) <= 12


@pytest.mark.parametrize("quality", [30, 95])
def test_a_jpeg_keeps_its_quality(quality: int) -> None:
    """The very table its brightness came with; a fixed quality would blow up the one and spoil the other."""
    body = encoded(photo(), "JPEG", quality=quality, progressive=True)
    assert gray(body).quantization == {0: decoded(body).quantization[0]}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(encoded(photo("RGBA"), "PNG"), id="PNG"),
        pytest.param(encoded(photo("LA"), "PNG"), id="gray PNG"),
        pytest.param(encoded(photo("RGBA"), "WEBP", lossless=True), id="WebP"),
        pytest.param(encoded(photo("RGBA"), "TIFF"), id="TIFF"),
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


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_a_photo_stays_upright(kind: str, orientation: int) -> None:
    """Its EXIF is dropped, so what it said about orientation is done."""
    how = STORED[orientation]
    stored = photo() if how is None else photo().transpose(how)
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = gray(encoded(stored, kind, exif=exif))
    assert result.size == SIZE
    assert result.getexif().get(0x0112, 1) == 1
    assert difference(result, photo()) <= (16 if kind in LOSSY else 0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_no_exif_is_left(kind: str) -> None:
    """It may hold a colour thumbnail, and describes another file."""
    exif = Image.Exif()
    exif[0x010F] = "a camera maker"
    body = encoded(photo(), kind, exif=exif)
    assert b"a camera maker" in body
    assert b"a camera maker" not in to_grayscale(body).body


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_no_colour_profile_is_left(kind: str) -> None:
    """An RGB profile on a gray image is an error; strict readers refuse the file."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    body = encoded(photo(), kind, icc_profile=profile)
    assert "icc_profile" in decoded(body).info
    assert "icc_profile" not in gray(body).info


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(struct.pack("<HHI4s", 0x011A, 2, 4, b"abc"), id="resolution is text"),
        pytest.param(struct.pack("<HHI4s", 0x0128, 2, 2, b"a"), id="unit is text"),
        pytest.param(struct.pack("<HHI4s", 0x0100, 2, 2, b"7"), id="width is text"),
    ],
)
def test_odd_exif_does_not_keep_a_photo_from_being_converted(entry: bytes) -> None:
    """It is dropped anyway. Cameras and editors write all kinds of it, and viewers do not mind."""
    assert gray(jpeg_with_exif(ON_ITS_SIDE, entry)).size == SIZE[::-1]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_that_is_none_does_not_keep_a_photo_from_being_converted(kind: str) -> None:
    assert gray(encoded(photo(), kind, exif=b"Exif\0\0not what it says")).size == SIZE


def test_an_orientation_that_is_none_is_ignored() -> None:
    assert gray(jpeg_with_exif(struct.pack("<HHI4s", 0x0112, 2, 2, b"6"))).size == SIZE


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
        pytest.param(b"Dear diary", id="text"),
        pytest.param(b"\x89PNG\r\n\x1a\n", id="a PNG's first bytes"),
        pytest.param(b"%PDF-1.7\n", id="PDF"),
        pytest.param(encoded(photo(), "ICO"), id="a format that is not supported"),
    ],
)
def test_what_is_no_image_is_rejected(body: bytes) -> None:
    """And the formats that are supported are named."""
    with pytest.raises(SourceRejected, match=r"^not an image in a supported format .*JPEG.*PNG"):
        to_grayscale(body)


@pytest.mark.parametrize("kind", ["GIF", "JPEG", "PNG", "TIFF", "WEBP"])
def test_half_an_image_is_rejected(kind: str) -> None:
    """An upload that broke off must not come out as a picture with a gray bar."""
    body = encoded(photo().resize((320, 240)), kind)
    with pytest.raises(SourceRejected, match=r"^(truncated or corrupt|not an image)"):
        to_grayscale(body[: len(body) // 2])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param("PNG", png(2, 1, bits=16, colour=0, pixels=bytes(5)), id="gray PNG"),
        pytest.param("PNG", png(2, 1, bits=16, colour=2, pixels=bytes(13)), id="RGB PNG"),
        pytest.param("PNG", png(2, 1, bits=16, colour=4, pixels=bytes(9)), id="gray PNG with alpha"),
        pytest.param("PNG", png(2, 1, bits=16, colour=6, pixels=bytes(17)), id="RGB PNG with alpha"),
        pytest.param("TIFF", encoded(Image.new("I;16", SIZE, 40_000), "TIFF"), id="gray TIFF"),
        pytest.param(
            "TIFF",
            tiff(
                {256: 2, 257: 1, 258: struct.pack("<3H", 16, 16, 16), 259: 1, 262: 2, 277: 3, 278: 1},
                struct.pack("<6H", *range(40_000, 40_006)),
            ),
            id="RGB TIFF",
        ),
    ],
)
def test_sixteen_bits_are_rejected_rather_than_halved(kind: str, body: bytes) -> None:
    with pytest.raises(SourceRejected, match=f"^unsupported: {kind} with 16 bits a channel$"):
        to_grayscale(body)


def test_floating_point_is_rejected_rather_than_clipped() -> None:
    """Elevations and measurements: eight bits would make most of them all black or all white."""
    with pytest.raises(SourceRejected, match=r"^unsupported: TIFF"):
        to_grayscale(encoded(Image.new("F", SIZE, 0.5), "TIFF"))


def test_transparency_that_cannot_be_kept_is_rejected_rather_than_dropped() -> None:
    """Pillow reads the alpha of a BMP but cannot write it; the file is not "corrupt"."""
    with pytest.raises(SourceRejected, match=r"^unsupported: BMP"):
        to_grayscale(bmp_with_alpha())


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
def test_several_frames_are_rejected_rather_than_dropped(kind: str) -> None:
    frames = encoded(photo(), kind, save_all=True, append_images=[Image.new("RGB", SIZE), photo().rotate(180)])
    with pytest.raises(SourceRejected, match=f"^unsupported: {kind} with 3 frames$"):
        to_grayscale(frames)


@pytest.mark.parametrize(("width", "height"), [(20_000, 20_000), (10_001, 10_000)])
def test_too_many_pixels_are_rejected_by_the_header_alone(width: int, height: int) -> None:
    """A file of a few bytes can claim gigabytes. This one has no pixels: decoding it would say "truncated"."""
    with pytest.raises(SourceRejected, match=rf"^{width}x{height} is {width * height} pixels, more than"):
        to_grayscale(png(width, height))


def test_as_many_pixels_as_allowed_are_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", SIZE[0] * SIZE[1])
    assert gray(encoded(photo(), "PNG")).size == SIZE
    monkeypatch.setattr(images, "MAX_PIXELS", SIZE[0] * SIZE[1] - 1)
    with pytest.raises(SourceRejected, match=r"^32x24 is 768 pixels, more than 767$"):
        to_grayscale(encoded(photo(), "PNG"))


def test_a_webp_may_have_fewer_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its decoder takes thrice the memory of any other; the function would be killed, and nobody told why."""
    monkeypatch.setattr(images, "MAX_WEBP_PIXELS", SIZE[0] * SIZE[1] - 1)
    assert gray(encoded(photo(), "PNG")).size == SIZE
    with pytest.raises(SourceRejected, match=r"^32x24 is 768 pixels, more than 767$"):
        to_grayscale(encoded(photo(), "WEBP"))


def test_a_page_without_a_size_is_rejected() -> None:
    with pytest.raises(SourceRejected):
        to_grayscale(tiff({258: 8, 259: 1, 262: 1, 277: 1}, bytes(4)))


def test_a_second_page_without_a_size_is_rejected() -> None:
    body = bytearray(encoded(photo(), "TIFF"))
    (directory,) = struct.unpack_from("<I", body, 4)
    (entries,) = struct.unpack_from("<H", body, directory)
    struct.pack_into("<I", body, directory + 2 + 12 * entries, len(body))  # where the next page begins
    with pytest.raises(SourceRejected):
        to_grayscale(bytes(body) + bytes(6))  # a directory of no entries, and no page after it


# --- whatever comes ----------------------------------------------------------------------------------------

SMALL = {
    **{kind: encoded(photo().resize((8, 6)), kind) for kind in MEDIA_TYPES},
    "PNG with alpha": encoded(photo("RGBA").resize((8, 6)), "PNG"),
    "palette PNG": encoded(photo().resize((8, 6)).quantize(8), "PNG", transparency=3),
    "GIF with a palette": encoded(photo().resize((8, 6)).quantize(8), "GIF"),
    "JPEG with EXIF": jpeg_with_exif(ON_ITS_SIDE),
    "GIF with two frames": encoded(photo().resize((8, 6)), "GIF", save_all=True, append_images=[photo().rotate(9)]),
    "compressed TIFF": encoded(photo().resize((8, 6)), "TIFF", compression="tiff_lzw"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, on broken metadata
@pytest.mark.parametrize("kind", SMALL)
def test_an_image_cut_anywhere_is_converted_or_rejected(kind: str) -> None:
    """Any other error would be taken for one that may pass, and leave an old output in place."""
    body = SMALL[kind]
    for length in range(len(body)):
        with suppress(SourceRejected):
            to_grayscale(body[:length])


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    body=st.sampled_from(list(SMALL.values())),
    places=st.lists(st.tuples(st.integers(min_value=0), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_an_image_with_broken_bytes_is_converted_or_rejected(body: bytes, places: list[tuple[int, int]]) -> None:
    broken = bytearray(body)
    for place, value in places:
        broken[place % len(broken)] = value
    with pytest.MonkeyPatch.context() as patch, suppress(SourceRejected):
        patch.setattr(images, "MAX_PIXELS", 10_000)  # a broken size costs this test no gigabytes
        to_grayscale(bytes(broken))
