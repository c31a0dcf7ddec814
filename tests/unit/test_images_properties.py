"""What holds for images that nobody thought of."""

import io
import itertools
import struct
import zlib
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, ImageSequence

from objectlock.errors import SourceRejected
from objectlock.images import Limits, to_grayscale
from tests.unit.pictures import alpha, decoded, difference, encoded, is_gray, photo

KINDS = ["BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP"]
ANIMATED = ["GIF", "PNG", "TIFF", "WEBP"]
MODES = {
    "BMP": ["1", "L", "P", "RGB"],
    "GIF": ["1", "L", "P", "RGB"],
    "JPEG": ["L", "RGB", "CMYK"],
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    "TIFF": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"],
    "WEBP": ["RGB", "RGBA"],
}
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "BMP": [{}],
    "GIF": [{}, {"interlace": 0}],
    "JPEG": [{}, {"quality": 20}, {"quality": 98, "subsampling": 0}, {"progressive": True}, {"optimize": True}],
    "PNG": [{}, {"optimize": True}],
    "TIFF": [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}, {"compression": "packbits"}],
    "WEBP": [{"lossless": True}, {"quality": 60}, {"quality": 100}],
}
SECRET = "somebody's name"

quick = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)


class Sample(NamedTuple):
    """An encoded image; Pillow's name of its format, and whether encoding changes pixels."""

    kind: str
    body: bytes
    is_lossy: bool

    @property
    def levels(self) -> int:
        """How much a pixel may differ once it has been decoded and encoded again."""
        return 4 if self.is_lossy else 0


def is_lossy(kind: str, options: dict[str, Any]) -> bool:
    return kind == "JPEG" or (kind == "WEBP" and not options.get("lossless"))


sizes = st.tuples(st.integers(1, 24), st.integers(1, 24))


@st.composite
def pictures(draw: st.DrawFn, modes: st.SearchStrategy[str], size: tuple[int, int]) -> Image.Image:
    """Noise of few pixels, stretched: smooth in some, coarse in others."""
    mode = draw(modes)
    small = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    data = draw(st.binary(min_size=4 * small[0] * small[1], max_size=4 * small[0] * small[1]))
    image = Image.frombytes("RGBA", small, data)
    smooth = draw(st.booleans())
    image = image.resize(size, Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST)
    if mode == "I;16":
        return Image.frombytes("I;16", size, image.convert("LA").tobytes())
    return image.convert(mode) if mode in {"RGBA", "LA"} else image.convert("RGB").convert(mode)


@st.composite
def images(draw: st.DrawFn, kinds: list[str] = KINDS) -> Sample:
    kind = draw(st.sampled_from(kinds))
    options = draw(st.sampled_from(OPTIONS[kind]))
    image = draw(pictures(st.sampled_from(MODES[kind]), draw(sizes)))
    if kind in {"PNG", "GIF"} and image.mode == "P" and draw(st.booleans()):
        options = options | {"transparency": draw(st.integers(0, 255))}
    if kind in {"JPEG", "PNG", "TIFF", "WEBP"}:
        exif = Image.Exif()
        exif[0x010F] = SECRET
        exif[0x0112] = draw(st.integers(1, 8))
        options = options | {"exif": exif}
    return Sample(kind, encoded(image, kind, **options), is_lossy(kind, options))


@st.composite
def animations(draw: st.DrawFn) -> Sample:
    kind = draw(st.sampled_from(ANIMATED))
    options = draw(st.sampled_from(OPTIONS[kind]))
    size = draw(st.tuples(st.integers(2, 16), st.integers(2, 16)))
    mode = st.just(draw(st.sampled_from(["RGB", "RGBA"])))
    frames = draw(st.lists(pictures(mode, size), min_size=2, max_size=4, unique_by=lambda image: image.tobytes()))
    if kind != "TIFF":
        durations = draw(st.lists(st.integers(1, 300), min_size=len(frames), max_size=len(frames)))
        options = options | {"duration": [10 * each for each in durations], "loop": draw(st.integers(0, 9))}
    body = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    return Sample(kind, body, is_lossy(kind, options))


def upright(image: Image.Image) -> Image.Image:
    turned = ImageOps.exif_transpose(image)
    turned.format = image.format
    return turned


def without_palette(image: Image.Image) -> Image.Image:
    return image.convert("RGBA") if image.mode == "P" else image


def frames_of(body: bytes) -> list[tuple[object, Image.Image]]:
    """Each with how long it is shown."""
    found = []
    for frame in ImageSequence.Iterator(Image.open(io.BytesIO(body))):
        frame.load()
        found.append((frame.info.get("duration"), frame.copy()))
    return found


def gray(body: bytes) -> bytes:
    return to_grayscale(body).body


@quick
@given(images())
def test_the_counterpart_is_gray_and_of_the_same_format_and_size(sample: Sample) -> None:
    before, after = decoded(sample.body), decoded(gray(sample.body))
    assert after.format == sample.kind
    assert is_gray(after)
    assert upright(after).size == upright(before).size


@quick
@given(images([kind for kind in KINDS if kind != "JPEG"]))
def test_the_luma_is_that_of_the_source(sample: Sample) -> None:
    """JPEG has tests of its own: of what is encoded once more, noise may lose more than a photo."""
    before, after = upright(decoded(sample.body)), upright(decoded(gray(sample.body)))
    if before.mode != "I;16":
        assert difference(without_palette(before), without_palette(after)) <= (24 if sample.is_lossy else 0)


@quick
@given(images())
def test_alpha_is_that_of_the_source(sample: Sample) -> None:
    before, after = upright(decoded(sample.body)), upright(decoded(gray(sample.body)))
    if before.mode != "I;16":
        assert alpha(after) == alpha(before)


