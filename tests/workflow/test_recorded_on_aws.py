"""What AWS itself has been recorded to do, and must be done here too.

Lockstep is tested on engines that are not AWS. These pins hold them to facts: the histories that LocalStack's authors
recorded from AWS (Apache-2.0, github.com/localstack/localstack, tests/aws/services/stepfunctions/v2). The machines are
our own, the smallest that lean on the fact; each pin names the file, the test and the day of its recording. So an
engine upgrade that changes what our state machine leans on is noticed here, by name.

What AWS only documents is in a table of its own, and so is what moto is known to do otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from tests.workflow.kit.cases import (
    NO_ANSWER,
    THROTTLED,
    Case,
    Failed,
    Matches,
    Raises,
    Refused,
    Returns,
    Step,
    Succeeded,
    has,
    task,
)
from tests.workflow.kit.engines.base import Engine
from tests.workflow.kit.engines.moto import ACCOUNT, REGION
from tests.workflow.kit.history import Run, details, expected_events
from tests.workflow.kit.machine import Machine

# These have the whole language; what is worked out outside of the others is no fact about them.
pytestmark = pytest.mark.engines("moto", "ministack")

# --- what a pin is -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """An object with these fields in it, and any others."""

    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """An event of a history.

    Attributes:
        says: what stands in these of its details; None where the field must not be there, or a `Part` of it. Input,
            output and parameters are objects here; a cause is text, to the letter.
    """

    type: str
    says: Mapping[str, Any] = field(default_factory=dict)

    def differences(self, about: Mapping[str, Any]) -> list[str]:
        return [
            f"{self.type}: {name} is {got!r}, not {expected!r}"
            for name, expected in self.says.items()
            if not _is(expected, got := _plain(name, about.get(name)))
        ]


def _plain(name: str, value: Any) -> Any:
    return json.loads(value) if name in {"input", "output", "parameters"} and isinstance(value, str) else value


def _is(expected: Any, got: Any) -> bool:
    return has(got, expected.fields) if isinstance(expected, Part) else bool(expected == got)


@dataclass(frozen=True)
class Pin:
    """A fact, and a machine that shows it.

    Attributes:
        promise: the fact.
        because: why our state machine leans on it.
        source: where it is recorded or documented.
        states: the machine, beginning with the first.
        steps: the states that are visited, and what tasks answer.
        history: what AWS writes down. An engine that is not exact is only held to the states, the status and the error.
        pauses: seconds before each retry, where the pin is about them.
        exact_only: why only an exact engine is held to it at all: what the emulator was found to do.
    """

    promise: str
    because: str
    source: str
    states: Mapping[str, Mapping[str, Any]]
    steps: Sequence[Step]
    history: Sequence[Event]
    input: Mapping[str, Any] = field(default_factory=lambda: {"kept": 1})
    pauses: Sequence[float] | None = None
    exact_only: str = ""

    def __str__(self) -> str:
        return self.promise

    @property
    def machine(self) -> Machine:
        return Machine(json.dumps({"StartAt": next(iter(self.states)), "States": self.states}))

    @property
    def case(self) -> Case:
        end = self.history[-1]
        failed = Failed(str(end.says.get("error")), str(end.says.get("cause") or ""))
        ends = Succeeded() if end.type == "ExecutionSucceeded" else failed
        return Case(self.promise, self.input, self.steps, ends)

    def run(self, engine: Engine) -> Run:
        """Run it, or skip the test where the engine cannot."""
        reason = engine.cannot(self.machine, self.case) or (self.exact_only if not engine.exact else "")
        if reason:
            pytest.skip(reason)
        return engine.run(self.machine, self.case)

    def differences(self, run: Run, *, exact: bool) -> list[str]:
        """Say what a run did otherwise; nothing where it is as AWS would have it."""
        ends = self.case.ends
        found = []
        for what, expected, got in (
            ("path", self.case.path, run.path),
            ("status", ends.status, run.status),
            ("error", ends.error, run.error),
            ("pauses", self.pauses and list(self.pauses), run.pauses and list(run.pauses)),
        ):
            unsaid = what in run.unsaid or (what == "pauses" and (expected is None or got is None))
            if expected != got and not unsaid:
                found.append(f"{what}: {got!r}, not {expected!r}")
        if exact:
            found += self._other_events(run)
        return found

    def _other_events(self, run: Run) -> list[str]:
        types = tuple(event.type for event in self.history)
        if run.events != types:
            return [f"events: {run.events!r}, not {types!r}"]
        pairs = zip(self.history, run.history, strict=True)
        return [difference for event, got in pairs for difference in event.differences(details(got))]


# --- the parts of a machine --------------------------------------------------------------------------------

WORK: Final = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:work"
PASS: Final = {"Type": "Pass", "End": True}
SUCCEED: Final = {"Type": "Succeed"}


def invoke(payload: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A Task like ours. Its function gets the state's input if nothing else is said."""
    given = {"Payload.$": "$"} if payload is None else {"Payload": payload}
    onwards = {} if "Next" in fields else {"End": True}
    resource = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}
    return {**resource, "Parameters": {"FunctionName": WORK, **given}, **fields, **onwards}


