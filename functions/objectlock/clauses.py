"""The clauses that the lock's conditions are made of, and the race that each of them closes."""

from __future__ import annotations

from dataclasses import replace

from objectlock.conditions import Absent, AllOf, AnyOf, Condition, Equals, Less, Not
from objectlock.record import (
    ABSENT,
    APPLIED_SEQUENCER,
    APPLIED_SOURCE,
    FENCING_TOKEN,
    LEASE_EXPIRES_AT,
    NEWEST_SEQUENCER,
    OWNER,
    RECORD_VERSION,
    VERSION,
    WORKER_UNTIL,
    Transition,
)
from objectlock.sequencer import Sequencer


def version_is_known() -> Condition:
    """We know what the record means: after a rollback it may be of a version that is newer than this code."""
    return AnyOf((Absent(RECORD_VERSION), Equals(RECORD_VERSION, VERSION)))


def guarded(transition: Transition) -> Transition:
    """The transition, for a record of a version that we know: every write to the table has this clause."""
    return replace(transition, condition=AllOf((version_is_known(), transition.condition)))


def lock_is_free(owner: str) -> Condition:
    """Nobody else works on the object.

    The owner itself counts as nobody: when the answer to a granted acquire is lost, its retry must not wait for itself.
    """
    return AnyOf((Absent(OWNER), owner_is(owner)))


def lease_has_ended(now: int) -> Condition:
    """Whoever holds the lock has no right to it any more: an execution that was aborted or crashed blocks nobody."""
    return Less(LEASE_EXPIRES_AT, now)


def owner_is(owner: str) -> Condition:
    """The lock is still ours: a lease that ended early must not release, or speak for, the next owner."""
    return Equals(OWNER, owner)


def lease_is_live(now: int) -> Condition:
    """Nobody can have taken the lock: an execution that comes back late, as when it is redriven, asks for it anew."""
    return Not(lease_has_ended(now))


def no_attempt_in_flight(now: int) -> Condition:
    """No worker is at work. A Lambda goes on when its answer was lost or its execution stopped.

    With two at once an old image comes back: the first reads a, the second writes b, the first writes a.
    """
    return AnyOf((Absent(WORKER_UNTIL), Less(WORKER_UNTIL, now)))


def token_is(token: int) -> Condition:
    """No attempt has begun since: what an abandoned one has to say must not pass for the word of the latest."""
    return Equals(FENCING_TOKEN, token)


def attempt_is(owner: str, token: int) -> Condition:
    """The lock is still ours, and ours is the latest attempt."""
    return AllOf((owner_is(owner), token_is(token)))


def event_is_new(sequencer: Sequencer) -> Condition:
    """Newer than the watermark: an event that was overtaken while it waited must not redo older work."""
    return AnyOf((Absent(APPLIED_SEQUENCER), Less(APPLIED_SEQUENCER, sequencer.value)))


def nothing_newer_seen(sequencer: Sequencer) -> Condition:
    """No newer event is on record: writing our sequencer there would lower the mark that supersedes others."""
    return AnyOf(
        (
            Absent(NEWEST_SEQUENCER),
            Less(NEWEST_SEQUENCER, sequencer.value),
            Equals(NEWEST_SEQUENCER, sequencer.value),
        )
    )


def is_tombstone() -> Condition:
    """The object is deleted: its record may expire, and that of an object that is there must not."""
    return Equals(APPLIED_SOURCE, ABSENT)
