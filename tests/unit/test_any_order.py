"""One object changed at will, its events delivered twice, late and in any order, to executions that take turns."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from objectlock.errors import LeaseLost, LockWaitTimeout, SourceRejected
from objectlock.events import ObjectEvent
from objectlock.lock import APPLIED_SEQUENCER, EXPIRES_AT, NEWEST_SEQUENCER, OWNER, Applied
from objectlock.ports import SourceObject
from objectlock.protocol import LockProtocol, Work
from objectlock.work import Picture, convert, remove
from tests.memory import HandClock, InMemoryLockStore, InMemorySource
from tests.memory import InMemoryOutput as Output
from tests.sample_events import BUCKET, KEY, created, deleted

OBJECT_ID = f"{BUCKET}/{KEY}"
NO_IMAGE = b"no image"
LONG_MS = 10**9  # leases that end in the middle of work need the fencing token


def gray(body: bytes) -> Picture:
    """Stands in for the real conversion."""
    if body == NO_IMAGE:
        raise SourceRejected("not an image")
    return Picture(b"gray " + body, "image/test")


class Step(Enum):
    """What an execution does next."""

    ACQUIRE = "acquire"
    READ = "read"
    WRITE = "write"
    REMOVE = "remove"
    RELEASE = "release"
    REJECT = "reject"
    GIVE_UP = "give up"
    ENDED = "ended"


HOLDS_THE_LOCK = {Step.READ, Step.WRITE, Step.REMOVE, Step.RELEASE, Step.REJECT, Step.GIVE_UP}


@dataclass
class Execution:
    """One run of the state machine, which keeps in its state what the Lambdas answered."""

    owner: str
    event: ObjectEvent
    step: Step = Step.ACQUIRE
    forced: bool = False
    waiting_since: int | None = None
    source: str = ""
    read: InMemorySource = field(default_factory=InMemorySource)
    applied: Applied | None = None


class OneObject(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store, self.source, self.output, self.clock = InMemoryLockStore(), InMemorySource(), Output(), HandClock()
        self.lock = LockProtocol(self.store, self.source, BUCKET, LONG_MS, 60_000, self.clock)
        self.numbers = itertools.count(1)
        self.undelivered: list[ObjectEvent] = []
        self.delivered: list[ObjectEvent] = []
        self.executions: list[Execution] = []
        self.marks = {APPLIED_SEQUENCER: "", NEWEST_SEQUENCER: ""}

    @initialize(versioned=st.booleans())
    def create_bucket(self, versioned: bool) -> None:
        self.source.versioned = versioned

    # --- the user --------------------------------------------------------------------------------------------

    @rule(body=st.sampled_from([b"a", b"b", NO_IMAGE]), tail=st.sampled_from(["", "0", "8F"]))
    def put(self, body: bytes, tail: str) -> None:
        self.source.put(BUCKET, KEY, body)
        self.undelivered.append(created(f"{next(self.numbers):04X}{tail}"))

    @rule(tail=st.sampled_from(["", "0", "8F"]))
    def delete(self, tail: str) -> None:
        self.source.delete(BUCKET, KEY)
        self.undelivered.append(deleted(f"{next(self.numbers):04X}{tail}"))

    # --- AWS -------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.undelivered)
    @rule(which=st.integers(min_value=0))
    def deliver(self, which: int) -> None:
        event = self.undelivered.pop(which % len(self.undelivered))
        self.delivered.append(event)
        self.start(event)

    @precondition(lambda self: self.delivered)
    @rule(which=st.integers(min_value=0))
    def deliver_again(self, which: int) -> None:
        self.start(self.delivered[which % len(self.delivered)])

    @rule(seconds=st.sampled_from([1, 40]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @precondition(lambda self: not self.running and EXPIRES_AT in self.item)
    @rule()
    def tombstone_expires(self) -> None:
        del self.store.items[OBJECT_ID]
        self.marks = dict.fromkeys(self.marks, "")

    # --- executions ------------------------------------------------------------------------------------------

    @precondition(lambda self: self.running)
    @rule(which=st.integers(min_value=0))
    def go_on(self, which: int) -> None:
        self.advance(self.running[which % len(self.running)])

    @precondition(lambda self: self.holders)
    @rule()
    def an_answer_of_acquire_is_lost(self) -> None:
        """The retry of a granted acquire is granted."""
        holder = self.holders[0]
        assert self.lock.acquire(holder.event, holder.owner, forced=True).work in {Work.GRAYSCALE, Work.DELETE}

    @precondition(lambda self: self.released)
    @rule(which=st.integers(min_value=0))
    def an_answer_of_release_is_lost(self, which: int) -> None:
        """The retry finds it done, or somebody else's lock; then the execution looks again."""
        self.release(self.released[which % len(self.released)])

    @precondition(lambda self: self.holders)
    @rule()
    def something_fails(self) -> None:
        self.holders[0].step = Step.GIVE_UP

    # --- promises --------------------------------------------------------------------------------------------

    @invariant()
    def only_one_is_at_work_and_it_is_the_owner(self) -> None:
        assert [each.owner for each in self.holders] == ([self.item[OWNER]] if OWNER in self.item else [])

    @invariant()
    def marks_never_go_back(self) -> None:
        for mark, before in self.marks.items():
            self.marks[mark] = str(self.item.get(mark, ""))
            assert before <= self.marks[mark], mark

    def teardown(self) -> None:
        """Once everything is delivered and done, the output is that of the input, and the lock is free."""
        for _ in range(1000):
            if self.undelivered:
                self.deliver(0)
            if not self.running:
                break
            for execution in self.running:
                self.advance(execution)
            self.clock.advance(seconds=1)
        assert not self.running
        assert OWNER not in self.item
        found = self.source.read(BUCKET, KEY)
        wanted = None if found is None or found.body == NO_IMAGE else b"gray " + found.body
        stored = self.output.objects.get(KEY)
        assert (stored.body if stored else None) == wanted

    # --- parts ----------------------------------------------------------------------------------------------

    @property
    def item(self) -> dict[str, str | int]:
        return dict(self.store.items.get(OBJECT_ID, {}))

    @property
    def running(self) -> list[Execution]:
        return [each for each in self.executions if each.step is not Step.ENDED]

    @property
    def holders(self) -> list[Execution]:
        return [each for each in self.executions if each.step in HOLDS_THE_LOCK]

    @property
    def released(self) -> list[Execution]:
        return [each for each in self.executions if each.step is Step.ENDED and each.applied]

    def start(self, event: ObjectEvent) -> None:
        self.executions.append(Execution(f"execution-{len(self.executions)}", event))

    def advance(self, execution: Execution) -> None:
        note(f"{execution.owner}, event {execution.event.sequencer.value}: {execution.step.value}")
        steps: dict[Step, Callable[[Execution], None]] = {
            Step.ACQUIRE: self.acquire,
            Step.READ: self.read,
            Step.WRITE: self.write,
            Step.REMOVE: self.remove,
            Step.RELEASE: self.release,
            Step.REJECT: self.reject,
            Step.GIVE_UP: self.give_up,
        }
        steps[execution.step](execution)

    def acquire(self, execution: Execution) -> None:
        try:
            decision = self.lock.acquire(
                execution.event,
                execution.owner,
                forced=execution.forced,
                waiting_since=execution.waiting_since,
            )
        except LockWaitTimeout:
            self.give_up(execution)
            return
        execution.waiting_since = decision.waiting_since
        execution.source = decision.source or ""
        execution.step = {
            Work.GRAYSCALE: Step.READ,
            Work.DELETE: Step.REMOVE,
            Work.HELD: Step.ACQUIRE,
            Work.STALE: Step.ENDED,
            Work.SUPERSEDED: Step.ENDED,
        }[decision.work]

    def read(self, execution: Execution) -> None:
        """The worker has read the input; before it writes, the input may change again."""
        found: SourceObject | None = self.source.read(BUCKET, KEY)
        execution.read = InMemorySource(objects={} if found is None else {(BUCKET, KEY): found})
        execution.step = Step.WRITE

    def write(self, execution: Execution) -> None:
        try:
            execution.applied = convert(execution.event, execution.read, self.output, gray)
        except SourceRejected:
            execution.step = Step.REJECT
        else:
            execution.step = Step.RELEASE

    def remove(self, execution: Execution) -> None:
        execution.applied = remove(execution.event, self.output)
        execution.step = Step.RELEASE

    def release(self, execution: Execution) -> None:
        assert execution.applied
        try:
            self.lock.release(execution.event, execution.owner, execution.applied)
        except LeaseLost:
            execution.step, execution.forced, execution.applied = Step.ACQUIRE, True, None
        else:
            execution.step = Step.ENDED

    def reject(self, execution: Execution) -> None:
        self.lock.release(execution.event, execution.owner, Applied(execution.source, None))
        execution.step = Step.ENDED

    def give_up(self, execution: Execution) -> None:
        """A failed execution is started again, some time."""
        self.lock.give_up(execution.event, execution.owner)
        execution.step = Step.ENDED
        execution.applied = None
        self.undelivered.append(execution.event)


TestOneObject = OneObject.TestCase
TestOneObject.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
