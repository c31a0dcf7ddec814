"""One object changed at will, its events delivered twice, late and in any order, to executions of which any may fail.

The code of the Lambdas is the real one. It stands still before every call to AWS, so that anything can come between.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from threading import Semaphore, Thread
from typing import Any, TypeVar, cast

from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from objectlock.conditions import Item
from objectlock.errors import (
    AttemptInFlight,
    InputChanged,
    LeaseLost,
    LockWaitTimeout,
    OutputChanged,
    ServiceUnavailable,
    SourceRejected,
    WriteInDoubt,
)
from objectlock.events import ObjectEvent
from objectlock.lock import Applied
from objectlock.ports import Label, LockStore, OutputBucket, Picture, SourceBucket, SourceObject
from objectlock.protocol import Decision, LockProtocol, Work
from objectlock.record import (
    ABSENT,
    APPLIED_SEQUENCER,
    APPLIED_SOURCE,
    EXPIRES_AT,
    FENCING_TOKEN,
    LEASE_EXPIRES_AT,
    NEWEST_SEQUENCER,
    OUTPUT_ETAG,
    OWNER,
    WORKER_UNTIL,
    Outcome,
    Transition,
)
from objectlock.work import Worker
from tests.memory import HandClock, InMemoryLockStore, InMemoryOutput, InMemorySource
from tests.sample_events import BUCKET, KEY, created, deleted

R = TypeVar("R")

OBJECT_ID = f"{BUCKET}/{KEY}"
NO_IMAGE = b"no image"
MANY = 4  # executions at a time; with more, most of them only wait
LEASE_MS = 30_000
WAIT_LIMIT_MS = 60_000
TIME_LIMIT_MS = 20_000  # Lambda's; what a Lambda has not done by then it never does

tails = st.sampled_from(["", "0", "8F"])


def gray(body: bytes) -> Picture:
    """Stands in for the real conversion."""
    if body == NO_IMAGE:
        raise SourceRejected("not an image")
    return Picture(b"gray " + body, "image/test")


# --- Lambdas -----------------------------------------------------------------------------------------------


class Fate(Enum):
    """What comes of a call to AWS."""

    GOES_WELL = "goes well"
    FAILS = "fails"
    ANSWER_IS_LOST = "is made, but its answer is lost"
    KILLED = "is never made, the Lambda is killed"


class Killed(BaseException):
    """The Lambda is no more. Nothing that it would have done on its way out is done."""


EXPECTED = (
    AttemptInFlight,
    InputChanged,
    Killed,
    LeaseLost,
    LockWaitTimeout,
    OutputChanged,
    ServiceUnavailable,
    SourceRejected,
    WriteInDoubt,
    type(None),
)


class Invocation:
    """One run of a Lambda, a call to AWS at a time.

    Attributes:
        before: the call it stands before; None once it has ended.
        at_work: whether it has begun an attempt, and not said that it has ended.
    """

    def __init__(self, name: str, model: OneObject, run: Callable[[Invocation], object]) -> None:
        self.name, self.ends_at = name, model.clock.now + TIME_LIMIT_MS
        self.before: str | None = None
        self.at_work = False
        self.answer: object = None
        self.error: BaseException | None = None
        source = cast("SourceBucket", Stepwise(self, model.source))
        store = cast("LockStore", Stepwise(self, Watched(model.store, self)))
        self.lock = LockProtocol(store, source, BUCKET, LEASE_MS, WAIT_LIMIT_MS, model.clock)
        self.worker = Worker(self.lock, source, cast("OutputBucket", Stepwise(self, model.output)))
        self._fate = Fate.GOES_WELL
        self._stands, self._may_go_on = Semaphore(0), Semaphore(0)
        Thread(target=self._run, args=(run,), daemon=True).start()
        self._stands.acquire()

    @property
    def is_over(self) -> bool:
        return self.before is None

    def go_on(self, fate: Fate = Fate.GOES_WELL) -> None:
        """Up to the next call, or the end."""
        note(f"    {self.name}: {self.before} {fate.value}")
        self._fate = fate
        self._may_go_on.release()
        assert self._stands.acquire(timeout=10), "it is over"
        if self.is_over:
            came_of_it = self.answer if self.error is None else repr(self.error)
            note(f"    {self.name} -> {came_of_it}")
            if not isinstance(self.error, EXPECTED):
                raise self.error

    def kill(self) -> None:
        while not self.is_over:
            self.go_on(Fate.KILLED)

    def call(self, name: str, make: Callable[[], R]) -> R:
        """Make a call to AWS, when and as the model has it."""
        self.before = name
        self._stands.release()
        self._may_go_on.acquire()
        match self._fate:
            case Fate.GOES_WELL:
                return make()
            case Fate.FAILS:
                raise ServiceUnavailable(name)
            case Fate.ANSWER_IS_LOST:
                make()
                raise WriteInDoubt(name) if name in {"write", "delete"} else ServiceUnavailable(name)
            case Fate.KILLED:
                raise Killed(name)

    def _run(self, run: Callable[[Invocation], object]) -> None:
        try:
            self.answer = run(self)
        except BaseException as error:  # noqa: BLE001  # the model goes on with it, in its own thread
            self.error = error
        self.before = None
        self._stands.release()


@dataclass
class Stepwise:
    """A port whose every method is a call to AWS."""

    invocation: Invocation
    port: object

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.port, name)
        return lambda *args, **kwargs: self.invocation.call(name, partial(method, *args, **kwargs))


@dataclass
class Watched:
    """A lock store that says who is at work."""

    store: LockStore
    invocation: Invocation

    def apply(self, transition: Transition) -> Outcome:
        outcome = self.store.apply(transition)
        if outcome.accepted and FENCING_TOKEN in transition.add:
            self.invocation.at_work = True
        if outcome.accepted and WORKER_UNTIL in transition.remove:
            self.invocation.at_work = False
        return outcome


class WatchedOutput(InMemoryOutput):
    """An output bucket that remembers which token replaced which."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[tuple[int, int]] = []

    def write(self, key: str, picture: Picture, label: Label, *, replaces: str | None) -> str:
        before = self.look(key)
        etag = super().write(key, picture, label, replaces=replaces)
        if before is not None:
            self.tokens.append((before.token, label.token))
        return etag


