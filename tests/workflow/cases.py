"""The state machine's specification: what each execution must make of what its functions answer.

The functions are not run here, only their answers; `test_the_answers_are_the_functions_own` holds them to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tests.workflow.kit.cases import (
    NO_ANSWER,
    THROTTLED,
    Answer,
    Case,
    Failed,
    Failure,
    Raises,
    Refused,
    Returns,
    Step,
    Succeeded,
    task,
)
from tests.workflow.stack import FIRST, RELEASE, created, deleted

UPLOAD: Final = created(FIRST)
DELETION: Final = deleted(FIRST)

# --- what the functions answer -----------------------------------------------------------------------------


def _look(work: str, reason: str, *, source: str | None = None, wait_seconds: int | None = None) -> Returns:
    """AcquireLock's answer."""
    since = 1_800_000_000_000 if work == "HELD" else None
    return Returns(
        {"work": work, "reason": reason, "source": source, "waiting_since": since, "wait_seconds": wait_seconds}
    )


PRESENT: Final = _look("GRAYSCALE", "the lock is ours", source="ff00@1")
ABSENT: Final = _look("DELETE", "the lock is ours", source="absent")
HELD: Final = _look("HELD", "another execution holds the lock", wait_seconds=5)
STALE: Final = _look("STALE", "a newer event has been applied")
SUPERSEDED: Final = _look("SUPERSEDED", "a newer event is on record")
FOLDER: Final = _look("FOLDER", "a folder has no counterpart")

CONVERTED: Final = Returns({"source": "ff00@1", "output_etag": "aa11", "token": 1, "sequencer": FIRST.lower()})
REMOVED: Final = Returns({"source": "absent", "output_etag": None, "token": 1, "sequencer": FIRST.lower()})
RELEASED: Final = Returns({"released": "photos-in/cat.png"})

BROKEN: Final = Raises("RuntimeError", "out of luck")
LEASE_LOST: Final = Raises("LeaseLost", "the lock belongs to another execution")

# What a call that may succeed later looks like to Step Functions, by the state machine's name for it.
TRANSIENT: Final[Mapping[str, Failure]] = {
    "ServiceUnavailable": Raises("ServiceUnavailable", "S3 is busy"),
    "Lambda.ServiceException": Refused("ServiceException"),
    "Lambda.AWSLambdaException": Refused("AWSLambdaException"),
    "Lambda.SdkClientException": Refused("SdkClientException"),
    "Lambda.ClientExecutionTimeoutException": Refused("ClientExecutionTimeoutException"),
    "Sandbox.Timedout": Raises("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 20.00 seconds"),
    "Runtime.ExitError": Raises("Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: signal: killed"),
    "States.Timeout": NO_ANSWER,
}
UNKNOWN: Final = Refused("Unknown")
IN_FLIGHT: Final = Raises("AttemptInFlight", "an earlier attempt may still be at work")
IN_DOUBT: Final = Raises("WriteInDoubt", "S3 gave no answer to a write")

# --- the states --------------------------------------------------------------------------------------------

acquire = task("AcquireLock")
route = Step("RouteWork")
wait = Step("WaitForLock")
convert = task("ConvertToGrayscale")
remove = task("DeleteOutput")
release = task("ReleaseLock")
release_after_failure = task("ReleaseLockAfterFailure")
skipped = Step("Skipped")
failed = Step("Failed")

TAKES: Final = (acquire(PRESENT), route)
CONVERTS: Final = (*TAKES, convert(CONVERTED), release(RELEASED))
REMOVES: Final = (acquire(ABSENT), route, remove(REMOVED), release(RELEASED))
WAITS: Final = (acquire(HELD), route, wait)

# The usual way to each task, and on from there.
WAYS: Final[Mapping[str, tuple[Sequence[Step], Returns, Sequence[Step]]]] = {
    "AcquireLock": ((), PRESENT, (route, convert(CONVERTED), release(RELEASED))),
    "ConvertToGrayscale": (TAKES, CONVERTED, (release(RELEASED),)),
    "DeleteOutput": (REMOVES[:2], REMOVED, (release(RELEASED),)),
    "ReleaseLock": (CONVERTS[:3], RELEASED, ()),
}
WORKERS: Final = ("ConvertToGrayscale", "DeleteOutput")

# --- the cases ---------------------------------------------------------------------------------------------


def _message(failure: Failure) -> str:
    return failure.message if isinstance(failure, Raises) else failure.cause or "no cause was given"


