"""What has been read once is there the next time, and never wrong."""

from __future__ import annotations

import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from lockstep import paths
from lockstep.executions import Outcome
from lockstep.history import server
from lockstep.history.cache import Cache
from lockstep.history.index import Index
from tests.unit.account import Account, Refused, arn_of, new_account, stack


@pytest.fixture
def account() -> Account:
    account = new_account()
    account.now = datetime.now(UTC) - timedelta(hours=1)
    return account


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history" / "cache.sqlite"


def polled(file: Path) -> Index:
    index = Index(stack(), cache=Cache(file))
    index.poll()
    return index


def test_what_has_ended_is_not_read_again_the_next_time(account: Account, file: Path) -> None:
    account.start("a", "küche/photo 1.jpg", "0055")
    account.convert("a", "0055")
    account.start("b")
    account.fail("b", cause="told")
    before = polled(file).since(0)
    account.calls.clear()

    after = polled(file).since(0)

    assert account.reads() == []
    assert [each.execution for each in after] == [each.execution for each in before]


def test_what_has_not_ended_is_read_again(account: Account, file: Path) -> None:
    account.start("a")
    polled(file)
    account.convert("a")

    (entry,) = polled(file).since(0)

    assert entry.execution is not None
    assert entry.execution.outcome is Outcome.CONVERTED


def test_what_was_redriven_is_read_again(account: Account, file: Path) -> None:
    account.start("a")
    account.fail("a")
    polled(file)
    account.redrive("a")
    account.convert("a")

    (entry,) = polled(file).since(0)

    assert entry.execution is not None
    assert entry.execution.outcome is Outcome.CONVERTED


def test_what_aws_lists_no_more_is_not_shown(account: Account, file: Path) -> None:
    account.start("a")
    account.convert("a")
    polled(file)
    account.forget("a")

    assert polled(file).since(0) == []


def test_what_aws_has_forgotten_is_forgotten(account: Account, file: Path) -> None:
    account.now = datetime.now(UTC) - timedelta(days=91)
    account.start("old")
    account.convert("old")
    account.now = datetime.now(UTC) - timedelta(days=89)
    account.start("young")
    account.convert("young")
    polled(file)

    cache = Cache(file)

    assert cache.get(arn_of("old")) is None
    assert cache.get(arn_of("young")) is not None


@pytest.mark.parametrize("content", [b"no database", b"", b"SQLite format 3\0 and rubbish" * 100])
def test_a_broken_file_is_made_anew(account: Account, file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    account.start("a")
    account.convert("a")

    polled(file)

    assert Cache(file).get(arn_of("a")) is not None


def test_an_execution_that_cannot_be_kept_is_shown_all_the_same(account: Account, file: Path) -> None:
    """Another process writes just now, or the disk is full."""
    account.start("a")
    account.convert("a")
    cache = Cache(file)
    cache._database.execute("PRAGMA query_only = ON")
    index = Index(stack(), cache=cache)

    index.poll()

    assert index.progress.problem is None
    assert index.progress.read == 1


def test_nobody_else_may_read_it(file: Path) -> None:
    """Keys of objects may be names of people."""
    Cache(file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_error_of_aws_is_not_kept(account: Account, file: Path) -> None:
    account.start("a")
    account.convert("a")
    account.refuse("GetExecutionHistory", Refused("AccessDeniedException"))
    polled(file)
    account.allow()

    assert polled(file).progress.read == 1


def test_a_file_that_another_process_keeps_to_itself_is_left_alone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Cache(file)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    impatient = partial(sqlite3.connect, timeout=0)
    monkeypatch.setattr("lockstep.history.cache.sqlite3.connect", impatient)

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        Cache(file)

    other.execute("COMMIT")
    assert other.execute("SELECT count(*) FROM execution_1").fetchone() == (0,)
    other.close()
    assert file.exists()


def test_where_no_file_can_be_written_all_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "history").write_text("no folder")
    monkeypatch.setattr(paths, "BUILD", tmp_path)

    assert server._cache(stack()) is None