# --- executions --------------------------------------------------------------------------------------------


class Step(Enum):
    """What an execution does next."""

    ACQUIRE = "AcquireLock"
    CONVERT = "ConvertToGrayscale"
    REMOVE = "DeleteOutput"
    RELEASE = "ReleaseLock"
    GIVE_UP = "ReleaseLockAfterFailure"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


OVER = {Step.DONE, Step.FAILED, Step.STOPPED}
NEXT = {
    Work.GRAYSCALE: Step.CONVERT,
    Work.DELETE: Step.REMOVE,
    Work.HELD: Step.ACQUIRE,
    Work.STALE: Step.DONE,
    Work.SUPERSEDED: Step.DONE,
}


@dataclass
class Execution:
    """One run of the state machine, which keeps in its state what the Lambdas answered.

    Attributes:
        invocation: the Lambda whose answer it waits for.
        stopped_at: where it goes on if it is redriven.
    """

    owner: str
    event: ObjectEvent
    step: Step = Step.ACQUIRE
    has_to_look_again: bool = False
    waiting_since: int | None = None
    applied: Applied | None = None
    rejected: bool = False
    invocation: Invocation | None = None
    stopped_at: Step = Step.ACQUIRE
    calls: int = 0

    def run(self, invocation: Invocation) -> object:
        """What the handler does that is called at this step."""
        lock, worker, event = invocation.lock, invocation.worker, self.event
        match self.step:
            case Step.ACQUIRE:
                return lock.acquire(event, self.owner, forced=self.has_to_look_again, waiting_since=self.waiting_since)
            case Step.CONVERT:
                with worker.attempt(event, self.owner, TIME_LIMIT_MS) as attempt:
                    return worker.convert(event, attempt, gray)
            case Step.REMOVE:
                with worker.attempt(event, self.owner, TIME_LIMIT_MS) as attempt:
                    return worker.remove(event, attempt)
            case Step.RELEASE:
                assert self.applied
                lock.release(self.owner, self.applied)
                return None
            case _:
                return lock.give_up(event.object_id, self.owner)

    def hear(self, invocation: Invocation) -> None:
        """Go on with what the Lambda answered, as the machine's Retry, Catch and Choice say."""
        self.invocation = None
        match invocation.error:
            case None:
                self._go_on_with(invocation.answer)
            case AttemptInFlight() | ServiceUnavailable() | WriteInDoubt() | Killed():
                pass  # and try again
            case LeaseLost() | InputChanged() | OutputChanged():
                self.step, self.has_to_look_again = Step.ACQUIRE, True
            case SourceRejected():
                self.step, self.rejected = Step.GIVE_UP, True
            case LockWaitTimeout():
                self.step = Step.GIVE_UP

    def _go_on_with(self, answer: object) -> None:
        match self.step, answer:
            case Step.ACQUIRE, Decision() as decision:
                self.waiting_since, self.step = decision.waiting_since, NEXT[decision.work]
            case ((Step.CONVERT | Step.REMOVE), Applied() as applied):
                self.applied, self.step = applied, Step.RELEASE
            case Step.RELEASE, _:
                self.step = Step.DONE
            case Step.GIVE_UP, _:
                self.step = Step.FAILED


