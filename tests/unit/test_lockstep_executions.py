"""What the operator's tool reads off an execution's history."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from lockstep import view
from lockstep.executions import Execution, Outcome

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

ARN = "arn:aws:states:us-east-1:111122223333:execution:machine:name"
START = datetime(2026, 1, 1, tzinfo=UTC)
CREATED = {"detail-type": "Object Created", "detail": {"object": {"key": "a photo.jpg"}}}
COMMON = ["AcquireLock", "RouteWork", "ConvertToGrayscale", "ReleaseLock"]


CONVERTED = {"lock": {"work": "GRAYSCALE"}, "applied": {"source": "tag", "output_etag": "etag"}, "released": {}}
DELETED = {"lock": {"work": "DELETE"}, "applied": {"source": "absent", "output_etag": None}, "released": {}}
GONE_MEANWHILE = {**DELETED, "lock": {"work": "GRAYSCALE"}}
STALE = {"lock": {"work": "STALE", "reason": "old"}}


def succeeded(output: dict[str, Any]) -> dict[str, Any]:
    return {"type": "ExecutionSucceeded", "executionSucceededEventDetails": {"output": json.dumps(output)}}


def failed(error: str, cause: str) -> dict[str, Any]:
    return {"type": "ExecutionFailed", "executionFailedEventDetails": {"error": error, "cause": cause}}


ABORTED = {"type": "ExecutionAborted", "executionAbortedEventDetails": {"cause": "by an operator"}}


@pytest.mark.parametrize(
    ("states", "last", "outcome", "explanation"),
    [
        (COMMON, succeeded(CONVERTED), Outcome.CONVERTED, ""),
        (["AcquireLock", "RouteWork", "DeleteOutput", "ReleaseLock"], succeeded(DELETED), Outcome.DELETED, ""),
        (COMMON, succeeded(GONE_MEANWHILE), Outcome.DELETED, ""),
        (["AcquireLock", "RouteWork", "Skipped"], succeeded(STALE), Outcome.STALE, "old"),
        (
            ["AcquireLock", "ReleaseLockAfterFailure", "Failed"],
            failed("InvalidEvent", "detail: missing"),
            Outcome.FAILED,
            "InvalidEvent: detail: missing",
        ),
        (
            [*COMMON[:3], "ReleaseLockAfterFailure", "Failed"],
            failed("SourceRejected", "no image"),
            Outcome.REJECTED,
            "SourceRejected: no image",
        ),
        (COMMON[:2], {"type": "ExecutionTimedOut"}, Outcome.TIMED_OUT, "the execution's own time limit"),
        (COMMON[:1], ABORTED, Outcome.ABORTED, "by an operator"),
        (COMMON[:3], {"type": "TaskScheduled"}, Outcome.WORKING, ""),
        (COMMON, {"type": "TaskStateExited"}, Outcome.WORKING, ""),
        (["AcquireLock", "RouteWork", "WaitForLock"], {"type": "WaitStateEntered"}, Outcome.WAITING, ""),
        ([], {"type": "ExecutionStarted"}, Outcome.WORKING, ""),
    ],
)
def test_every_way_an_execution_goes_has_a_word_for_it(
    states: list[str], last: dict[str, Any], outcome: Outcome, explanation: str
) -> None:
    """Told by the history: on AWS the status may be ahead of it."""
    execution = Execution.read(ARN, history(states, last))

    assert (execution.outcome, execution.explanation) == (outcome, explanation)
    assert execution.states == tuple(states)
    assert (execution.key, execution.change, execution.name) == ("a photo.jpg", "created", "name")


def test_duration_is_from_start_to_end() -> None:
    execution = Execution.read(ARN, history(COMMON, succeeded(CONVERTED)))

    assert execution.seconds == len(COMMON) + 1
    assert execution.as_json()["seconds"] == len(COMMON) + 1


@pytest.mark.parametrize("text", ["", "[]", '"text"', "{}", '{"detail": 3}', "no json"])
def test_any_input_that_somebody_started_an_execution_with_can_be_shown(text: str) -> None:
    execution = Execution.read(ARN, history([], {}, text))

    assert execution.key == ""
    assert "name" in rendered(execution)


def test_a_loop_is_shown_by_counts_and_an_error_in_full() -> None:
    states = ["AcquireLock", "RouteWork", "WaitForLock", "AcquireLock", "RouteWork", "WaitForLock", "AcquireLock"]
    failure = failed("LockWaitTimeout", "held by [somebody]")

    shown = rendered(Execution.read(ARN, history([*states, "Failed"], failure)))

    assert "AcquireLock ×3 › RouteWork ×2 › WaitForLock ×2 › Failed" in shown
    assert "LockWaitTimeout: held by [somebody]" in shown


def history(states: list[str], last: dict[str, Any], text: str = json.dumps(CREATED)) -> list[HistoryEventTypeDef]:
    """A history with one second between events."""
    details: list[dict[str, Any]] = [
        {"executionStartedEventDetails": {"input": text}},
        *({"stateEnteredEventDetails": {"name": state}} for state in states),
        last,
    ]
    return [
        {"id": number, "timestamp": START + timedelta(seconds=number), "type": "any", **each}  # type: ignore[typeddict-item, typeddict-unknown-key, unused-ignore]
        for number, each in enumerate(details)
    ]


def rendered(execution: Execution) -> str:
    console = Console(width=200, record=True, file=None)
    with console.capture() as capture:
        console.print(view.table([execution]))
        console.print(view.line(execution))
    return capture.get()
