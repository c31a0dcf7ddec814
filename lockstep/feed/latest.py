"""Which of two changes of a key counts."""

from __future__ import annotations

from lockstep.feed.file import UnreadableFile
from lockstep.feed.line import Incomparable, Line, Watermark, is_later


def is_news(line: Line, known: Watermark | None, where: str) -> bool:
    """Whether a change is later than the one on record, if there is any. Raises: UnreadableFile, saying where."""
    try:
        return known is None or is_later(line.watermark, known)
    except Incomparable as error:
        msg = f"{where}: key {line.key!r}: {error}"
        raise UnreadableFile(msg) from None
