"""A point in time as people type it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from lockstep.errors import UserError
from lockstep.since import point_in_time

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("30s", timedelta(seconds=30)),
        ("90m", timedelta(minutes=90)),
        ("24h", timedelta(days=1)),
        ("7d", timedelta(days=7)),
        (" 2 w ", timedelta(weeks=2)),
    ],
)
def test_a_span_is_counted_back_from_now(text: str, ago: timedelta) -> None:
    assert point_in_time(text, NOW) == NOW - ago


@pytest.mark.parametrize("text", ["2026-11-20T10:00Z", "2026-11-20T12:00+02:00", "20261120T100000Z"])
def test_a_time_with_a_zone_is_that_time(text: str) -> None:
    assert point_in_time(text, NOW) == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_a_time_without_a_zone_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert point_in_time("2026-11-20 10:00", NOW) == datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
        assert point_in_time("2026-11-20", NOW) == datetime(2026, 11, 19, 18, 30, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["9999w", "0001-01-01T00:00Z"])
def test_a_time_before_there_was_any_is_all_time(text: str) -> None:
    assert point_in_time(text, NOW) == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "h", "24", "-1h", "1.5h", "tomorrow", "2026-02-30", "24h 7d", "99999h", "0001-01-01T00:00+14:00"]
)
def test_what_is_no_time_is_told_with_what_would_be_one(text: str) -> None:
    with pytest.raises(UserError, match="24h"):
        point_in_time(text, NOW)


def test_a_time_still_to_come_is_refused() -> None:
    with pytest.raises(UserError, match="still to come"):
        point_in_time("2026-11-22T12:00:01Z", NOW)
