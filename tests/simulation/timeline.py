"""A schedule for people to read: numbered, with the time, who did what, and what that changed on record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from objectlock.attempts import OutputObject
from objectlock.conditions import Item
from objectlock.ports import SourceObject
from objectlock.record import EXPIRES_AT, OBJECT_ID, RECORD_VERSION, Outcome
from tests.memory import etag
from tests.simulation.lambdas import EXECUTIONS, Call, Heard, to_grayscale
from tests.simulation.settings import NO_IMAGE, PUTS
from tests.simulation.user import picture
from tests.simulation.world import EPOCH_MS, TIME

_CALLS: Final = {
    ("locks", "apply"): "UpdateItem",
    ("locks", "get"): "GetItem",
    ("source", "tag"): "HEAD input",
    ("source", "read"): "GET input",
    ("output", "look"): "HEAD output",
    ("output", "shows"): "HEAD output",
    ("output", "write"): "PUT output",
    ("output", "put"): "PUT output",
    ("output", "delete"): "DELETE output",
    ("output", "remove"): "DELETE output",
    ("clock", "sleep"): "sleeps",
}
_LOOKS: Final = frozenset({"tag", "read", "look"})  # that there is nothing is what they have found
_NOT_TOLD: Final = frozenset({OBJECT_ID, EXPIRES_AT, RECORD_VERSION})
_ETAG: Final = re.compile(r"\b[0-9a-f]{32}\b")


class Timeline:
    """Hears what happens, and remembers it in words."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, now: int, who: str, what: str) -> None:
        what = what.replace(EXECUTIONS, "")
        what = TIME.sub(lambda found: f"{(int(found[0]) - EPOCH_MS) / 1000:.3f} s", what)
        what = _ETAG.sub(lambda found: _pictures().get(found[0], found[0]), what)
        self.lines.append(f"{len(self.lines) + 1:4}  {(now - EPOCH_MS) / 1000:8.3f} s  {who:12}  {what}")

    def __str__(self) -> str:
        return "\n".join(self.lines)


def call_in_words(call: Call, before: Item, heard: Heard | None) -> str:
    """What a Lambda asked of AWS, and what it heard; None is that it was killed."""
    name = _CALLS[call.port, call.method]
    if call.method in {"write", "delete"}:
        name += f" if it is {call.named['replaces'] or 'absent'}"
    if heard == ("value", None) and call.method not in _LOOKS:
        return f"{name}: done"
    return f"{name}: {'killed' if heard is None else _answer(before, *heard)}"


def _answer(before: Item, kind: str, content: Any) -> str:
    match content:
        case _ if kind == "error":
            return f"{type(content).__name__}"
        case Outcome(accepted=True, item=after):
            return _changes(before, after)
        case Outcome(item=found):
            return f"refused, there is {_fields(found) or 'nothing'}"
        case SourceObject(tag=tag) | OutputObject(etag=tag):
            return tag
        case None:
            return "nothing"
        case _:
            return str(content)


def _changes(before: Item, after: Item) -> str:
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    gone = [f"no {name}" for name in before if name not in after]
    return ", ".join([*([_fields(changed)] if _fields(changed) else []), *gone]) or "as it was"


def _fields(item: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in item.items() if name not in _NOT_TOLD)


@cache
def _pictures() -> dict[str, str]:
    """What the ETags are of."""
    colour = {etag(picture(letter)): f"photo {letter}" for letter in (*PUTS, NO_IMAGE)}
    return colour | {etag(to_grayscale(picture(letter)).body): f"gray {letter}" for letter in PUTS}
