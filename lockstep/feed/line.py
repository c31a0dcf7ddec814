"""A line of a feed: one change, and the watermark that says which of two changes of a key is later."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

Watermark = tuple[int | str, ...]


class UnreadableLine(ValueError):
    """It is no line of a feed; says why."""


class Incomparable(ValueError):
    """Two watermarks of which none is later: of other lengths, or with a number where the other has text."""


@dataclass(frozen=True)
class Line:
    """One change.

    Attributes:
        key: of the object, or of whatever the feed is about.
        watermark: compared element by element; a higher one is later, an equal one is the same change again.
        sequence_number: of the stream's record, decimal.
        change: what has become of it.
    """

    key: str
    watermark: Watermark
    sequence_number: str
    change: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As it is in a file."""
        return {
            "key": self.key,
            "watermark": list(self.watermark),
            "sequence_number": self.sequence_number,
            "change": self.change,
        }


def parse(line: bytes) -> Line:
    """The change that a line tells of. Raises: UnreadableLine."""
    try:
        found = json.loads(line.decode(), parse_constant=_refuse, parse_float=_finite)
        if b"\\u" in line:  # half a letter, as "\ud800", is no text: neither a file nor a database takes it
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        msg = f"is no JSON: {error}"
        raise UnreadableLine(msg) from None
    if not isinstance(found, dict):
        raise UnreadableLine("is no JSON object")
    return Line(
        key=_of(found, "key", str),
        watermark=as_watermark(found.get("watermark")),
        sequence_number=_of(found, "sequence_number", str),
        change=_of(found, "change", dict),
    )


def as_watermark(found: object) -> Watermark:
    """What JSON's list says. Raises: UnreadableLine."""
    if not isinstance(found, list) or not found or not all(type(each) in {int, str} for each in found):
        raise UnreadableLine('has no "watermark", a list of whole numbers and texts')
    return tuple(found)


def is_later(watermark: Watermark, than: Watermark) -> bool:
    """Whether a change comes after another one of its key. Raises: Incomparable."""
    if list(map(type, watermark)) != list(map(type, than)):
        msg = f"watermark {list(watermark)} cannot be compared with {list(than)}"
        raise Incomparable(msg)
    return watermark > than


def _of(found: Mapping[str, Any], name: str, kind: type) -> Any:  # noqa: ANN401  # of that kind
    if not isinstance(found.get(name), kind):
        msg = f"has no {name!r}, or another kind of it"
        raise UnreadableLine(msg)
    return found[name]


def _finite(number: str) -> float:
    found = float(number)
    return _refuse(number) if math.isinf(found) else found


def _refuse(constant: str) -> NoReturn:
    msg = f"{constant} is no number"
    raise ValueError(msg)
