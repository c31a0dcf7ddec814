"""`lockstep feed tail` shows each change once, as it comes, and none after a later one of its object."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changefeed.file import file_of
from tests.unit.account import Refused
from tests.unit.feed_account import FEED, NO_ANSWERS, FeedAccount, changed, feed, lines, new_feed_account, other


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> FeedAccount:
    return new_feed_account(monkeypatch)


def shown(*arguments: str) -> list[list[int]]:
    """Watermarks, until there is nothing more to come."""
    result = feed("tail", "--json", *arguments)
    assert result.exit_code == 0
    return [each["watermark"] for each in lines(result)]


def test_what_comes_from_now_on_is_shown_and_what_was_there_is_not(account: FeedAccount) -> None:
    account.write(changed("a", 1))
    account.steps = [lambda: account.write(changed("a", 2), changed("b", 1)), lambda: account.write(changed("a", 3))]

    assert shown() == [[1, 2], [1, 1], [1, 3]]


@pytest.mark.parametrize("prefix", ["", "ch", "changes", "changes/", "changes/2"])
def test_it_is_shown_whatever_part_of_the_name_the_prefix_is(account: FeedAccount, prefix: str) -> None:
    account.steps = [lambda: account.write(changed("a", 1)), lambda: account.write(changed("a", 2))]

    assert shown("--prefix", prefix) == [[1, 1], [1, 2]]


def test_what_is_no_file_of_a_feed_holds_up_nothing(account: FeedAccount) -> None:
    account.store(FEED, "changes/0 readme.txt", b"hello")
    account.steps = [lambda: account.write(changed("a", 1)), lambda: account.store(FEED, "changes/zzz", b"hello")]

    assert shown() == [[1, 1]]


def test_people_are_told_that_something_was_left_out(account: FeedAccount) -> None:
    account.steps = [lambda: account.write(changed("a", 2)), lambda: account.write(changed("a", 1)), lambda: None]

    assert "1 change left out: shown before, or older than what was" in feed("tail").output


def test_nothing_is_shown_twice_or_after_something_newer_of_its_object(account: FeedAccount) -> None:
    hour = datetime.now(UTC) - timedelta(hours=23)
    account.steps = [
        lambda: account.write(changed("a", 2)),
        lambda: account.write(changed("a", 2), changed("a", 3)),  # split otherwise when it was delivered again
        lambda: account.write(changed("a", 1, at=hour), changed("b", 1)),  # late
        lambda: account.sleep(300),
        lambda: None,
        lambda: None,
    ]

    assert shown() == [[1, 2], [1, 3], [1, 1]]


def test_a_late_file_is_shown_within_five_minutes_and_only_recent_names_are_listed_until_then(
    account: FeedAccount,
) -> None:
    now = datetime.now(UTC)
    account.write(changed("a", 1))
    account.steps = [
        lambda: account.write(changed("late", 1, at=now - timedelta(hours=24))),
        *[lambda: None] * 600,
    ]

    result = feed("tail", "--json")

    assert [each["change"]["object"] for each in lines(result)] == ["late"]
    listed = [about["StartAfter"] for _, about in account.calls if "StartAfter" in about]
    recent = f"{now - timedelta(hours=2):changes/%Y/%m/%d/%H/%Y%m%dT%H%M%SZ}"
    assert len([each for each in listed if each > recent]) > 590
    assert len([each for each in listed if each < recent]) < 20


@given(tokens=st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=4), max_size=5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_object_only_goes_forwards_whatever_comes(
    tokens: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = new_feed_account(monkeypatch)
    account.steps = [partial(account.write, *(changed("a", token) for token in each)) for each in tokens]

    found = [token for _, token in shown()]

    assert found == sorted(set(found))
    assert found[-1:] == [max(each) for each in [[token for file in tokens for token in file]] if each]


def test_what_came_since_a_time_is_shown_first_by_when_it_came_and_not_by_its_name(account: FeedAccount) -> None:
    day = datetime.now(UTC) - timedelta(hours=22)
    account.write(changed("late", 1, at=day), ago=timedelta(minutes=5))
    account.write(changed("old", 1), ago=timedelta(minutes=20))
    account.write(changed("new", 1), ago=timedelta(minutes=1))

    found = lines(feed("tail", "--json", "--since", "10m"))

    assert [each["change"]["object"] for each in found] == ["late", "new"]


def test_it_ends_after_so_many_changes(account: FeedAccount) -> None:
    account.write(changed("a", 1))
    account.steps = [lambda: account.write(changed("a", 2), changed("a", 3)), lambda: pytest.fail("it went on")]

    assert shown("--since", "1h", "--count", "2") == [[1, 1], [1, 2]]


def test_a_program_gets_the_lines_as_they_are_in_the_feed(account: FeedAccount) -> None:
    file = file_of([changed("a", 1), other("device-7", "2026-11-22", 3, temperature=20.5)])
    account.lay(FEED, file.name, file.body)

    expected = [json.loads(each) for each in gzip.decompress(file.body).splitlines()]
    assert [list(each.items()) for each in lines(feed("tail", "--json", "--since", "1h"))] == [
        list(each.items()) for each in expected
    ]


def test_people_get_a_line_for_each_change(account: FeedAccount) -> None:
    account.write(
        changed("photos/a.jpg", 7),
        changed("photos/b.jpg", 8, etag=None),
        changed("no-image.jpg", 9, etag=None, source_etag="source"),
    )

    put, delete, rejected = feed("tail", "--since", "1h").stdout.splitlines()

    assert put.split()[1:] == ["PUT", "photos/a.jpg", "token", "7", "execution-7"]
    assert delete.split()[1:] == ["DELETE", "photos/b.jpg", "token", "8", "execution-8"]
    assert rejected.split()[1:] == ["DELETE", "no-image.jpg", "rejected", "token", "9", "execution-9"]


def test_a_change_of_another_table_is_shown_as_it_is(account: FeedAccount) -> None:
    account.write(other("device-7", "2026-11-22", 3, temperature=20.5))

    (line,) = feed("tail", "--since", "1h").stdout.splitlines()

    assert line == 'device-7  ["2026-11-22", 3]  {"temperature": 20.5}'


def test_nothing_in_a_change_can_move_the_cursor(account: FeedAccount) -> None:
    account.write(changed("evil\x1b[2J\r\n", 1, execution="x:\x1b]0;"), other("\x1b[1m", "\x1b", x="\x1b\u202e\x9b"))

    out = feed("tail", "--since", "1h").stdout

    assert not any(each in out for each in "\x1b\u202e\x9b")
    assert len(out.splitlines()) == 2


def test_a_change_whose_time_is_none_is_shown_all_the_same(account: FeedAccount) -> None:
    account.write(changed("a", 1, time="soon", execution=None, fencing_token=None))

    assert feed("tail", "--since", "1h").stdout.split()[:3] == ["soon", "PUT", "a"]


def test_a_file_that_cannot_be_read_is_named(account: FeedAccount) -> None:
    file = file_of([changed("a", 1)])
    account.lay(FEED, file.name, file.body[:-3])

    result = feed("tail", "--since", "1h")

    assert result.exit_code == 2
    assert file.name in result.stderr


def test_watermarks_that_no_order_holds_for_are_named_with_file_and_line(account: FeedAccount) -> None:
    name = account.write(other("k", 1), other("k", "1"))

    result = feed("tail", "--since", "1h")

    assert result.exit_code == 2
    assert f"{name}, line 2" in result.stderr


def test_another_feed_is_read_from_its_bucket(account: FeedAccount) -> None:
    file = file_of([other("device-7", 1)])
    account.lay("sensors", f"copy/{file.name}", file.body)

    found = lines(feed("tail", "--json", "--since", "1h", "--bucket", "sensors", "--prefix", "copy/changes/"))

    assert [each["key"] for each in found] == ["device-7"]


@pytest.mark.parametrize("since", ["tomorrow", "2999-01-01"])
def test_a_time_that_is_none_is_told(account: FeedAccount, since: str) -> None:
    result = feed("tail", "--since", since)

    assert result.exit_code == 2
    assert not account.calls


def test_what_aws_refuses_is_told(account: FeedAccount) -> None:
    account.refuse("ListObjectsV2", Refused("AccessDenied", "no", 403))

    result = feed("tail")

    assert result.exit_code == 2
    assert "You may not call ListObjectsV2" in result.stderr


# --- where there is no answer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject"])
@pytest.mark.parametrize("error", NO_ANSWERS, ids=repr)
def test_it_goes_on_after_a_while_without_answer_loses_nothing_and_says_so_once(
    account: FeedAccount, operation: str, error: Exception
) -> None:
    account.steps = [
        lambda: account.refuse(operation, error),
        lambda: account.write(changed("a", 1)),
        lambda: account.write(changed("a", 2)),
        account.allow,
        lambda: account.write(changed("a", 3)),
    ]

    result = feed("tail", "--json", "--count", "3")

    assert result.exit_code == 0
    assert [each["watermark"][1] for each in lines(result)] == [1, 2, 3]
    assert result.stderr == "no answer, trying again\n"


def test_each_time_without_answer_is_told(account: FeedAccount) -> None:
    account.steps = [
        lambda: account.refuse("ListObjectsV2", NO_ANSWERS[0]),
        account.allow,
        lambda: account.refuse("ListObjectsV2", NO_ANSWERS[0]),
    ]

    assert feed("tail").stdout == 2 * "no answer, trying again\n"


def test_what_is_listed_in_part_when_the_connection_is_lost_is_shown_all_the_same(account: FeedAccount) -> None:
    for minutes in range(5, 0, -1):
        account.write(changed("a", 6 - minutes, at=datetime.now(UTC) - timedelta(minutes=minutes)))

    def lose(operation: str, about: dict[str, Any]) -> None:
        if operation == "ListObjectsV2" and "ContinuationToken" in about:
            raise NO_ANSWERS[0]

    account.before = lose
    account.steps = [account.allow]

    assert shown("--since", "1h") == [[1, token] for token in range(1, 6)]


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket"])
def test_a_refusal_ends_it(account: FeedAccount, code: str) -> None:
    account.steps = [lambda: account.refuse("ListObjectsV2", Refused(code, "", 403)), lambda: pytest.fail("it went on")]

    assert feed("tail").exit_code == 2


def test_where_there_never_was_an_answer_it_ends_and_says_what_to_do(account: FeedAccount) -> None:
    account.refuse("ListObjectsV2", NO_ANSWERS[0])

    result = feed("tail")

    assert result.exit_code == 2
    assert result.stderr == (
        "error: http://127.0.0.1:4566 does not answer: the local stack has ended; start it again with `make up`\n"
    )


def test_where_aws_does_not_answer_the_network_is_named(account: FeedAccount) -> None:
    url = "https://lockstep-feed.s3.eu-west-1.amazonaws.com/?list-type=2"
    account.refuse("ListObjectsV2", EndpointConnectionError(endpoint_url=url))

    told = feed("tail").stderr

    assert "https://lockstep-feed.s3.eu-west-1.amazonaws.com does not answer: look at your network" in told
    assert "list-type" not in told
