"""The lock as the Lambdas use it: transitions tried until one answer stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from objectlock.attempts import Attempt, OutputObject, begin_work, end_work, is_only_early, note_output
from objectlock.clauses import owner_is
from objectlock.conditions import Item
from objectlock.errors import AttemptInFlight, InvalidEvent, LeaseLost, LockWaitTimeout, SourceRejected
from objectlock.events import ObjectEvent
from objectlock.lock import (
    Applied,
    Claim,
    Kept,
    Refusal,
    cut_lease,
    give_up,
    give_up_tombstone,
    grant,
    grant_overtaken,
    is_only_behind,
    is_registered,
    register,
    release,
    release_behind,
    was_released,
    why_kept,
    why_refused,
)
from objectlock.ports import LockStore, SourceBucket
from objectlock.record import ABSENT, APPLIED_SOURCE, LEASE_EXPIRES_AT, OWNER, WORKER_UNTIL, Outcome


class Work(Enum):
    """What the state machine does next; RouteWork compares these words."""

    GRAYSCALE = "GRAYSCALE"
    DELETE = "DELETE"
    HELD = "HELD"
    STALE = "STALE"
    SUPERSEDED = "SUPERSEDED"
    FOLDER = "FOLDER"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to an acquire.

    Attributes:
        reason: for people, one sentence.
        source: tag of the input seen under the lock, or "absent"; None where the lock was not granted.
        waiting_since: epoch ms of the first of the visits in a row that found the lock held; None if it is not.
        waited_ms: for how long this execution has found the lock held, up to now.
    """

    work: Work
    reason: str
    source: str | None = None
    waiting_since: int | None = None
    waited_ms: int = 0

    @property
    def is_grant(self) -> bool:
        return self.work in {Work.GRAYSCALE, Work.DELETE}


class GaveUp(Enum):
    """What came of giving up."""

    FREED = "freed"
    WILL_FREE_ITSELF = "will free itself"  # a worker may still be running
    HELD_NOTHING = "held nothing"


