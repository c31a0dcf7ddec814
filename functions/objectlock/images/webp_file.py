"""The chunks of a WebP file (WebP Image Format, RFC 9649), animated or not."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from objectlock.images.reading import broken

LOSSY: Final = b"VP8 "
LOSSLESS: Final = b"VP8L"

# Flags of VP8X; those for an ICC profile and for XMP are not here, since neither is kept.
ANIMATION: Final = 0x02
EXIF: Final = 0x08
ALPHA: Final = 0x10

_FRAME_HEADER: Final = 16
_MAX_CANVAS: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Bitstream:
    """A picture, compressed.

    Attributes:
        kind: LOSSY or LOSSLESS.
        alpha: of a lossy one, the data of its ALPH chunk; a lossless one has its alpha among its colours.
    """

    kind: bytes
    data: bytes | memoryview
    alpha: bytes | memoryview = b""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, as its header claims.

        Raises: SourceRejected.
        """
        if self.kind == LOSSY:  # RFC 6386, 9.1
            tag, start, width, height = struct.unpack_from("<B2x3sHH", self.data)
            size = (width & 0x3FFF, height & 0x3FFF)
            is_known = not tag & 1 and start == b"\x9d\x01\x2a" and 0 not in size
        else:  # RFC 9649, 3.4
            signature, bits = struct.unpack_from("<BI", self.data)
            size = (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
            is_known = signature == 0x2F and bits >> 29 == 0
        if not is_known:
            raise broken("WebP", "a header that makes no sense")
        return size

    @property
    def has_alpha(self) -> bool:
        return bool(self.alpha) if self.kind == LOSSY else bool(self.data[4] & 0x10)


@dataclass(slots=True)
class Frame:
    """One picture: a whole one, or the part of an animation's canvas that changes.

    Attributes:
        header: of ANMF: position, size, duration, how it is blended and disposed of; None for a still image.
    """

    picture: Bitstream
    header: bytes | None = None


@dataclass(slots=True)
class WebpFile:
    """What of a WebP file has to do with its pixels.

    Attributes:
        animation: of ANIM: the background colour (blue, green, red, alpha) and how often it plays; None for a still
            image.
        exif: as the file has it; empty where the file says that it has none.
    """

    width: int
    height: int
    animation: bytes | None = None
    exif: bytes = b""
    frames: list[Frame] = field(default_factory=list)


def parse(body: bytes) -> WebpFile:
    """The file, its pixels not yet looked at.

    Raises: SourceRejected if it is cut short, or its chunks make no sense; struct.error for a chunk too small.
    """
    (length,) = struct.unpack_from("<I", body, 4)
    if length > len(body) - 8:
        raise broken("WebP", f"{len(body)} bytes of {length + 8}")
    content = memoryview(body)[12 : 8 + length]
    kind, data = next(_chunks(content), (b"", content))
    if kind != b"VP8X":
        picture = _picture(content)
        return WebpFile(*picture.size, frames=[Frame(picture)])
    flags, width, height = struct.unpack_from("<B3x3s3s", data)
    file = WebpFile(1 + int.from_bytes(width, "little"), 1 + int.from_bytes(height, "little"))
    if file.width * file.height > _MAX_CANVAS:
        raise broken("WebP", "a header that makes no sense")
    if flags & EXIF:
        file.exif = next((bytes(data) for kind, data in _chunks(content) if kind == b"EXIF"), b"")
    if flags & ANIMATION:
        _parse_animation(file, content)
    else:
        file.frames.append(Frame(_picture(content)))
        if file.frames[0].picture.size != (file.width, file.height):
            raise broken("WebP", "an image that is not as large as its canvas")
    return file


def _chunks(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Of a file or of a frame. The byte that pads the last one may be missing, as libwebp has it."""
    at = 0
    while at < len(content):
        kind, length = struct.unpack_from("<4sI", content, at)
        data = content[at + 8 : at + 8 + length]
        if len(data) < length:
            raise broken("WebP", f"{len(data)} bytes of {length} in a chunk")
        yield kind, data
        at += 8 + length + length % 2


def _picture(content: memoryview) -> Bitstream:
    alpha = memoryview(b"")
    for kind, data in _chunks(content):
        if kind == b"ALPH":
            alpha = data
        elif kind == LOSSY:
            return Bitstream(kind, data, alpha)
        elif kind == LOSSLESS:
            return Bitstream(kind, data)
    raise broken("WebP", "no pixels")


def _parse_animation(file: WebpFile, content: memoryview) -> None:
    for kind, data in _chunks(content):
        if kind == b"ANIM":
            file.animation = bytes(data[:6])
        elif kind == b"ANMF":
            file.frames.append(_frame(file, data))
    if not file.frames or len(file.animation or b"") < 6:
        raise broken("WebP", "an animation without frames")


def _frame(file: WebpFile, data: memoryview) -> Frame:
    frame = Frame(_picture(data[_FRAME_HEADER:]), bytes(data[:_FRAME_HEADER]))
    x, y, width, height = (int.from_bytes(data[at : at + 3], "little") for at in range(0, 12, 3))
    width, height = width + 1, height + 1
    if frame.picture.size != (width, height) or 2 * x + width > file.width or 2 * y + height > file.height:
        raise broken("WebP", "a frame outside of its canvas")
    return frame


def encode(file: WebpFile) -> bytes:
    """The file, as bytes: in the simple layout if nothing else is needed."""
    flags = EXIF if file.exif else 0
    flags |= ANIMATION if file.animation is not None else 0
    flags |= ALPHA if any(frame.picture.has_alpha for frame in file.frames) else 0
    chunks = []
    if flags and (flags != ALPHA or file.frames[0].picture.kind == LOSSY):
        canvas = (side - 1 for side in (file.width, file.height))
        chunks.append(_chunk(b"VP8X", struct.pack("<I", flags), *(side.to_bytes(3, "little") for side in canvas)))
    if file.animation is not None:
        chunks.append(_chunk(b"ANIM", file.animation))
    for frame in file.frames:
        picture = _encode_picture(frame.picture)
        chunks.append(picture if frame.header is None else _chunk(b"ANMF", frame.header, picture))
    if file.exif:
        chunks.append(_chunk(b"EXIF", file.exif))
    return _chunk(b"RIFF", b"WEBP", *chunks)


def _encode_picture(picture: Bitstream) -> bytes:
    alpha = _chunk(b"ALPH", picture.alpha) if picture.alpha else b""
    return alpha + _chunk(picture.kind, picture.data)


def _chunk(kind: bytes, *data: bytes | memoryview) -> bytes:
    length = sum(map(len, data))
    return b"".join((kind, struct.pack("<I", length), *data, b"\0" * (length % 2)))