def catch(*errors: str, then: str = "Caught", **fields: Any) -> dict[str, Any]:
    return {"ErrorEquals": errors, "Next": then, **fields}


def retry(*errors: str, **fields: Any) -> dict[str, Any]:
    return {"ErrorEquals": errors, **fields}


# --- the parts of a history --------------------------------------------------------------------------------

TASK: Final = {"resource": "invoke", "resourceType": "lambda"}
STARTED: Final = Event("TaskStarted", TASK)


def entered(type_: str, name: str | None = None) -> Event:
    return Event(f"{type_}StateEntered", {"name": name} if name else {})


def exited(type_: str, output: Any = None) -> Event:
    return Event(f"{type_}StateExited", {} if output is None else {"output": output})


def scheduled(*, timeout: int | None = None, **fields: Any) -> Event:
    """A state without TimeoutSeconds has none in its history either."""
    return Event("TaskScheduled", {**TASK, "region": REGION, "timeoutInSeconds": timeout, **fields})


def failed(error: str, cause: Any) -> Event:
    return Event("TaskFailed", {**TASK, "error": error, "cause": cause})


def timed_out() -> Event:
    return Event("TaskTimedOut", {**TASK, "error": "States.Timeout", "cause": None})


def execution_failed(error: str, cause: Any) -> Event:
    return Event("ExecutionFailed", {"error": error, "cause": cause})


def execution_succeeded(output: Any = None) -> Event:
    return Event("ExecutionSucceeded", {} if output is None else {"output": output})


START: Final = Event("ExecutionStarted")
ATTEMPT: Final = (scheduled(), STARTED)
ENTERED: Final = (START, entered("Task"))


def caught(output: Any, name: str = "Caught") -> tuple[Event, ...]:
    """The Task is left with an output that the Pass state after it does not change."""
    return exited("Task", output), entered("Pass", name), exited("Pass"), execution_succeeded(output)


# --- what functions answer ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reports(Raises):
    """An exception, reported in full as by Lambda's runtime for Python."""

    request_id: str = "request 1"

    @property
    def cause(self) -> str:
        report = {
            "errorMessage": self.message,
            "errorType": self.error,
            "requestId": self.request_id,
            "stackTrace": ['  File "app.py"'],
        }
        return json.dumps(report, separators=(",", ":"))

    @property
    def output(self) -> dict[str, str]:
        """What a Catch makes of it."""
        return {"Error": self.error, "Cause": self.cause}


CUSTOM: Final = Reports("CustomException", "")
PLAIN: Final = Reports("Exception", "Some text.")
TIMEOUT: Final = {"Error": "States.Timeout", "Cause": ""}

work = task("Work")
CAUGHT: Final = Step("Caught")


