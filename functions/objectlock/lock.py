"""Taking and freeing the lock on one object: pure functions from a request and a time to ONE conditional write.

What a refused write means is read off the item that came back with the refusal, by the same clauses, so nothing
is read first and written later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from objectlock.clauses import (
    attempt_is,
    event_is_new,
    is_tombstone,
    lease_has_ended,
    lock_is_free,
    no_attempt_in_flight,
    nothing_newer_seen,
    owner_is,
    token_is,
)
from objectlock.conditions import Absent, AllOf, AnyOf, Condition, Equals, Item, Less, Not, Value
from objectlock.record import (
    ABSENT,
    APPLIED_AT,
    APPLIED_BY,
    APPLIED_SEQUENCER,
    APPLIED_SOURCE,
    CLOCK_MARGIN_MS,
    EXPIRES_AT,
    LEASE_EXPIRES_AT,
    NEWEST_SEQUENCER,
    OUTPUT_ETAG,
    OWNER,
    RECORD_SINCE,
    RECORD_VERSION,
    TOMBSTONE_SECONDS,
    VERSION,
    WORKER_UNTIL,
    Transition,
)
from objectlock.sequencer import Sequencer

# --- acquire -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """An execution that wants the lock for one event.

    Attributes:
        forced: look again whatever the watermark says; for what was found stale but is not, or lost its lease.
        takes_over: also from an owner whose lease has ended.
    """

    owner: str
    sequencer: Sequencer
    forced: bool = False
    takes_over: bool = False

    @property
    def object_id(self) -> str:
        return self.sequencer.object_id


class Refusal(Enum):
    """Why the lock was not granted."""

    STALE = "STALE"  # its effect, or a newer one, is in the output already
    SUPERSEDED = "SUPERSEDED"  # a newer execution holds the lock or waits for it: it will see what we would
    HELD = "HELD"  # another execution works on the object
    OVERTAKEN = "OVERTAKEN"  # free, but a newer event is on record: grant without lowering that mark
    EXPIRED = "EXPIRED"  # held by one whose lease has ended: to be taken over, and told


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
    clauses = [_may_be_taken(claim, now)]
    if not claim.forced:
        clauses.append(event_is_new(claim.sequencer))
    return Transition(
        claim.object_id,
        AllOf(tuple(clauses)),
        put={OWNER: claim.owner, LEASE_EXPIRES_AT: now + lease_ms, RECORD_VERSION: VERSION},
        put_once={RECORD_SINCE: now},
        # TTL must not delete a record that is in use. And what is written from here on is no change, until a release.
        remove=(EXPIRES_AT, APPLIED_AT, APPLIED_BY),
    )


def why_refused(claim: Claim, item: Item, *, now: int) -> Refusal:
    """Read off the item that refused `grant` what the claimant has to do.

    A forced claim is never superseded: it is there because sequencers did not tell the whole story.
    """
    if not claim.forced and not event_is_new(claim.sequencer).holds(item):
        return Refusal.STALE
    if _may_be_taken(claim, now).holds(item):
        return Refusal.OVERTAKEN
    if lease_has_ended(now).holds(item):
        return Refusal.EXPIRED
    if not claim.forced and not nothing_newer_seen(claim.sequencer).holds(item):
        return Refusal.SUPERSEDED
    return Refusal.HELD


def _may_be_taken(claim: Claim, now: int) -> Condition:
    free = lock_is_free(claim.owner)
    return AnyOf((free, lease_has_ended(now))) if claim.takes_over else free


def register(claim: Claim) -> Transition:
    """Put a waiting event on record, so that older ones need not wait as well. The mark is raised, never lowered.

    The version stays that of the owner, who has to understand the record until it is free.
    """
    return Transition(
        claim.object_id,
        nothing_newer_seen(claim.sequencer),
        put={NEWEST_SEQUENCER: claim.sequencer.value},
    )


def is_registered(claim: Claim, item: Item) -> bool:
    """Whether this event or a newer one is on record, so that `register` would change nothing."""
    return not AnyOf((Absent(NEWEST_SEQUENCER), Less(NEWEST_SEQUENCER, claim.sequencer.value))).holds(item)


# --- release -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Applied:
    """What an attempt has done.

    Attributes:
        source: tag of the input that the output now reflects, or "absent".
        output_etag: the output as written; None where it was removed or never was.
        token: of the attempt.
        sequencer: the newest event whose effect was in what the attempt read.
    """

    source: str
    output_etag: str | None
    token: int
    sequencer: Sequencer

    @property
    def object_id(self) -> str:
        return self.sequencer.object_id


def release(owner: str, applied: Applied, *, now: int) -> Transition:
    """Record what was applied and free the lock, in one write: no reader sees one without the other."""
    behind = release_behind(owner, applied, now=now)
    return replace(
        behind,
        condition=AllOf((behind.condition, event_is_new(applied.sequencer))),
        put={**behind.put, APPLIED_SEQUENCER: applied.sequencer.value},
    )


def release_behind(owner: str, applied: Applied, *, now: int) -> Transition:
    """The same for a forced claim whose event is older than the watermark, which never goes back."""
    put: dict[str, Value] = {APPLIED_SOURCE: applied.source, APPLIED_AT: now, APPLIED_BY: owner}
    remove = [OWNER, LEASE_EXPIRES_AT, WORKER_UNTIL]
    if applied.output_etag is None:
        remove.append(OUTPUT_ETAG)
    else:
        put[OUTPUT_ETAG] = applied.output_etag
    if applied.source == ABSENT:
        put[EXPIRES_AT] = _tombstone_expiry(now)
    since = {RECORD_SINCE: now}  # where the grant was one of the version before the change feed
    return Transition(applied.object_id, attempt_is(owner, applied.token), put, tuple(remove), put_once=since)


def is_only_behind(owner: str, applied: Applied, item: Item) -> bool:
    """Whether the item refused `release` for its watermark alone."""
    return attempt_is(owner, applied.token).holds(item)


def was_released(applied: Applied, item: Item) -> bool:
    """Whether this very release has happened: its answer was lost, and its retry must not redo the work."""
    is_over = AllOf((Absent(OWNER), token_is(applied.token), Equals(APPLIED_SOURCE, applied.source)))
    return is_over.holds(item) and not event_is_new(applied.sequencer).holds(item)


# --- giving up ---------------------------------------------------------------------------------------------


class Kept(Enum):
    """Why the lock of an execution that has ended could not simply be freed."""

    NOT_OURS = "NOT_OURS"  # it holds none
    AT_WORK = "AT_WORK"  # a worker of it may still be running
    TOMBSTONE = "TOMBSTONE"  # the object is deleted: its record is to expire again
    PRESENT = "PRESENT"  # the object is there by now: its record is to stay


def give_up(object_id: str, owner: str, *, now: int) -> Transition:
    """Free the lock although nothing was applied: the watermark stays. Never while a worker may be running."""
    return _give_up(object_id, owner, now, tombstone=False)


def give_up_tombstone(object_id: str, owner: str, *, now: int) -> Transition:
    """The same on the record of a deleted object, which expires as it would have if nobody had come."""
    return replace(_give_up(object_id, owner, now, tombstone=True), put={EXPIRES_AT: _tombstone_expiry(now)})


def why_kept(owner: str, item: Item, *, now: int) -> Kept:
    """Read off the item that refused `give_up`, or `give_up_tombstone`, what is to be done."""
    if not owner_is(owner).holds(item):
        return Kept.NOT_OURS
    if not no_attempt_in_flight(now).holds(item):
        return Kept.AT_WORK
    return Kept.TOMBSTONE if is_tombstone().holds(item) else Kept.PRESENT


def cut_lease(object_id: str, owner: str, worker_until: int) -> Transition:
    """Let the lock free itself as soon as the worker that may be running cannot be running any more."""
    return Transition(
        object_id,
        AllOf((owner_is(owner), Equals(WORKER_UNTIL, worker_until))),
        put={LEASE_EXPIRES_AT: worker_until + CLOCK_MARGIN_MS},
    )


def _give_up(object_id: str, owner: str, now: int, *, tombstone: bool) -> Transition:
    kind = is_tombstone() if tombstone else Not(is_tombstone())
    return Transition(
        object_id,
        AllOf((owner_is(owner), no_attempt_in_flight(now), kind)),
        remove=(OWNER, LEASE_EXPIRES_AT, WORKER_UNTIL),
    )


def _tombstone_expiry(now: int) -> int:
    return now // 1000 + TOMBSTONE_SECONDS
