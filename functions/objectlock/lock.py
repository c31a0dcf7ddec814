"""The transitions of the lock on one object: pure functions from a request and a time to ONE conditional write.

Each clause of a condition is a function with a name, and its docstring says which race it closes. What a
refused write means is read off the item that came back with the refusal, by the same clauses, so nothing is
read first and written later. Times are epoch milliseconds unless the name says seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from objectlock.conditions import Absent, AllOf, AnyOf, Condition, Equals, Item, Less, Value
from objectlock.sequencer import Sequencer

# The lock record. `object_id` is the partition key; there is no sort key, so the table's stream is ordered per object.
OBJECT_ID: Final = "object_id"
APPLIED_SEQUENCER: Final = "applied_sequencer"  # watermark: the newest event whose effect is in the output bucket
APPLIED_SOURCE: Final = "applied_source"  # what the input was when it was applied: a source tag or "absent"
NEWEST_SEQUENCER: Final = "newest_sequencer"  # the newest event that any execution has shown up with
OWNER: Final = "owner"  # ARN of the execution that holds the lock; absent when free
LEASE_EXPIRES_AT: Final = "lease_expires_at"  # past it the lock is free, whoever the owner
OUTPUT_ETAG: Final = "output_etag"  # the output object as last written; absent when there is none
EXPIRES_AT: Final = "expires_at"  # DynamoDB TTL in epoch SECONDS; only on tombstones

ABSENT: Final = "absent"
TOMBSTONE_SECONDS: Final = 30 * 24 * 3600  # longer than any redelivery or redrive


@dataclass(frozen=True, slots=True)
class Transition:
    """One conditional write to the item of `object_id`."""

    object_id: str
    condition: Condition
    put: Mapping[str, Value] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the store answered: the item after an accepted write, before a refused one."""

    accepted: bool
    item: Item


@dataclass(frozen=True, slots=True)
class Claim:
    """An execution that wants the lock for one event.

    Attributes:
        forced: look again whatever the watermark says; for what was found stale but is not, or lost its lease.
    """

    owner: str
    sequencer: Sequencer
    forced: bool = False

    @property
    def object_id(self) -> str:
        return self.sequencer.object_id


@dataclass(frozen=True, slots=True)
class Applied:
    """What a worker has done.

    Attributes:
        source: tag of the input that the output now reflects, or "absent".
        output_etag: the output as written; None where it was removed or never was.
    """

    source: str
    output_etag: str | None


class Refusal(Enum):
    """Why the lock was not granted."""

    STALE = "STALE"  # its effect, or a newer one, is in the output already
    SUPERSEDED = "SUPERSEDED"  # a newer execution holds the lock or waits for it: it will see what we would
    HELD = "HELD"  # another execution works on the object
    OVERTAKEN = "OVERTAKEN"  # free, but a newer event is on record: grant without lowering that mark


# --- clauses -----------------------------------------------------------------------------------------------


def lock_is_free(owner: str, now: int) -> Condition:
    """Nobody else works on the object.

    An expired lease counts as free, so that an execution that was aborted or crashed blocks nobody for good.
    The owner itself counts too: when the answer to a granted acquire is lost, its retry must not wait for itself.
    """
    return AnyOf((Absent(OWNER), Less(LEASE_EXPIRES_AT, now), Equals(OWNER, owner)))


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


def owner_is(owner: str) -> Condition:
    """The lock is still ours: a lease that ended early must not release, or speak for, the next owner."""
    return Equals(OWNER, owner)


# --- acquire -----------------------------------------------------------------------------------------------


def grant(claim: Claim, *, now: int, lease_ms: int) -> Transition:
    """Take the lock, as the newest event on record."""
    overtaken = grant_overtaken(claim, now=now, lease_ms=lease_ms)
    return replace(
        overtaken,
        condition=AllOf((overtaken.condition, nothing_newer_seen(claim.sequencer))),
        put={**overtaken.put, NEWEST_SEQUENCER: claim.sequencer.value},
    )


def grant_overtaken(claim: Claim, *, now: int, lease_ms: int) -> Transition:
    """Take the lock although a newer event is on record: its execution may have failed, and this one is here."""
    clauses = [lock_is_free(claim.owner, now)]
    if not claim.forced:
        clauses.append(event_is_new(claim.sequencer))
    return Transition(
        claim.object_id,
        AllOf(tuple(clauses)),
        put={OWNER: claim.owner, LEASE_EXPIRES_AT: now + lease_ms},
        remove=(EXPIRES_AT,),  # TTL must not delete a record that is in use
    )


def why_refused(claim: Claim, item: Item, *, now: int) -> Refusal:
    """Read off the item that refused `grant` what the claimant has to do.

    A forced claim is never superseded: it is there because sequencers did not tell the whole story.
    """
    if not claim.forced and not event_is_new(claim.sequencer).holds(item):
        return Refusal.STALE
    if lock_is_free(claim.owner, now).holds(item):
        return Refusal.OVERTAKEN
    if not claim.forced and not nothing_newer_seen(claim.sequencer).holds(item):
        return Refusal.SUPERSEDED
    return Refusal.HELD


def register(claim: Claim) -> Transition:
    """Put a waiting event on record, so that older ones need not wait as well. The mark is raised, never lowered."""
    return Transition(
        claim.object_id,
        nothing_newer_seen(claim.sequencer),
        put={NEWEST_SEQUENCER: claim.sequencer.value},
    )


def is_registered(claim: Claim, item: Item) -> bool:
    """Whether `register` would change nothing."""
    return Equals(NEWEST_SEQUENCER, claim.sequencer.value).holds(item)


# --- release -----------------------------------------------------------------------------------------------


def release(claim: Claim, applied: Applied, *, now: int) -> Transition:
    """Record what was applied and free the lock, in one write: no reader sees one without the other."""
    behind = release_behind(claim, applied, now=now)
    return replace(
        behind,
        condition=AllOf((behind.condition, event_is_new(claim.sequencer))),
        put={**behind.put, APPLIED_SEQUENCER: claim.sequencer.value},
    )


def release_behind(claim: Claim, applied: Applied, *, now: int) -> Transition:
    """The same for a forced claim whose event is older than the watermark, which never goes back."""
    put: dict[str, Value] = {APPLIED_SOURCE: applied.source}
    remove = [OWNER, LEASE_EXPIRES_AT]
    if applied.output_etag is None:
        remove.append(OUTPUT_ETAG)
    else:
        put[OUTPUT_ETAG] = applied.output_etag
    if applied.source == ABSENT:
        put[EXPIRES_AT] = now // 1000 + TOMBSTONE_SECONDS
    return Transition(claim.object_id, owner_is(claim.owner), put, tuple(remove))


def was_released(claim: Claim, applied: Applied, item: Item) -> bool:
    """Whether this very release has happened: its answer was lost, and its retry must not redo the work."""
    return (
        Absent(OWNER).holds(item)
        and not event_is_new(claim.sequencer).holds(item)
        and Equals(APPLIED_SOURCE, applied.source).holds(item)
    )


def give_up(object_id: str, owner: str) -> Transition:
    """Free the lock after a failure. The watermark stays: nothing was applied."""
    return Transition(object_id, owner_is(owner), remove=(OWNER, LEASE_EXPIRES_AT))