def _service_error(code: str, status: int, message: str) -> Matches:
    """The cause of an error of Lambda itself is plain text."""
    service = rf"Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: \S+; Proxy: null"
    return Matches(rf"{re.escape(message)} \({service}\)")


# --- recorded ----------------------------------------------------------------------------------------------

LAMBDA_TASK: Final = "error_handling/test_task_service_lambda.py"
SCENARIOS: Final = "scenarios/test_base_scenarios.py"


def _answers() -> Iterator[Pin]:
    payload = {"answer": 7}
    yield Pin(
        "ResultSelector chooses from the envelope, of which the answer is the Payload",
        "each Task takes `$.Payload.…`, and nothing else of the envelope is to get into the state",
        "context_object/test_context_object.py test_result_selector, 2024-09-11",
        {"Work": invoke(ResultSelector={"answer.$": "$.Payload.answer", "input.$": "$$.Execution.Input"})},
        [work(Returns(payload))],
        [
            *ENTERED,
            scheduled(parameters={"FunctionName": WORK, "Payload": {"kept": 1}}),
            STARTED,
            Event(
                "TaskSucceeded",
                {**TASK, "output": Part({"ExecutedVersion": "$LATEST", "StatusCode": 200, "Payload": payload})},
            ),
            exited("Task", {"answer": 7, "input": {"kept": 1}}),
            execution_succeeded({"answer": 7, "input": {"kept": 1}}),
        ],
    )


def _catches() -> Iterator[Pin]:
    yield Pin(
        "an exception is caught by its class name, and takes the place of the input where Catch has no ResultPath",
        "LeaseLost, InputChanged and OutputChanged are told apart by name; the cause is read as the function's report",
        f"{LAMBDA_TASK} test_raise_custom_exception, 2024-11-28",
        {"Work": invoke(Catch=[catch("CustomException")]), "Caught": PASS},
        [work(CUSTOM), CAUGHT],
        [*ENTERED, *ATTEMPT, failed("CustomException", CUSTOM.cause), *caught(CUSTOM.output)],
    )
    yield Pin(
        "Lambda.Unknown does not match an exception, and what nobody catches leaves no TaskStateExited",
        "the retrier for Lambda.Unknown is for functions that were killed, not for a bug of ours",
        f"{LAMBDA_TASK} test_raise_exception, 2024-11-28",
        {"Work": invoke(Catch=[catch("Lambda.Unknown")]), "Caught": PASS},
        [work(PLAIN)],
        [*ENTERED, *ATTEMPT, failed("Exception", PLAIN.cause), execution_failed("Exception", PLAIN.cause)],
    )
    kept = {"kept": 1, "error": CUSTOM.output}
    yield Pin(
        "Catch with a ResultPath adds the error to the state's input",
        "the states after a Catch need the S3 event; `$.error` and `$.look_again` go beside it",
        "error_handling/test_aws_sdk.py test_no_such_bucket, 2023-06-22 (of s3:listObjects)",
        {"Work": invoke(Catch=[catch("States.TaskFailed", ResultPath="$.error")]), "Caught": PASS},
        [work(CUSTOM), CAUGHT],
        [*ENTERED, *ATTEMPT, failed("CustomException", CUSTOM.cause), *caught(kept)],
    )
    for output_path, row in (("$", "None"), ("$.Payload", "$.Payload"), ("$.no.such.path", "$.no.such.path")):
        yield Pin(
            f"a caught error is not put through the state's own ResultPath, nor its OutputPath {output_path}",
            "`$.error` is what Catch says, whatever ResultSelector and ResultPath say of an answer",
            f"{LAMBDA_TASK} test_raise_exception_catch_output_path[{row}], 2024-11-28",
            {
                "Work": invoke(ResultPath="$.Payload", OutputPath=output_path, Catch=[catch("States.ALL")]),
                "Caught": PASS,
            },
            [work(PLAIN), CAUGHT],
            [*ENTERED, *ATTEMPT, failed("Exception", PLAIN.cause), *caught(PLAIN.output)],
        )
    in_order = {
        "Work": invoke(
            Catch=[catch("Lambda.Unknown", then="1"), catch("States.TaskFailed", then="2"), catch("States.ALL")]
        ),
        "1": PASS,
        "2": PASS,
        "Caught": PASS,
    }
    yield Pin(
        "the first catcher that matches is taken, and States.TaskFailed matches an exception",
        "the catcher for LeaseLost stands before that for States.ALL",
        f"{LAMBDA_TASK} test_raise_exception_catch, 2024-11-28",
        in_order,
        [work(PLAIN), Step("2")],
        [*ENTERED, *ATTEMPT, failed("Exception", PLAIN.cause), *caught(PLAIN.output, "2")],
    )
    gone = f"Function not found: {WORK}:$LATEST"
    cause = _service_error("ResourceNotFoundException", 404, gone)
    yield Pin(
        "an error of Lambda itself is called Lambda.<code>, comes after TaskStarted, and its cause is plain text",
        "the retriers name Lambda's errors so; Failure.parse must take a cause that is no JSON",
        f"{LAMBDA_TASK} test_no_such_function_catch, 2025-11-25",
        in_order,
        [work(Refused("ResourceNotFoundException", 404, gone)), Step("2")],
        [
            *ENTERED,
            *ATTEMPT,
            failed("Lambda.ResourceNotFoundException", cause),
            exited("Task"),
            entered("Pass", "2"),
            exited("Pass"),
            execution_succeeded(),
        ],
    )


