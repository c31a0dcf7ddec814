"""Executions that have ended, on disk: they do not change, and AWS lets one read only a few histories a second."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from lockstep.executions import Execution, Outcome

# Another form of what is kept gets another table, and the old one is not looked at any more.
_TABLE: Final = "execution_1"
_KEPT: Final = timedelta(days=90)  # as long as Step Functions does, after an execution's end


class Cache:
    """One file; a new one where there is none, or a broken one.

    Raises: OSError, sqlite3.OperationalError when it cannot be written, or another process keeps it to itself.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = _opened(file)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:  # it is none
            file.unlink()
            self._database = _opened(file)

    def get(self, arn: str) -> Execution | None:
        """The execution, if it was put here."""
        with self._lock:
            found = self._database.execute(f"SELECT data FROM {_TABLE} WHERE arn = ?", [arn]).fetchone()  # noqa: S608
        return None if found is None else _execution(json.loads(found[0]))

    def put(self, execution: Execution) -> None:
        """Keep an execution that has ended; of one that has not, nothing is kept."""
        if execution.stopped is None:
            return
        row = [execution.arn, execution.stopped.timestamp(), json.dumps(asdict(execution), default=_text)]
        with self._lock, suppress(sqlite3.OperationalError):  # another process writes, or the disk is full
            self._database.execute(f"INSERT OR REPLACE INTO {_TABLE} VALUES (?, ?, ?)", row)  # noqa: S608


def _opened(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    file.chmod(0o600)  # keys of objects are nobody else's business
    database.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE} (arn TEXT PRIMARY KEY, stopped REAL, data TEXT)")
    oldest = (datetime.now(UTC) - _KEPT).timestamp()
    database.execute(f"DELETE FROM {_TABLE} WHERE stopped < ?", [oldest])  # noqa: S608  # our own name
    return database


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(getattr(value, "value", value))


def _execution(data: dict[str, Any]) -> Execution:
    times = {name: datetime.fromisoformat(data[name]) for name in ("started", "stopped")}
    return Execution(**{**data, **times, "outcome": Outcome(data["outcome"]), "states": tuple(data["states"])})
