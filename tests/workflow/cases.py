"""The state machine's specification: what each execution must make of what its functions answer.

The functions are not run here, only their answers; `test_the_answers_are_the_functions_own` holds them to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tests.workflow.kit.cases import (
    NO_ANSWER,
    THROTTLED,
    Case,
    Failed,
    Failure,
    Matches,
    Raises,
    Refused,
    Returns,
    Step,
    Succeeded,
    task,
)
from tests.workflow.stack import FIRST, INPUT, KEY, RELEASE, created, deleted

UPLOAD: Final = created(FIRST)
DELETION: Final = deleted(FIRST)

# --- what the functions answer -----------------------------------------------------------------------------


def _look(work: str, reason: str, *, source: str | None = None, waited_ms: int = 0) -> Returns:
    """AcquireLock's answer."""
    since = 1_800_000_000_000 if work == "HELD" else None
    lock = {"work": work, "reason": reason, "source": source, "waiting_since": since, "wait_seconds": 5}
    return Returns({**lock, "waited_ms": waited_ms})


def _kept(look: Returns) -> dict[str, Any]:
    """What the state machine keeps of AcquireLock's answer."""
    return {name: value for name, value in look.payload.items() if name != "waited_ms"}


PRESENT: Final = _look("GRAYSCALE", "the lock is ours", source="ff00@1")
ABSENT: Final = _look("DELETE", "the lock is ours", source="absent")
HELD: Final = _look("HELD", "another execution holds the lock", waited_ms=1000)
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

# --- the states, and what each task is called with ---------------------------------------------------------

OWNER: Final = Matches(r"arn:aws:states:[\w-]+:\d+:execution:[\w-]+:[\w-]+")


def _given(**state: Any) -> dict[str, Any]:
    """Every task is told who asks, and what has happened so far: the event, and what the tasks before have said."""
    return {"owner": OWNER, "state": {"detail": {"bucket": {"name": INPUT}, "object": {"key": KEY}}, **state}}


acquire = task("AcquireLock", _given())
route = Step("RouteWork")
wait = Step("WaitForLock")
convert = task("ConvertToGrayscale", _given(lock=_kept(PRESENT)))
remove = task("DeleteOutput", _given(lock=_kept(ABSENT)))
release = task("ReleaseLock", _given(applied=CONVERTED.payload))
release_removal = task("ReleaseLock", _given(applied=REMOVED.payload))
release_after_failure = task("ReleaseLockAfterFailure", _given())
skipped = Step("Skipped")
failed = Step("Failed")
STEPS: Final = {
    "AcquireLock": acquire,
    "ConvertToGrayscale": convert,
    "DeleteOutput": remove,
    "ReleaseLock": release,
    "ReleaseLockAfterFailure": release_after_failure,
}

TAKES: Final = (acquire(PRESENT), route)
CONVERTS: Final = (*TAKES, convert(CONVERTED), release(RELEASED))
REMOVES: Final = (acquire(ABSENT), route, remove(REMOVED), release_removal(RELEASED))
WAITS: Final = (acquire(HELD), route, wait)

# The usual way to each task, and on from there.
WAYS: Final[Mapping[str, tuple[Sequence[Step], Returns, Sequence[Step]]]] = {
    "AcquireLock": ((), PRESENT, (route, convert(CONVERTED), release(RELEASED))),
    "ConvertToGrayscale": (TAKES, CONVERTED, (release(RELEASED),)),
    "DeleteOutput": (REMOVES[:2], REMOVED, (release_removal(RELEASED),)),
    "ReleaseLock": (CONVERTS[:3], RELEASED, ()),
}
WORKERS: Final = ("ConvertToGrayscale", "DeleteOutput")

# --- the cases ---------------------------------------------------------------------------------------------


def _message(failure: Failure) -> str:
    return failure.message if isinstance(failure, Raises) else failure.cause or "no cause was given"