@dataclass(frozen=True, slots=True)
class LockProtocol:
    """The lock on one object at a time.

    Attributes:
        input_bucket: the one whose objects have counterparts; output keys do not name it.
        lease_ms: how long a granted lock stays ours without a sign of life.
        wait_limit_ms: how long an execution may find the lock held before it fails.
        now_ms: the clock, epoch milliseconds.
    """

    store: LockStore
    source: SourceBucket
    input_bucket: str
    lease_ms: int
    wait_limit_ms: int
    now_ms: Callable[[], int]

    def acquire(
        self, event: ObjectEvent, owner: str, *, forced: bool = False, waiting_since: int | None = None
    ) -> Decision:
        """Take the lock for `event` and say which work is due, or why none is.

        The work follows from the input as it is now, not from the event: a deleted old version, an undone
        delete marker and an expired object all come out right.

        Raises:
            InvalidEvent: the event is of another bucket.
            SourceRejected: the key can hold no image.
            LockWaitTimeout: the lock was held for longer than the limit.
        """
        self._check(event)
        if event.is_of_folder:
            return Decision(Work.FOLDER, "a folder of the S3 console, which has no counterpart")
        claim = Claim(owner, event.sequencer, forced)
        now = self.now_ms()
        outcome, refusal = self._take(claim, now)
        if refusal is Refusal.STALE:
            # Sequencers are documented per key, not across versions, and a newer event may have failed. Nor may we
            # leave a lock behind that a forced attempt of ours has taken, whose answer was lost.
            is_ours = owner_is(owner).holds(outcome.item)
            if not is_ours and self._source_now(event) == outcome.item.get(APPLIED_SOURCE):
                return Decision(Work.STALE, "this change, or a newer one, is in the output already")
            claim = replace(claim, forced=True)
            now = self.now_ms()
            outcome, refusal = self._take(claim, now)
        match refusal:
            case None:
                return self._work_due(event, 0 if waiting_since is None else now - waiting_since)
            case Refusal.SUPERSEDED:
                return Decision(Work.SUPERSEDED, "a newer event for this object is at work or waiting")
            case _:
                return self._wait(claim, outcome.item, now, waiting_since)

    def begin_work(self, event: ObjectEvent, owner: str, milliseconds_left: int) -> Attempt:
        """Begin the one attempt there is at a time. The lease will outlast it: Lambda ends it in `milliseconds_left`.

        Raises:
            LeaseLost: the lock is not ours, or not any more.
            AttemptInFlight: an earlier attempt may be running.
        """
        now = self.now_ms()
        outcome = self.store.apply(begin_work(event.object_id, owner, now=now, milliseconds_left=milliseconds_left))
        if outcome.accepted:
            return Attempt.begun(owner, event.sequencer, outcome.item)
        if is_only_early(owner, outcome.item, now=now):
            seconds = (int(outcome.item[WORKER_UNTIL]) - now) / 1000
            msg = f"{event.object_id}: an earlier attempt may be at work for another {seconds:.0f} s"
            raise AttemptInFlight(msg)
        raise _lease_lost(event.object_id, owner, outcome.item)

    def end_work(self, attempt: Attempt) -> None:
        """The attempt has ended in an error, so the next one may begin at once."""
        self.store.apply(end_work(attempt))

    def note_output(self, attempt: Attempt, found: OutputObject | None) -> None:
        """The output is not what the attempt was to replace: the next one is to replace what was `found`.

        Raises: LeaseLost when another attempt has begun since, so that it is none of our business any more.
        """
        outcome = self.store.apply(note_output(attempt, found, now=self.now_ms()))
        if not outcome.accepted:
            raise _lease_lost(attempt.object_id, attempt.owner, outcome.item)

    def release(self, owner: str, applied: Applied) -> None:
        """Record what was applied and free the lock. Repeating a release is a success that does nothing.

        Raises: LeaseLost when the lock is not ours any more, or a later attempt has begun.
        """
        now = self.now_ms()
        outcome = self.store.apply(release(owner, applied, now=now))
        if not outcome.accepted and is_only_behind(owner, applied, outcome.item):
            outcome = self.store.apply(release_behind(owner, applied, now=now))
        if not outcome.accepted and not was_released(applied, outcome.item):
            raise _lease_lost(applied.object_id, owner, outcome.item)

    def give_up(self, object_id: str, owner: str) -> GaveUp:
        """Free the lock of an execution that failed or was stopped, if it holds it; nothing was applied.

        While a worker of it may be running, the lease is cut to end after that.
        """
        now = self.now_ms()
        outcome = self.store.apply(give_up(object_id, owner, now=now))
        kept = None if outcome.accepted else why_kept(owner, outcome.item, now=now)
        if kept is Kept.TOMBSTONE:
            outcome = self.store.apply(give_up_tombstone(object_id, owner, now=now))
            kept = None if outcome.accepted else why_kept(owner, outcome.item, now=now)
        match kept:
            case None:
                return GaveUp.FREED
            case Kept.AT_WORK:
                cut = cut_lease(object_id, owner, int(outcome.item[WORKER_UNTIL]))
                if cut.put[LEASE_EXPIRES_AT] != outcome.item[LEASE_EXPIRES_AT]:
                    self.store.apply(cut)
                return GaveUp.WILL_FREE_ITSELF
            case _:
                return GaveUp.HELD_NOTHING

    def _check(self, event: ObjectEvent) -> None:
        if event.bucket != self.input_bucket:
            msg = f"detail.bucket.name: expected {self.input_bucket!r}, got {event.bucket!r}"
            raise InvalidEvent(msg)
        if event.is_of_folder_with_content:
            msg = f"{event.object_id}: a key that ends in '/' is a folder, but this object has {event.size} bytes"
            raise SourceRejected(msg)

    def _take(self, claim: Claim, now: int) -> tuple[Outcome, Refusal | None]:
        """Try to take the lock: one write, a second one only for an event that is not the newest on record."""
        for transition in (grant, grant_overtaken):
            outcome = self.store.apply(transition(claim, now=now, lease_ms=self.lease_ms))
            refusal = None if outcome.accepted else why_refused(claim, outcome.item, now=now)
            if refusal is not Refusal.OVERTAKEN:
                break
        return outcome, refusal

    def _source_now(self, event: ObjectEvent) -> str:
        return self.source.tag(event.bucket, event.key) or ABSENT

    def _work_due(self, event: ObjectEvent, waited_ms: int) -> Decision:
        source = self._source_now(event)
        if source == ABSENT:
            return Decision(Work.DELETE, "the input object does not exist", source, waited_ms=waited_ms)
        return Decision(Work.GRAYSCALE, "the input object exists", source, waited_ms=waited_ms)

    def _wait(self, claim: Claim, item: Item, now: int, waiting_since: int | None) -> Decision:
        since = now if waiting_since is None else waiting_since
        reason = f"held by {item[OWNER]}"
        if now - since >= self.wait_limit_ms:
            msg = f"{claim.object_id}: {reason}, given up after {(now - since) / 1000:.0f} s"
            raise LockWaitTimeout(msg)
        if not is_registered(claim, item):
            self.store.apply(register(claim))  # refused when a newer event came meanwhile: the next visit says so
        return Decision(Work.HELD, reason, waiting_since=since, waited_ms=now - since)


def _lease_lost(object_id: str, owner: str, item: Item) -> LeaseLost:
    found = item.get(OWNER, "nobody")
    what = "its lease has ended, or a later attempt has begun" if found == owner else f"its owner is {found}"
    return LeaseLost(f"{object_id}: the lock is no longer ours, {what}")
