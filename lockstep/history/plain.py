"""Outcomes and errors in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lockstep.executions import Execution, Outcome
from lockstep.history.visits import Failure

# In the order of the page's filters: the tone is a colour, the sentence is for somebody new.
MEANINGS: Final = {
    Outcome.WORKING: ("busy", "A function is at work, or about to be."),
    Outcome.WAITING: ("waiting", "Another execution holds the lock on this object; this one asks again soon."),
    Outcome.CONVERTED: ("good", "The gray image is in the output bucket."),
    Outcome.DELETED: ("good", "The input object is gone, and its gray image with it."),
    Outcome.STALE: ("quiet", "The output had this change, or a newer one, already: nothing to do."),
    Outcome.SUPERSEDED: ("quiet", "A newer event of this object was at work or waiting: it does what this one would."),
    Outcome.FOLDER: ("quiet", "A folder made in the S3 console, which has no counterpart."),
    Outcome.SUCCEEDED: ("good", "It ended well, by another version of the state machine."),
    Outcome.REJECTED: ("odd", "The input cannot be converted, so it has no output."),
    Outcome.FAILED: ("bad", "It ended with an error; the lock is free, and the output is as it was."),
    Outcome.TIMED_OUT: ("bad", "It took longer than an execution may."),
    Outcome.ABORTED: ("bad", "Somebody stopped it."),
}


@dataclass(frozen=True)
class Plain:
    """What came of an execution, for people."""

    title: str
    text: str
    advice: str


_BUSY: Final = "Nothing is wrong with the object. Start it again; if it happens often, look at the function's log."
_ERRORS: Final = {
    "InvalidEvent": Plain(
        "The input of this execution is no event of the input bucket",
        "Nothing was looked at, and nothing was changed.",
        "If it came from S3, look at the rule that starts executions; if somebody did by hand, at what was typed.",
    ),
    "SourceRejected": Plain(
        "The input cannot be converted",
        "There is no output for it, and its lock is free.",
        "Upload an image in its place. When MaxImageMegabytes or the like was raised, `lockstep reconcile --rejected`.",
    ),
    "LockWaitTimeout": Plain(
        "Another execution held the lock for too long",
        "This one gave up waiting, and changed nothing.",
        "Look at who holds the lock on the object's page. When that has ended, start this one again.",
    ),
    "AttemptInFlight": Plain(
        "An earlier attempt seemed to be at work all the time",
        "Its functions were killed again and again, or ran into their time limit.",
        "Look at the function's log for what ends it, then start it again.",
    ),
    "UnknownRecordVersion": Plain(
        "A newer version of Lockstep has written the lock record",
        "This one does not know what it means, and has changed nothing.",
        "Deploy the newer version again, then start this one again: docs/upgrading.md.",
    ),
    "LeaseLost": Plain("The lock was lost to another execution", "What this one wrote may not be the last.", _BUSY),
    "ServiceUnavailable": Plain("AWS was busy or failing, through all retries", "The output is as it was.", _BUSY),
    "WriteInDoubt": Plain("S3 gave no answer to a write, through all retries", "It may have happened.", _BUSY),
    "Timeout": Plain(
        "A function took longer than its state allows", "The output is as it was, or as it should be.", _BUSY
    ),
    "AccessDenied": Plain(
        "A function may not do what it has to",
        "The output is as it was.",
        "Look at the function's role, and at the policies of the buckets and the KMS keys. Then start it again.",
    ),
}
_UNKNOWN: Final = Plain("It ended with an error", "The lock is free, and nothing is hidden: the cause is below.", _BUSY)


def plain(execution: Execution, failure: Failure | None) -> Plain | None:
    """What there is to say; None where the outcome says it all."""
    match execution.outcome:
        case Outcome.CONVERTED | Outcome.DELETED | Outcome.WORKING | Outcome.SUCCEEDED:
            return None
        case Outcome.WAITING:
            return Plain("It waits for its turn", MEANINGS[Outcome.WAITING][1], "Nothing to do.")
        case Outcome.STALE | Outcome.SUPERSEDED | Outcome.FOLDER:
            return Plain("Nothing was to be done", MEANINGS[execution.outcome][1], "")
        case Outcome.ABORTED:
            return Plain(
                "It was stopped",
                "Somebody ended it, or the local stack was. Its lock frees itself.",
                "Start it again, unless a newer event has brought the output in step.",
            )
        case Outcome.TIMED_OUT:
            return Plain("It took longer than an execution may", "Its lock frees itself.", _BUSY)
        case Outcome.REJECTED | Outcome.FAILED:
            return _ERRORS.get(_error(failure), _UNKNOWN)


def _error(failure: Failure | None) -> str:
    if failure is None:
        return ""
    return "AccessDenied" if "AccessDenied" in failure.cause else failure.error
