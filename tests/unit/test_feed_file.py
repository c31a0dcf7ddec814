"""A file of the feed is read whole or not at all, and its name tells how long to look for it."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changefeed.change import Change
from changefeed.file import file_of
from lockstep.feed.file import UnreadableFile, first_name, lines, names_since, time_of
from tests.unit.feed_account import changed

NAME = "changes/2026/11/22/19/20261122T191300Z-0000000000000000000000000000000000000042-0123456789ab.ndjson.gz"
TIME = datetime(2026, 11, 22, 19, 13, tzinfo=UTC)
TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001  # both get it
    lambda each: each.replace(microsecond=0)
)


def named(time: datetime) -> str:
    return file_of([Change("key", (1,), "42", int(time.timestamp()), {})]).name


def test_changes_come_in_the_order_of_the_stream_with_the_numbers_of_their_lines() -> None:
    changes = [changed("b", 2), changed("a", 1), changed("a", 3)]

    found = list(lines(NAME, file_of(changes).body))

    assert [(number, line.watermark) for number, line in found] == [(1, (1, 2)), (2, (1, 1)), (3, (1, 3))]


def test_a_file_of_which_the_end_is_missing_is_refused_wherever_it_is_cut() -> None:
    body = file_of([changed("a", 1), changed("b", 2)]).body

    for size in range(len(body)):
        with pytest.raises(UnreadableFile, match=f"{NAME}: "):
            list(lines(NAME, body[:size]))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}\n",
        gzip.compress(b""),
        gzip.compress(b'{"key"'),
        file_of([changed("a", 1)]).body + b"more",
        file_of([changed("a", 1)]).body[:-8] + b"\0" * 8,
    ],
    ids=["empty", "plain", "no line", "half a line", "more behind", "other checksum"],
)
def test_what_is_no_file_of_a_feed_is_refused_by_its_name(body: bytes) -> None:
    with pytest.raises(UnreadableFile, match=NAME):
        list(lines(NAME, body))


@pytest.mark.parametrize("line", [b"no json", b"", b'{"key": 1}'])
def test_a_line_that_cannot_be_read_is_named(line: bytes) -> None:
    good = gzip.decompress(file_of([changed("a", 1)]).body)

    with pytest.raises(UnreadableFile, match=f"{NAME}, line 2: "):
        list(lines(NAME, gzip.compress(good + line + b"\n" + good)))


@given(TIMES)
def test_the_time_in_a_name_of_the_exporter_is_that_of_its_first_change(time: datetime) -> None:
    assert time_of(named(time)) == time


@given(newest=TIMES, begun=TIMES, late=st.timedeltas(timedelta(), timedelta(hours=24)))
def test_a_file_that_was_not_there_is_listed_the_next_time_as_late_as_it_may_come(
    newest: datetime, begun: datetime, late: timedelta
) -> None:
    """It came after the listing had begun, and its first change was at most a day old then."""
    missed = min(newest, begun) - late

    assert named(missed) > names_since(named(newest), begun)


def test_a_clock_that_is_ahead_leaves_no_file_out() -> None:
    ahead = TIME + timedelta(days=400)

    assert named(TIME - timedelta(hours=24)) > names_since(NAME, ahead)


def test_names_are_looked_for_where_the_files_are() -> None:
    assert names_since(f"copies/of/{NAME}", TIME) == "copies/of/changes/2026/11/21/18/20261121T181300Z"
    assert first_name("", TIME) == "2026/11/22/19/20261122T191300Z"


@pytest.mark.parametrize(
    "name", ["", "changes/", "changes/readme.txt", NAME + ".tmp", NAME.replace("1122T", "1132T"), NAME[:-3]]
)
def test_a_name_that_is_none_of_the_feed_is_told(name: str) -> None:
    with pytest.raises(UnreadableFile, match="no file of a feed is named like"):
        time_of(name)
