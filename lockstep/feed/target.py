"""Where a feed is loaded into, as people type it."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from lockstep.errors import UserError
from lockstep.feed.database import SqliteCatalogue, sqlite_catalogue
from lockstep.feed.directory import directory_catalogue, told
from lockstep.feed.loading import Catalogue

_SQLITE: Final = "sqlite:"
_DATABASES: Final = frozenset({".db", ".sqlite", ".sqlite3"})


def catalogue_of(text: str, feed: str) -> AbstractContextManager[Catalogue]:
    """What `DIR` or `sqlite:FILE` means. Raises: UserError, also when it is opened."""
    if text.startswith(_SQLITE):
        return sqlite_catalogue(_file(text), feed)
    if not text or re.match(r"\w+:", text):
        msg = f"--into {text!r} is neither a directory nor {_SQLITE}FILE"
        raise UserError(msg)
    path = Path(text)
    with told():
        if path.is_file():
            msg = f"--into {text!r} is a file: name a directory, or {_SQLITE}FILE for a database"
            raise UserError(msg)
        if path.suffix in _DATABASES and not text.endswith("/") and not path.exists():
            msg = f"--into {text!r} means either: {_SQLITE}{text} is a database; a directory of that name is {text}/"
            raise UserError(msg)
        _refuse_nowhere(path)
    return directory_catalogue(path, feed)


def sqlite_before(text: str, feed: str) -> AbstractContextManager[SqliteCatalogue]:
    """What `sqlite:FILE` means where something was loaded before. Raises: UserError, also when it is opened."""
    if not text.startswith(_SQLITE):
        msg = f"--from takes {_SQLITE}FILE; a directory cannot be compared"
        raise UserError(msg)
    file = _file(text)
    if not file.is_file():
        msg = f"there is no {file}: load it first"
        raise UserError(msg)
    return sqlite_catalogue(file, feed)


def _file(text: str) -> Path:
    name = text.removeprefix(_SQLITE)
    if not name:
        msg = f"{text!r} names no database: {_SQLITE}FILE does"
        raise UserError(msg)
    if name.startswith("//"):
        msg = f"{text!r} names no database: {_SQLITE}FILE does, without slashes"
        raise UserError(msg)
    file = Path(name)
    with told():
        if file.is_dir():
            msg = f"{file} is a directory"
            raise UserError(msg)
        _refuse_nowhere(file)
    return file


def _refuse_nowhere(path: Path) -> None:
    if not path.parent.is_dir():
        msg = f"there is no directory {path.parent}"
        raise UserError(msg)
