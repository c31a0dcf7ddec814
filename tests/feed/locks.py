"""The lock table under the real protocol: users, executions, workers, and a stream of all they write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from objectlock.conditions import Item, Value
from objectlock.errors import AttemptInFlight, LeaseLost, LockWaitTimeout, OutputChanged, SourceRejected
from objectlock.events import ObjectEvent
from objectlock.lock import Applied
from objectlock.ports import Picture
from objectlock.protocol import LockProtocol, Work
from objectlock.record import (
    ABSENT,
    APPLIED_AT,
    APPLIED_BY,
    APPLIED_SOURCE,
    EXPIRES_AT,
    FENCING_TOKEN,
    NEWEST_SEQUENCER,
    OBJECT_ID,
    OUTPUT_ETAG,
    OWNER,
    RECORD_SINCE,
    TOMBSTONE_SECONDS,
    Outcome,
    Transition,
)
from objectlock.work import Worker
from tests.feed.shipped import LOCKS, lock_mapping, lock_view
from tests.feed.stream import Record, Stream, Table
from tests.feed.world import FeedWorld
from tests.memory import HandClock, InMemoryLockStore, InMemoryOutput, InMemorySource
from tests.sample_events import BUCKET, created, deleted

LEASE_MS: Final = 120_000
WORK_MS: Final = 60_000  # after which Lambda ends a worker
NO_IMAGE: Final = b"no image"
ARN: Final = "arn:aws:states:us-east-1:123456789012:execution:lockstep:"


@dataclass(frozen=True)
class AppliedChange:
    """A release that the table has taken: what the feed is to tell.

    Attributes:
        change: what a line has to say, at least.
        record: of the stream.
    """

    key: str
    watermark: tuple[int, int]
    change: Mapping[str, Any]
    record: Record


class StreamedLockStore(InMemoryLockStore):
    """A `LockStore` on a table that has a stream.

    Attributes:
        applied: the changes so far, in the order of the table.
        before_register: what others do just before a waiting event is put on record.
        is_of_version_before: whether who writes is of the version before there was a feed.
    """

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.applied: list[AppliedChange] = []
        self.before_register: Callable[[], None] | None = None
        self.is_of_version_before = False
        self._taken_by_version_before: dict[str, bool] = {}
        self._table = table

    def apply(self, transition: Transition) -> Outcome:
        if set(transition.put) == {NEWEST_SEQUENCER} and self.before_register is not None:
            hook, self.before_register = self.before_register, None
            hook()
        owner = self.read(transition.object_id).get(OWNER)
        outcome = super().apply(_of_version_before(transition) if self.is_of_version_before else transition)
        record = self._table.put(outcome.item) if outcome.accepted else None
        if record is not None:
            self._note(transition, outcome.item, owner, record)
        return outcome

    def put_by_hand(self, item: Mapping[str, Any]) -> Record | None:
        """As somebody does in the console."""
        self.items[str(item[OBJECT_ID])] = dict(item)
        return self._table.put(item)

    def expire(self, now_ms: int) -> None:
        """DynamoDB deletes what has expired."""
        for object_id in [
            each for each, item in self.items.items() if int(item.get(EXPIRES_AT, now_ms)) < now_ms // 1000
        ]:
            del self.items[object_id]
            self._table.delete((object_id,))

    def _note(self, transition: Transition, item: Item, owner: Value | None, record: Record) -> None:
        """What a write has applied, told by who has seen it happen; the exporter reads it off the stream."""
        object_id = transition.object_id
        if OWNER in transition.put:
            self._taken_by_version_before[object_id] = self.is_of_version_before
        if APPLIED_AT not in item:  # neither the one who took the lock nor the one who frees it knows of a feed
            return
        if APPLIED_SOURCE in transition.put:
            by = {} if self.is_of_version_before else {"execution": owner, "time": _rfc3339(self._table.now_ms())}
            self.applied.append(AppliedChange(object_id, _watermark(item), _applied(item) | by, record))
        elif OWNER in transition.remove and self._taken_by_version_before[object_id]:
            # Given up. What was applied last is in the record all the same, perhaps with the token of another attempt.
            self.applied.append(AppliedChange(object_id, _watermark(item), _applied(item), record))


def _applied(item: Item) -> dict[str, Value | None]:
    etag, _, version = str(item[APPLIED_SOURCE]).partition("@")
    output = item.get(OUTPUT_ETAG)
    return {
        "operation": "DELETE" if output is None else "PUT",
        "source_etag": None if etag == ABSENT else etag,
        "source_version_id": version or None,
        "output_etag": output,
        "fencing_token": item[FENCING_TOKEN],
    }


def _watermark(item: Item) -> tuple[int, int]:
    return int(item[RECORD_SINCE]), int(item[FENCING_TOKEN])


def _of_version_before(transition: Transition) -> Transition:
    """As it was without what the feed needs."""
    fed = {APPLIED_AT, APPLIED_BY, RECORD_SINCE}
    return replace(
        transition,
        put={name: value for name, value in transition.put.items() if name not in fed},
        put_once={name: value for name, value in transition.put_once.items() if name not in fed},
        remove=tuple(name for name in transition.remove if name not in fed),
    )


def _rfc3339(epoch_ms: int) -> str:
    seconds, milliseconds = divmod(epoch_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03}Z"


@dataclass
class Execution:
    """One run of the state machine, up to where it has come.

    Attributes:
        is_of_version_before: whether its functions are of the version before there was a feed.
        applied: what its worker has done and it has not recorded yet.
    """

    name: str
    event: ObjectEvent
    is_of_version_before: bool = False
    waiting_since: int | None = None
    is_granted: bool = False
    applied: Applied | None = None

    @property
    def arn(self) -> str:
        return ARN + self.name


class Lockstep:
    """Objects, and the executions that keep their outputs in step; each goes on a step when told to."""

    def __init__(self, stream: Stream, clock: HandClock, view: str, *, versioned: bool = False) -> None:
        self.store = StreamedLockStore(Table(stream, OBJECT_ID, None, clock, view))
        self.source = InMemorySource(versioned=versioned)
        self.output = InMemoryOutput()
        self.running: list[Execution] = []
        self._clock = clock
        self._lock = LockProtocol(
            self.store, self.source, BUCKET, lease_ms=LEASE_MS, wait_limit_ms=10 * LEASE_MS, now_ms=clock
        )
        self._worker = Worker(self._lock, self.source, self.output)
        self._events = 0

    @property
    def has_tombstone(self) -> bool:
        return any(EXPIRES_AT in item for item in self.store.items.values())

    def change(self, key: str, body: bytes | None, *, version_before: bool = False) -> Execution:
        """A user uploads, or deletes where there is no body; an execution starts."""
        self._events += 1
        sequencer = f"{self._events:016X}"
        if body is None:
            self.source.delete(BUCKET, key)
            event = deleted(sequencer, key=key)
        else:
            self.source.put(BUCKET, key, body)
            event = created(sequencer, key=key)
        execution = Execution(f"execution-{self._events}", event, version_before)
        self.running.append(execution)
        return execution

    def acquire(self, execution: Execution) -> None:
        """Ask for the lock."""
        with self._on_version_of(execution):
            try:
                decision = self._lock.acquire(execution.event, execution.arn, waiting_since=execution.waiting_since)
            except LockWaitTimeout:
                self.running.remove(execution)
                return
            execution.waiting_since = decision.waiting_since
            execution.is_granted = decision.is_grant
            if not decision.is_grant and decision.work is not Work.HELD:
                self.running.remove(execution)

    def work(self, execution: Execution) -> None:
        """Begin an attempt, and do the work; recorded it is not."""
        with self._on_version_of(execution):
            try:
                with self._worker.attempt(execution.event, execution.arn, WORK_MS) as attempt:
                    execution.applied = self._worker.convert(execution.event, attempt, _gray)
            except (AttemptInFlight, OutputChanged):  # it is tried again
                return
            except (LeaseLost, SourceRejected):  # the latter has been recorded
                self.running.remove(execution)

    def fail(self, execution: Execution) -> None:
        """The attempt ends in an error before it has done anything; the next may begin."""
        with self._on_version_of(execution), suppress(AttemptInFlight, LeaseLost):
            self._lock.end_work(self._lock.begin_work(execution.event, execution.arn, WORK_MS))

    def release(self, execution: Execution) -> None:
        """Record what was done."""
        assert execution.applied is not None
        with self._on_version_of(execution), suppress(LeaseLost):
            self._lock.release(execution.arn, execution.applied)
        self.running.remove(execution)

    def abandon(self, execution: Execution, *, reaped: bool) -> None:
        """It is stopped; the reaper frees its lock, or its lease has to end."""
        self.running.remove(execution)
        if reaped:
            self._lock.give_up(execution.event.object_id, execution.arn)

    def step(self, execution: Execution) -> None:
        """Whatever it does next."""
        if execution.applied is not None:
            self.release(execution)
        elif execution.is_granted:
            self.work(execution)
        else:
            self.acquire(execution)

    def run(self, execution: Execution) -> None:
        """All of it, if nobody holds it up."""
        while execution in self.running:
            before = replace(execution)
            self.step(execution)
            if execution == before or execution.waiting_since is not None:
                return

    def a_month_passes(self) -> None:
        """The records of what was deleted expire."""
        self._clock.advance(seconds=TOMBSTONE_SECONDS + 3600)
        self.store.expire(self._clock())

    @contextmanager
    def _on_version_of(self, execution: Execution) -> Iterator[None]:
        other, self.store.is_of_version_before = self.store.is_of_version_before, execution.is_of_version_before
        try:
            yield
        finally:
            self.store.is_of_version_before = other


def lock_world() -> tuple[FeedWorld, Lockstep]:
    """The shipped feed of an empty lock table."""
    world = FeedWorld(LOCKS, lock_mapping())
    return world, Lockstep(world.stream, world.clock, lock_view())


def _gray(body: bytes) -> Picture:
    if body == NO_IMAGE:
        raise SourceRejected("no image")
    return Picture(b"gray " + body, "image/test")
