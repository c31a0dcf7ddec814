"""Those who read a feed: the real loader with its real catalogues, what may happen to a load, and the real tail."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from changefeed.file import CHANGES
from lockstep.feed.database import SqliteCatalogue, sqlite_catalogue
from lockstep.feed.directory import DirectoryCatalogue, directory_catalogue
from lockstep.feed.line import Line, Watermark, as_watermark, parse
from lockstep.feed.loading import Catalogue, FeedFiles, Loaded, load
from lockstep.feed.lookback import Lookback
from lockstep.feed.s3 import Listed
from lockstep.feed.tailing import Tail

FEED: Final = "modelled"
State = dict[str, tuple[Watermark, Mapping[str, Any]]]  # watermark and change of each key


class ReaderKilled(BaseException):
    """The process that loads is no more."""


@dataclass
class Patience:
    """How many calls a reader makes before it is killed; any number, where there is none.

    Attributes:
        calls: that were made.
    """

    limit: int | None = None
    calls: int = 0

    def step(self) -> None:
        if self.calls == self.limit:
            raise ReaderKilled
        self.calls += 1


@dataclass(frozen=True)
class Files:
    """A `FeedFiles`: a listing and the files in it.

    Attributes:
        order: what makes of the names, which are in order, the order in which they come; it may leave some out.
    """

    objects: Mapping[str, bytes]
    order: Callable[[list[str]], list[str]] = list
    patience: Patience = field(default_factory=Patience)

    def names(self, start_after: str) -> Iterator[str]:
        for name in self.order(sorted(name for name in self.objects if name > start_after)):
            self.patience.step()
            yield name

    def body(self, name: str) -> bytes:
        self.patience.step()
        return self.objects[name]


@dataclass(frozen=True)
class _Counted(Collection[Line]):
    """Changes of which each that is taken is a step."""

    lines: Collection[Line]
    patience: Patience

    def __iter__(self) -> Iterator[Line]:
        for line in self.lines:
            self.patience.step()
            yield line
        self.patience.step()

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, line: object) -> bool:
        return line in self.lines


@dataclass(frozen=True)
class Impatient:
    """A `Catalogue` whose process may be killed before any call, between two changes, and before a transaction ends."""

    inner: Catalogue
    patience: Patience

    def start_after(self) -> str:
        self.patience.step()
        return self.inner.start_after()

    def has_loaded(self, name: str) -> bool:
        self.patience.step()
        return self.inner.has_loaded(name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.patience.step()
        with self.inner.transaction():
            yield
            self.patience.step()
        self.patience.step()

    def watermark(self, key: str) -> Watermark | None:
        self.patience.step()
        return self.inner.watermark(key)

    def keep(self, name: str, changes: Collection[Line]) -> None:
        self.inner.keep(name, _Counted(changes, self.patience))

    def listed(self, start_after: str) -> None:
        self.patience.step()
        self.inner.listed(start_after)


class Place(Protocol):
    """Where a catalogue is kept while no process has it open."""

    def opened(self) -> AbstractContextManager[Catalogue]: ...

    def state(self) -> State:
        """What is in it."""
        ...


@dataclass(frozen=True)
class InDatabase:
    """A SQLite file."""

    path: Path

    def opened(self) -> AbstractContextManager[SqliteCatalogue]:
        return sqlite_catalogue(self.path, FEED)

    def state(self) -> State:
        with self.opened() as catalogue:
            rows = catalogue.database.execute("SELECT key, watermark, change FROM latest")
            return {key: (as_watermark(json.loads(mark)), json.loads(change)) for key, mark, change in rows}


@dataclass(frozen=True)
class InDirectory:
    """A directory with a file for each key."""

    path: Path

    def opened(self) -> AbstractContextManager[DirectoryCatalogue]:
        return directory_catalogue(self.path, FEED)

    def state(self) -> State:
        files = self.path.glob("*.json") if self.path.exists() else ()
        lines = [parse(each.read_bytes()) for each in files]
        return {line.key: (line.watermark, line.change) for line in lines}


class Follower:
    """Somebody with `lockstep feed tail`, from the beginning on.

    Attributes:
        state: of each key, what was told last.
    """

    prefix = CHANGES

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.state: State = {}
        self._now_ms = now_ms
        self._objects: Mapping[str, bytes] = {}
        self._put_at: Mapping[str, int] = {}
        self._tail = Tail(self, since=self._now(), now=self._now, lookback=lookback(now_ms))

    def poll(self, objects: Mapping[str, bytes], put_at: Mapping[str, int]) -> None:
        """Hear what has come, or later on where it is late. Raises: AssertionError where a key goes back."""
        self._objects, self._put_at = objects, put_at
        for line in self._tail.poll():
            told = self.state.get(line.key)
            assert told is None or line.watermark > told[0], f"told {line} after {told}"
            self.state[line.key] = (line.watermark, line.change)

    def listed(self, start_after: str) -> Iterator[Listed]:
        for name in sorted(name for name in self._objects if name > start_after):
            yield Listed(name, _utc(self._put_at[name]))

    def body(self, name: str) -> bytes:
        return self._objects[name]

    def _now(self) -> datetime:
        return _utc(self._now_ms())


def lookback(now_ms: Callable[[], int]) -> Lookback:
    """As those who follow a feed have it, by a clock of the world's."""
    return Lookback(lambda: now_ms() / 1000)


def _utc(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def read(
    files: Mapping[str, bytes],
    into: Place,
    *,
    now_ms: int,
    order: Callable[[list[str]], list[str]] = list,
    calls: int | None = None,
    start_after: str = "",
) -> Loaded | None:
    """Load files in a process of its own, as it were, which is killed after so many calls; None where it was."""
    patience = Patience(calls)
    listing: FeedFiles = Files(files, order, patience)
    try:
        with into.opened() as catalogue:
            return load(listing, Impatient(catalogue, patience), now=lambda: _utc(now_ms), start_after=start_after)
    except ReaderKilled:
        return None
