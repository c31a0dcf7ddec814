"""A file of a feed: its lines, and what its name tells."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Final

from lockstep.errors import UserError
from lockstep.feed.line import Line, UnreadableLine, parse

_NAME: Final = re.compile(r"(?P<prefix>.*)\d{4}/\d\d/\d\d/\d\d/(?P<time>\d{8}T\d{6}Z)-\d{40}-[0-9a-f]{12}\.ndjson\.gz")
_TIME: Final = "%Y%m%dT%H%M%SZ"

# A file is named by the time of its first change, and comes at most 24 hours after it: so long a stream keeps a record
# (DynamoDB Developer Guide, "Change data capture for DynamoDB Streams"). One more hour, as clocks differ.
LATEST: Final = timedelta(hours=25)


class UnreadableFile(UserError):
    """It is no file of a feed, or not all of it is; says which file, and where in it."""


def lines(name: str, body: bytes) -> Iterator[tuple[int, Line]]:
    """Its changes in the order of the stream, each with the number of its line. Raises: UnreadableFile."""
    for number, each in enumerate(_text(name, body).removesuffix(b"\n").split(b"\n"), 1):
        try:
            yield number, parse(each)
        except UnreadableLine as error:
            msg = f"{name}, line {number}: {error}"
            raise UnreadableFile(msg) from None


def is_file(name: str) -> bool:
    """Whether files of a feed are named so."""
    try:
        parts(name)
    except UnreadableFile:
        return False
    return True


def time_of(name: str) -> datetime:
    """When its first change was made; a file that is named so comes no later than LATEST after it.

    Raises: UnreadableFile when no file of a feed is named so.
    """
    return parts(name)[1]


def names_since(name: str, latest: datetime) -> str:
    """After which name to look for files that were not there at a time, in the feed of the file named.

    It is safe for a clock that is ahead: the time of a file that is there is past, too.

    Raises: UnreadableFile when no file of a feed is named so.
    """
    prefix, time = parts(name)
    return first_name(prefix, min(time, latest) - LATEST)


def first_name(prefix: str, time: datetime) -> str:
    """All files whose first change was made at that time or later are named after this."""
    return f"{prefix}{time:%Y/%m/%d/%H}/{time:{_TIME}}"


def parts(name: str) -> tuple[str, datetime]:
    """What a name begins with before its time, and the time. Raises: UnreadableFile."""
    found = _NAME.fullmatch(name)
    try:
        if found is not None:
            return found["prefix"], datetime.strptime(found["time"], _TIME).replace(tzinfo=UTC)
    except ValueError:  # no such day
        pass
    msg = f"no file of a feed is named like {name!r}"
    raise UnreadableFile(msg)


def _text(name: str, body: bytes) -> bytes:
    try:
        with gzip.open(BytesIO(body)) as file:
            text = file.read()
    except (EOFError, OSError, zlib.error) as error:
        msg = f"{name}: is no gzip file, or not the whole of one: {error}"
        raise UnreadableFile(msg) from None
    if not text.endswith(b"\n"):
        msg = f"{name}: does not end with a whole line"
        raise UnreadableFile(msg)
    return text