@quick
@given(images())
def test_a_second_conversion_changes_nothing(sample: Sample) -> None:
    once = gray(sample.body)
    one, other = decoded(once), decoded(gray(once))
    assert (one.mode, one.size, one.getexif()) == (other.mode, other.size, other.getexif())
    if sample.kind == "WEBP" and sample.is_lossy:
        assert difference(one, other) <= sample.levels
    else:
        assert one.tobytes() == other.tobytes()


@settings(quick, max_examples=30)
@given(images(["JPEG", "PNG", "TIFF", "WEBP"]))
def test_nothing_is_said_about_the_counterpart(sample: Sample) -> None:
    result = gray(sample.body)
    assert SECRET.encode() in sample.body
    assert SECRET.encode() not in result
    assert not {"icc_profile", "comment", "xmp"} & decoded(result).info.keys()


@quick
@given(animations())
def test_an_animation_keeps_its_frames_and_their_times(sample: Sample) -> None:
    before, after = frames_of(sample.body), frames_of(gray(sample.body))
    assert [duration for duration, _ in after] == [duration for duration, _ in before]
    for (_, one), (_, other) in zip(before, after, strict=True):
        assert one.size == other.size
        assert difference(one.convert("RGB"), other.convert("RGB")) <= (24 if sample.is_lossy else 0)
        assert alpha(one) == alpha(other)


@st.composite
def deep(draw: st.DrawFn) -> tuple[list[tuple[int, ...]], int, bytes]:
    """The samples of a PNG with 16 bits a channel, how many make a pixel, and the file."""
    width, height = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    bands = draw(st.sampled_from([3, 4]))
    pixel = st.tuples(*[st.integers(0, 65535)] * bands)
    pixels = draw(st.lists(pixel, min_size=width * height, max_size=width * height))
    rows = [pixels[at : at + width] for at in range(0, len(pixels), width)]
    data = b"".join(b"\0" + struct.pack(f">{width * bands}H", *itertools.chain(*row)) for row in rows)
    return pixels, bands, png(struct.pack(">IIBBBBB", width, height, 16, 2 if bands == 3 else 6, 0, 0, 0), data)


def png(header: bytes, data: bytes) -> bytes:
    out = b"\x89PNG\r\n\x1a\n"
    for name, content in ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")):
        out += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return out


@settings(quick, max_examples=40)
@given(deep())
def test_sixteen_bits_are_added_up_without_losing_one(image: tuple[list[tuple[int, ...]], int, bytes]) -> None:
    """Pillow reads 16 bits of gray, but halves them of gray with alpha: there it shows the high bytes."""
    pixels, bands, body = image
    luma = [(19595 * red + 38470 * green + 7471 * blue + 32768) >> 16 for red, green, blue, *_ in pixels]
    result = decoded(gray(body))
    if bands == 3:
        assert result.mode == "I;16"
        assert struct.unpack(f"<{len(pixels)}H", result.tobytes()) == tuple(luma)
    else:
        assert result.getchannel(0).tobytes() == bytes(level >> 8 for level in luma)
        assert alpha(result) == bytes(pixel[3] >> 8 for pixel in pixels)


SIZE = (8, 6)
SMALL = [
    *[encoded(photo(size=SIZE), kind) for kind in KINDS],
    *[encoded(photo(size=SIZE), kind, save_all=True, append_images=[photo(size=SIZE).rotate(90)]) for kind in ANIMATED],
    encoded(photo("RGBA", SIZE), "PNG"),
    encoded(photo("L", SIZE), "PNG"),
    encoded(photo(size=SIZE).quantize(8), "PNG", transparency=3),
    encoded(photo(size=SIZE).quantize(8), "GIF", transparency=3),
    encoded(photo("L", SIZE), "JPEG"),
    encoded(photo(size=SIZE), "JPEG", progressive=True),
    encoded(photo("CMYK", SIZE), "JPEG"),
    encoded(photo("RGBA", SIZE), "WEBP", lossless=True),
    encoded(photo("RGBA", SIZE), "TIFF", compression="tiff_lzw"),
    encoded(photo("1", SIZE), "TIFF", compression="group4"),
]


def with_right_checksums(body: bytes) -> bytes:
    """A PNG's; or else most of what is broken would end there."""
    out, at = bytearray(body), 8
    while body.startswith(b"\x89PNG") and at + 12 <= len(out):
        (length,) = struct.unpack_from(">I", out, at)
        if at + 12 + length <= len(out):
            struct.pack_into(">I", out, at + 8 + length, zlib.crc32(out[at + 4 : at + 8 + length]))
        at += 12 + length
    return bytes(out)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    body = bytearray(draw(st.sampled_from(SMALL)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(body) - 1)))
        change = draw(st.sampled_from(["set", "set", "set", "insert", "delete", "cut"]))
        if change == "set":
            body[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif change == "insert":
            body[at:at] = draw(st.binary(max_size=4))
        elif change == "delete":
            del body[at : at + draw(st.integers(1, 9))]
        else:
            del body[max(at, len(body) // 2) :]
    return with_right_checksums(bytes(body)) if draw(st.booleans()) else bytes(body)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, on broken metadata
@settings(quick, max_examples=500)
@given(broken())
def test_whatever_is_broken_an_image_is_converted_or_rejected(body: bytes) -> None:
    """And what is converted is an image.

    But not a GIF, whose pixels are copied and may be as broken as they were; nor an animated WebP, whose canvas may be
    of any size.
    """
    with suppress(SourceRejected):
        result = to_grayscale(body, Limits(max_pixels=10_000)).body  # a broken size costs this test no gigabytes
        if not result.startswith(b"GIF") and b"ANMF" not in result:
            decoded(result)
