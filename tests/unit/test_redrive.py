"""`lockstep redrive` starts again what failed: what is meant, each once, and what it says of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies
from typer.testing import Result

from lockstep import local
from lockstep.errors import UserError
from lockstep.redrive import commands
from lockstep.redrive.listing import Ended, Listing, Wanted
from lockstep.stack import Stack
from tests.unit.account import START, Refused, stack
from tests.unit.redrive_account import (
    CUT,
    INTERRUPTED,
    INTERRUPTED_AFTER,
    LIMIT,
    MISHAPS,
    THROTTLED,
    Mishap,
    RedriveAccount,
    Time,
    new_redrive_account,
    redrive,
    use,
)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return use(monkeypatch)


@pytest.fixture
def account(time: Time) -> RedriveAccount:  # noqa: ARG001
    return new_redrive_account()


def told(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


# --- what is started ----------------------------------------------------------------------------------------------


def test_what_failed_timed_out_or_was_aborted_is_started_again_with_the_same_input(account: RedriveAccount) -> None:
    account.failed("failed", "a.jpg")
    account.start("late", "b.jpg", "02")
    account.time_out("late")
    account.start("stopped", "c.jpg", "03")
    account.abort("stopped")
    account.start("good", "d.jpg", "04")
    account.convert("good", "04")
    account.start("works", "e.jpg", "05")

    result = redrive("--yes")

    assert account.starts == ["failed-again", "late-again", "stopped-again"]
    for name in ("failed", "late", "stopped"):
        assert account.executions[f"{name}-again"].text == account.executions[name].text
    assert result.exit_code == 0
    assert "3 started: 3 converted" in result.stdout


def test_the_oldest_is_started_first_whatever_its_end_was(account: RedriveAccount) -> None:
    for name in ("one", "two", "three", "four", "five", "six"):
        account.start(name, "same.jpg", "01")
        (account.abort if name in {"one", "four"} else account.fail)(name)

    redrive("--yes")

    assert account.starts == ["one-again", "two-again", "three-again", "four-again", "five-again", "six-again"]


def test_repeating_it_starts_nothing_again(account: RedriveAccount) -> None:
    account.failed("failed")

    redrive("--yes")
    again = redrive("--yes")

    assert account.starts == ["failed-again"]
    assert again.exit_code == 0
    assert "nothing to start again" in again.stdout
    assert "1  started again already" in again.stdout


def test_a_successor_that_failed_is_started_again_and_not_its_predecessor(account: RedriveAccount) -> None:
    account.failed("failed")
    account.failed("failed-again")

    redrive("--yes")

    assert account.starts == ["failed-again2"]


@pytest.mark.parametrize("outcome", ["failed", "aborted"])
def test_a_successor_counts_even_if_its_own_outcome_is_not_asked_for(account: RedriveAccount, outcome: str) -> None:
    account.failed("failed")
    account.start("failed-again")
    account.abort("failed-again")

    redrive("--yes", "--outcome", outcome)

    assert account.starts == ([] if outcome == "failed" else ["failed-again2"])


def test_a_rejected_input_is_left_and_one_is_told_what_to_do(account: RedriveAccount) -> None:
    account.start("rejected", "notes.txt", "01")
    account.fail("rejected", "SourceRejected", "no image")

    result = redrive("--yes")

    assert account.starts == []
    assert result.exit_code == 0
    assert "1  rejected" in result.stdout
    assert "upload another image" in result.stdout


@pytest.mark.parametrize("text", ['{"hello": 1}', "null", "no JSON", '{"detail": {"object": {"key": "a.jpg"}}}'])
def test_what_is_about_no_object_of_the_bucket_is_left(account: RedriveAccount, text: str) -> None:
    account.start("by-hand", text=text)
    account.fail("by-hand")
    account.start("foreign", bucket="another")
    account.fail("foreign")

    result = redrive("--yes")

    assert account.starts == []
    assert "2  about no object of the input bucket" in result.stdout


def test_an_event_of_our_own_is_started_again_like_one_of_s3(account: RedriveAccount) -> None:
    account.start("reconcile-1", "a.jpg", change="Object Reconcile")
    account.fail("reconcile-1")

    assert redrive("--yes").exit_code == 0
    assert account.starts == ["reconcile-1-again"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--outcome", "failed"], ["one-again", "four-again"]),
        (["--outcome", "timed-out", "--outcome", "aborted"], ["two-again", "three-again"]),
        (["--key", "trip/"], ["one-again", "two-again"]),
        (["--key", "*.png"], ["two-again", "three-again"]),
        (["--key", "t?ip/a.*"], ["one-again"]),
        (["--key", "d[1]*.jpg"], ["four-again"]),
        (["--key", "d[1]"], ["four-again"]),
        (["--key", "rip"], []),
        (["--key", "trip/", "--outcome", "failed"], ["one-again"]),
    ],
)
def test_it_can_be_narrowed(account: RedriveAccount, options: list[str], expected: list[str]) -> None:
    account.failed("one", "trip/a.jpg")
    account.start("two", "trip/b.png", "01")
    account.time_out("two")
    account.start("three", "c.png", "01")
    account.abort("three")
    account.failed("four", "d[1]*.jpg")

    redrive("--yes", *options)

    assert account.starts == expected


def test_what_ended_before_the_time_is_left_and_what_began_before_and_ended_after_is_not(
    account: RedriveAccount,
) -> None:
    for name in ("old", "older"):
        account.failed(name)
    account.start("long")
    account.now += timedelta(minutes=10)
    since = account.now
    account.fail("long")
    account.failed("new")

    redrive("--yes", "--since", since.isoformat())

    assert account.starts == ["long-again", "new-again"]


def test_the_listing_stops_at_the_time(account: RedriveAccount) -> None:
    """There may be a million before."""
    for number in range(30):
        account.failed(f"old-{number}")
    account.now += timedelta(hours=3)
    account.failed("new")

    redrive("--dry-run", "--since", account.now.isoformat(), "--outcome", "failed")

    assert [operation for operation, _ in account.calls].count("ListExecutions") == 2  # of failures, and of successors


def test_the_list_tells_of_successors_so_nobody_looks_for_each(account: RedriveAccount) -> None:
    account.page = 1000
    for number in range(20):
        account.failed(f"n{number}", "a.jpg")
    for number in range(10):
        account.start(f"n{number}-again", "a.jpg")
        account.convert(f"n{number}-again")

    result = redrive("--dry-run", "--outcome", "failed", "--key", "a")

    assert "10  started again already" in result.stdout
    assert "10 executions would be started" in result.stdout
    operations = [operation for operation, _ in account.calls]
    assert operations == ["ListExecutions"] * 2 + ["GetExecutionHistory"] * 10


def test_among_many_that_came_out_well_successors_are_looked_for_by_their_names(account: RedriveAccount) -> None:
    """Rather than reading a list of millions."""
    for number in range(2):
        account.failed(f"n{number}")
    account.start("n0-again")
    account.convert("n0-again")
    for number in range(60):
        account.start(f"good-{number}")
        account.convert(f"good-{number}")

    result = redrive("--dry-run", "--outcome", "failed")

    assert "1  started again already" in result.stdout
    assert "1 execution would be started" in result.stdout
    operations = [operation for operation, _ in account.calls]
    assert (operations.count("ListExecutions"), operations.count("DescribeExecution")) == (1 + 2, 2)


def test_looking_takes_as_long_as_one_history_for_each_failure(account: RedriveAccount) -> None:
    """And as few pages of lists as there are. AWS allows 20 histories a second."""
    account.page = 1000
    for number in range(1000):
        account.failed(f"n{number}")
    time = Time()
    began = time.seconds

    found = Listing(stack(is_local=False), lambda _: None, time.clock).find(Wanted(START, list(Ended), ""))

    assert len(found.failures) == 1000
    assert time.seconds - began < (1000 - 150) / 15 + 1


def test_without_a_time_it_is_a_day(account: RedriveAccount) -> None:
    now = datetime.now(UTC)
    account.now = now - timedelta(hours=30)
    account.failed("old")
    account.now = now - timedelta(hours=23)
    account.failed("new")

    redrive("--yes", "--since", "24h")

    assert account.starts == ["new-again"]
    assert commands._SINCE == "24h"


def test_what_cannot_be_read_yet_is_said_and_not_started(account: RedriveAccount) -> None:
    account.failed("failed")
    account.executions["failed"].is_readable = False

    result = redrive("--yes")

    assert account.starts == []
    assert "1  not to be read yet" in result.stdout


# --- asking -------------------------------------------------------------------------------------------------------


def test_a_dry_run_shows_the_same_and_starts_nothing(account: RedriveAccount) -> None:
    account.failed("failed", "trip/a.jpg")

    result = redrive("--dry-run")

    assert account.operations == {"ListExecutions", "GetExecutionHistory"}
    for expected in ("trip/a.jpg", "created", "failed", "ServiceUnavailable: busy", "1 execution would be started"):
        assert expected in result.stdout
    assert result.exit_code == 0


@pytest.mark.parametrize(("typed", "expected"), [("y\n", ["failed-again"]), ("n\n", []), ("\n", [])])
def test_it_asks_before_it_starts(
    account: RedriveAccount, monkeypatch: pytest.MonkeyPatch, typed: str, expected: list[str]
) -> None:
    monkeypatch.setattr(commands, "has_terminal", lambda: True)
    account.failed("failed")

    result = redrive(typed=typed)

    assert account.starts == expected
    assert "start 1 execution?" in result.stdout
    assert result.exit_code == 0
    assert ("nothing was started" in result.stdout) is (not expected)


def test_without_anybody_to_ask_it_shows_what_it_would_start_and_refuses(account: RedriveAccount) -> None:
    account.failed("failed", "trip/a.jpg")

    result = redrive()

    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert "trip/a.jpg" in result.stdout
    assert "1 execution would be started" in result.stdout
    assert account.starts == []


def test_nobody_is_needed_to_ask_when_there_is_nothing_to_start(account: RedriveAccount) -> None:
    assert redrive().exit_code == 0
    assert account.starts == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--profile", "prod"], "--stack-name"),
        (["--dlq", "--outcome", "failed"], "--outcome"),
        (["--since", "yesterday"], "--since"),
    ],
)
@pytest.mark.usefixtures("account")
def test_a_mistake_is_told_before_it_is_asked_for_a_terminal(options: list[str], told: str) -> None:
    result = redrive(*options)

    assert result.exit_code == 2
    assert told in result.stderr
    assert "terminal" not in result.stderr


@pytest.mark.usefixtures("time")
def test_a_stack_that_does_not_run_is_told_before_it_is_asked_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_stack() -> Stack:
        raise UserError("no stack is running")

    monkeypatch.setattr(local, "running_stack", no_stack)

    assert "no stack is running" in redrive().stderr


def test_no_answer_starts_nothing_and_says_so(account: RedriveAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "has_terminal", lambda: True)
    account.failed("failed")

    result = redrive(typed="")

    assert result.exit_code == 130
    assert result.stdout.endswith("\nnothing was started\n")
    assert account.starts == []


def test_no_answer_tells_programs_what_would_have_been_started(
    account: RedriveAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "has_terminal", lambda: True)
    account.failed("failed")

    result = redrive("--json", typed="")

    assert result.exit_code == 130
    assert result.stderr.endswith("\nnothing was started\n")
    assert [(each["name"], each["start"]) for each in told(result)] == [("failed", None)]


@pytest.mark.parametrize("outcome", ["timed-out", "timed out", "Timed-Out", "TIMED OUT"])
def test_an_outcome_may_be_typed_as_it_is_shown_and_in_any_case(account: RedriveAccount, outcome: str) -> None:
    account.start("late")
    account.time_out("late")
    account.failed("failed")

    redrive("--yes", "--outcome", outcome)

    assert account.starts == ["late-again"]


def test_an_outcome_that_is_none_is_told_with_those_that_are(account: RedriveAccount) -> None:
    result = redrive("--yes", "--outcome", "late")

    assert (result.exit_code, account.calls) == (2, [])
    for expected in ("'late'", "failed", "timed-out", "aborted"):
        assert expected in result.stderr


@pytest.mark.parametrize(("cause", "why"), [("", "stopped, no cause given"), ("too slow", "too slow")])
def test_what_was_stopped_says_by_what_cause_or_that_none_was_given(
    account: RedriveAccount, cause: str, why: str
) -> None:
    account.start("stopped")
    account.abort("stopped")
    account.executions["stopped"].events[-1]["executionAbortedEventDetails"] = {"cause": cause} if cause else {}

    (found,) = told(redrive("--dry-run", "--json"))

    assert found["why"] == why


@pytest.mark.parametrize("options", [["--follow"], ["--no-follow"]])
@pytest.mark.parametrize("count", [4, 60])
def test_one_blank_line_parts_what_is_shown_from_what_came_of_it(
    account: RedriveAccount, monkeypatch: pytest.MonkeyPatch, options: list[str], count: int
) -> None:
    monkeypatch.setattr(commands, "has_terminal", lambda: True)
    for number in range(2 * count):
        account.failed(f"n{number}", "a.jpg" if number % 2 else "b.jpg")

    asked = redrive("--key", "a", *options, typed="y\n").stdout
    told = redrive("--key", "b", "--yes", *options).stdout

    for each in (asked, told):
        assert f"\n\n{count} started" in each.replace("? [y/N]: ", "? [y/N]: y\n")  # which the terminal echoes
        assert "\n\n\n" not in each


@pytest.mark.parametrize("since", ["yesterday", "", "24", "h", "2026-13-01", "2999-01-01T00:00Z"])
def test_a_time_that_is_none_is_a_mistake(account: RedriveAccount, since: str) -> None:
    result = redrive("--yes", "--since", since)

    assert (result.exit_code, account.calls) == (2, [])
    assert "--since" in result.stderr


@pytest.mark.parametrize(
    "options", [["--rate", "0"], ["--rate", "-1"], ["--rate", "nan"], ["--rate", "inf"], ["--outcome", "rejected"]]
)
@pytest.mark.usefixtures("account")
def test_other_mistakes_are_told_too(options: list[str]) -> None:
    assert redrive("--yes", *options).exit_code == 2


# --- what comes of it ---------------------------------------------------------------------------------------------


def test_programs_get_one_document_and_people_the_rest_on_stderr(account: RedriveAccount) -> None:
    account.failed("failed", "ü.jpg")

    result = redrive("--yes", "--json")

    (found,) = told(result)
    assert found | {"when": ""} == {
        "name": "failed",
        "arn": "arn:aws:states:eu-west-1:111122223333:execution:lockstep:failed",
        "bucket": "lockstep-input",
        "key": "ü.jpg",
        "change": "created",
        "when": "",
        "outcome": "failed",
        "why": "ServiceUnavailable: busy",
        "successor": "failed-again",
        "start": "started",
        "outcome_after": "converted",
        "explanation": "",
    }
    assert "1 started: 1 converted" in result.stderr


def test_programs_get_an_empty_document_if_there_is_nothing(account: RedriveAccount) -> None:
    assert told(redrive("--yes", "--json")) == []
    assert account.starts == []


def test_a_dry_run_tells_programs_what_would_be_started(account: RedriveAccount) -> None:
    account.failed("failed")

    (found,) = told(redrive("--dry-run", "--json"))

    assert (found["successor"], found["start"], found["outcome_after"]) == ("failed-again", None, None)


def test_what_fails_again_is_told_and_is_no_success(account: RedriveAccount) -> None:
    account.failed("one", "a.jpg")
    account.failed("two", "b.jpg")
    account.ends = lambda name: account.fail(name, "LeaseLost", "to nobody") if name[0] == "o" else account.skip(name)

    result = redrive("--yes")

    assert result.exit_code == 1
    assert "LeaseLost: to nobody" in result.stdout
    assert "2 started: 1 failed, 1 stale" in result.stdout or "2 started: 1 stale, 1 failed" in result.stdout


def test_what_is_not_followed_is_started_and_left_alone(account: RedriveAccount) -> None:
    account.failed("one")
    account.failed("two")
    redrive("--dry-run")
    account.calls.clear()

    result = redrive("--yes", "--no-follow", "--json")

    assert account.starts == ["one-again", "two-again"]
    assert [operation for operation, _ in account.calls][-3:] == ["GetExecutionHistory", *["StartExecution"] * 2]
    assert result.exit_code == 0
    assert "2 started\n" in result.stderr
    assert "lockstep watch" in result.stderr
    assert [(each["start"], each["outcome_after"]) for each in told(result)] == [("started", None)] * 2


def test_a_start_that_is_refused_is_no_success_even_if_nothing_is_followed(account: RedriveAccount) -> None:
    account.failed("one")
    account.refuse("StartExecution", Refused("InvalidExecutionInput", "too large"))

    assert redrive("--yes", "--no-follow").exit_code == 1


def test_what_is_rejected_then_is_no_success(account: RedriveAccount) -> None:
    account.failed("one")
    account.ends = lambda name: account.fail(name, "SourceRejected", "no image")

    assert redrive("--yes").exit_code == 1


def test_of_many_only_what_needs_a_look_has_a_line(account: RedriveAccount) -> None:
    for number in range(60):
        account.failed(f"n{number:02}", f"{number:02}.jpg")
    account.ends = lambda name: account.fail(name, "Bad", "luck") if name.startswith("n07") else account.convert(name)

    result = redrive("--yes")

    came_of = result.stdout.partition("and 20 more")[2]
    assert "60 started: 59 converted, 1 failed" in came_of
    assert ".jpg" in came_of
    assert came_of.count(".jpg") == 1
    assert "07.jpg" in came_of


def test_a_name_that_belongs_to_something_else_is_not_taken_for_a_success(account: RedriveAccount) -> None:
    """Nobody but this tool gives such names, but somebody may."""
    account.failed("failed", "a.jpg")
    account.start("failed-again", "other.jpg", "09", is_listed=False)
    account.convert("failed-again", "09")

    result = redrive("--yes")

    assert account.starts == []
    assert result.exit_code == 1
    assert "with another input" in result.stdout


def test_starts_keep_to_the_rate(account: RedriveAccount, time: Time) -> None:
    for number in range(20):
        account.failed(f"n{number:02}")
    at: list[float] = []
    account.before = lambda operation, _: at.append(time.seconds) if operation == "StartExecution" else None

    redrive("--yes", "--rate", "4")

    assert len(at) == 20
    assert all(later - earlier >= 0.25 - 1e-9 for earlier, later in pairwise(at))
    assert at[-1] - at[0] < 6


@pytest.mark.parametrize("mishap", [THROTTLED, LIMIT])
@pytest.mark.parametrize("first", range(8))
def test_throttling_is_waited_out(account: RedriveAccount, mishap: Mishap, first: int) -> None:
    account.failed("one")
    account.failed("two")

    with account.going_wrong(dict.fromkeys(range(first, first + 5), mishap)):
        result = redrive("--yes")

    assert result.exit_code == 0, result.output
    assert sorted(account.starts) == ["one-again", "two-again"]


# --- what goes wrong on the way -----------------------------------------------------------------------------------


def starts_before(account: RedriveAccount) -> int:
    """How many calls there are before the first start."""
    redrive("--dry-run")
    return len(account.calls)


def test_ctrl_c_says_what_was_started_and_how_to_go_on(account: RedriveAccount) -> None:
    account.failed("one")
    account.failed("two")
    calls = starts_before(account)

    with account.going_wrong({calls + 1: INTERRUPTED_AFTER}):
        result = redrive("--yes", "--json")

    assert result.exit_code == 130
    assert "stopped: 1 of 2 started" in result.stderr
    assert "the same command goes on" in result.stderr
    assert [each["start"] for each in told(result)] == ["started", None]
    redrive("--yes")
    assert account.starts == ["one-again", "two-again"]


@pytest.mark.parametrize(("mishap", "code"), [(INTERRUPTED, 130), (CUT, 2)], ids=["Ctrl-C", "no answer"])
@pytest.mark.parametrize("call", range(5))
def test_broken_off_while_it_looks_it_says_that_nothing_was_started(
    account: RedriveAccount, mishap: Mishap, code: int, call: int
) -> None:
    """Three lists, one for its successor, a look at the failure."""
    account.failed("failed")
    with account.going_wrong({call: mishap}):
        people = redrive("--yes")
    with account.going_wrong({call: mishap}):
        programs = redrive("--yes", "--json")

    assert (people.exit_code, programs.exit_code, account.starts) == (code, code, [])
    assert people.stdout == "nothing was started\n"
    assert programs.stderr.startswith("nothing was started\n")
    assert told(programs) == []


def test_a_connection_that_breaks_is_told_with_how_far_it_came(account: RedriveAccount) -> None:
    account.failed("one")
    calls = starts_before(account)

    with account.going_wrong({calls: CUT}):
        result = redrive("--yes")

    assert result.exit_code == 2
    assert "stopped: 0 of 1 started" in result.stdout
    assert "error:" in result.stderr


def test_what_one_may_not_do_is_told_as_such(account: RedriveAccount) -> None:
    account.failed("one")
    account.refuse("StartExecution", Refused("AccessDeniedException", "no"))

    result = redrive("--yes")

    assert result.exit_code == 2
    assert "You may not call StartExecution" in result.stderr


@pytest.mark.parametrize("call", range(9))
@pytest.mark.parametrize("mishap", MISHAPS)
def test_whatever_goes_wrong_at_whichever_call_there_is_one_successor(
    account: RedriveAccount, mishap: Mishap, call: int
) -> None:
    """Three lists, one for its successor, a look at the failure, the start, two looks at that."""
    account.failed("failed")
    with account.going_wrong({call: mishap}):
        redrive("--yes")

    assert redrive("--yes").exit_code == 0
    assert account.starts == ["failed-again"]


@given(
    names=strategies.lists(strategies.sampled_from("abcdef"), unique=True, min_size=1, max_size=4),
    rounds=strategies.lists(
        strategies.dictionaries(strategies.integers(0, 25), strategies.sampled_from(MISHAPS), max_size=4), max_size=3
    ),
)
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_goes_wrong_each_failure_has_exactly_one_successor_in_the_end(
    time: Time, names: list[str], rounds: list[dict[int, Mishap]]
) -> None:
    assert time.seconds
    account = new_redrive_account()
    for name in names:
        account.failed(name, f"{name}.jpg")
    for calls in rounds:
        with account.going_wrong(calls):
            assert redrive("--yes").exit_code in {0, 2, 130}

    redrive("--yes")

    assert sorted(account.starts) == sorted(f"{name}-again" for name in names)
    for name in names:
        assert account.executions[f"{name}-again"].text == account.executions[name].text
