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


@pytest.mark.parametrize(
    ("status", "states", "last", "outcome", "explanation"),
    [
        ("SUCCEEDED", COMMON, {}, Outcome.CONVERTED, ""),
        ("SUCCEEDED", ["AcquireLock", "RouteWork", "DeleteOutput", "ReleaseLock"], {}, Outcome.DELETED, ""),
        (
            "SUCCEEDED",
            [*COMMON[:2], "DeleteOutput", "AcquireLock", *COMMON[1:]],
            {},
            Outcome.CONVERTED,
            "",
        ),
        (
            "SUCCEEDED",
            ["AcquireLock", "RouteWork", "Skipped"],
            {"executionSucceededEventDetails": {"output": json.dumps({"lock": {"work": "STALE", "reason": "old"}})}},
            Outcome.STALE,
            "old",
        ),
        (
            "FAILED",
            ["AcquireLock", "ReleaseLockAfterFailure", "Failed"],
            {"executionFailedEventDetails": {"error": "InvalidEvent", "cause": "detail: missing"}},
            Outcome.FAILED,
            "InvalidEvent: detail: missing",
        ),
        (
            "FAILED",
            [*COMMON[:3], "ReleaseLockAfterFailure", "Failed"],
            {"executionFailedEventDetails": {"error": "SourceRejected", "cause": "no image"}},
            Outcome.REJECTED,
            "SourceRejected: no image",
        ),
        ("TIMED_OUT", COMMON[:2], {}, Outcome.TIMED_OUT, "the execution's own time limit"),
        (
            "ABORTED",
            COMMON[:1],
            {"executionAbortedEventDetails": {"cause": "by an operator"}},
            Outcome.ABORTED,
            "by an operator",
        ),
        ("RUNNING", COMMON[:3], {}, Outcome.WORKING, ""),
        ("RUNNING", ["AcquireLock", "RouteWork", "WaitForLock"], {}, Outcome.WAITING, ""),
        ("RUNNING", [], {}, Outcome.WORKING, ""),
    ],
)
def test_every_way_an_execution_goes_has_a_word_for_it(
    status: str, states: list[str], last: dict[str, Any], outcome: Outcome, explanation: str
) -> None:
    execution = Execution.read(ARN, status, history(states, last))

    assert (execution.outcome, execution.explanation) == (outcome, explanation)
    assert execution.states == tuple(states)
    assert (execution.key, execution.change, execution.name) == ("a photo.jpg", "created", "name")


def test_duration_is_from_start_to_end() -> None:
    execution = Execution.read(ARN, "SUCCEEDED", history(COMMON, {}))

    assert execution.seconds == len(COMMON) + 1
    assert execution.as_json()["seconds"] == len(COMMON) + 1


@pytest.mark.parametrize("text", ["", "[]", '"text"', "{}", '{"detail": 3}', "no json"])
def test_any_input_that_somebody_started_an_execution_with_can_be_shown(text: str) -> None:
    execution = Execution.read(ARN, "RUNNING", history([], {}, text))

    assert execution.key == ""
    assert "name" in rendered(execution)


def test_a_loop_is_shown_by_counts_and_an_error_in_full() -> None:
    states = ["AcquireLock", "RouteWork", "WaitForLock", "AcquireLock", "RouteWork", "WaitForLock", "AcquireLock"]
    failure = {"executionFailedEventDetails": {"error": "LockWaitTimeout", "cause": "held by [somebody]"}}

    shown = rendered(Execution.read(ARN, "FAILED", history([*states, "Failed"], failure)))

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
