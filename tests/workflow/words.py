"""The words of the table in cases.py: what functions answer, the states, and stretches of the way through the machine.

The functions are not run, only their answers are given; test_answers.py holds these to what the functions answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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
from tests.workflow.stack import ACQUIRE, DELETE, FIRST, GRAYSCALE, INPUT, KEY, RELEASE, created, deleted

UPLOAD: Final = created(FIRST)
DELETION: Final = deleted(FIRST)

NOT_KEPT: Final = ("waited_ms", "taken_from")  # of AcquireLock's answer: it is there to be counted

# --- what the functions answer -----------------------------------------------------------------------------


def look(work: str, reason: str, *, source: str | None = None, waited_ms: int = 0) -> Returns:
    """AcquireLock's answer."""
    since = 1_800_000_000_000 if work == "HELD" else None
    lock = {"work": work, "reason": reason, "source": source, "waiting_since": since, "wait_seconds": 5}
    return Returns({**lock, **dict.fromkeys(NOT_KEPT), "waited_ms": waited_ms})


def kept(look: Returns) -> dict[str, Any]:
    """What the state machine keeps of AcquireLock's answer."""
    return {name: value for name, value in look.payload.items() if name not in NOT_KEPT}


PRESENT: Final = look("GRAYSCALE", "the lock is ours", source="ff00@1")
ABSENT: Final = look("DELETE", "the lock is ours", source="absent")
HELD: Final = look("HELD", "another execution holds the lock", waited_ms=1000)
STALE: Final = look("STALE", "a newer event has been applied")
SUPERSEDED: Final = look("SUPERSEDED", "a newer event is on record")
FOLDER: Final = look("FOLDER", "a folder has no counterpart")

CONVERTED: Final = Returns({"source": "ff00@1", "output_etag": "aa11", "token": 1, "sequencer": FIRST.lower()})
REMOVED: Final = Returns({"source": "absent", "output_etag": None, "token": 1, "sequencer": FIRST.lower()})
RELEASED: Final = Returns({"released": "photos-in/cat.png"})

BROKEN: Final = Raises("RuntimeError", "out of luck")
OUTPUT_CHANGED: Final = Raises("OutputChanged", "the output is not what was to be replaced")
INPUT_CHANGED: Final = Raises("InputChanged", "the input that was to be gone is there")
LEASE_LOST: Final = Raises("LeaseLost", "the lock belongs to another execution")

# What may pass, by the state machine's name for it.
PASSING: Final[Mapping[str, Failure]] = {
    "Lambda.TooManyRequestsException": THROTTLED,
    "Lambda.Unknown": Refused("Unknown"),
    "ServiceUnavailable": Raises("ServiceUnavailable", "S3 is busy"),
    "Lambda.ServiceException": Refused("ServiceException"),
    "Lambda.AWSLambdaException": Refused("AWSLambdaException"),
    "Lambda.SdkClientException": Refused("SdkClientException"),
    "Lambda.ClientExecutionTimeoutException": Refused("ClientExecutionTimeoutException"),
    "Sandbox.Timedout": Raises("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 20.00 seconds"),
    "Runtime.ExitError": Raises("Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: signal: killed"),
    "States.Timeout": NO_ANSWER,
    "AttemptInFlight": (IN_FLIGHT := Raises("AttemptInFlight", "an earlier attempt may still be at work")),
    "WriteInDoubt": (IN_DOUBT := Raises("WriteInDoubt", "S3 gave no answer to a write")),
}

THROTTLE: Final = "Lambda.TooManyRequestsException"
UNKNOWN: Final = "Lambda.Unknown"
MAY_HAVE_RUN: Final = [name for name in PASSING if name not in {THROTTLE, UNKNOWN, "AttemptInFlight", "WriteInDoubt"}]

# --- the states, and what each task is called with ---------------------------------------------------------

AFTER_FAILURE: Final = "ReleaseLockAfterFailure"
# Seconds after which a task counts as unanswered.
TIMEOUTS: Final = {
    "AcquireLock": 30,
    "ConvertToGrayscale": 35,
    "DeleteOutput": 30,
    "ReleaseLock": 30,
    AFTER_FAILURE: 30,
}
OWNER: Final = Matches(r"arn:aws:states:[\w-]+:\d+:execution:[\w-]+:[\w-]+")


