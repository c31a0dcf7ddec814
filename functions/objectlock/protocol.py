"""The lock as the Lambdas use it: transitions tried until one answer stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from objectlock.attempts import Attempt, OutputObject, begin_work, end_work, is_only_early, note_output
from objectlock.clauses import guarded, owner_is, version_is_known
from objectlock.conditions import Item
from objectlock.errors import (
    AttemptInFlight,
    InvalidEvent,
    LeaseLost,
    LockWaitTimeout,
    SourceRejected,
    UnknownRecordVersion,
)
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
from objectlock.record import (
    ABSENT,
    APPLIED_SOURCE,
    LEASE_EXPIRES_AT,
    OWNER,
    RECORD_VERSION,
    VERSION,
    WORKER_UNTIL,
    Outcome,
    Transition,
)


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
        taken_from: the owner that was found holding the lock past the end of its lease; None where nobody was. One that
            frees it at that very moment is told all the same, and nobody tells it whose answer is lost.
    """

    work: Work
    reason: str
    source: str | None = None
    waiting_since: int | None = None
    waited_ms: int = 0
    taken_from: str | None = None

    @property
    def is_grant(self) -> bool:
        return self.work in {Work.GRAYSCALE, Work.DELETE}


class GaveUp(Enum):
    """What came of giving up."""

    FREED = "freed"
    WILL_FREE_ITSELF = "will free itself"  # a worker may still be running
    HELD_NOTHING = "held nothing"