_TOO_LARGE: Final = (
    "The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit."
)
TOO_LARGE: Final = Pin(
    "States.ALL catches an answer that is too large, whatever the guide says of States.DataLimitExceeded",
    "an answer that is too large still frees the lock",
    "error_handling/test_states_errors.py"
    " test_service_task_lambada_catch_state_all_data_limit_exceeded_on_large_utf8_response, 2024-03-21",
    {"Work": invoke(Catch=[catch("States.ALL")]), "Caught": PASS},
    [work(Returns("x" * 257 * 1024)), CAUGHT],
    [
        *ENTERED,
        *ATTEMPT,
        failed("States.DataLimitExceeded", _TOO_LARGE),
        *caught({"Error": "States.DataLimitExceeded", "Cause": _TOO_LARGE}),
    ],
    exact_only="ministack knows no largest answer",
)

FOURFOLD: Final = [Reports("Exception", "Some text.", request_id=f"request {number}") for number in range(1, 5)]
GIVES_UP: Final = Pin(
    "MaxAttempts 3 is four attempts, each with its own RetryCount, and then Catch has the last of the errors",
    "the numbers of attempts are chosen so that an attempt which was killed is over before we give up",
    f"{SCENARIOS} test_lambda_service_invoke_with_retry_extended_input, 2023-10-24",
    {
        "Work": invoke(
            {"owner.$": "$$.Execution.Id", "attempt.$": "$$.State.RetryCount", "state.$": "$"},
            ResultPath="$.output",
            Retry=[retry("States.ALL", MaxAttempts=3)],
            Catch=[catch("States.ALL")],
        ),
        "Caught": PASS,
    },
    [work(*FOURFOLD), CAUGHT],
    [
        *ENTERED,
        *[
            event
            for attempt, report in enumerate(FOURFOLD)
            for event in (
                scheduled(parameters=Part({"Payload": {"attempt": attempt, "state": {"kept": 1}}})),
                STARTED,
                failed("Exception", report.cause),
            )
        ],
        *caught(FOURFOLD[-1].output),
    ],
)


