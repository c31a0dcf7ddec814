"""The state machine's specification: what each execution must make of what its functions answer.

A case says its way step by step: each state that is entered, and in brackets what its function answers to one attempt
after the other. `gives_up` is ReleaseLockAfterFailure and Failed. The words are in words.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tests.workflow.kit.cases import THROTTLED, Case, Failed, Raises, Returns, Step, Succeeded
from tests.workflow.words import (
    ABSENT,
    AFTER_FAILURE,
    BROKEN,
    CONVERTED,
    CONVERTS,
    DELETION,
    FINDS_NONE,
    FOLDER,
    IN_DOUBT,
    IN_FLIGHT,
    INPUT_CHANGED,
    LEASE_LOST,
    MAY_HAVE_RUN,
    OUTPUT_CHANGED,
    OWNER,
    PASSING,
    PRESENT,
    RELEASED,
    REMOVED,
    REMOVES,
    STALE,
    SUPERSEDED,
    TAKES,
    THROTTLE,
    UNKNOWN,
    UPLOAD,
    WAITS,
    acquire,
    after_any_of,
    case,
    convert,
    failed,
    fails,
    gives_up,
    in_plain_words,
    kept,
    looks_again,
    release,
    release_after_failure,
    remove,
    skips,
)

# --- nothing goes wrong ------------------------------------------------------------------------------------

WAYS_THROUGH: Final = [
    case("an upload is converted", CONVERTS, Succeeded({"released": {"object": "photos-in/cat.png"}, **UPLOAD})),
    case("a deletion removes the output", REMOVES, event=DELETION),
    case("an upload that is gone by now removes the output", REMOVES),
    case("a deletion of what is back by now converts it", CONVERTS, event=DELETION),
    skips("a stale event is skipped, and nothing is released", STALE),
    skips("a superseded event is skipped, and nothing is released", SUPERSEDED),
    skips("a folder's event is skipped, and nothing is released", FOLDER),
    case("one that finds the lock held waits and comes again", [*WAITS, *CONVERTS], waits=[5]),
    case("one that waits three times is converted", [*WAITS, *WAITS, *WAITS, *CONVERTS], waits=[5, 5, 5]),
    case("a deletion waits too", [*WAITS, *REMOVES], event=DELETION, waits=[5]),
    skips("one that is superseded while it waits is skipped", SUPERSEDED, WAITS, waits=[5]),
]

# --- the lock is lost, or the world has changed ------------------------------------------------------------

LOST: Final = [*TAKES, convert(LEASE_LOST)]

SECOND_LOOKS: Final = [
    looks_again("ConvertToGrayscale: LeaseLost looks again", LOST),
    looks_again("ConvertToGrayscale: OutputChanged looks again", [*TAKES, convert(OUTPUT_CHANGED)]),
    looks_again("DeleteOutput: LeaseLost looks again", [*FINDS_NONE, remove(LEASE_LOST)]),
    looks_again("DeleteOutput: InputChanged looks again", [*FINDS_NONE, remove(INPUT_CHANGED)]),
    looks_again("DeleteOutput: OutputChanged looks again", [*FINDS_NONE, remove(OUTPUT_CHANGED)]),
    looks_again("ReleaseLock: LeaseLost looks again", [*CONVERTS[:3], release(LEASE_LOST)], releases=2),
    case("a second look can find that the input is gone", [*LOST, *REMOVES]),
    case("a second look can find the lock held", [*LOST, *WAITS, *CONVERTS], waits=[5]),
    case("a second look can be followed by a third", [*LOST, *LOST, *CONVERTS]),
    case("a second look that fails frees the lock", [*LOST, acquire(BROKEN), *gives_up(BROKEN)], fails(BROKEN)),
]

# --- it fails ----------------------------------------------------------------------------------------------

INVALID: Final = Raises("InvalidEvent", "detail.object.key is missing")
NO_EVENT: Final = {"owner": OWNER, "state": {"no": "event"}}
REJECTED: Final = Raises("SourceRejected", "photos-in/cat.png: not an image")
TOO_LONG: Final = Raises("LockWaitTimeout", "photos-in/cat.png: held by another execution for 60 s")

FAILURES: Final = [
    case("AcquireLock: any other error frees the lock", [acquire(BROKEN), *gives_up(BROKEN)], fails(BROKEN)),
    case(
        "ConvertToGrayscale: any other error frees the lock",
        [*TAKES, convert(BROKEN), *gives_up(BROKEN, lock=kept(PRESENT))],
        fails(BROKEN),
    ),
    case(
        "DeleteOutput: any other error frees the lock",
        [*FINDS_NONE, remove(BROKEN), *gives_up(BROKEN, lock=kept(ABSENT))],
        fails(BROKEN),
    ),
    case(
        "ReleaseLock: any other error tries to free the lock all the same",
        [*CONVERTS[:3], release(BROKEN), *gives_up(BROKEN, lock=kept(PRESENT), applied=CONVERTED.payload)],
        fails(BROKEN),
        releases=2,
    ),
    case(
        "an event that is none fails",
        [acquire(INVALID, given=NO_EVENT), *gives_up(INVALID, given=NO_EVENT)],
        fails(INVALID),
        event={"no": "event"},
    ),
    case("an input that is no image fails at once", [*TAKES, convert(REJECTED), *gives_up(REJECTED)], fails(REJECTED)),
    case(
        "one that waits too long fails",
        [*WAITS, *WAITS, acquire(TOO_LONG), *gives_up(TOO_LONG)],
        fails(TOO_LONG),
        waits=[5, 5],
    ),
    case(
        "a lock that cannot be freed still ends with the first error",
        [*TAKES, convert(REJECTED), release_after_failure(BROKEN), failed],
        Failed(REJECTED.error, REJECTED.cause),
    ),
    case(
        "a lock that another execution has by then too",
        [*TAKES, convert(BROKEN), release_after_failure(LEASE_LOST), failed],
        Failed(BROKEN.error, BROKEN.cause),
    ),
]

# --- it is tried again -------------------------------------------------------------------------------------

Patience = Mapping[
    str, Sequence[float]
]  # by an error's name, seconds before each further attempt, jitter at its longest

AT_LENGTH: Final = [1, 1.5, 2.25, 3.375, 5.0625, 7.59375, 11.390625, 17.0859375, 25.62890625, *[30] * 11]
THROTTLED_LONG: Final = [1, 1.5, 2.25, 3.375, 5.0625, 7.59375, *[10] * 6]
UNKNOWN_LONG: Final = [1, 2, 4, 8, 10, 10, 10]

LOCKING: Final[Patience] = {THROTTLE: AT_LENGTH, UNKNOWN: UNKNOWN_LONG, **after_any_of(MAY_HAVE_RUN, [1, 2, 4, 8, 10])}
RELEASING: Final[Patience] = {**LOCKING, THROTTLE: THROTTLED_LONG}
WORKING: Final[Patience] = {
    THROTTLE: THROTTLED_LONG,
    UNKNOWN: UNKNOWN_LONG,
    "AttemptInFlight": [3] * 90,
    **after_any_of([*MAY_HAVE_RUN, "WriteInDoubt"], [1, 2, 4]),
}
PAUSES: Final[Mapping[str, Patience]] = {
    "AcquireLock": LOCKING,
    "ConvertToGrayscale": WORKING,
    "DeleteOutput": WORKING,
    "ReleaseLock": RELEASING,
    AFTER_FAILURE: RELEASING,
}

# The way to each task, what it answers when all is well, and the way on from there.
AROUND: Final[Mapping[str, tuple[Sequence[Step], Callable[..., Step], Returns, Sequence[Step]]]] = {
    "AcquireLock": ([], acquire, PRESENT, CONVERTS[1:]),
    "ConvertToGrayscale": (TAKES, convert, CONVERTED, CONVERTS[3:]),
    "DeleteOutput": (FINDS_NONE, remove, REMOVED, REMOVES[3:]),
    "ReleaseLock": (CONVERTS[:3], release, RELEASED, []),
    AFTER_FAILURE: ([*TAKES, convert(BROKEN)], release_after_failure, in_plain_words(BROKEN), [failed]),
}


def tried_again(state: str, name: str) -> Case:
    """It fails once, and then works."""
    before, task, answer, after = AROUND[state]
    return case(
        f"{state}: {name} is tried again",
        [*before, task(PASSING[name], answer), *after],
        fails(BROKEN) if state == AFTER_FAILURE else Succeeded(),
        releases=2 if state.startswith("Release") else 1,
        pauses=PAUSES[state][name][:1],
    )


def given_up(state: str, name: str) -> Case:
    """It fails every time. What ReleaseLockAfterFailure has come for is still what is reported."""
    before, task, _, _ = AROUND[state]
    failure, pauses = PASSING[name], PAUSES[state][name]
    attempts = len(pauses) + 1
    is_last = state == AFTER_FAILURE
    return case(
        f"{state}: {name} is given up after {attempts} attempts",
        [*before, task(*[failure] * attempts), *([failed] if is_last else gives_up(failure))],
        Failed(BROKEN.error, BROKEN.cause) if is_last else fails(failure),
        releases={"ReleaseLock": attempts + 1, AFTER_FAILURE: attempts}.get(state, 1),
        pauses=pauses,
    )


RETRIES: Final = [
    *(tried_again(state, name) for state, names in PAUSES.items() for name in names),
    *(given_up(state, name) for state, names in PAUSES.items() for name in names),
    case(
        "each retrier counts its own attempts",
        [*TAKES, convert(THROTTLED, IN_FLIGHT, IN_DOUBT, THROTTLED, IN_FLIGHT, IN_DOUBT, CONVERTED), *CONVERTS[3:]],
        pauses=[1, 3, 1, 1.5, 3, 2],
    ),
    case(
        "a state that is entered again tries as often again",
        [*TAKES, convert(*[IN_DOUBT] * 3, LEASE_LOST), *TAKES, convert(*[IN_DOUBT] * 3, CONVERTED), *CONVERTS[3:]],
        pauses=[1, 2, 4, 1, 2, 4],
    ),
]

CASES: Final = [*WAYS_THROUGH, *SECOND_LOOKS, *FAILURES, *RETRIES]