def _gives_up(failure: Failure) -> tuple[Step, Step]:
    """The way out after a failure: the lock is freed, and the function says in plain words what went wrong."""
    error = failure.error.removeprefix("States.")
    plain = Returns({"error": error, "cause": _message(failure)})
    return release_after_failure(plain, given={"caught": {"Error": failure.error}}), failed


def _ends_with(failure: Failure) -> Failed:
    return Failed(failure.error.removeprefix("States."), _message(failure))


def _case(
    name: str,
    steps: Sequence[Step],
    ends: Succeeded | Failed,
    *,
    event: Mapping[str, Any] = UPLOAD,
    releases: int = 1,
    pauses: Sequence[float] | None = (),
) -> Case:
    """A case, with the calls of the release function, which must come at the end of whatever took the lock."""
    return Case(name, event, steps, ends, calls={RELEASE: releases}, pauses=pauses)


def _ways_through() -> Iterator[Case]:
    done = Succeeded({"released": {"object": "photos-in/cat.png"}, "detail": UPLOAD["detail"]})
    yield _case("an upload is converted", CONVERTS, done)
    yield _case("a deletion removes the output", REMOVES, Succeeded(), event=DELETION)
    yield _case("an upload that is gone by now removes the output", REMOVES, Succeeded())
    yield _case("a deletion of what is back by now converts it", CONVERTS, Succeeded(), event=DELETION)
    for name, look in {"stale": STALE, "superseded": SUPERSEDED, "folder's": FOLDER}.items():
        said = Succeeded({"lock": look.payload})
        yield _case(
            f"a {name} event is skipped, and nothing is released", (acquire(look), route, skipped), said, releases=0
        )
    yield _case("one that finds the lock held waits and comes again", (*WAITS, *CONVERTS), Succeeded())
    yield _case("one that waits three times is converted", (*WAITS, *WAITS, *WAITS, *CONVERTS), Succeeded())
    yield _case("a deletion waits too", (*WAITS, *REMOVES), Succeeded(), event=DELETION)
    yield _case(
        "one that is superseded while it waits is skipped",
        (*WAITS, acquire(SUPERSEDED), route, skipped),
        Succeeded({"lock": {"work": "SUPERSEDED", "wait_seconds": None}}),
        releases=0,
    )


def _second_looks() -> Iterator[Case]:
    """What sends an execution back to AcquireLock, which is told so."""
    sends_back = {
        "ConvertToGrayscale": ["LeaseLost", "OutputChanged"],
        "DeleteOutput": ["LeaseLost", "InputChanged", "OutputChanged"],
        "ReleaseLock": ["LeaseLost"],
    }
    for state, errors in sends_back.items():
        before, _, _ = WAYS[state]
        for error in errors:
            failure = Raises(error, "look again")
            again = acquire(PRESENT, given={"state": {"look_again": {"Error": error}}})
            yield _case(
                f"{state}: {error} looks again",
                (*before, task(state)(failure), again, *CONVERTS[1:]),
                Succeeded({"look_again": {"Error": error}, "released": {"object": "photos-in/cat.png"}}),
                releases=2 if state == "ReleaseLock" else 1,
            )
    lost = (*TAKES, convert(LEASE_LOST))
    yield _case("a second look can find that the input is gone", (*lost, *REMOVES), Succeeded())
    yield _case("a second look can find the lock held", (*lost, *WAITS, *CONVERTS), Succeeded())
    yield _case("a second look can be followed by a third", (*lost, *lost, *CONVERTS), Succeeded())
    yield _case(
        "a second look that fails frees the lock",
        (*lost, acquire(BROKEN), *_gives_up(BROKEN)),
        _ends_with(BROKEN),
    )


def _failures() -> Iterator[Case]:
    for state, (before, _, _) in WAYS.items():
        yield _case(
            f"{state}: an error that nobody knows is not retried, and frees the lock",
            (*before, task(state)(BROKEN), *_gives_up(BROKEN)),
            _ends_with(BROKEN),
            releases=2 if state == "ReleaseLock" else 1,
        )
    invalid = Raises("InvalidEvent", "detail.object.key is missing")
    yield _case(
        "an event that is none fails",
        (acquire(invalid), *_gives_up(invalid)),
        _ends_with(invalid),
        event={"no": "event"},
    )
    rejected = Raises("SourceRejected", "photos-in/cat.png: not an image")
    yield _case(
        "an input that is no image is not retried",
        (*TAKES, convert(rejected), *_gives_up(rejected)),
        _ends_with(rejected),
    )
    timeout = Raises("LockWaitTimeout", "photos-in/cat.png: held by another execution for 60 s")
    yield _case(
        "one that has waited too long fails",
        (*WAITS, *WAITS, acquire(timeout), *_gives_up(timeout)),
        _ends_with(timeout),
    )
    yield _case(
        "a lock that cannot be freed still ends with the first error",
        (*TAKES, convert(BROKEN), release_after_failure(LEASE_LOST), failed),
        Failed(BROKEN.error, BROKEN.cause),
    )


