"""Loading a feed: whatever the files' order, and however often one comes, the latest change of each key is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from lockstep.feed.file import is_file, lines, names_since
from lockstep.feed.latest import is_news
from lockstep.feed.line import Line, Watermark


class FeedFiles(Protocol):
    """Where the files of a feed are."""

    def names(self, start_after: str) -> Iterator[str]:
        """All names after this one, in their order; those that come while it is listed may be missing."""

    def body(self, name: str) -> bytes:
        """What is in a file."""


class Catalogue(Protocol):
    """The latest change of each key, and which files it is made of.

    A process may be killed at any point of it, and a new one goes on.
    """

    def start_after(self) -> str:
        """After which name there may be files that were not loaded; empty for all."""

    def has_loaded(self, name: str) -> bool:
        """Whether a file was loaded. It may be forgotten for names that `start_after` leaves out."""

    def transaction(self) -> AbstractContextManager[None]:
        """Nobody else changes it meanwhile. What is raised in the block undoes what was kept in it."""

    def watermark(self, key: str) -> Watermark | None:
        """Of the change on record; None where there is none."""

    def keep(self, name: str, changes: Collection[Line]) -> None:
        """Put these on record, at most one of a key, and then, not before, that the file was loaded."""

    def listed(self, start_after: str) -> None:
        """All files named up to this are loaded, and no more will come; with an empty name, begin again."""


@dataclass
class Loaded:
    """What was loaded.

    Attributes:
        files: how many were read.
        known: how many had been loaded before.
        applied: changes that are later than what was on record.
        dropped: changes that are not: late, or told of again.
        name: of the file that was read last; empty before the first.
        newest: name of the newest file that was listed, read or known.
        strays: objects that are no files of a feed, by their names; they were left alone.
    """

    files: int = 0
    known: int = 0
    applied: int = 0
    dropped: int = 0
    name: str = ""
    newest: str = ""
    strays: set[str] = field(default_factory=set)


Fetch = Callable[[str], tuple[str, bytes]]
Fetching = Callable[[Fetch, Iterable[str]], Iterator[tuple[str, bytes]]]


def load(  # noqa: PLR0913  # all but the first two are named, and have defaults
    files: FeedFiles,
    into: Catalogue,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    fetching: Fetching = map,
    loaded: Loaded | None = None,
    start_after: str = "",
) -> Loaded:
    """Load the files that were not loaded before, in the order of their names.

    It may be broken off at any point, and repeated at any time; the result is the same.

    Args:
        files: the feed.
        into: where the latest changes are kept.
        now: the time. A clock that is wrong costs no change, unless it is ahead by an hour while a listing takes one.
        fetching: `map`, or something faster that keeps the order.
        loaded: counts, up to date all the time.
        start_after: look only after this name, between two looks at all that may have come.

    Raises: UnreadableFile; nothing of that file is loaded then, and what was loaded before it stays.
    """
    loaded = Loaded() if loaded is None else loaded
    begun = now()

    def new() -> Iterator[str]:
        for name in files.names(max(into.start_after(), start_after)):
            if not is_file(name):
                loaded.strays.add(name)
                continue
            loaded.newest = max(loaded.newest, name)
            if into.has_loaded(name):
                loaded.known += 1
            else:
                yield name

    for name, body in fetching(lambda name: (name, files.body(name)), new()):
        _load(name, lines(name, body), into, loaded)
    if loaded.newest and not start_after:
        into.listed(max(into.start_after(), names_since(loaded.newest, begun)))
    return loaded


def _load(name: str, changes: Iterable[tuple[int, Line]], into: Catalogue, loaded: Loaded) -> None:
    latest: dict[str, Line] = {}
    applied = dropped = 0
    with into.transaction():
        if into.has_loaded(name):  # by somebody else, just now
            loaded.known += 1
            return
        for number, line in changes:
            known = latest[line.key].watermark if line.key in latest else into.watermark(line.key)
            if is_news(line, known, f"{name}, line {number}"):
                latest[line.key] = line
                applied += 1
            else:
                dropped += 1
        into.keep(name, latest.values())
    loaded.files += 1
    loaded.applied += applied
    loaded.dropped += dropped
    loaded.name = name
