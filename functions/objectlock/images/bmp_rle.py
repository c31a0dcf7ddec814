"""Run-length encoded bitmaps (Microsoft, "Bitmap Compression"): where their pixels end."""

from __future__ import annotations

from typing import Final

from objectlock.images.bmp_file import RLE4, Header
from objectlock.images.reading import broken

_END_OF_ROW, _END, _SKIP = 0, 1, 2
_LOOK_AT: Final = 4096


def end_of_pixels(body: bytes, header: Header) -> int:
    """Where they end, by a mark or because all rows are there.

    Raises: SourceRejected if they do not.
    """
    at, x, row = header.pixels_at, 0, 0
    while row < header.height:
        runs_end = _end_of_runs(body, at)
        x += sum(body[at:runs_end:2])
        at = runs_end + 2
        if at > len(body):
            break
        code = body[runs_end + 1]
        if code == _END:
            return at
        if code == _END_OF_ROW:
            x, row = 0, row + 1
        elif code == _SKIP:
            right, up = body[at : at + 2].ljust(2, b"\0")
            x, row, at = x + right, row + up, at + 2
        else:
            size = (code + 1) // 2 if header.compression == RLE4 else code
            if at + size > len(body):
                break
            x, at = x + code, at + size + size % 2
    if row >= header.height:
        return at
    if row == header.height - 1 and x >= header.width:
        return len(body)
    raise broken("BMP", "pixels are missing")


def _end_of_runs(body: bytes, at: int) -> int:
    """Of pairs of bytes, how often and what, up to a zero that says that something else follows."""
    while at < len(body):
        found = body[at : at + _LOOK_AT : 2].find(0)
        if found >= 0:
            return at + 2 * found
        at += _LOOK_AT
    return len(body)