# --- what may happen ---------------------------------------------------------------------------------------


class OneObject(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store, self.source, self.output = InMemoryLockStore(), InMemorySource(), WatchedOutput()
        self.clock = HandClock()
        self.numbers = itertools.count(1)
        self.versions: list[SourceObject | None] = []  # None is a delete marker
        self.undelivered: list[ObjectEvent] = []
        self.delivered: list[ObjectEvent] = []
        self.executions: list[Execution] = []
        self.to_be_reaped: list[str] = []
        self.invocations: list[Invocation] = []
        self.marks: dict[str, str | int] = {}

    @initialize(versioned=st.booleans())
    def create_bucket(self, versioned: bool) -> None:
        self.source.versioned = versioned

    # --- the user --------------------------------------------------------------------------------------------

    @rule(body=st.sampled_from([b"a", b"b", b"a", NO_IMAGE]), tail=tails, at_once=st.booleans())
    def put(self, body: bytes, tail: str, at_once: bool) -> None:
        self.source.put(BUCKET, KEY, body)
        self.versions = [*self.older_versions, self.source.read(BUCKET, KEY)]
        self.happens(created(self.sequencer(tail)), at_once)

    @rule(tail=tails, at_once=st.booleans())
    def delete(self, tail: str, at_once: bool) -> None:
        self.versions = [*self.older_versions, None]
        self.show_latest_version()
        self.happens(deleted(self.sequencer(tail)), at_once)

    @precondition(lambda self: self.source.versioned and self.versions)
    @rule(which=st.integers(0, 9))
    def delete_version(self, which: int) -> None:
        """The latest one brings the one before back, and so does a delete marker."""
        del self.versions[-1 - which % len(self.versions)]
        self.show_latest_version()
        self.happens(deleted(self.sequencer("")), at_once=False)

    # --- AWS -------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.undelivered and len(self.running) < MANY)
    @rule(which=st.integers(0, 9))
    def deliver(self, which: int) -> None:
        event = self.undelivered.pop(which % len(self.undelivered))
        self.delivered.append(event)
        self.start(event)

    @precondition(lambda self: self.delivered and len(self.running) < MANY)
    @rule(which=st.integers(0, 9))
    def deliver_again(self, which: int) -> None:
        self.start(self.delivered[which % len(self.delivered)])

    @rule(seconds=st.sampled_from([1, 6, 19, 25, 31, 61]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)
        for invocation in self.at_large:
            if invocation.ends_at <= self.clock.now:
                invocation.kill()
        self.hear_answers()

    @precondition(lambda self: not self.running and not self.at_large and not self.stopped and EXPIRES_AT in self.item)
    @rule()
    def tombstone_expires(self) -> None:
        """Later than any execution can be redriven."""
        del self.store.items[OBJECT_ID]
        self.marks = {}

    # --- executions ------------------------------------------------------------------------------------------

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 9), calls=st.integers(1, 9))
    def go_on(self, which: int, calls: int) -> None:
        execution = self.running[which % len(self.running)]
        for _ in range(calls):
            self.advance(execution)

    @precondition(lambda self: self.at_large)
    @rule(which=st.integers(0, 9), fate=st.sampled_from(Fate))
    def a_call_ends(self, which: int, fate: Fate) -> None:
        """Also one of a Lambda that nobody waits for any more."""
        self.at_large[which % len(self.at_large)].go_on(fate)
        self.hear_answers()

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 9))
    def an_invocation_is_ambiguous(self, which: int) -> None:
        """The Lambda goes on, but the execution is told that it failed, and calls it again."""
        execution = self.waiting[which % len(self.waiting)]
        note(f"{execution.owner} hears nothing of {execution.step.value}")
        execution.invocation = None
        self.advance(execution)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 9))
    def something_fails(self, which: int) -> None:
        """For good, although the Lambda may go on."""
        execution = self.running[which % len(self.running)]
        note(f"{execution.owner} fails in {execution.step.value}")
        execution.invocation = None
        execution.step = Step.FAILED if execution.step is Step.GIVE_UP else Step.GIVE_UP
        self.tell_reaper(execution)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 9), reaped=st.booleans())
    def an_execution_is_stopped(self, which: int, reaped: bool) -> None:
        """Its Lambda goes on."""
        execution = self.running[which % len(self.running)]
        note(f"{execution.owner} is stopped in {execution.step.value}")
        execution.stopped_at, execution.step, execution.invocation = execution.step, Step.STOPPED, None
        self.tell_reaper(execution)
        if reaped:
            reaper = self.reap(execution.owner)
            while not reaper.is_over:
                reaper.go_on()

    @precondition(lambda self: self.to_be_reaped)
    @rule(which=st.integers(0, 9), twice=st.booleans())
    def the_reaper_is_called(self, which: int, twice: bool) -> None:
        """Maybe late, so that the execution runs again, and maybe never."""
        owner = self.to_be_reaped[which % len(self.to_be_reaped)]
        if not twice:
            self.to_be_reaped.remove(owner)
        self.reap(owner)

    @precondition(lambda self: self.stopped)
    @rule(which=st.integers(0, 9))
    def an_execution_is_redriven(self, which: int) -> None:
        """It goes on where it was stopped."""
        execution = self.stopped[which % len(self.stopped)]
        note(f"{execution.owner} is redriven, from {execution.stopped_at.value}")
        execution.step = execution.stopped_at

    @precondition(lambda self: self.unsuccessful and len(self.running) < MANY)
    @rule(which=st.integers(0, 9))
    def an_execution_is_started_again(self, which: int) -> None:
        execution = self.unsuccessful[which % len(self.unsuccessful)]
        self.executions.remove(execution)
        self.start(execution.event)

    # --- promises --------------------------------------------------------------------------------------------

    @invariant()
    def only_one_is_at_work(self) -> None:
        at_work = [each.name for each in self.at_large if each.at_work]
        assert len(at_work) <= 1, at_work

    @invariant()
    def marks_never_go_back(self) -> None:
        for mark, nothing in ((APPLIED_SEQUENCER, ""), (NEWEST_SEQUENCER, ""), (FENCING_TOKEN, 0)):
            before, after = self.marks.get(mark, nothing), self.item.get(mark, nothing)
            assert before <= after, mark  # type: ignore[operator]  # both text, or both numbers
            self.marks[mark] = after

    @invariant()
    def no_output_replaces_that_of_a_later_attempt(self) -> None:
        assert all(before < after for before, after in self.output.tokens)

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            for invocation in self.at_large:
                invocation.kill()

    def settle(self) -> None:
        """Once everything is delivered and done, the output is that of the input, on record, and the lock is free."""
        note("--- no more mishaps")
        for _ in range(1000):
            while self.undelivered:
                self.deliver(0)
            while self.unsuccessful:
                self.an_execution_is_started_again(0)
            if not self.running and not self.at_large:
                break
            for execution in self.running:
                self.advance(execution)
            for invocation in self.at_large:
                if not any(each.invocation is invocation for each in self.waiting):
                    invocation.go_on()
                    self.only_one_is_at_work()
            self.time_passes(1)
            self.marks_never_go_back()
            self.no_output_replaces_that_of_a_later_attempt()
        assert not self.running
        assert not self.at_large
        self.time_passes(61)
        assert OWNER not in self.item or int(self.item[LEASE_EXPIRES_AT]) < self.clock.now
        found = self.source.read(BUCKET, KEY)
        wanted = None if found is None or found.body == NO_IMAGE else gray(found.body)
        stored = self.output.objects.get(KEY)
        assert (stored.picture if stored else None) == wanted
        if self.item:
            assert self.item[APPLIED_SOURCE] == (ABSENT if found is None else found.tag)
            assert self.item.get(OUTPUT_ETAG) == (stored.etag if stored else None)

    # --- parts ----------------------------------------------------------------------------------------------

    @property
    def item(self) -> Item:
        return self.store.items.get(OBJECT_ID, {})

    @property
    def running(self) -> list[Execution]:
        return [each for each in self.executions if each.step not in OVER]

    @property
    def waiting(self) -> list[Execution]:
        """For the answer of a Lambda."""
        return [each for each in self.running if each.invocation is not None]

    @property
    def stopped(self) -> list[Execution]:
        return [each for each in self.executions if each.step is Step.STOPPED]

    @property
    def unsuccessful(self) -> list[Execution]:
        """Those that somebody has to start again; a rejected input is not among them, as it has had its effect."""
        return [each for each in self.executions if each.step in OVER - {Step.DONE} and not each.rejected]

    @property
    def at_large(self) -> list[Invocation]:
        """Lambdas that go on, whether an execution waits for them or not."""
        return [each for each in self.invocations if not each.is_over]

    @property
    def older_versions(self) -> list[SourceObject | None]:
        return self.versions if self.source.versioned else []

    def show_latest_version(self) -> None:
        latest = self.versions[-1] if self.versions else None
        self.source.objects = {} if latest is None else {(BUCKET, KEY): latest}

    def happens(self, event: ObjectEvent, at_once: bool) -> None:
        self.undelivered.append(event)
        if at_once:
            self.deliver(-1)

    def sequencer(self, tail: str) -> str:
        return f"{next(self.numbers):04X}{tail}"

    def start(self, event: ObjectEvent) -> None:
        self.executions.append(Execution(f"execution-{next(self.numbers)}", event))
        note(f"{self.executions[-1].owner} starts with event {event.sequencer.value}")

    def advance(self, execution: Execution) -> None:
        """Call the Lambda that is next, or let it make its next call to AWS."""
        if execution.step in OVER:
            return
        if execution.invocation is None:
            execution.calls += 1
            name = f"{execution.owner} {execution.step.value} #{execution.calls}"
            execution.invocation = self.invoke(name, execution.run)
        else:
            execution.invocation.go_on()
        self.only_one_is_at_work()
        self.hear_answers()

    def invoke(self, name: str, run: Callable[[Invocation], object]) -> Invocation:
        self.invocations = [*self.at_large, Invocation(name, self, run)]
        return self.invocations[-1]

    def reap(self, owner: str) -> Invocation:
        return self.invoke(f"reaper of {owner}", lambda invocation: invocation.lock.give_up(OBJECT_ID, owner))

    def hear_answers(self) -> None:
        for execution in self.waiting:
            if execution.invocation is not None and execution.invocation.is_over:
                execution.hear(execution.invocation)
                self.tell_reaper(execution)

    def tell_reaper(self, execution: Execution) -> None:
        if execution.step in OVER - {Step.DONE}:
            self.to_be_reaped.append(execution.owner)


TestOneObject = OneObject.TestCase
TestOneObject.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
