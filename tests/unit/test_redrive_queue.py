"""`lockstep redrive --dlq` replays what could not be delivered: never lost, never twice, deleted once it has begun."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies

from lockstep import local
from lockstep.redrive import commands, queue
from tests.unit.account import Refused, stack
from tests.unit.redrive_account import (
    ANSWER_LOST,
    CUT,
    INTERRUPTED,
    MISHAPS,
    Mishap,
    RedriveAccount,
    Time,
    event,
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


def test_each_event_is_started_as_it_is_under_a_name_of_its_id_and_its_message_deleted(account: RedriveAccount) -> None:
    body = json.dumps(event("ü.jpg", "0f2e-1"), indent=1)
    account.send(body, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="not allowed", RULE_ARN="arn")

    result = redrive("--dlq", "--yes")

    assert account.starts == ["redriven-0f2e-1"]
    assert account.executions["redriven-0f2e-1"].text == body
    assert account.messages == {}
    assert result.exit_code == 0
    for expected in ("ü.jpg", "undelivered", "NO_PERMISSIONS: not allowed", "1 started: 1 converted"):
        assert expected in result.stdout


@pytest.mark.parametrize("event_id", [None, "", "a/b", "x" * 72, "ü", 7])
def test_an_event_without_an_id_that_could_be_a_name_is_named_by_its_text(
    account: RedriveAccount, event_id: Any
) -> None:
    account.send(event("a.jpg", event_id))
    account.send(event("b.jpg", event_id))

    assert redrive("--dlq", "--yes").exit_code == 0
    assert len(set(account.starts)) == 2
    assert all(each.startswith("redriven-") and len(each) <= 80 for each in account.starts)
    assert account.messages == {}


def test_the_same_event_twice_in_the_queue_is_started_once(account: RedriveAccount) -> None:
    for _ in range(3):
        account.send(event())

    result = redrive("--dlq", "--yes")

    assert account.starts == ["redriven-id-1"]
    assert account.messages == {}
    assert result.exit_code == 0


def test_two_events_that_share_an_id_are_not_taken_for_one(account: RedriveAccount) -> None:
    """As when somebody has written them by hand: the second one stays, rather than being lost."""
    account.send(event("a.jpg"))
    account.send(event("b.jpg"))

    result = redrive("--dlq", "--yes")

    assert account.starts == ["redriven-id-1"]
    assert [json.loads(each.body)["detail"]["object"]["key"] for each in account.messages.values()] == ["b.jpg"]
    assert account.lost == []
    assert result.exit_code == 1
    assert "with another input" in result.stdout


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("no JSON", "not JSON"),
        ("[]", "no JSON object"),
        ("[" * 5000, "not JSON"),
        ('{"detail-type": "Object Restored"}', "detail-type"),
        (event(bucket="another"), "got 'another'"),
        ({**event(), "detail": {"object": {"key": "a.jpg"}}}, "detail.bucket.name"),
    ],
)
def test_what_is_no_event_of_the_bucket_stays_and_is_told(
    account: RedriveAccount, body: str | dict[str, Any], reason: str
) -> None:
    account.send(body)

    result = redrive("--dlq", "--yes")

    assert (account.starts, result.exit_code) == ([], 1)
    assert [each.is_visible for each in account.messages.values()] == [True]
    assert "left in the queue" in result.stdout
    assert reason in result.stdout


def test_what_stays_is_named_by_its_id_and_how_it_begins(account: RedriveAccount) -> None:
    account.send(event())
    account.send("no JSON \x1b[31m" + "x" * 100)

    plain = redrive("--dlq", "--dry-run")
    (_, found) = json.loads(redrive("--dlq", "--dry-run", "--json").stdout)

    (line,) = [each for each in plain.stdout.splitlines() if "message-1" in each]
    assert "no JSON" in line
    assert "\x1b" not in line
    assert "x" * 61 not in line
    assert (found["message_id"], found["start"], found["outcome"]) == ("message-1", None, "left in the queue")
    assert found["body"] == ("no JSON \x1b[31m" + "x" * 100)[:60]
    assert found["why"] == "the message is not JSON"


def test_what_stays_is_told_to_programs_too_when_a_start_goes_wrong(account: RedriveAccount) -> None:
    account.send(event())
    account.send("no JSON")

    with account.going_wrong({4: CUT}):
        result = redrive("--dlq", "--yes", "--json")

    assert result.exit_code == 2
    assert [each["message_id"] for each in json.loads(result.stdout)] == ["message-0", "message-1"]


def test_of_many_that_stay_programs_get_all_and_people_are_told_so(account: RedriveAccount) -> None:
    for _ in range(60):
        account.send("no JSON")

    assert "and 20 more" in redrive("--dlq", "--dry-run").stdout
    assert len(json.loads(redrive("--dlq", "--dry-run", "--json").stdout)) == 60


def test_an_event_has_the_same_members_for_programs_whether_it_stays_or_not(account: RedriveAccount) -> None:
    account.send(event())
    account.send("no JSON")

    replayed, stays = json.loads(redrive("--dlq", "--dry-run", "--json").stdout)

    assert replayed.keys() == stays.keys() - {"body"}


@pytest.mark.parametrize(("typed", "code"), [("n\n", 0), ("y\n", 1)])
def test_whoever_says_no_is_not_told_that_something_failed(
    account: RedriveAccount, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    monkeypatch.setattr(commands, "has_terminal", lambda: True)
    account.send(event())
    account.send("no JSON")

    assert redrive("--dlq", typed=typed).exit_code == code
    assert "no JSON" in [each.body for each in account.messages.values()]


def test_without_anybody_to_ask_nothing_is_replayed_and_all_is_to_be_seen_again(account: RedriveAccount) -> None:
    account.send(event())

    result = redrive("--dlq")

    assert (result.exit_code, account.starts) == (2, [])
    assert "1 execution would be started" in result.stdout
    assert [each.is_visible for each in account.messages.values()] == [True]


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ("abcda", "5 messages, 4 executions (1 event is there twice)"),
        ("abab", "4 messages, 2 executions (2 events are there twice)"),
        ("aaab", "4 messages, 2 executions (1 event is there more than once)"),
        ("ab", ""),
    ],
)
def test_it_says_why_there_are_fewer_executions_than_messages(account: RedriveAccount, ids: str, said: str) -> None:
    for each in ids:
        account.send(event(event_id=each))

    result = redrive("--dlq", "--dry-run")

    assert said in result.stdout
    assert ("messages, " in result.stdout) is bool(said)
    assert f"{len(set(ids))} executions would be started" in result.stdout


def test_what_stays_does_not_keep_the_others_back(account: RedriveAccount) -> None:
    account.send("no JSON")
    account.send(event())

    result = redrive("--dlq", "--yes", "--json")

    assert account.starts == ["redriven-id-1"]
    assert [each.body for each in account.messages.values()] == ["no JSON"]
    found, _ = json.loads(result.stdout)
    assert (found["message_id"], found["start"], found["outcome_after"]) == ("message-1", "started", "converted")


def test_what_was_deleted_is_not_given_back(account: RedriveAccount) -> None:
    account.send(event())

    redrive("--dlq", "--yes")

    assert 0 not in account.visibility


def test_only_the_keys_that_are_meant_are_replayed(account: RedriveAccount) -> None:
    account.send(event("trip/a.jpg", "a"))
    account.send(event("b.jpg", "b"))

    result = redrive("--dlq", "--yes", "--key", "trip/")

    assert account.starts == ["redriven-a"]
    assert [each.is_visible for each in account.messages.values()] == [True]
    assert result.exit_code == 0


@pytest.mark.parametrize("answer", ["dry", "n\n", ""])
def test_what_is_not_started_is_to_be_seen_again(
    account: RedriveAccount, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(commands, "has_terminal", lambda: True)
    for number in range(23):
        account.send(event(event_id=f"id-{number}"))

    redrive("--dlq", *(["--dry-run"] if answer == "dry" else []), typed=answer)

    assert account.starts == []
    assert len(account.messages) == 23
    assert all(each.is_visible for each in account.messages.values())


@pytest.mark.parametrize(
    ("call", "mishap", "code", "told"),
    [
        *((call, INTERRUPTED, 130, []) for call in range(3)),
        *((call, CUT, 2, []) for call in range(3)),
        (3, INTERRUPTED, 130, [("message-0", None)]),
    ],
)
def test_broken_off_before_a_start_it_says_that_nothing_was_started(
    account: RedriveAccount, call: int, mishap: Mishap, code: int, told: list[tuple[str, str | None]]
) -> None:
    """Three looks into the queue, then its message is to be hidden for longer."""
    account.send(event())

    with account.going_wrong({call: mishap}):
        result = redrive("--dlq", "--yes", "--json")

    assert (result.exit_code, account.starts) == (code, [])
    assert "nothing was started\n" in result.stderr
    assert [(each["message_id"], each["start"]) for each in json.loads(result.stdout)] == told


def test_the_queue_is_read_until_it_is_empty(account: RedriveAccount) -> None:
    for number in range(35):
        account.send(event(event_id=f"id-{number}"))

    assert redrive("--dlq", "--yes").exit_code == 0
    assert len(account.starts) == 35
    assert account.messages == {}


def test_one_run_takes_so_many_and_says_that_there_may_be_more(
    account: RedriveAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MOST", 20)
    for number in range(25):
        account.send(event(event_id=f"id-{number}"))

    result = redrive("--dlq", "--yes")

    assert result.exit_code == 1
    assert "the same command goes on" in result.stdout
    assert redrive("--dlq", "--yes").exit_code == 0
    assert len(account.starts) == 25


def test_what_is_not_meant_does_not_hide_what_lies_behind_it(account: RedriveAccount) -> None:
    """It stays invisible while the rest is read: else it would come again and again."""
    for number in range(60):
        account.send("no JSON" if number % 2 else event("b.jpg", f"b{number}"))
    for number in range(5):
        account.send(event("trip/a.jpg", f"a{number}"))

    result = redrive("--dlq", "--yes", "--key", "trip/")

    assert len(account.starts) == 5
    assert "30  no event of the input bucket" in result.stdout
    assert [operation for operation, _ in account.calls].count("ReceiveMessage") == 7 + 2
    assert len(account.messages) == 60
    assert all(each.is_visible for each in account.messages.values())


def test_reading_ends_even_if_messages_come_again_meanwhile(account: RedriveAccount) -> None:
    for number in range(25):
        account.send(event(event_id=f"id-{number}"))

    def come_again(operation: str, _: object) -> None:
        assert len(account.calls) < 100
        if operation == "ReceiveMessage":
            account.time_passes()

    account.before = come_again

    assert redrive("--dlq", "--dry-run").exit_code == 0


@pytest.mark.parametrize(("rate", "seconds"), [("10", 902), ("1", 920), ("0.01", 2900)])
def test_messages_are_hidden_while_one_is_asked_and_then_for_as_long_as_starting_them_takes(
    account: RedriveAccount, rate: str, seconds: int
) -> None:
    for number in range(20):
        account.send(event(event_id=f"id-{number}"))
    account.send(event("else.jpg", "else"))
    hidden: list[set[int]] = []
    account.before = lambda operation, _: (
        hidden.append(set(account.visibility)) if operation == "StartExecution" else None
    )

    redrive("--dlq", "--yes", "--rate", rate, "--key", "photo")

    assert hidden[0] == {900, seconds}


def test_nothing_is_hidden_for_longer_than_sqs_allows(account: RedriveAccount) -> None:
    for number in range(500):
        account.send(event(event_id=f"id-{number}"))

    redrive("--dlq", "--yes", "--rate", "0.01", "--no-follow")

    assert max(account.visibility) < 12 * 3600
    assert len(account.starts) == 500


def test_a_message_that_cannot_be_hidden_longer_is_replayed_all_the_same(account: RedriveAccount) -> None:
    account.send(event())
    account.refuse("ChangeMessageVisibilityBatch", Refused("AccessDenied", "no"))

    assert redrive("--dlq", "--yes").exit_code == 0
    assert (account.messages, account.starts) == ({}, ["redriven-id-1"])


def test_what_is_not_followed_leaves_the_queue_once_it_has_started(account: RedriveAccount) -> None:
    account.send(event())

    result = redrive("--dlq", "--yes", "--no-follow")

    assert (result.exit_code, account.messages, account.starts) == (0, {}, ["redriven-id-1"])
    assert "GetExecutionHistory" not in account.operations


def test_a_message_that_cannot_be_deleted_is_told_and_deleted_by_the_next_run(account: RedriveAccount) -> None:
    account.send(event())
    account.refuse("DeleteMessage", Refused("AccessDenied", "no"))

    result = redrive("--dlq", "--yes")

    assert result.exit_code == 1
    assert "still in the queue" in result.stdout
    account.allow()
    again = redrive("--dlq", "--yes")
    assert "0 started, 1 had been started before: 1 converted" in again.stdout
    assert (again.exit_code, account.messages, account.starts) == (0, {}, ["redriven-id-1"])


def test_a_message_whose_start_got_no_answer_stays_and_is_not_started_twice(account: RedriveAccount) -> None:
    account.send(event())

    with account.going_wrong({4: ANSWER_LOST}):  # after three looks into the queue, and hiding what was found
        assert redrive("--dlq", "--yes").exit_code == 2

    assert account.starts == ["redriven-id-1"]
    assert [each.is_visible for each in account.messages.values()] == [True]
    assert redrive("--dlq", "--yes").exit_code == 0
    assert (account.messages, account.starts) == ({}, ["redriven-id-1"])


def test_a_message_is_not_deleted_when_its_event_could_not_be_started(account: RedriveAccount) -> None:
    account.send(event())
    account.refuse("StartExecution", Refused("InvalidExecutionInput", "too large"))

    result = redrive("--dlq", "--yes")

    assert len(account.messages) == 1
    assert result.exit_code == 1
    assert "too large" in result.stdout


def test_a_stack_that_does_not_tell_its_queue_is_a_mistake(monkeypatch: pytest.MonkeyPatch, time: Time) -> None:
    assert time.seconds
    monkeypatch.setattr(local, "running_stack", lambda: replace(stack(), undelivered_events_queue=None))

    result = redrive("--dlq", "--yes")

    assert result.exit_code == 2
    assert "UndeliveredEventsQueueUrl" in result.stderr


@pytest.mark.parametrize("options", [["--since", "24h"], ["--outcome", "failed"]])
def test_options_about_executions_are_not_ignored(account: RedriveAccount, options: list[str]) -> None:
    assert redrive("--dlq", "--yes", *options).exit_code == 2
    assert account.calls == []


BODIES = strategies.sampled_from(
    [
        *(json.dumps(event("a.jpg", each)) for each in ("1", "2", "3", None)),
        json.dumps(event("b.jpg", "4")),
        "no JSON",
        json.dumps(event("a.jpg", "5", "another")),
    ]
)
ROUNDS = strategies.lists(
    strategies.dictionaries(strategies.integers(0, 20), strategies.sampled_from(MISHAPS), max_size=4), max_size=3
)


@pytest.mark.parametrize("call", range(8))
@pytest.mark.parametrize("mishap", MISHAPS)
@pytest.mark.usefixtures("time")
def test_whatever_goes_wrong_at_whichever_call_the_event_is_neither_lost_nor_started_twice(
    mishap: Mishap, call: int
) -> None:
    """Three looks into the queue, hiding, the start, the deletion, and two looks at the execution."""
    check([json.dumps(event())], [{call: mishap}])


@given(bodies=strategies.lists(BODIES, max_size=12), rounds=ROUNDS)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(bodies=[json.dumps(event())], rounds=[{4: ANSWER_LOST}, {5: CUT}])
def test_whatever_goes_wrong_no_event_is_lost_and_none_is_started_twice(
    time: Time, bodies: list[str], rounds: list[dict[int, Mishap]]
) -> None:
    assert time.seconds
    check(bodies, rounds)


def check(bodies: list[str], rounds: list[dict[int, Mishap]]) -> None:
    """Run it while calls go wrong, round after round, and then once more."""
    account = new_redrive_account()
    for body in bodies:
        account.send(body)
    for calls in rounds:
        with account.going_wrong(calls):
            assert redrive("--dlq", "--yes").exit_code in {0, 1, 2, 130}
        assert account.lost == []
        account.time_passes()

    redrive("--dlq", "--yes")

    good = [json.loads(each) for each in bodies if each.startswith("{") and '"another"' not in each]
    started = [json.loads(account.executions[name].text) for name in account.starts]
    assert account.lost == []
    assert sorted(each.body for each in account.messages.values()) == sorted(
        each for each in bodies if not each.startswith("{") or '"another"' in each
    )
    assert all(each in started for each in good)
    assert all(started.count(each) == 1 for each in started)
