"""Documented by AWS; nobody has recorded it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.workflow.kit.cases import NO_ANSWER, THROTTLED, Matches, Returns, Step
from tests.workflow.recorded.parts import (
    ATTEMPT,
    CAUGHT,
    ENTERED,
    GUIDE,
    PASS,
    SPEC,
    STARTED,
    SUCCEEDED,
    TIMEOUT,
    Reports,
    catch,
    caught,
    entered,
    execution_succeeded,
    exited,
    failed,
    invoke,
    nowhere,
    retry,
    scheduled,
    service_error,
    timed_out,
    work,
)
from tests.workflow.recorded.pin import Event, Part, Pin


def _documented() -> Iterator[Pin]:
    anything = {"Work": invoke(OutputPath="$.no.such.path", Catch=[catch("States.ALL")]), "Caught": PASS}
    yield nowhere(
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
        "Lambda.TooManyRequestsException", service_error("TooManyRequestsException", 429, "Rate Exceeded.")
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
