"""Every image of Pillow's own tests, converted: the gray one shows what Pillow shows, or there is a reason why not."""

from __future__ import annotations

import math
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from PIL import Image, ImageChops, ImageStat

from objectlock.errors import SourceRejected
from objectlock.images import to_grayscale
from objectlock.images.formats import format_of
from tests.corpus import shown
from tests.corpus.expected import NOT_READ_BY_PILLOW, OTHERWISE, REJECTED
from tests.corpus.fetch import IMAGES
from tests.corpus.shown import Shown

ORIENTATION: Final = 0x0112
GIGABYTE: Final = 1 << 30
# In decibel. What is gray rounds otherwise than colours, where frames are composed or alpha is divided out: by a level.
LOSSY, COMPOSED, ROUNDED = 38.0, 48.0, 48.0

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore"),  # Pillow warns of much in these files
]


if not IMAGES.exists():
    pytest.fail("the test images are not here yet: make corpus", pytrace=False)


@cache
def formats() -> dict[str, str]:
    """Of each file its format; "" is none of those that are converted."""
    found = {}
    for path in sorted(each for each in IMAGES.rglob("*") if each.is_file()):
        try:
            found[path.relative_to(IMAGES).as_posix()] = format_of(path.read_bytes()[:1024])
        except SourceRejected:
            found[path.relative_to(IMAGES).as_posix()] = ""
    return found


SUPPORTED: Final = [name for name, kind in formats().items() if kind]
OTHERS: Final = [name for name, kind in formats().items() if not kind]


@pytest.mark.parametrize("name", [name for name in SUPPORTED if name not in REJECTED])
def test_is_converted_to_what_pillow_shows(name: str) -> None:
    before = (IMAGES / name).read_bytes()
    after = converted(before)
    assert format_of(after) == format_of(before), "another format"
    if name in NOT_READ_BY_PILLOW | OTHERWISE and not is_read_by_pillow(after):
        assert converted(after) == after
        return
    check_file(before, after)
    ours = list(shown.frames(after))
    for number, frame in enumerate(ours):
        assert frame.colour <= (1 if format_of(before) == "WebP" else 0), f"frame {number}: not gray"
    if name not in NOT_READ_BY_PILLOW | OTHERWISE:
        check_frames(ours, list(shown.frames(before)), before)
        assert shown.loops(after) == shown.loops(before), "loops"
        check_sixteen_bits(before, after)
    is_encoded_anew = format_of(after) == "WebP" and shown.is_lossy(after)
    for number, (once, twice) in enumerate(zip(ours, shown.frames(converted(after)), strict=True)):
        check_luma(once, twice, math.inf if not is_encoded_anew else LOSSY, f"frame {number}, converted again")


@pytest.mark.parametrize("name", REJECTED)
def test_is_rejected_for_a_reason(name: str) -> None:
    with pytest.raises(SourceRejected, match=re.escape(REJECTED[name][0])):
        converted((IMAGES / name).read_bytes())


@pytest.mark.parametrize("name", OTHERS)
def test_other_formats_are_rejected(name: str) -> None:
    with pytest.raises(SourceRejected, match=r"unsupported format|not an image in a supported format"):
        converted((IMAGES / name).read_bytes())


@pytest.mark.parametrize("name", NOT_READ_BY_PILLOW)
def test_is_still_not_read_by_pillow(name: str) -> None:
    assert not is_read_by_pillow((IMAGES / name).read_bytes())


def test_all_formats_are_there() -> None:
    assert {kind for kind in formats().values() if kind} == {"BMP", "GIF", "JPEG", "PNG", "TIFF", "WebP"}
    assert len(SUPPORTED) > 600
    assert (REJECTED.keys() | NOT_READ_BY_PILLOW.keys() | OTHERWISE.keys()) <= formats().keys()


def converted(body: bytes) -> bytes:
    with no_more_memory_than(GIGABYTE):
        return to_grayscale(body).body


@contextmanager
def no_more_memory_than(size: int) -> Iterator[None]:
    before, most = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, most))


def check_file(before: bytes, after: bytes) -> None:
    kind = format_of(before)
    if kind in {"JPEG", "GIF"}:
        assert len(after) <= 1.05 * len(before), "larger"
    assert shown.opened(after).info.get("icc_profile", b"")[16:20] in {b"", b"GRAY"}
    assert shown.exif_tags(after) <= {ORIENTATION}


def check_frames(ours: list[Shown], theirs: list[Shown], before: bytes) -> None:
    assert len(ours) == len(theirs), "frames"
    has_alpha = any(frame.alpha.getextrema() != (255, 255) for frame in theirs)
    is_composed = {"PNG": len(theirs) > 1, "WebP": len(theirs) > 1, "TIFF": has_alpha}.get(format_of(before), False)
    quality = LOSSY if shown.is_lossy(before) else COMPOSED if is_composed else math.inf
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        where = f"frame {number}"
        assert mine.luma.size == other.luma.size, f"{where}: size"
        assert len(ours) == 1 or mine.duration == other.duration, f"{where}: duration"
        assert mine.alpha.tobytes() == other.alpha.tobytes(), f"{where}: alpha"
        check_luma(mine, other, quality, where)


def check_luma(ours: Shown, theirs: Shown, quality: float, where: str) -> None:
    """As far as it can be seen. The quality is a signal to noise ratio in decibel, infinite for no difference."""
    if ours.luma.mode == theirs.luma.mode == "I;16":
        assert ours.luma.tobytes() == theirs.luma.tobytes(), f"{where}: luma"
        return
    mine = high_bytes(ours.luma)
    visible = theirs.alpha.point([0] + [255] * 255)
    noise = ImageStat.Stat(ImageChops.multiply(ImageChops.difference(mine, theirs.luma), visible)).rms[0]
    ratio = 20 * math.log10(255 / noise) if noise else math.inf
    assert ratio >= (quality if mine is ours.luma else ROUNDED), f"{where}: luma, {ratio:.1f} dB"


def high_bytes(image: Image.Image) -> Image.Image:
    """Pillow opens 16-bit colours as the more significant halves of them."""
    return Image.frombytes("L", image.size, image.tobytes()[1::2]) if image.mode == "I;16" else image


def is_read_by_pillow(body: bytes) -> bool:
    try:
        list(shown.frames(body))
    except Exception:  # noqa: BLE001 - whatever its decoders stumble over
        return False
    return True


def check_sixteen_bits(before: bytes, after: bytes) -> None:
    assert shown.bits(after) >= (16 if shown.bits(before) == 16 else 1), "fewer bits"
    if format_of(before) == "PNG":
        assert shown.sixteen_bits(after) == shown.sixteen_bits(before), "16-bit samples"
