"""`lockstep feed verify` says exactly what differs for good between the output bucket and its feed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import Result

from lockstep.feed.comparing import Comparison, Kind, verify
from lockstep.feed.database import sqlite_catalogue
from lockstep.feed.loading import load
from lockstep.feed.s3 import feed_of
from tests.unit.account import OUTPUT, Refused, Stored
from tests.unit.feed_account import (
    FEED,
    FeedAccount,
    changed,
    feed,
    lines,
    new_feed_account,
    other,
    stack_with_feed,
)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> FeedAccount:
    account = new_feed_account(monkeypatch)
    account.steps = [lambda: None] * 1000
    return account


@pytest.fixture
def agreeing(account: FeedAccount) -> FeedAccount:
    account.write(
        changed("a", 1, etag=account.put("a", b"1")),
        changed("b", 2, etag=account.put("b", b"2")),
        changed("gone", 3, etag=None),
    )
    return account


def differences(result: Result) -> dict[str, str]:
    return {each["object"]: each["kind"] for each in lines(result) if each["event"] == "difference"}


def summary(result: Result) -> dict[str, Any]:
    return lines(result)[-1]


# --- what is told ---------------------------------------------------------------------------------------------------


def test_a_bucket_that_agrees_is_a_success_without_a_wait(agreeing: FeedAccount) -> None:
    result = feed("verify")

    assert result.exit_code == 0
    assert result.stdout == "compared 2 objects: bucket and feed agree\n"
    assert agreeing.seconds == 1000.0


def test_each_difference_is_told_by_its_kind(agreeing: FeedAccount) -> None:
    agreeing.put("a", b"by hand")
    del agreeing.objects[OUTPUT, "b"]
    agreeing.put("gone", b"is back")
    stranger = agreeing.put("stranger", b"of nobody")

    result = feed("verify", "--json")

    assert result.exit_code == 1
    assert differences(result) == {"a": "different", "b": "missing", "gone": "unknown", "stranger": "unknown"}
    assert summary(result)["differences"] == {"unknown": 2, "missing": 1, "different": 1}
    assert summary(result)["agree"] is False
    told = next(each for each in lines(result) if each.get("object") == "stranger")
    assert (told["etag_in_bucket"], told["etag_in_feed"]) == (stranger, None)


def test_people_see_the_first_of_each_kind(account: FeedAccount) -> None:
    for number in range(7):
        account.put(f"stranger {number}", b"")

    out = feed("verify").stdout

    assert "7  unknown" in out
    assert "stranger 4" in out
    assert "stranger 5" not in out
    assert "2 more" in out
    assert "compared 7 objects: 7 differ" in out.splitlines()


def test_what_is_missing_is_counted_as_compared_and_what_to_do_next_is_told(agreeing: FeedAccount) -> None:
    agreeing.put("a", b"by hand")
    del agreeing.objects[OUTPUT, "b"]

    text, json = feed("verify"), feed("verify", "--json")

    assert text.stdout.splitlines()[-2:] == [
        "compared 2 objects: 2 differ",
        "next: `lockstep reconcile` puts right what was changed or lost by hand",
    ]
    assert summary(json)["objects"] == 2


def test_what_is_unknown_is_told_to_be_older_perhaps(agreeing: FeedAccount) -> None:
    agreeing.put("stranger", b"of nobody")

    assert feed("verify").stdout.splitlines()[-1].endswith("; what is unknown may be older than the feed")


@given(
    bucket=st.dictionaries(st.text("aAé\uffff\U0001f680/", min_size=1, max_size=2), st.sampled_from([b"1", b"2"])),
    told=st.dictionaries(st.text("aAé\uffff\U0001f680/", min_size=1, max_size=2), st.sampled_from([b"1", b"2", None])),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_exactly_what_differs_is_told_whatever_the_keys_are(
    bucket: dict[str, bytes], told: dict[str, bytes | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = new_feed_account(monkeypatch)
    for key, body in told.items():
        account.write(changed(key, 1, etag=None if body is None else Stored(body).etag))
    for key, body in bucket.items():
        account.put(key, body)

    found = differences(feed("verify", "--json", "--wait", "0"))

    assert found.keys() == {key for key in bucket.keys() | told.keys() if bucket.get(key) != told.get(key)}


def test_an_output_that_one_may_not_look_at_is_no_difference_but_told(agreeing: FeedAccount) -> None:
    agreeing.put("a", b"by hand")
    agreeing.refuse("HeadObject", Refused("403", "Forbidden", 403))

    result = feed("verify", "--json", "--wait", "0")

    assert result.exit_code == 2
    assert "You may not call HeadObject" in result.stderr
    assert not lines(result)


def test_objects_of_another_input_bucket_are_not_of_this_one(agreeing: FeedAccount) -> None:
    agreeing.write(replace(changed("a", 9, bucket="another"), key="another/a"), other("device", 1))

    assert feed("verify").exit_code == 0
    assert agreeing.seconds == 1000.0


def test_changes_that_were_set_aside_are_told(agreeing: FeedAccount) -> None:
    agreeing.lay(FEED, "unreadable/1.json", b"{}")

    result = feed("verify", "--json")

    assert result.exit_code == 0
    assert summary(result)["set_aside"] == 1
    assert "1 object under unreadable/ or aws/lambda/" in result.stderr


# --- the feed is behind ---------------------------------------------------------------------------------------------


def test_what_the_feed_tells_within_the_wait_is_no_difference(agreeing: FeedAccount) -> None:
    etag = agreeing.put("a", b"new")
    agreeing.steps = [lambda: None, lambda: agreeing.write(changed("a", 4, etag=etag))]

    assert feed("verify").exit_code == 0
    assert agreeing.steps == []


def test_it_waits_no_longer_than_all_agrees(agreeing: FeedAccount) -> None:
    etag = agreeing.put("a", b"new")
    agreeing.steps = [lambda: agreeing.write(changed("a", 4, etag=etag)), lambda: pytest.fail("agreed already")]

    feed("verify")

    assert agreeing.seconds < 1000.0 + 10


def test_a_difference_counts_after_the_wait_and_not_before(agreeing: FeedAccount) -> None:
    agreeing.put("a", b"by hand")

    assert feed("verify", "--wait", "33").exit_code == 1
    assert agreeing.seconds == 1000.0 + 33


def test_without_a_wait_what_differs_now_counts(agreeing: FeedAccount) -> None:
    agreeing.put("a", b"by hand")

    assert feed("verify", "--wait", "0").exit_code == 1
    assert agreeing.seconds == 1000.0


def test_a_bucket_that_comes_to_agree_by_itself_is_no_difference(agreeing: FeedAccount) -> None:
    before = agreeing.objects[OUTPUT, "a"].body
    agreeing.put("a", b"for a moment")
    agreeing.steps[3] = lambda: agreeing.put("a", before)

    assert feed("verify").exit_code == 0


def test_an_object_that_changes_all_the_time_is_no_difference_and_is_counted(agreeing: FeedAccount) -> None:
    """The feed tells of each change in time, and of the last one not yet."""
    etags = iter([agreeing.put("a", f"version {number}".encode()) for number in range(100)])

    def change(token: int) -> Callable[[], object]:
        return lambda: (
            agreeing.put("a", f"at {token}".encode()),
            agreeing.write(changed("a", token, etag=next(etags))),
        )

    agreeing.put("a", b"now")
    agreeing.steps = [change(token) for token in range(10, 100)]

    result = feed("verify", "--json", "--wait", "10")

    assert result.exit_code == 0
    assert (summary(result)["moving"], summary(result)["agree"]) == (1, True)
    assert "1 changed while it was compared (run it again), the rest agrees" in result.stderr
    assert agreeing.seconds == 1000.0 + 3 * 10


def test_a_difference_of_which_the_feed_told_late_counts_after_another_wait(agreeing: FeedAccount) -> None:
    del agreeing.objects[OUTPUT, "a"]
    agreeing.steps[3] = lambda: agreeing.write(changed("a", 4))

    result = feed("verify", "--json", "--wait", "10")

    assert (result.exit_code, differences(result)) == (1, {"a": "missing"})
    assert (summary(result)["moving"], summary(result)["agree"]) == (0, False)
    assert agreeing.seconds == 1000.0 + 2 * 10


def test_what_changes_all_the_time_hides_no_difference_of_others(agreeing: FeedAccount) -> None:
    agreeing.put("b", b"by hand")
    etag = agreeing.put("a", b"new")
    agreeing.steps[2] = lambda: agreeing.write(changed("a", 4, etag=etag))

    assert differences(feed("verify", "--json")) == {"b": "different"}


# --- what moves has to be quiet -------------------------------------------------------------------------------------


class Waits:
    """Waits in which changes come: so many looks each, and what the feed tells before each of them."""

    def __init__(self, *waits: list[Callable[[], object]]) -> None:
        self.left = [list(each) for each in waits]

    def wait(self) -> bool:
        if not self.left:
            return False
        if not self.left[0]:
            self.left.pop(0)
            return False
        self.left[0].pop(0)()
        return True

    def verify(self) -> tuple[dict[str, Kind], set[str]]:
        """What differs, and what was moving to the last."""
        stack, feed = stack_with_feed(), feed_of(stack_with_feed())
        with sqlite_catalogue(None, feed.where) as catalogue:
            fill = partial(load, feed, catalogue)
            fill()
            comparison = Comparison(stack, feed.client, catalogue)
            found = {each.key: each.kind for each in verify(comparison, fill, self.wait)}
            return found, set(comparison.compared.pending)


def nothing() -> None:
    """Happens."""


def test_what_differs_and_moved_once_is_a_difference_after_a_wait_in_which_it_was_quiet(agreeing: FeedAccount) -> None:
    del agreeing.objects[OUTPUT, "a"]
    waits = Waits([lambda: agreeing.write(changed("a", 4)), nothing], [nothing, nothing], [nothing])

    assert waits.verify() == ({"a": Kind.MISSING}, set())
    assert waits.left == [[nothing]]


def test_what_differs_and_is_quiet_at_once_is_waited_for_once(agreeing: FeedAccount) -> None:
    del agreeing.objects[OUTPUT, "a"]
    waits = Waits([nothing], [nothing])

    assert waits.verify() == ({"a": Kind.MISSING}, set())
    assert waits.left == [[nothing]]


def test_what_moved_and_agrees_in_the_end_is_no_difference(agreeing: FeedAccount) -> None:
    etag = agreeing.put("a", b"new")
    waits = Waits(
        [lambda: agreeing.write(changed("a", 4))],
        [nothing, lambda: agreeing.write(changed("a", 5, etag=etag))],
    )

    assert waits.verify() == ({}, set())


def test_what_moved_in_each_wait_is_no_difference_and_is_told(agreeing: FeedAccount) -> None:
    del agreeing.objects[OUTPUT, "a"]
    del agreeing.objects[OUTPUT, "b"]
    waits = Waits(
        [lambda: agreeing.write(changed("a", 4), changed("b", 4))],
        [lambda: agreeing.write(changed("a", 5))],
    )

    assert waits.verify() == ({"b": Kind.MISSING}, {"a"})


# --- what it compares with ------------------------------------------------------------------------------------------


def test_a_catalogue_is_brought_up_to_date_and_kept(agreeing: FeedAccount, tmp_path: Path) -> None:
    target = f"sqlite:{tmp_path / 'feed.sqlite'}"
    feed("load", "--into", target)
    agreeing.write(changed("a", 5, etag=agreeing.put("a", b"5")))

    assert feed("verify", "--from", target).exit_code == 0
    assert "nothing new" in feed("load", "--into", target).stdout


def test_a_catalogue_that_is_no_database_is_refused(agreeing: FeedAccount, tmp_path: Path) -> None:  # noqa: ARG001
    result = feed("verify", "--from", str(tmp_path))

    assert result.exit_code == 2
    assert "--from takes sqlite:FILE; a directory cannot be compared" in result.stderr


def test_a_catalogue_that_is_not_there_is_refused_and_none_is_made(agreeing: FeedAccount, tmp_path: Path) -> None:  # noqa: ARG001
    file = tmp_path / "none.db"

    result = feed("verify", "--from", f"sqlite:{file}")

    assert result.exit_code == 2
    assert f"there is no {file}: load it first" in result.stderr
    assert not file.exists()