def _retries() -> Iterator[Pin]:
    yield GIVES_UP
    hesitant = {"IntervalSeconds": 3, "BackoffRate": 2, "MaxDelaySeconds": 5, "JitterStrategy": "FULL"}
    yield Pin(
        "MaxAttempts 0 is one attempt",
        "MaxAttempts counts the attempts after the first: the 90 of AttemptInFlight are 91 looks",
        f"{SCENARIOS} test_retry_interval_features_max_attempts_zero, 2024-03-27",
        {"Work": invoke(Retry=[retry("States.ALL", MaxAttempts=0, **hesitant)])},
        [work(PLAIN)],
        [*ENTERED, *ATTEMPT, failed("Exception", PLAIN.cause), execution_failed("Exception", PLAIN.cause)],
    )
    yield Pin(
        "a Task that gives up without a Catch fails the execution with the last of its errors",
        "ReleaseLockAfterFailure's last error is the one its own Catch gets",
        "credentials/test_credentials_base.py test_cross_account_service_lambda_invoke_retry, 2024-12-04",
        {"Work": invoke(Retry=[retry("States.ALL", MaxAttempts=2)])},
        [work(*FOURFOLD[:3])],
        [
            *ENTERED,
            *[event for report in FOURFOLD[:3] for event in (*ATTEMPT, failed("Exception", report.cause))],
            execution_failed("Exception", FOURFOLD[2].cause),
        ],
    )
    item_fails = (entered("Fail", "Item"), Event("MapIterationFailed", {"index": 0}))
    yield Pin(
        "the retrier that names the error counts, not the ones before it, and `State.ALL` is a name like any other",
        "each of our retriers is for errors of its own, with a number of attempts of its own",
        f"{SCENARIOS} test_map_state_retry_multiple_retriers, 2023-08-08 (of a Map)",
        {
            "Map": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "Iterator": {"StartAt": "Item", "States": {"Item": {"Type": "Fail", "Error": "Bad", "Cause": "is"}}},
                "Retry": [
                    retry("NoSuchError", MaxAttempts=1),
                    retry("State.ALL", MaxAttempts=2),
                    retry("Bad", MaxAttempts=3),
                ],
                "End": True,
            }
        },
        [Step("Map"), *[Step("Item")] * 4],
        [
            START,
            entered("Map", "Map"),
            *[Event("MapStateStarted", {"length": 1}), Event("MapIterationStarted", {"index": 0}), *item_fails] * 4,
            Event("MapStateFailed"),
            execution_failed("Bad", "is"),
        ],
        input={"items": [1]},
        exact_only="ministack writes down nothing of what is inside a Map",
    )


def _timeouts() -> Iterator[Pin]:
    yield Pin(
        "a Task's time-out is TaskTimedOut, without a cause; caught, the cause is empty",
        "ReleaseLockAfterFailure must say something where the cause is empty",
        f"{LAMBDA_TASK} test_invoke_timeout, 2024-11-28",
        {"Work": invoke(TimeoutSeconds=5, Catch=[catch("States.Timeout")]), "Caught": PASS},
        [work(NO_ANSWER), CAUGHT],
        [*ENTERED, scheduled(timeout=5), STARTED, timed_out(), *caught(TIMEOUT)],
    )
    yield Pin(
        "a time-out that nobody catches fails the execution without a cause",
        "whoever reads our failed executions must not count on a cause",
        "timeouts/test_timeouts.py test_fixed_timeout_service_lambda, 2024-03-10",
        {"Work": invoke(TimeoutSeconds=5)},
        [work(NO_ANSWER)],
        [*ENTERED, scheduled(timeout=5), STARTED, timed_out(), execution_failed("States.Timeout", None)],
    )


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


# A path that leads nowhere, on the way out of a Task. Recorded of a function's ARN.
NOWHERE: Final = invoke(OutputPath="$.no.such.path", Catch=[catch("States.Runtime")])
NOWHERE_SOURCE: Final = f"{SCENARIOS} test_catch_states_runtime, 2023-11-23 (of a function's ARN)"
SUCCEEDED: Final = (*ENTERED, *ATTEMPT, Event("TaskSucceeded"))


