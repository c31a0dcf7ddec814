"""A catalogue in a directory: a JSON file for each key."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lockstep.errors import UserError
from lockstep.feed.database import Progress, is_blank, progress_file
from lockstep.feed.line import Line, UnreadableLine, Watermark, parse

STATE: Final = "lockstep-feed.sqlite"
_NEW: Final = "lockstep-feed.new"  # one file for all, so that there is never more than one left over
_OURS: Final = frozenset({STATE, f"{STATE}-journal", f"{STATE}-wal", f"{STATE}-shm", _NEW})


@dataclass(frozen=True)
class DirectoryCatalogue:
    """A file for each key, named by a digest of it, so that neither case nor length nor signs of a key matter.

    A file holds a line of the feed. It is replaced at once: whoever reads it finds the old or the new one.
    """

    path: Path
    progress: Progress

    def start_after(self) -> str:
        return self.progress.start_after()

    def has_loaded(self, name: str) -> bool:
        return self.progress.has_loaded(name)

    def transaction(self) -> AbstractContextManager[None]:
        return self.progress.transaction()

    def watermark(self, key: str) -> Watermark | None:
        file = self.file(key)
        try:
            with told(file):
                return parse(file.read_bytes()).watermark if file.exists() else None
        except UnreadableLine as error:
            msg = f"{file}: {error}: load into a new directory"
            raise UserError(msg) from None

    def keep(self, name: str, changes: Collection[Line]) -> None:
        for each in changes:
            self._replace(each)
        self.progress.note(name)

    def listed(self, start_after: str) -> None:
        self.progress.listed(start_after)

    def file(self, key: str) -> Path:
        """Where its change is kept."""
        return self.path / f"{hashlib.sha256(key.encode()).hexdigest()}.json"

    def _replace(self, line: Line) -> None:
        new = self.path / _NEW
        with told(new):
            text = json.dumps(line.as_json(), ensure_ascii=False, separators=(",", ":"))
            new.write_text(f"{text}\n", encoding="utf-8")
            new.replace(self.file(line.key))


@contextmanager
def directory_catalogue(path: Path, feed: str) -> Iterator[DirectoryCatalogue]:
    """The catalogue in a directory, made if there is none. It is of one feed alone, and of one process at a time.

    Raises: UserError when something else is in the directory, or it cannot be written, or somebody else works in it.
    """
    with told():
        if not path.is_dir():
            path.mkdir()
        _refuse_others(path)
    with progress_file(path / STATE, feed) as progress:
        with told():
            (path / _NEW).unlink(missing_ok=True)
        yield DirectoryCatalogue(path, progress)


@contextmanager
def told(of: Path | None = None) -> Iterator[None]:
    """What the file system refuses is the user's to put right. It does not tell of which file, once that is open.

    Raises: UserError.
    """
    try:
        yield
    except OSError as error:
        msg = f"{error.filename or of}: {error.strerror}"
        raise UserError(msg) from error


def _refuse_others(path: Path) -> None:
    """Raise UserError if there is something in it that a load did not make."""
    state = path / STATE
    others = sorted(each.name for each in path.iterdir() if each.name not in _OURS)
    try:
        is_ours = not others or (state.exists() and not is_blank(state))
    except sqlite3.Error:  # the state says by itself what is wrong with it
        return
    if not is_ours:
        msg = f"{path} is not empty, and no catalogue of a feed (there is {others[0]!r}): name a new directory"
        raise UserError(msg)
