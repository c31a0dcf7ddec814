"""A process that loads a feed again and again, and is killed each time a little later.

    python -m tests.unit.feed_killed sqlite|directory FILES.json DIRECTORY

Prints, for each kill, what a new process has made of what the killed one left.
"""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import sys
from contextlib import AbstractContextManager, closing
from itertools import count
from pathlib import Path
from typing import Any, Final

from changefeed.file import FeedFile
from lockstep.feed.database import sqlite_catalogue
from lockstep.feed.directory import directory_catalogue
from lockstep.feed.loading import Catalogue, load
from tests.unit.feed_account import Files

Latest = dict[str, tuple[list[int | str], dict[str, Any]]]

_KILLED: Final = 9
_EFFECTS: Final = {"execute", "executemany", "replace", "unlink", "mkdir", "open", "write", "close", "connect"}


def in_sqlite(file: Path) -> Latest:
    """Watermark and change of each key."""
    with closing(sqlite3.connect(file)) as database:
        if not database.execute("SELECT 1 FROM sqlite_schema").fetchone():
            return {}
        rows = database.execute("SELECT key, watermark, change FROM latest").fetchall()
    return {key: (json.loads(watermark), json.loads(change)) for key, watermark, change in rows}


def in_directory(path: Path) -> Latest:
    """Watermark and change of each key."""
    found = [json.loads(each.read_text(encoding="utf-8")) for each in path.glob("*.json")]
    return {each["key"]: (each["watermark"], each["change"]) for each in found}


def _catalogue(kind: str, place: Path) -> AbstractContextManager[Catalogue]:
    return sqlite_catalogue(place, "feed") if kind == "sqlite" else directory_catalogue(place, "feed")


def _load(kind: str, place: Path, files: Files) -> None:
    with _catalogue(kind, place) as catalogue:
        load(files, catalogue)


def _killed_at(number: int, kind: str, place: Path, files: Files) -> bool:
    """Whether the load was killed at that effect, counted from 0; otherwise it was done."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) in {0, _KILLED}
        return os.waitstatus_to_exitcode(status) == _KILLED
    effects = count()

    def profile(_frame: object, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ in _EFFECTS and next(effects) == number:
            os._exit(_KILLED)

    sys.setprofile(profile)
    _load(kind, place, files)
    os._exit(0)


def main(kind: str, files: str, directory: str) -> None:
    bodies = json.loads(Path(files).read_text(encoding="utf-8")).items()
    feed = Files(*(FeedFile(name, gzip.compress(text.encode())) for name, text in bodies))
    found = []
    for number in count():
        place = Path(directory) / f"{kind}-{number}"
        was_killed = _killed_at(number, kind, place, feed)
        _load(kind, place, feed)
        found.append(in_sqlite(place) if kind == "sqlite" else in_directory(place))
        if not was_killed:
            break
    print(json.dumps(found))  # noqa: T201  # to the test


if __name__ == "__main__":
    main(*sys.argv[1:])
