import json

import pytest

from objectlock.errors import InvalidEvent
from objectlock.events import ObjectEvent
from objectlock.lock import Applied
from objectlock.protocol import Decision, Work
from objectlock.sequencer import Sequencer
from objectlock.task import Failure, Task, applied_answer, decision_answer
from tests.sample_events import load


@pytest.mark.parametrize(
    ("caught", "cause"),
    [
        pytest.param(
            json.dumps({"errorMessage": "photo.jpg: not an image", "errorType": "E", "stackTrace": ["..."]}),
            "photo.jpg: not an image",
            id="raised in a Lambda",
        ),
        pytest.param(
            json.dumps({"errorMessage": "2026-03-02T09:15:04Z 6f7c Task timed out after 20.00 seconds"}),
            "2026-03-02T09:15:04Z 6f7c Task timed out after 20.00 seconds",
            id="timed out",
        ),
        pytest.param("Rate Exceeded.", "Rate Exceeded.", id="plain text"),
        pytest.param("[1, 2]", "[1, 2]", id="JSON, but not Lambda's"),
        pytest.param('{"message": "no"}', '{"message": "no"}', id="JSON without a message"),
        pytest.param('{"errorMessage": "cut', '{"errorMessage": "cut', id="JSON cut off"),
        pytest.param("", "no cause was given", id="empty"),
    ],
)
def test_the_cause_of_a_failure_is_in_plain_words(caught: str, cause: str) -> None:
    """It ends up as the execution's own cause, where a stack trace in JSON helps nobody."""
    assert Failure.parse({"Error": "E", "Cause": caught}) == Failure("E", cause)


def test_a_failure_without_a_cause_is_a_failure_all_the_same() -> None:
    """States.Timeout comes with no Cause, and its name is reserved: a state may not report it as its own."""
    assert Failure.parse({"Error": "States.Timeout"}) == Failure("Timeout", "no cause was given")


def test_a_first_visit_has_nothing_but_the_event() -> None:
    task = Task.parse({"owner": "arn", "state": load("created-put")})
    assert task.owner == "arn"
    assert task.event == ObjectEvent.parse(load("created-put"))
    assert not task.has_to_look_again
    assert task.waiting_since is None
    assert task.failure is None


def test_a_later_visit_finds_what_the_states_before_have_added() -> None:
    state = load("created-put") | {
        "lock": {"work": "GRAYSCALE", "reason": "", "source": "tag", "waiting_since": 123, "wait_seconds": 2},
        "applied": {"source": "tag", "output_etag": "etag", "token": 3, "sequencer": "0069"},
        "look_again": {"Error": "LeaseLost", "Cause": ""},
        "error": {"Error": "E", "Cause": "because"},
    }
    task = Task.parse({"owner": "arn", "state": state, "caught": state["error"]})
    assert task.has_to_look_again
    assert task.waiting_since == 123
    assert task.applied == Applied("tag", "etag", 3, Sequencer(task.event.object_id, "0069"))
    assert task.failure == Failure("E", "because")


def test_a_lock_that_was_not_held_was_not_waited_for() -> None:
    """The answer to a grant carries null."""
    state = load("created-put") | {"lock": {"source": "tag", "waiting_since": None}}
    assert Task.parse({"owner": "arn", "state": state}).waiting_since is None


@pytest.mark.parametrize("error", ["LeaseLost", "OutputChanged"])
def test_whatever_sent_the_execution_back_it_has_to_look_again(error: str) -> None:
    state = load("created-put") | {"look_again": {"Error": error, "Cause": ""}}
    assert Task.parse({"owner": "arn", "state": state}).has_to_look_again


def test_an_error_that_was_overcome_is_no_failure() -> None:
    """It stays in the state, but only ReleaseLockAfterFailure sends it as what was caught."""
    state = load("created-put") | {"error": {"Error": "SourceRejected", "Cause": "because"}}
    assert Task.parse({"owner": "arn", "state": state}).failure is None


def test_an_input_that_is_no_event_is_invalid_not_broken() -> None:
    with pytest.raises(InvalidEvent):
        _ = Task.parse({"owner": "arn", "state": {}}).event


@pytest.mark.parametrize("work", Work)
def test_the_answer_of_acquire_is_plain_json(work: Work) -> None:
    """With every field that the ResultSelector reads, null where there is none: a missing one fails the execution."""
    answer = decision_answer(Decision(work, "because"), wait_seconds=2)
    assert json.loads(json.dumps(answer)) == {
        "work": work.name,
        "reason": "because",
        "source": None,
        "waiting_since": None,
        "waited_ms": 0,
        "taken_from": None,
        "wait_seconds": 2,
    }


@pytest.mark.parametrize("etag", ["etag", None])
def test_the_answer_of_a_worker_is_read_as_it_was_meant(etag: str | None) -> None:
    """From plain JSON, by ReleaseLock."""
    state = load("created-put")
    applied = Applied("tag", etag, 3, ObjectEvent.parse(state).sequencer)
    state["applied"] = json.loads(json.dumps(applied_answer(applied)))
    assert state["applied"].keys() == {"source", "output_etag", "token", "sequencer"}
    assert Task.parse({"owner": "arn", "state": state}).applied == applied
