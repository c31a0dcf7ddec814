"""GIF to gray GIF: the colour tables are rewritten, and not a pixel is touched (GIF89a specification, CompuServe 1990).

So everything else about an animation stays what it is: frames, times, loops, disposal, transparency, interlacing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from PIL import Image

from objectlock.images.limits import Limits
from objectlock.images.pixels import gray_colours
from objectlock.images.reading import broken, reading, unsupported

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_COMMENT, _APPLICATION = 0xFE, 0xFF
_LOOPS: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0")  # other applications' blocks are XMP, colour profiles and the like
_HAS_TABLE, _IS_INTERLACED = 0x80, 0x40
_MAX_BLOCKS: Final = 100_000  # each takes a microsecond and some hundred bytes, whatever it holds
_LONGEST_CODE: Final = 12  # bits
_MANY_COLOURS: Final = 7  # bits of a pixel
_MANY_PIXELS: Final = 1_000_000


class Part(NamedTuple):
    """A stretch of the file that is kept: body[start:end]."""

    start: int
    end: int
    is_table: bool = False


class Frame(NamedTuple):
    """An image: its data is body[start:end], in blocks of up to 255 bytes, the last of which begins at `last`."""

    width: int
    height: int
    is_interlaced: bool
    bits: int
    start: int
    last: int
    end: int


def convert(body: bytes, limits: Limits) -> bytes:
    """Raises: SourceRejected."""
    with reading("GIF"):
        canvas = _size(body, 6)
        parts, frames = _parse(body, limits)
    limits.check_frames([canvas])
    limits.check_frames([(frame.width, frame.height) for frame in frames])
    is_large = sum(frame.width * frame.height for frame in frames) > _MANY_PIXELS
    with reading("GIF"):
        for frame in frames:
            looks_whole = frame.bits >= _MANY_COLOURS and _ends_with_its_end_code(body, frame)
            if not (is_large and looks_whole):
                _decode(body, frame)
    view = memoryview(body)
    return b"".join(
        gray_colours(body[part.start : part.end]) if part.is_table else view[part.start : part.end] for part in parts
    )


def _parse(body: bytes, limits: Limits) -> tuple[list[Part], list[Frame]]:
    """What is kept, in order, and the images among it."""
    parts = _with_table(body, Part(0, 13))
    frames: list[Frame] = []
    at = parts[-1].end
    for _ in range(_MAX_BLOCKS):
        start, introducer = at, body[at]
        if introducer == _TRAILER:
            break
        if introducer == _EXTENSION:
            _, at = _data_blocks(body, start + 2)
            if _is_kept(body, start):
                parts.append(Part(start, at))
        elif introducer == _IMAGE:
            parts += _with_table(body, Part(start, start + 10))
            data = parts[-1].end
            last, at = _data_blocks(body, data + 1)
            parts.append(Part(data, at))
            is_interlaced = bool(body[start + 9] & _IS_INTERLACED)
            limits.check_count(len(frames) + 1)
            frames.append(Frame(*_size(body, start + 5), is_interlaced, body[data], data + 1, last, at))
        else:
            raise broken("GIF", f"no block begins with {introducer}")
    else:
        raise unsupported("GIF", f"more than {_MAX_BLOCKS} blocks")
    if not frames:
        raise broken("GIF", "no image in it")
    return [*parts, Part(at, at + 1)], frames


def _with_table(body: bytes, descriptor: Part) -> list[Part]:
    """A descriptor of the screen or of an image, and the colour table that may follow it."""
    flags = body[10] if descriptor.start == 0 else body[descriptor.end - 1]
    if not flags & _HAS_TABLE:
        return [descriptor]
    end = descriptor.end + 3 * (2 << (flags & 7))
    return [descriptor, Part(descriptor.end, end, is_table=True)]


def _data_blocks(body: bytes, at: int) -> tuple[int, int]:
    """Where the last of these blocks begins, and where the empty one after it ends."""
    last = at
    while length := body[at]:
        last = at
        at += 1 + length
    return last, at + 1


def _size(body: bytes, at: int) -> tuple[int, int]:
    width, height = (int.from_bytes(body[n : n + 2], "little") for n in (at, at + 2))
    if not (width and height):
        raise broken("GIF", "an image without a size")
    return width, height


def _is_kept(body: bytes, start: int) -> bool:
    label = body[start + 1]
    return label != _COMMENT and (label != _APPLICATION or body[start + 3 : start + 14] in _LOOPS)


def _ends_with_its_end_code(body: bytes, frame: Frame) -> bool:
    """Whether the data is as long as it was meant to be, by its last bits: decoding it takes thirty times as long.

    From the end: fewer than eight bits to fill the last byte; the end code, 1, zeros, 1, which begins with zeros if
    the codes have grown longer. With many colours hardly any other bits look like it.
    """
    data = body[frame.last + 1 : frame.end - 1]
    if len(data) < 4:
        data = body[max(frame.start, frame.last - 3) : frame.last] + data  # of the block before
    tail = int.from_bytes(data[-4:], "little")
    zeros = 8 * len(data[-4:]) - tail.bit_length()
    code = frame.bits + 1  # bits
    return zeros < 8 + _LONGEST_CODE - code and tail >> (tail.bit_length() - code) == 1 << frame.bits | 1


def _decode(body: bytes, frame: Frame) -> None:
    """See that the pixels are all there."""
    size = (frame.width, frame.height)
    Image.frombytes("P", size, body[frame.start : frame.end], "gif", frame.bits, frame.is_interlaced, -1)