def _nowhere(states: Mapping[str, Any], cause: Any, source: str, promise: str) -> Pin:
    return Pin(
        promise,
        "no catcher of ours may count on seeing a path that leads nowhere: it would be the end without a release",
        source,
        states,
        [work(Returns({}))],
        [*SUCCEEDED, execution_failed("States.Runtime", cause)],
        exact_only="ministack makes null of a path that leads nowhere",
    )


RECORDED: Final = [
    *_answers(),
    *_catches(),
    TOO_LARGE,
    *_retries(),
    *_timeouts(),
    *_waits(),
    *_choices(),
    *_failures(),
    _nowhere(
        {"Work": NOWHERE, "Caught": PASS},
        Matches(r".*Invalid path '\$\.no\.such\.path' : .+"),
        NOWHERE_SOURCE,
        "a path that leads nowhere ends the execution, even where States.Runtime is to be caught",
    ),
]


# --- documented, not recorded ------------------------------------------------------------------------------

GUIDE: Final = 'AWS Step Functions Developer Guide, "Handling errors in Step Functions workflows"'
SPEC: Final = "Amazon States Language specification (states-language.net)"


def _documented() -> Iterator[Pin]:
    anything = {"Work": invoke(OutputPath="$.no.such.path", Catch=[catch("States.ALL")]), "Caught": PASS}
    yield _nowhere(
        anything, Matches(".+"), f"{GUIDE}, States.Runtime", "States.ALL does not match States.Runtime either"
    )
    yield Pin(
        "States.TaskFailed does not match States.Timeout, and States.ALL does",
        "the catchers for anything else say States.ALL, so that a function without an answer frees the lock",
        f"{GUIDE}, States.TaskFailed and States.ALL",
        {
            "Work": invoke(TimeoutSeconds=5, Catch=[catch("States.TaskFailed", then="1"), catch("States.ALL")]),
            "1": PASS,
            "Caught": PASS,
        },
        [work(NO_ANSWER), CAUGHT],
        [*ENTERED, scheduled(timeout=5), STARTED, timed_out(), *caught(TIMEOUT)],
    )
    yield Pin(
        "a time-out is retried by its name, and an answer after it is a success",
        "each Task tries again after States.Timeout",
        f"{GUIDE}, Retry",
        {"Work": invoke(TimeoutSeconds=5, Retry=[retry("Other", "States.Timeout", IntervalSeconds=2)])},
        [work(NO_ANSWER, Returns("done"))],
        [
            *(*ENTERED, scheduled(timeout=5), STARTED, timed_out(), scheduled(timeout=5), STARTED),
            *(Event("TaskSucceeded"), exited("Task"), execution_succeeded(Part({"Payload": "done"}))),
        ],
        pauses=[2],
    )
    throttled = failed(
        "Lambda.TooManyRequestsException", _service_error("TooManyRequestsException", 429, "Rate Exceeded.")
    )
    yield Pin(
        "pauses grow by BackoffRate up to MaxDelaySeconds, and a throttled function is Lambda.TooManyRequestsException",
        "a burst larger than the account's concurrency waits in AcquireLock's first retrier",
        f'{GUIDE}, MaxDelaySeconds; "Best practices", transient Lambda service exceptions',
        {
            "Work": invoke(
                Retry=[
                    retry(
                        "Lambda.TooManyRequestsException",
                        IntervalSeconds=1,
                        BackoffRate=1.5,
                        MaxDelaySeconds=2,
                        MaxAttempts=4,
                    )
                ]
            )
        },
        [work(*[THROTTLED] * 4, Returns("done"))],
        [
            *(*ENTERED, *[*ATTEMPT, throttled] * 4, *ATTEMPT, Event("TaskSucceeded")),
            *(exited("Task"), execution_succeeded(Part({"Payload": "done"}))),
        ],
        pauses=[1, 1.5, 2, 2],
    )
    a, b, c = (Reports(f"Error{letter}", "Some text.") for letter in "ABC")
    yield Pin(
        "each retrier counts for itself, and one that is used up leads to Catch, not to the next retrier",
        "attempts in flight may not use up the attempts that a lost answer has, nor the other way round",
        f"{GUIDE}, the example with two retriers",
        {
            "Work": invoke(
                Retry=[
                    retry("ErrorA", "ErrorB", IntervalSeconds=1, BackoffRate=2, MaxAttempts=2),
                    retry("ErrorC", IntervalSeconds=5),
                    retry("States.ALL", MaxAttempts=9),
                ],
                Catch=[catch("States.ALL")],
            ),
            "Caught": PASS,
        },
        [work(a, b, c, b), CAUGHT],
        [
            *(*ENTERED, *[event for error in (a, b, c, b) for event in (*ATTEMPT, failed(error.error, error.cause))]),
            *caught(b.output),
        ],
        pauses=[1, 2, 5],
    )
    visit = [event for error in (a, a, b) for event in (*ATTEMPT, failed(error.error, error.cause))]
    yield Pin(
        "a state that is entered again counts anew",
        "a second look, and each round of waiting, has all the attempts again",
        f'{SPEC}, "Complex retry scenarios"',
        {
            "Work": invoke(
                Retry=[retry("ErrorA", MaxAttempts=2)],
                Catch=[catch("ErrorB", then="Again"), catch("States.ALL")],
            ),
            "Again": {"Type": "Pass", "Next": "Work"},
            "Caught": PASS,
        },
        [work(a, a, b), Step("Again"), work(a, a, c), CAUGHT],
        [
            *(*ENTERED, *visit, exited("Task"), entered("Pass", "Again"), exited("Pass")),
            *(entered("Task"), *visit[:-1], failed(c.error, c.cause)),
            *caught(c.output),
        ],
        pauses=[1, 2, 1, 2],
    )
    yield Pin(
        "ResultPath writes over what stands there, and only there",
        "ReleaseLockAfterFailure puts plain words in the place of the caught error; a second look replaces the first",
        'AWS Step Functions Developer Guide, "Specifying state output using ResultPath"',
        {"Work": invoke(ResultSelector={"Error.$": "$.Payload.error"}, ResultPath="$.error")},
        [work(Returns({"error": "Timeout"}))],
        [
            *(*SUCCEEDED, exited("Task", {"kept": 1, "error": {"Error": "Timeout"}})),
            execution_succeeded({"kept": 1, "error": {"Error": "Timeout"}}),
        ],
        {"kept": 1, "error": TIMEOUT},
    )
    yield Pin(
        "a null in an answer is a value, not a path that leads nowhere",
        "AcquireLock answers with null for what there is none of",
        f'{SPEC}, "Payload Template"',
        {"Work": invoke(ResultSelector={"source.$": "$.Payload.source"}, ResultPath="$.lock")},
        [work(Returns({"source": None}))],
        [
            *(*SUCCEEDED, exited("Task", {"kept": 1, "lock": {"source": None}})),
            execution_succeeded({"kept": 1, "lock": {"source": None}}),
        ],
    )


