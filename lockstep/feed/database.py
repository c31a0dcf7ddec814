"""A catalogue in a SQLite file, and how far a load has come."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from lockstep.errors import UserError
from lockstep.feed.line import Line, Watermark, as_watermark

_FORM: Final = 1  # of the tables; in the file's user_version
_BUSY_SECONDS: Final = 60

_PROGRESS: Final = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE loaded (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_CATALOGUE: Final = """
CREATE TABLE latest (key TEXT PRIMARY KEY, watermark TEXT NOT NULL, change TEXT NOT NULL);
CREATE VIEW outputs AS  -- of the feed of a Lockstep stack: what is in its output bucket
SELECT
    json_extract(change, '$.object') AS object,
    json_extract(change, '$.output_etag') AS etag,
    json_extract(change, '$.source_etag') AS source_etag,
    json_extract(change, '$.source_version_id') AS source_version_id,
    json_extract(change, '$.fencing_token') AS fencing_token,
    json_extract(change, '$.time') AS time,
    json_extract(change, '$.execution') AS execution,
    json_extract(change, '$.bucket') AS input_bucket
FROM latest
WHERE json_extract(change, '$.operation') = 'PUT';
"""


class _Kind(NamedTuple):
    """What a file is for, as its application_id says."""

    number: int
    tables: str


@dataclass(frozen=True)
class Progress:
    """Which files of which feed were loaded; all of it is in a database, that may hold more."""

    database: sqlite3.Connection
    feed: str

    def start_after(self) -> str:
        found = self.database.execute("SELECT value FROM settings WHERE name = 'start after'").fetchone()
        return str(found[0]) if found else ""

    def has_loaded(self, name: str) -> bool:
        return self.database.execute("SELECT 1 FROM loaded WHERE name = ?", (name,)).fetchone() is not None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.database.execute("COMMIT")
        except BaseException:
            if self.database.in_transaction:  # some errors end it by themselves
                self.database.execute("ROLLBACK")
            raise

    def note(self, name: str) -> None:
        """A file was loaded; with the first one, the catalogue is of this feed. Raises: UserError if of another."""
        self.database.execute("INSERT OR IGNORE INTO settings VALUES ('feed', ?)", (self.feed,))
        _refuse_another(self.database, self.feed, "the catalogue")
        self.database.execute("INSERT INTO loaded VALUES (?)", (name,))

    def listed(self, start_after: str) -> None:
        with self.transaction():
            self.database.execute("INSERT OR REPLACE INTO settings VALUES ('start after', ?)", (start_after,))
            self.database.execute("DELETE FROM loaded WHERE name <= ?", (start_after,))


@dataclass(frozen=True)
class SqliteCatalogue(Progress):
    """A catalogue in a SQLite file: one transaction for each file of the feed.

    Several loads into it at a time are safe: what one has loaded, the other drops.
    """

    def watermark(self, key: str) -> Watermark | None:
        found = self.database.execute("SELECT watermark FROM latest WHERE key = ?", (key,)).fetchone()
        return as_watermark(json.loads(found[0])) if found else None

    def keep(self, name: str, changes: Collection[Line]) -> None:
        self.database.executemany(
            "INSERT OR REPLACE INTO latest VALUES (?, ?, ?)",
            ((each.key, _json(each.watermark), _json(each.change)) for each in changes),
        )
        self.note(name)

    def outputs(self, input_bucket: str) -> Iterator[tuple[str, str]]:
        """Objects that the feed of a Lockstep stack says are in its output bucket, with ETags, in S3's order."""
        found = "SELECT object, etag FROM outputs WHERE input_bucket = ? ORDER BY object"
        yield from self.database.execute(found, (input_bucket,))

    def output(self, input_bucket: str, key: str) -> tuple[Watermark, str | None] | None:
        """The latest that such a feed says of one object: watermark, and ETag if there is one; None if nothing."""
        found = self.database.execute(
            "SELECT watermark, json_extract(change, '$.output_etag') FROM latest WHERE key = ?",
            (f"{input_bucket}/{key}",),
        ).fetchone()
        return (as_watermark(json.loads(found[0])), found[1]) if found else None


@contextmanager
def sqlite_catalogue(file: Path | None, feed: str) -> Iterator[SqliteCatalogue]:
    """The catalogue in a file, made if there is none; without a file, one in memory.

    It is of that feed alone from the first file on that is loaded.

    Raises: UserError when the file is something else, or of another feed, or cannot be written.
    """
    with _opened(file, feed, _Kind(0x4C6B6663, _PROGRESS + _CATALOGUE)) as database:
        yield SqliteCatalogue(database, feed)


@contextmanager
def progress_file(file: Path, feed: str) -> Iterator[Progress]:
    """What a catalogue of another form has loaded. Nobody else can use it meanwhile. Raises: UserError."""
    with _opened(file, feed, _Kind(0x4C6B6670, _PROGRESS), alone=True) as database:
        yield Progress(database, feed)


def is_blank(file: Path) -> bool:
    """Whether nothing is in it yet, as when a process was killed that had just made it. Raises: sqlite3.Error."""
    with closing(sqlite3.connect(file, timeout=0)) as database:
        return not _tables(database)


@contextmanager
def _opened(file: Path | None, feed: str, kind: _Kind, *, alone: bool = False) -> Iterator[sqlite3.Connection]:
    where = ":memory:" if file is None else file
    try:
        with closing(sqlite3.connect(where, timeout=0 if alone else _BUSY_SECONDS, isolation_level=None)) as database:
            if alone:
                database.execute("PRAGMA locking_mode = EXCLUSIVE")  # until it is closed, or the process ends
            database.execute("BEGIN EXCLUSIVE" if alone else "BEGIN IMMEDIATE")
            _prepare(database, where, feed, kind)
            database.execute("COMMIT")
            # Without a wait for the disk at each commit. Where power fails, the latest commits may be undone, whole.
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            yield database
    except sqlite3.Error as error:
        is_busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY  # the rest is a reason for it
        msg = f"{where}: another load works on it: wait for it, or end it" if is_busy else f"{where}: {error}"
        raise UserError(msg) from error


def _prepare(database: sqlite3.Connection, where: str | Path, feed: str, kind: _Kind) -> None:
    """Make the tables, or find that they are the right ones."""
    if not (tables := _tables(database)):
        for each in kind.tables.split(";\n"):
            database.execute(each)
        database.execute(f"PRAGMA application_id = {kind.number}")
        database.execute(f"PRAGMA user_version = {_FORM}")
        return
    if _pragma(database, "application_id") != kind.number:
        msg = f"{where} is a database of something else, with {', '.join(tables)}: name a new file"
        raise UserError(msg)
    if (form := _pragma(database, "user_version")) != _FORM:
        msg = f"{where} was made by another version of this tool (its form is {form}, not {_FORM}): name a new file"
        raise UserError(msg)
    _refuse_another(database, feed, where)


def _refuse_another(database: sqlite3.Connection, feed: str, where: str | Path) -> None:
    for (of,) in database.execute("SELECT value FROM settings WHERE name = 'feed'"):
        if of != feed:
            msg = f"{where} is of the feed {of}, not of {feed}: name a new one"
            raise UserError(msg)


def _tables(database: sqlite3.Connection) -> list[str]:
    return [
        name
        for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name")
    ]


def _pragma(database: sqlite3.Connection, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])


def _json(found: object) -> str:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))