class _Taken(NamedTuple):
    """What came of asking for the lock: granted where there is no refusal."""

    item: Item
    refusal: Refusal | None
    taken_from: str | None


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
            UnknownRecordVersion: as every method here, where another version of this code has left the record.
        """
        self._check(event)
        if event.is_of_folder:
            return Decision(Work.FOLDER, "a folder of the S3 console, which has no counterpart")
        claim = Claim(owner, event.sequencer, forced or event.is_reconcile)
        now = self.now_ms()
        taken = self._take(claim, now)
        if taken.refusal is Refusal.STALE:
            # Sequencers are documented per key, not across versions, and a newer event may have failed. Nor may we
            # leave a lock behind that a forced attempt of ours has taken, whose answer was lost.
            is_ours = owner_is(owner).holds(taken.item)
            if not is_ours and self._source_now(event) == taken.item.get(APPLIED_SOURCE):
                return Decision(Work.STALE, "this change, or a newer one, is in the output already")
            claim = replace(claim, forced=True)
            now = self.now_ms()
            taken = self._take(claim, now)
        match taken.refusal:
            case None:
                due = self._work_due(event, 0 if waiting_since is None else now - waiting_since)
                return replace(due, taken_from=taken.taken_from)
            case Refusal.SUPERSEDED:
                return Decision(Work.SUPERSEDED, "a newer event for this object is at work or waiting")
            case _:
                return self._wait(claim, taken.item, now, waiting_since)

    def begin_work(self, event: ObjectEvent, owner: str, milliseconds_left: int) -> Attempt:
        """Begin the one attempt there is at a time. The lease will outlast it: Lambda ends it in `milliseconds_left`.

        Raises:
            LeaseLost: the lock is not ours, or not any more.
            AttemptInFlight: an earlier attempt may be running.
        """
        now = self.now_ms()
        outcome = self._apply(begin_work(event.object_id, owner, now=now, milliseconds_left=milliseconds_left))
        if outcome.accepted:
            return Attempt.begun(owner, event.sequencer, outcome.item)
        if is_only_early(owner, outcome.item, now=now):
            seconds = (int(outcome.item[WORKER_UNTIL]) - now) / 1000
            msg = f"{event.object_id}: an earlier attempt may be at work for another {seconds:.0f} s"
            raise AttemptInFlight(msg)
        raise _lease_lost(event.object_id, owner, outcome.item)

    def end_work(self, attempt: Attempt) -> None:
        """The attempt has ended in an error, so the next one may begin at once."""
        self._apply(end_work(attempt))

    def note_output(self, attempt: Attempt, found: OutputObject | None) -> None:
        """The output is not what the attempt was to replace: the next one is to replace what was `found`.

        Raises: LeaseLost when another attempt has begun since, so that it is none of our business any more.
        """
        outcome = self._apply(note_output(attempt, found, now=self.now_ms()))
        if not outcome.accepted:
            raise _lease_lost(attempt.object_id, attempt.owner, outcome.item)

    def release(self, owner: str, applied: Applied) -> None:
        """Record what was applied and free the lock. Repeating a release is a success that does nothing.

        Raises: LeaseLost when the lock is not ours any more, or a later attempt has begun.
        """
        now = self.now_ms()
        outcome = self._apply(release(owner, applied, now=now))
        if not outcome.accepted and is_only_behind(owner, applied, outcome.item):
            outcome = self._apply(release_behind(owner, applied, now=now))
        if not outcome.accepted and not was_released(applied, outcome.item):
            raise _lease_lost(applied.object_id, owner, outcome.item)

    def give_up(self, object_id: str, owner: str) -> GaveUp:
        """Free the lock of an execution that failed or was stopped, if it holds it; nothing was applied.

        While a worker of it may be running, the lease is cut to end after that.
        """
        free = give_up
        while True:  # what changes in between is an answer too
            now = self.now_ms()
            outcome = self._apply(free(object_id, owner, now=now))
            match None if outcome.accepted else why_kept(owner, outcome.item, now=now):
                case None:
                    return GaveUp.FREED
                case Kept.NOT_OURS:
                    return GaveUp.HELD_NOTHING
                case Kept.TOMBSTONE:
                    free = give_up_tombstone
                case Kept.PRESENT:
                    free = give_up
                case Kept.AT_WORK if self._ends_with_its_worker(object_id, owner, outcome.item):
                    return GaveUp.WILL_FREE_ITSELF

    def _ends_with_its_worker(self, object_id: str, owner: str, item: Item) -> bool:
        """Cut the lease to that, where it is longer. False if the worker has ended just now."""
        cut = cut_lease(object_id, owner, int(item[WORKER_UNTIL]))
        return cut.put[LEASE_EXPIRES_AT] == item[LEASE_EXPIRES_AT] or self._apply(cut).accepted

    def _check(self, event: ObjectEvent) -> None:
        if event.bucket != self.input_bucket:
            msg = f"detail.bucket.name: expected {self.input_bucket!r}, got {event.bucket!r}"
            raise InvalidEvent(msg)
        if event.is_of_folder_with_content:
            msg = f"{event.object_id}: a key that ends in '/' is a folder, but this object has {event.size} bytes"
            raise SourceRejected(msg)

    def _take(self, claim: Claim, now: int) -> _Taken:
        """Try to take the lock: one write, and another for each thing on record that is not as usual.

        That is an owner whose lease has ended, and a newer event than ours. What changes in between is an answer too:
        so there are three writes at most.
        """
        take, taken_from = grant, None
        while True:
            outcome = self._apply(take(claim, now=now, lease_ms=self.lease_ms))
            refusal = None if outcome.accepted else why_refused(claim, outcome.item, now=now)
            if refusal is Refusal.EXPIRED:
                claim, taken_from = replace(claim, takes_over=True), str(outcome.item[OWNER])
            elif refusal is Refusal.OVERTAKEN and take is grant:
                take = grant_overtaken
            else:
                return _Taken(outcome.item, refusal, taken_from)

    def _apply(self, transition: Transition) -> Outcome:
        outcome = self.store.apply(guarded(transition))
        if not outcome.accepted and not version_is_known().holds(outcome.item):
            version = outcome.item[RECORD_VERSION]
            msg = f"{transition.object_id}: the lock record has version {version}, and this code knows {VERSION}"
            raise UnknownRecordVersion(msg)
        return outcome

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
            self._apply(register(claim))  # refused when a newer event came meanwhile: the next visit says so
        return Decision(Work.HELD, reason, waiting_since=since, waited_ms=now - since)


def _lease_lost(object_id: str, owner: str, item: Item) -> LeaseLost:
    found = item.get(OWNER, "nobody")
    what = "its lease has ended, or a later attempt has begun" if found == owner else f"its owner is {found}"
    return LeaseLost(f"{object_id}: the lock is no longer ours, {what}")
