"""A batch of changes as one file, whose name and bytes come from the changes alone.

So a batch that comes again makes the same file again, and a batch that comes in other pieces makes other files.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from changefeed.change import LONGEST_SEQUENCE_NUMBER, Change

CHANGES: Final = "changes/"  # what names of such files begin with
UNREADABLE: Final = "unreadable/"
_DIGEST: Final = 12  # hex digits, of files that begin with the same record


@dataclass(frozen=True, slots=True)
class FeedFile:
    """An object of the feed's bucket."""

    name: str
    body: bytes


def file_of(changes: Sequence[Change]) -> FeedFile:
    """Newline-delimited JSON, gzip. Names sort by the time of their first change, then by its place in the stream.

    One change or more, in the order of the stream.
    """
    lines = b"".join(map(line_of, changes))
    first = changes[0]
    hour = datetime.fromtimestamp(first.created_at, UTC)
    place = _padded(first.sequence_number)
    name = f"{CHANGES}{hour:%Y/%m/%d/%H/%Y%m%dT%H%M%SZ}-{place}-{_digest(lines)}.ndjson.gz"
    return FeedFile(name, gzip.compress(lines, mtime=0))


def line_of(change: Change) -> bytes:
    """The change as a line."""
    return _json(
        {
            "key": change.key,
            "watermark": change.watermark,
            "sequence_number": change.sequence_number,
            "change": change.change,
        }
    )


def unreadable_file(record: Mapping[str, Any], why: str) -> FeedFile:
    """A record that is no change, whole, for people to look at."""
    text = _json({"why": why, "record": record})
    sequence_number = str((record.get("dynamodb") or {}).get("SequenceNumber", ""))
    place = f"{_padded(sequence_number)}-" if sequence_number.isdecimal() else ""
    return FeedFile(f"{UNREADABLE}{place}{_digest(text)}.json", text)


def _padded(sequence_number: str) -> str:
    """So that as text it sorts as the number does."""
    return sequence_number.zfill(LONGEST_SEQUENCE_NUMBER)


def _json(what: Mapping[str, Any]) -> bytes:
    return json.dumps(what, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:_DIGEST]