DOCUMENTED: Final = [*_documented()]


# --- what moto does otherwise ------------------------------------------------------------------------------


def _deviations() -> Iterator[tuple[Pin, str]]:
    metadata = {"SdkHttpMetadata": {"HttpStatusCode": 200}}
    yield (
        Pin(
            "the envelope has the answer's HTTP headers",
            "it is why each Task has a ResultSelector",
            "context_object/test_context_object.py test_result_selector, 2024-09-11",
            {"Work": invoke()},
            [work(Returns({}))],
            [*SUCCEEDED, exited("Task", Part(metadata)), execution_succeeded(Part(metadata))],
        ),
        "moto gives StatusCode, ExecutedVersion and Payload only",
    )
    yield (
        _nowhere(
            {"Work": NOWHERE, "Caught": PASS},
            Matches(
                r"An error occurred while executing the state 'Work' \(entered at the event id #2\)\."
                r" Invalid path '\$\.no\.such\.path' : Missing property in path \$\['no'\]"
            ),
            NOWHERE_SOURCE,
            "the cause of a path that leads nowhere says when the state was entered, and which part is missing",
        ),
        "moto names the last event instead, and the whole path",
    )
    unselected = {
        "Work": invoke(ResultSelector={"work.$": "$.Payload.work"}, Catch=[catch("States.ALL")]),
        "Caught": PASS,
    }
    yield (
        _nowhere(
            unselected,
            Matches(".+"),
            f"{GUIDE}, States.Runtime (documented; nobody has recorded it of a ResultSelector)",
            "States.ALL does not catch an answer without a field that ResultSelector asks for",
        ),
        "moto makes it a TaskFailed after the TaskSucceeded, and States.ALL catches it",
    )
    yield (
        Pin(
            "States.ALL does not catch a field that Parameters asks for and the state has not",
            "`caught.$` of ReleaseLockAfterFailure takes `$.error`, which each way there must have set",
            f"{GUIDE}, States.Runtime (documented; nobody has recorded it of a Task's Parameters)",
            {"Work": invoke({"caught.$": "$.error"}, Catch=[catch("States.ALL")]), "Caught": PASS},
            [work()],
            [*ENTERED, execution_failed("States.Runtime", Matches(".+"))],
        ),
        "moto makes it a TaskFailed without an attempt, and States.ALL catches it",
    )


