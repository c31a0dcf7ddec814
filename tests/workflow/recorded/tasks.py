"""Recorded: what a Task makes of an answer, of an error, and of none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.workflow.kit.cases import NO_ANSWER, Refused, Returns, Step
from tests.workflow.recorded.parts import (
    ATTEMPT,
    CAUGHT,
    CUSTOM,
    ENTERED,
    LAMBDA_TASK,
    PASS,
    PLAIN,
    SCENARIOS,
    START,
    STARTED,
    TASK,
    TIMEOUT,
    WORK,
    Reports,
    catch,
    caught,
    entered,
    execution_failed,
    execution_succeeded,
    exited,
    failed,
    invoke,
    retry,
    scheduled,
    service_error,
    timed_out,
    work,
)
from tests.workflow.recorded.pin import Event, Part, Pin


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
    cause = service_error("ResourceNotFoundException", 404, gone)
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


TASKS: Final = [*_answers(), *_catches(), TOO_LARGE, *_retries(), *_timeouts()]
