"""Acquire and release as the state machine calls them: transitions tried until one answer stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from objectlock.conditions import Item
from objectlock.errors import InvalidEvent, LeaseLost, LockWaitTimeout, SourceRejected
from objectlock.events import ObjectEvent
from objectlock.lock import (
    ABSENT,
    APPLIED_SOURCE,
    OWNER,
    Applied,
    Claim,
    Outcome,
    Refusal,
    give_up,
    grant,
    grant_overtaken,
    is_registered,
    owner_is,
    register,
    release,
    release_behind,
    was_released,
    why_refused,
)
from objectlock.ports import LockStore, SourceBucket


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
    """

    work: Work
    reason: str
    source: str | None = None
    waiting_since: int | None = None


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
                return self._work_due(event)
            case Refusal.SUPERSEDED:
                return Decision(Work.SUPERSEDED, "a newer event for this object is at work or waiting")
            case _:
                return self._wait(claim, outcome.item, now, waiting_since)

    def release(self, event: ObjectEvent, owner: str, applied: Applied) -> None:
        """Record what was applied and free the lock. Repeating a release is a success that does nothing.

        Raises: LeaseLost when another execution has taken the lock meanwhile.
        """
        claim = Claim(owner, event.sequencer)
        now = self.now_ms()
        outcome = self.store.apply(release(claim, applied, now=now))
        if not outcome.accepted and owner_is(owner).holds(outcome.item):
            outcome = self.store.apply(release_behind(claim, applied, now=now))
        if outcome.accepted or was_released(claim, applied, outcome.item):
            return
        msg = f"{claim.object_id}: the lock is no longer ours, its owner is {outcome.item.get(OWNER, 'nobody')}"
        raise LeaseLost(msg)

    def give_up(self, event: ObjectEvent, owner: str) -> None:
        """Free the lock after a failure, if it is ours; nothing was applied."""
        self.store.apply(give_up(event.object_id, owner))

    def _check(self, event: ObjectEvent) -> None:
        if event.bucket != self.input_bucket:
            msg = f"detail.bucket.name: expected {self.input_bucket!r}, got {event.bucket!r}"
            raise InvalidEvent(msg)
        if event.is_of_folder_with_content:
            msg = f"{event.object_id}: a key that ends in '/' is a folder, but this object has {event.size} bytes"
            raise SourceRejected(msg)

    def _take(self, claim: Claim, now: int) -> tuple[Outcome, Refusal | None]:
        """Try to take the lock: one write, a second one only for an event that is not the newest on record."""
        for attempt in (grant, grant_overtaken):
            outcome = self.store.apply(attempt(claim, now=now, lease_ms=self.lease_ms))
            refusal = None if outcome.accepted else why_refused(claim, outcome.item, now=now)
            if refusal is not Refusal.OVERTAKEN:
                break
        return outcome, refusal

    def _source_now(self, event: ObjectEvent) -> str:
        return self.source.tag(event.bucket, event.key) or ABSENT

    def _work_due(self, event: ObjectEvent) -> Decision:
        source = self._source_now(event)
        if source == ABSENT:
            return Decision(Work.DELETE, "the input object does not exist", source)
        return Decision(Work.GRAYSCALE, "the input object exists", source)

    def _wait(self, claim: Claim, item: Item, now: int, waiting_since: int | None) -> Decision:
        since = now if waiting_since is None else waiting_since
        reason = f"held by {item[OWNER]}"
        if now - since >= self.wait_limit_ms:
            msg = f"{claim.object_id}: {reason}, given up after {(now - since) / 1000:.0f} s"
            raise LockWaitTimeout(msg)
        if not is_registered(claim, item):
            self.store.apply(register(claim))  # refused when a newer event came meanwhile: the next visit says so
        return Decision(Work.HELD, reason, waiting_since=since)
