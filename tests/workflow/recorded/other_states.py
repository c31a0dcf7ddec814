"""Recorded: Wait, Choice and Fail, and a path that leads nowhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from tests.workflow.kit.cases import Matches, Returns, Step
from tests.workflow.recorded.parts import (
    ATTEMPT,
    NOWHERE,
    NOWHERE_SOURCE,
    PASS,
    SCENARIOS,
    START,
    SUCCEED,
    entered,
    execution_failed,
    execution_succeeded,
    exited,
    invoke,
    nowhere,
    work,
)
from tests.workflow.recorded.pin import Event, Pin


def _wait(seconds: float, promise: str, *ends: Event, exact_only: str = "") -> Pin:
    return Pin(
        f"SecondsPath: {seconds} {promise}",
        "`$.lock.wait_seconds` must be a whole number, and never negative, or an execution that waits dies",
        f"base/test_wait.py test_base_wait_seconds_path[{seconds}], 2024-03-22",
        {"Wait": {"Type": "Wait", "SecondsPath": "$.lock.wait_seconds", "End": True}},
        [Step("Wait")],
        [START, entered("Wait", "Wait"), *ends],
        {"lock": {"wait_seconds": seconds}},
        exact_only=exact_only,
    )


def _waits() -> Iterator[Pin]:
    for seconds in (0, 1):
        given = {"lock": {"wait_seconds": seconds}}
        ends = exited("Wait", given), execution_succeeded(given)
        yield _wait(seconds, "is waited for, and leaves the input as it is", *ends)
    no_number = "cannot be parsed as a long value"
    for number, says in ((-1, "references a negative value"), (1.5, no_number), (-1.5, no_number)):
        cause = (
            "An error occurred while executing the state 'Wait' (entered at the event id #2)."
            f" The SecondsPath parameter {says}: $.lock.wait_seconds == {number}"
        )
        end = execution_failed("States.Runtime", cause)
        yield _wait(number, "ends the execution", end, exact_only="ministack takes any number")


def _choices() -> Iterator[Pin]:
    choice: dict[str, Any] = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.work", "StringEquals": "Hello", "Next": "Equal"}],
    }
    states = {"Route": {**choice, "Default": "Other"}, "Equal": SUCCEED, "Other": SUCCEED}
    values: list[Any] = [None, 0, 1.1, True, "", " ", [""], {"A": 0}]
    for value, target in [("Hello", "Equal"), *[(value, "Other") for value in values]]:
        given = {"work": value}
        yield Pin(
            f"StringEquals: {json.dumps(value)} leads to {target}",
            "RouteWork knows three words, and whatever else AcquireLock says is no work",
            "choice_operators/test_string_operators.py test_string_equals, 2023-06-22",
            states,
            [Step("Route"), Step(target)],
            [
                *(START, entered("Choice", "Route"), exited("Choice", given)),
                *(entered("Succeed", target), exited("Succeed", given), execution_succeeded(given)),
            ],
            given,
        )
    look = (entered("Task", "Work"), *ATTEMPT, Event("TaskSucceeded"), exited("Task"))
    routed = (entered("Choice", "Route"), exited("Choice"))
    yield Pin(
        "a Task can be entered again after Default and a Wait; Choice and Wait hand on what they get",
        "this is how an execution waits for the lock",
        "comments/test_comments.py test_comments_as_per_docs, 2024-11-28 (less its Pass states, and of a function's"
        " ARN); local_mocking/test_base_scenarios.py test_numbered_mock_responses_multiple_success_invocations,"
        " 2026-02-04 (of lambda:invoke, without Wait)",
        {
            "Work": invoke(ResultSelector={"work.$": "$.Payload"}, Next="Route"),
            "Route": {**choice, "Default": "Wait"},
            "Wait": {"Type": "Wait", "Seconds": 5, "Next": "Work"},
            "Equal": SUCCEED,
        },
        [work(Returns("No")), Step("Route"), Step("Wait"), work(Returns("Hello")), Step("Route"), Step("Equal")],
        [
            *(START, *look, *routed, entered("Wait", "Wait"), exited("Wait", {"work": "No"})),
            *(*look, *routed, entered("Succeed", "Equal"), exited("Succeed"), execution_succeeded({"work": "Hello"})),
        ],
    )


def _failures() -> Iterator[Pin]:
    because = "the execution is to end with the error that was caught; a path that leads nowhere would hide it"
    fail = {"Failed": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}}
    steps, begins = [Step("Failed")], (START, entered("Fail", "Failed"))
    yield Pin(
        "Fail takes error and cause from the state; there is no FailStateExited",
        because,
        "base/test_base.py test_state_fail_path, 2024-02-07",
        fail,
        steps,
        [*begins, execution_failed("LeaseLost", "the lock is not ours")],
        {"error": {"Error": "LeaseLost", "Cause": "the lock is not ours"}},
    )
    for name, path, test in (
        ("ErrorPath", "$.error.Error", "INVALID_JSONPATH_IN_ERRORPATH"),
        ("CausePath", "$.error.Cause", "ST.INVALID_JSONPATH_IN_CAUSEPATH"),
    ):
        cause = Matches(
            r"An error occurred while executing the state 'Failed' \(entered at the event id #2\)\."
            rf" The JSONPath '{re.escape(path)}' specified for the field '{name}' could not be found in the input '.+'"
        )
        yield Pin(
            f"Fail: where {name} leads nowhere the execution ends with States.Runtime, not with its error",
            because,
            f"{SCENARIOS} test_invalid_jsonpath[{test}], 2025-01-02",
            fail,
            steps,
            [*begins, execution_failed("States.Runtime", cause)],
            {"error": {key: "is" for key in ("Error", "Cause") if key not in path}},
        )


OTHER_STATES: Final = [
    *_waits(),
    *_choices(),
    *_failures(),
    nowhere(
        {"Work": NOWHERE, "Caught": PASS},
        Matches(r".*Invalid path '\$\.no\.such\.path' : .+"),
        NOWHERE_SOURCE,
        "a path that leads nowhere ends the execution, even where States.Runtime is to be caught",
    ),
]