def _known(deviations: Iterable[tuple[Pin, str]]) -> list[Any]:
    return [
        pytest.param(pin, marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason), id=str(pin))
        for pin, reason in deviations
    ]


# --- the tests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pin", RECORDED, ids=str)
def test_it_is_as_aws_was_recorded(engine: Engine, pin: Pin) -> None:
    run = pin.run(engine)

    assert pin.differences(run, exact=engine.exact) == [], f"{pin.because} ({pin.source})"


@pytest.mark.parametrize("pin", DOCUMENTED, ids=str)
def test_it_is_as_aws_documents(engine: Engine, pin: Pin) -> None:
    run = pin.run(engine)

    assert pin.differences(run, exact=engine.exact) == [], f"{pin.because} ({pin.source})"


@pytest.mark.parametrize("pin", _known(_deviations()))
def test_moto_is_not_yet_as_aws(engine: Engine, pin: Pin) -> None:
    if not engine.exact:
        pytest.skip("these are moto's deviations")
    run = pin.run(engine)

    assert pin.differences(run, exact=True) == []


def test_events_are_numbered_from_one_and_each_names_the_one_before(engine: Engine) -> None:
    """The first state's entry names none, 0 (same recording as `GIVES_UP`): who reads a history can rely on it."""
    if not engine.exact:
        pytest.skip("the histories of this engine have other events than AWS's")
    history = GIVES_UP.run(engine).history

    count = len(GIVES_UP.history)
    assert [event["id"] for event in history] == list(range(1, count + 1))
    assert [event["previousEventId"] for event in history] == [0, 0, *range(2, count)]


def test_every_attempt_names_the_same_owner(engine: Engine) -> None:
    """The lock's owner is `$$.Execution.Id`: a retry must find the lock that a lost attempt took as its own.

    Source: the recording of `GIVES_UP`, whose attempts sent the whole context object.
    """
    run = GIVES_UP.run(engine)
    if run.given is None:
        pytest.skip("this engine does not call functions")

    owners = [payload["owner"] for _, payload in run.given]
    assert len(owners) == 4
    assert len(set(owners)) == 1
    assert owners[0].startswith("arn:aws:states:")


# To the kit, what a function returns is a success; and it knows no Task whose error nobody catches.
EXPECTED: Final = [pin for pin in RECORDED if isinstance(pin.case.ends, Succeeded) and pin is not TOO_LARGE]


@pytest.mark.parametrize("pin", EXPECTED, ids=str)
def test_the_kit_expects_what_aws_was_recorded_to_write(pin: Pin) -> None:
    """`expected_events`, which each case of ours is held to, comes to AWS's own sequence."""
    assert expected_events(pin.machine, pin.case) == [event.type for event in pin.history]