def told(**state: Any) -> dict[str, Any]:
    """Every task is told who asks, and what has happened so far: the event, and what the tasks before have said."""
    return {"owner": OWNER, "state": {"detail": {"bucket": {"name": INPUT}, "object": {"key": KEY}}, **state}}


acquire = task("AcquireLock", told())
route = Step("RouteWork")
wait = Step("WaitForLock")
convert = task("ConvertToGrayscale", told(lock=kept(PRESENT)))
remove = task("DeleteOutput", told(lock=kept(ABSENT)))
release = task("ReleaseLock", told(applied=CONVERTED.payload))
release_removal = task("ReleaseLock", told(applied=REMOVED.payload))
release_after_failure = task(AFTER_FAILURE, told())
skipped = Step("Skipped")
failed = Step("Failed")

# Stretches of the way.
TAKES: Final = (acquire(PRESENT), route)
FINDS_NONE: Final = (acquire(ABSENT), route)
CONVERTS: Final = (*TAKES, convert(CONVERTED), release(RELEASED))
REMOVES: Final = (*FINDS_NONE, remove(REMOVED), release_removal(RELEASED))
WAITS: Final = (acquire(HELD), route, wait)


def fails(failure: Failure) -> Failed:
    """The end of an execution that had this failure: its name, and its message without the trace."""
    message = failure.message if isinstance(failure, Raises) else failure.cause
    return Failed(failure.error.removeprefix("States."), message or "no cause was given")


def in_plain_words(failure: Failure) -> Returns:
    """What ReleaseLockAfterFailure answers."""
    ends = fails(failure)
    return Returns({"error": ends.error, "cause": ends.cause})


def gives_up(failure: Failure, *, given: Mapping[str, Any] | None = None, **state: Any) -> tuple[Step, Step]:
    """The way out after a failure: the lock is freed, and the function says in plain words what went wrong."""
    caught = {"caught": {"Error": failure.error}}
    return release_after_failure(in_plain_words(failure), given=given or told(**state), more=caught), failed


def after_any_of(names: Sequence[str], pauses: Sequence[float]) -> dict[str, Sequence[float]]:
    """The same pauses after each of several errors."""
    return dict.fromkeys(names, pauses)


# --- a case ------------------------------------------------------------------------------------------------


def case(
    name: str,
    steps: Sequence[Step],
    ends: Succeeded | Failed | None = None,
    *,
    event: Mapping[str, Any] = UPLOAD,
    releases: int = 1,
    waits: Sequence[float] = (),
    pauses: Sequence[float] = (),
) -> Case:
    """A case; unless it says otherwise it is about an upload, ends well, and releases once."""
    attempts: Counter[str] = Counter()
    for step in steps:
        attempts[step.state] += len(step.answers)
    calls = {
        ACQUIRE: attempts["AcquireLock"],
        GRAYSCALE: attempts["ConvertToGrayscale"],
        DELETE: attempts["DeleteOutput"],
        RELEASE: releases,
    }
    timeouts = [TIMEOUTS[step.state] for step in steps for answer in step.answers if answer is NO_ANSWER]
    return Case(name, event, steps, ends or Succeeded(), calls, waits, pauses, timeouts)


def skips(name: str, look: Returns, before: Sequence[Step] = (), *, waits: Sequence[float] = ()) -> Case:
    """Nothing is done and nothing was locked; the output says why."""
    ends = Succeeded({"lock": kept(look), **UPLOAD})
    return case(name, [*before, acquire(look), route, skipped], ends, releases=0, waits=waits)


def looks_again(name: str, before: Sequence[Step], *, releases: int = 1) -> Case:
    """The last of the steps before leads back to AcquireLock, which is told so, and then all goes well."""
    told = {"look_again": {"Error": getattr(before[-1].answers[-1], "error", None)}}
    again = [*before, acquire(PRESENT, more={"state": told}), *CONVERTS[1:]]
    return case(name, again, Succeeded({**told, "released": {"object": "photos-in/cat.png"}}), releases=releases)