def _gives_up(failure: Failure, state: Mapping[str, Any] | None = None) -> tuple[Step, Step]:
    """The way out after a failure: the lock is freed, and the function says in plain words what went wrong."""
    error = failure.error.removeprefix("States.")
    plain = Returns({"error": error, "cause": _message(failure)})
    given = _given() if state is None else {"owner": OWNER, "state": state}
    return release_after_failure(plain, given=given, more={"caught": {"Error": failure.error}}), failed


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
        said = Succeeded({"lock": _kept(look)})
        yield _case(
            f"a {name} event is skipped, and nothing is released", (acquire(look), route, skipped), said, releases=0
        )
    yield _case("one that finds the lock held waits and comes again", (*WAITS, *CONVERTS), Succeeded())
    yield _case("one that waits three times is converted", (*WAITS, *WAITS, *WAITS, *CONVERTS), Succeeded())
    yield _case("a deletion waits too", (*WAITS, *REMOVES), Succeeded(), event=DELETION)
    yield _case(
        "one that is superseded while it waits is skipped",
        (*WAITS, acquire(SUPERSEDED), route, skipped),
        Succeeded({"lock": {"work": "SUPERSEDED", "waiting_since": None}}),
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
            again = acquire(PRESENT, more={"state": {"look_again": {"Error": error}}})
            yield _case(
                f"{state}: {error} looks again",
                (*before, STEPS[state](failure), again, *CONVERTS[1:]),
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
            (*before, STEPS[state](BROKEN), *_gives_up(BROKEN)),
            _ends_with(BROKEN),
            releases=2 if state == "ReleaseLock" else 1,
        )
    invalid = Raises("InvalidEvent", "detail.object.key is missing")
    yield _case(
        "an event that is none fails",
        (acquire(invalid, given={"owner": OWNER, "state": {"no": "event"}}), *_gives_up(invalid, {"no": "event"})),
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


# Seconds before each attempt of the retriers until they give up, jitter at its longest.
_SLOWLY: Final[list[float]] = [1, 1.5, 2.25, 3.375, 5.0625, 7.59375]
_DOUBLING: Final[list[float]] = [1, 2, 4, 8, 10, 10, 10]


def _retried(state: str) -> dict[str, tuple[Failure, list[float]]]:
    """What a task tries again after, by the state machine's name for it, and the pauses until it gives up."""
    more_slowly = [11.390625, 17.0859375, 25.62890625, *[30] * 11] if state == "AcquireLock" else [10] * 6
    retried: dict[str, tuple[Failure, list[float]]] = {
        "Lambda.TooManyRequestsException": (THROTTLED, [*_SLOWLY, *more_slowly]),
        "Lambda.Unknown": (UNKNOWN, _DOUBLING),
    }
    transient = dict(TRANSIENT)
    if state in WORKERS:
        retried["AttemptInFlight"] = (IN_FLIGHT, [3] * 90)
        transient["WriteInDoubt"] = IN_DOUBT
    for name, failure in transient.items():
        retried[name] = failure, _DOUBLING[: 3 if state in WORKERS else 5]
    return retried


def _retries() -> Iterator[Case]:
    plain = Returns({"error": BROKEN.error, "cause": BROKEN.message})
    ways = {**WAYS, "ReleaseLockAfterFailure": ((*TAKES, convert(BROKEN)), plain, (failed,))}
    for state, (before, answer, after) in ways.items():
        is_last = state == "ReleaseLockAfterFailure"
        is_release = state.startswith("ReleaseLock")
        for name, (failure, pauses) in _retried(state).items():
            yield _case(
                f"{state}: {name} is tried again",
                (*before, STEPS[state](failure, answer), *after),
                _ends_with(BROKEN) if is_last else Succeeded(),
                releases=2 if is_release else 1,
                pauses=pauses[:1],
            )
            attempts = len(pauses) + 1
            yield _case(
                f"{state}: {name} is given up after {attempts} attempts",
                (*before, STEPS[state](*[failure] * attempts), *((failed,) if is_last else _gives_up(failure))),
                Failed(BROKEN.error, BROKEN.cause) if is_last else _ends_with(failure),
                releases=attempts + (not is_last) if is_release else 1,
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


CASES: Final = [*_ways_through(), *_second_looks(), *_failures(), *_retries()]