def _retries() -> Iterator[Case]:
    """Every name that a task tries again by, once."""
    for state, (before, answer, after) in _ways_with_release_after_failure().items():
        again: dict[str, tuple[Failure, float]] = {name: (failure, 1) for name, failure in TRANSIENT.items()}
        again |= {"Lambda.TooManyRequestsException": (THROTTLED, 1), "Lambda.Unknown": (UNKNOWN, 1)}
        if state in WORKERS:
            again |= {"AttemptInFlight": (IN_FLIGHT, 3), "WriteInDoubt": (IN_DOUBT, 1)}
        for name, (failure, pause) in again.items():
            yield _case(
                f"{state}: {name} is tried again",
                (*before, task(state)(failure, answer), *after),
                _ends_with(BROKEN) if after[-1:] == (failed,) else Succeeded(),
                releases=2 if state.startswith("ReleaseLock") else 1,
                pauses=[pause],
            )


def _ways_with_release_after_failure() -> dict[str, tuple[Sequence[Step], Returns, Sequence[Step]]]:
    plain = Returns({"error": BROKEN.error, "cause": BROKEN.message})
    return {**WAYS, "ReleaseLockAfterFailure": ((*TAKES, convert(BROKEN)), plain, (failed,))}


# Seconds between the attempts of each retrier until it gives up, jitter at its longest.
_SLOWLY: Final[list[float]] = [1, 1.5, 2.25, 3.375, 5.0625, 7.59375]
_DOUBLING: Final[list[float]] = [1, 2, 4, 8, 10, 10, 10]


def _pauses(state: str) -> dict[str, tuple[Failure, list[float]]]:
    longest_last = [11.390625, 17.0859375, 25.62890625, *[30] * 11] if state == "AcquireLock" else [10] * 6
    pauses: dict[str, tuple[Failure, list[float]]] = {
        "throttled": (THROTTLED, [*_SLOWLY, *longest_last]),
        "out of memory or time": (UNKNOWN, [*_DOUBLING]),
        "a busy service": (TRANSIENT["ServiceUnavailable"], _DOUBLING[: 3 if state in WORKERS else 5]),
    }
    if state in WORKERS:
        pauses["an attempt in flight"] = (IN_FLIGHT, [3] * 90)
    return pauses


def _patience() -> Iterator[Case]:
    """How long a task tries: with one success in the end, and with none."""
    for state, (before, answer, after) in _ways_with_release_after_failure().items():
        for what, (failure, pauses) in _pauses(state).items():
            is_release = state.startswith("ReleaseLock")
            failures: list[Answer] = [failure] * len(pauses)
            yield _case(
                f"{state}: {what} for long is waited for",
                (*before, task(state)(*failures, answer), *after),
                _ends_with(BROKEN) if after[-1:] == (failed,) else Succeeded(),
                releases=len(pauses) + 1 if is_release else 1,
                pauses=pauses,
            )
            if state == "ReleaseLockAfterFailure":
                way_out: Sequence[Step] = (failed,)
                ends = Failed(BROKEN.error, BROKEN.cause)
            else:
                way_out, ends = _gives_up(failure), _ends_with(failure)
            yield _case(
                f"{state}: {what} for good is given up",
                (*before, task(state)(*failures, failure), *way_out),
                ends,
                releases=len(pauses) + 1 + (state == "ReleaseLock") if is_release else 1,
                pauses=pauses,
            )
    yield _case(
        "each retrier counts its own attempts",
        (*TAKES, convert(THROTTLED, IN_FLIGHT, IN_DOUBT, THROTTLED, IN_FLIGHT, IN_DOUBT, CONVERTED), release(RELEASED)),
        Succeeded(),
        pauses=[1, 3, 1, 1.5, 3, 2],
    )
    yield _case(
        "a state that is entered again tries as often again",
        (*TAKES, convert(*[IN_DOUBT] * 3, LEASE_LOST), *TAKES, convert(*[IN_DOUBT] * 3, CONVERTED), release(RELEASED)),
        Succeeded(),
        pauses=[1, 2, 4, 1, 2, 4],
    )


CASES: Final = [*_ways_through(), *_second_looks(), *_failures(), *_retries(), *_patience()]
