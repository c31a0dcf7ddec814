"""One object in a small world: its executions make their calls to AWS in every possible order.

The code of the Lambdas is the real one. A Lambda is kept as the answers that it has had so far, and run anew up to its
next call; so the world is a value, and each one is looked at once. The clock stands still, and the times that it is
compared with come nearer. A world of your own: `python -m tests.unit.test_every_interleaving aba --kills 2`.
"""

from __future__ import annotations

import argparse
import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import pytest

from objectlock.errors import (
    AttemptInFlight,
    InputChanged,
    LeaseLost,
    OutputChanged,
    ServiceUnavailable,
    SourceRejected,
    WriteInDoubt,
)
from objectlock.events import ObjectEvent
from objectlock.lock import Applied
from objectlock.ports import Picture
from objectlock.protocol import Decision, LockProtocol, Work
from objectlock.record import (
    APPLIED_SEQUENCER,
    CLOCK_MARGIN_MS,
    EXPIRES_AT,
    FENCING_TOKEN,
    LEASE_EXPIRES_AT,
    NEWEST_SEQUENCER,
    OBJECT_ID,
    OWNER,
    WORKER_UNTIL,
    Outcome,
)
from objectlock.work import Worker
from tests.memory import InMemoryLockStore, InMemoryOutput, InMemorySource, StoredObject
from tests.sample_events import BUCKET, KEY, created, deleted

NOW = 1_000_000_000
LEASE_MS, TIME_LIMIT_MS, WAIT_LIMIT_MS = 30_000, 20_000, NOW
DELETE, NO_IMAGE = "-", "x"  # every other letter is an image that is put


class Mishaps(NamedTuple):
    """How often each may happen."""

    duplicates: int = 0  # an event comes again
    kills: int = 0  # a Lambda ends, and its execution calls it again
    errors: int = 0  # a call to AWS fails, and is not made
    losses: int = 0  # a call to AWS is made, but its answer is lost
    doubts: int = 0  # a write has no answer, and takes effect later
    ambiguities: int = 0  # a Lambda is called again, but goes on
    failures: int = 0  # an execution fails, and its event is started again; its Lambda goes on
    stops: int = 0  # an execution is stopped, and redriven or its event started again; its Lambda goes on
    delays: int = 0  # time passes although somebody could go on
    early: int = 0  # the lease and the attempt on record end before the Lambda does, which must not be


class Step(StrEnum):
    ACQUIRE = "AcquireLock"
    CONVERT = "ConvertToGrayscale"
    REMOVE = "DeleteOutput"
    RELEASE = "ReleaseLock"
    GIVE_UP = "ReleaseLockAfterFailure"


WRITES = {"write", "delete"}
ENDS = (AttemptInFlight, InputChanged, LeaseLost, OutputChanged, ServiceUnavailable, SourceRejected, WriteInDoubt)
NEXT = {Work.GRAYSCALE: Step.CONVERT, Work.DELETE: Step.REMOVE, Work.HELD: Step.ACQUIRE}


class Execution(NamedTuple):
    """One run of the state machine; `invocation` is the Lambda whose answer it waits for."""

    owner: str
    event: int
    step: Step = Step.ACQUIRE
    forced: bool = False
    applied: Applied | None = None
    rejected: bool = False
    over: str = ""
    invocation: Invocation | None = None

    def hear(self, answer: object) -> Execution | None:
        """Go on as the machine's Retry, Catch and Choice say; None where that is the end, and nothing to be redone."""
        heard = self._replace(invocation=None)
        match self.step, answer:
            case _, AttemptInFlight() | ServiceUnavailable() | WriteInDoubt():
                return heard  # and try again
            case ((Step.CONVERT | Step.REMOVE | Step.RELEASE), LeaseLost() | InputChanged() | OutputChanged()):
                return Execution(self.owner, self.event, forced=True)
            case Step.CONVERT, SourceRejected():
                return Execution(self.owner, self.event, Step.GIVE_UP, rejected=True)
            case Step.ACQUIRE, Decision(work):
                return heard._replace(step=NEXT[work]) if work in NEXT else None
            case ((Step.CONVERT | Step.REMOVE), Applied() as applied):
                return heard._replace(step=Step.RELEASE, applied=applied)
        assert not isinstance(answer, Exception)
        return heard._replace(over="failed") if self.step is Step.GIVE_UP and not self.rejected else None


class Invocation(NamedTuple):
    """One run of a Lambda, which stands before a call to AWS.

    Attributes:
        skew: by how much its clock is fast.
        token: of the attempt that it is at work on; 0 while there is none.
        is_doubt: there is nothing left of it but the write that it has sent.
    """

    caller: Execution
    skew: int
    heard: tuple[tuple[str, Any], ...] = ()
    ends_at: int = NOW + TIME_LIMIT_MS
    token: int = 0
    is_doubt: bool = False

    @property
    def owner(self) -> str:
        return self.caller.owner


class State(NamedTuple):
    """The world. `at_large` are the Lambdas that nobody waits for."""

    left: Mishaps
    done: int = 0
    undelivered: tuple[int, ...] = ()
    executions: tuple[Execution, ...] = ()
    at_large: tuple[Invocation, ...] = ()
    unreaped: tuple[str, ...] = ()
    record: tuple[tuple[str, str | int], ...] = ()
    output: StoredObject | None = None

    def spend(self, mishap: str) -> State:
        return self._replace(left=self.left._replace(**{mishap: getattr(self.left, mishap) - 1}))

    def swap(self, old: Execution | Invocation | None, new: Execution | Invocation | None) -> State:
        """With the new one in place of the old."""
        part = "executions" if isinstance(old or new, Execution) else "at_large"
        kept = [each for each in (*getattr(self, part), new) if each is not old and each is not None]
        parts: dict[str, Any] = {part: tuple(sorted(kept, key=lambda each: each.owner))}
        return self._replace(**parts)

    def started(self, event: int) -> State:
        """With a name that is not in use; which of the free ones makes no difference."""
        used = {dict(self.record).get(OWNER), *self.unreaped}.union(x.owner for x in self.executions + self.at_large)
        name = next(name for name in (f"{event + 1}{letter}" for letter in "abcdefgh") if name not in used)
        return self.swap(None, Execution(name, event))

    @property
    def running(self) -> list[Execution]:
        return [each for each in self.executions if not each.over]

    @property
    def invocations(self) -> list[Invocation]:
        return [each.invocation for each in self.executions if each.invocation] + list(self.at_large)


def aged(value: Any, passing: int, passed: int) -> Any:
    """With every time in it earlier, down to `passed`: those before are all the same."""
    if isinstance(value, int):
        return max(value - passing, passed) if value > NOW // 2 else value
    if isinstance(value, tuple):
        parts = [aged(each, passing, passed) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


# --- the Lambdas ---------------------------------------------------------------------------------------------


class Call(BaseException):
    """A call to AWS that has no answer yet."""

    def __init__(self, method: str, *arguments: Any, **named: Any) -> None:
        super().__init__(method)
        self.method, self.arguments, self.named = method, arguments, named


class Replay:
    """Every port of a Lambda, and its clock: they answer as they did before."""

    def __init__(self, heard: tuple[tuple[str, Any], ...], skew: int) -> None:
        self.heard, self.skew, self.told = list(heard), skew, 0

    def clock(self) -> int:
        if self.told == len(self.heard):
            self.heard.append(("time", NOW + self.skew))
        return int(self.answer())

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda *arguments, **named: self.answer(method, *arguments, **named)

    def answer(self, *call: Any, **named: Any) -> Any:
        if self.told == len(self.heard):
            raise Call(*call, **named)
        kind, answer = self.heard[self.told]
        self.told += 1
        if kind == "error":
            raise answer
        return Outcome(answer[0], dict(answer[1])) if kind == "outcome" else answer


class Violation(AssertionError):
    pass


@dataclass
class World:
    """What the user does to one object, a letter each, and what may go wrong.

    Attributes:
        skews: by how many ms the clocks of Lambdas may be fast.
        slow: a Lambda may also stand still between reading the clock and its first call.
    """

    operations: str
    mishaps: Mishaps = field(default_factory=Mishaps)
    versioned: bool = False
    skews: tuple[int, ...] = (0,)
    slow: bool = False
    sources: list[InMemorySource] = field(init=False, repr=False)
    events: list[ObjectEvent] = field(init=False, repr=False)
    doing: Invocation | None = field(default=None, init=False, repr=False)
    _calls: dict[Any, tuple[Any, Any]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.sources, self.events = [InMemorySource()], []
        for number, operation in enumerate(self.operations, start=1):
            source = InMemorySource(self.versioned, dict(self.sources[-1].objects), number)
            if operation == DELETE:
                source.delete(BUCKET, KEY)
            else:
                source.put(BUCKET, KEY, operation.encode())
            self.sources.append(source)
            self.events.append((deleted if operation == DELETE else created)(f"{number:02X}"))

    def __str__(self) -> str:
        mishaps = [f"{name}={most}" for name, most in self.mishaps._asdict().items() if most]
        return " ".join([self.operations, *mishaps, *("slow",) * self.slow, *(f"skew={x}" for x in self.skews if x)])

    def run(self, caller: Execution, aws: Any) -> object:
        """What the handler does that is called at this step."""
        lock = LockProtocol(aws, aws, BUCKET, LEASE_MS, WAIT_LIMIT_MS, aws.clock)
        worker, event, owner = Worker(lock, aws, aws), self.events[caller.event], caller.owner
        match caller.step:
            case Step.ACQUIRE:
                return lock.acquire(event, owner, forced=caller.forced)
            case Step.CONVERT:
                with worker.attempt(event, owner, TIME_LIMIT_MS) as attempt:
                    return worker.convert(event, attempt, gray)
            case Step.REMOVE:
                with worker.attempt(event, owner, TIME_LIMIT_MS) as attempt:
                    return worker.remove(event, attempt)
            case Step.RELEASE:
                assert caller.applied
                return lock.release(owner, caller.applied)  # type: ignore[func-returns-value]  # that is its answer
            case Step.GIVE_UP:
                return lock.give_up(event.object_id, owner)

    def stand(self, invocation: Invocation) -> tuple[Invocation, object]:
        """Run it up to the call that it has to make, or to its answer."""
        key = invocation[:3]
        if key not in self._calls:
            replay = Replay(invocation.heard, invocation.skew)
            try:
                answer = self.run(invocation.caller, replay)
            except (Call, *ENDS) as error:
                answer = error.with_traceback(None)
            self._calls[key] = tuple(replay.heard), answer
        heard, call_or_answer = self._calls[key]
        return invocation if heard == invocation.heard else invocation._replace(heard=heard), call_or_answer

    def begun(self, each: Execution, skew: int = 0) -> Invocation:
        return self.stand(Invocation(each._replace(invocation=None), skew))[0]

    def go_on(self, state: State, invocation: Invocation, mishap: str = "") -> tuple[State, Invocation, object]:
        """Make the call that it stands before, and run it up to the next or to its answer."""
        promise(invocation.token < 10, "attempts have an end")
        self.doing, call = invocation, self.stand(invocation)[1]
        assert isinstance(call, Call)
        is_in_doubt = call.method in WRITES and mishap != "errors"
        heard, token = ("error", WriteInDoubt if is_in_doubt else ServiceUnavailable), invocation.token
        if mishap not in {"errors", "doubts"}:
            state, made = self.make(state, call, invocation)
            heard = heard if mishap else made
            if made[0] == "outcome" and made[1][0]:
                token = dict(made[1][1])[FENCING_TOKEN] if WORKER_UNTIL in call.arguments[0].put else 0
        return state, *self.stand(invocation._replace(heard=(*invocation.heard, heard), token=token))

    def make(self, state: State, call: Call, by: Invocation) -> tuple[State, tuple[str, Any]]:
        before = dict(state.record)
        store, output = InMemoryLockStore(), InMemoryOutput({KEY: state.output} if state.output else {})
        store.items[self.events[0].object_id] = before
        ports = (store, output, self.sources[state.done])
        port = next(each for each in ports if hasattr(each, call.method))
        try:
            answer = getattr(port, call.method)(*call.arguments, **call.named)
        except OutputChanged:
            return state, ("error", OutputChanged)
        if isinstance(answer, Outcome):
            after = {**answer.item, EXPIRES_AT: 0} if EXPIRES_AT in answer.item else answer.item
            for mark in (APPLIED_SEQUENCER, NEWEST_SEQUENCER, FENCING_TOKEN):
                promise(mark not in before or str(before[mark]) <= str(after.get(mark, "")), f"{mark} never goes back")
            mine = {by.token, by.caller.applied.token if by.caller.applied else 0}
            for ends, is_mine in (
                (LEASE_EXPIRES_AT, before.get(OWNER) == by.owner),
                (WORKER_UNTIL, before.get(FENCING_TOKEN) in mine),
            ):
                is_over = int(before.get(ends, 0)) < NOW + max(self.skews)
                promise(is_mine or is_over or after.get(ends) == before[ends], f"nobody changes another's {ends}")
            record = tuple(sorted(after.items()))
            return state._replace(record=record) if answer.accepted else state, ("outcome", (answer.accepted, record))
        written = output.objects.get(KEY)
        if state.output and written is not state.output and not self.mishaps.early:
            promise(state.output.label.token < by.token, "no attempt changes the output of a later one")
        return state._replace(output=written), ("value", answer)

    # --- what may come next ----------------------------------------------------------------------------------

    def moves(self, state: State) -> Iterator[tuple[str, str, State]]:
        """In words, the mishap if it is one, and the state after it."""
        yield from ((words, "", after) for words, after in self.progress(state))
        yield from ((words, "", after) for words, after in self.from_outside(state))
        for mishap, words, after in self.what_goes_wrong(state):
            yield words, mishap, after.spend(mishap)
        must = self.all_wait(state)
        if (must or state.left.delays) and (later := self.time_passes(state)):
            yield ("time passes", "", later) if must else ("time passes", "delays", later.spend("delays"))

    def progress(self, state: State) -> Iterator[tuple[str, State]]:
        for each in state.running:
            for began in [each.invocation] if each.invocation else [self.begun(each, skew) for skew in self.skews]:
                if self.slow and not each.invocation:
                    yield f"{each.owner} {each.step}", state.swap(each, each._replace(invocation=began))
                else:
                    yield self.call(state, each, began)
        for stray in state.at_large:
            yield self.call(state, None, stray)

    def call(self, state: State, each: Execution | None, began: Invocation, mishap: str = "") -> tuple[str, State]:
        after, invocation, answer = self.go_on(state, began, mishap)
        still = invocation if isinstance(answer, Call) and not began.is_doubt else None
        if each is None:
            return self.words(began), after.swap(began, still)
        heard = each._replace(invocation=still) if still else each.hear(answer)
        return f"{self.words(began)} {mishap}", after.swap(each, heard)

    def words(self, invocation: Invocation) -> str:
        return f"{invocation.owner} {invocation.caller.step}: {self.stand(invocation)[1]}"

    def from_outside(self, state: State) -> Iterator[tuple[str, State]]:
        if state.done < len(self.operations):
            changed = state._replace(done=state.done + 1, undelivered=(*state.undelivered, state.done))
            yield f"the user: {self.operations[state.done]}", changed
        for event in state.undelivered:
            left = tuple(each for each in state.undelivered if each != event)
            yield f"event {event + 1} comes", state._replace(undelivered=left).started(event)
        for each in state.executions:
            if each.over:
                yield f"{each.owner} is started again", state.swap(each, None).started(each.event)
            if each.over == "stopped":
                yield f"{each.owner} is redriven", state.swap(each, each._replace(over=""))
        for owner in state.unreaped:
            reaped = state._replace(unreaped=tuple(each for each in state.unreaped if each != owner))
            yield f"the reaper of {owner}", self.call(reaped, None, self.begun(Execution(owner, 0, Step.GIVE_UP)))[1]

    def what_goes_wrong(self, state: State) -> Iterator[tuple[str, str, State]]:
        left = state.left
        if left.duplicates:
            for event in sorted({*range(state.done)}.difference(state.undelivered)):
                yield "duplicates", f"event {event + 1} comes again", state.started(event)
        if left.kills:
            for stray in state.at_large:
                yield "kills", f"{self.words(stray)} killed", state.swap(stray, None)
        record = dict(state.record)
        if left.early and int(record.get(WORKER_UNTIL, 0)) >= NOW:
            ended = {**record, WORKER_UNTIL: NOW - 2 * TIME_LIMIT_MS, LEASE_EXPIRES_AT: NOW - 2 * TIME_LIMIT_MS}
            yield "early", "its lease ends early", state._replace(record=tuple(sorted(ended.items())))
        for each in state.running:
            yield from self.what_goes_wrong_with(each, state)

    def what_goes_wrong_with(self, each: Execution, state: State) -> Iterator[tuple[str, str, State]]:
        left, alone = state.left, each._replace(invocation=None)
        began = each.invocation or self.begun(each)
        words, free = self.words(began), state.swap(None, each.invocation)
        if left.failures and each.step is not Step.GIVE_UP:
            failed = Execution(each.owner, each.event, Step.GIVE_UP)
            yield "failures", f"{each.owner} fails", free.swap(each, failed)
        if left.stops:
            stopped = free.swap(each, alone._replace(over="stopped"))
            stopped = stopped._replace(unreaped=tuple(sorted({*state.unreaped, each.owner})))
            yield "stops", f"{each.owner} is stopped", stopped
        if left.ambiguities:
            called_again = state.swap(None, began).swap(each, alone)
            yield "ambiguities", f"{words} not waited for", called_again
        if left.kills:
            yield "kills", f"{words} killed before", state.swap(each, alone)
            yield "kills", f"{words} killed after", self.go_on(state, began)[0].swap(each, alone)
        if left.doubts and str(self.stand(began)[1]) in WRITES:
            sent = state.swap(None, began._replace(is_doubt=True))
            yield "doubts", f"{words}, in doubt", self.call(sent, each, began, "doubts")[1]
        for mishap in ("errors", "losses"):
            if getattr(left, mishap):
                yield mishap, *self.call(state, each, began, mishap)

    def all_wait(self, state: State) -> bool:
        """Whether no Lambda is running, and none that is called would change anything."""
        return not state.invocations and all(
            self.to_the_end(state, each, skew) == state for each in state.running for skew in self.skews
        )

    def to_the_end(self, state: State, each: Execution, skew: int) -> State:
        after, invocation, answer = self.go_on(state, self.begun(each, skew))
        while isinstance(answer, Call):
            after, invocation, answer = self.go_on(after, invocation)
        return after.swap(each, each.hear(answer))

    def time_passes(self, state: State) -> State | None:
        """To the next moment that makes a difference; a Lambda that has reached its time limit is no more."""
        ends = [int(value) for name, value in state.record if name in {LEASE_EXPIRES_AT, WORKER_UNTIL}]
        moments = [end + 1 - skew for end in ends for skew in self.skews] + [each.ends_at for each in state.invocations]
        to = min((moment for moment in moments if moment > NOW), default=None)
        if to is None:
            return None
        alive = [each for each in state.executions if each.invocation and each.invocation.ends_at > to]
        executions = tuple(each if each in alive else each._replace(invocation=None) for each in state.executions)
        state = state._replace(
            executions=executions, at_large=tuple(each for each in state.at_large if each.ends_at > to)
        )
        read = [time for each in state.invocations for kind, time in each.heard if kind == "time"]
        after: State = aged(state, to - NOW, min(NOW, *(time - to + NOW for time in read), NOW) - 1)
        return after

    def is_quiet(self, state: State) -> bool:
        """Whether there is nothing left to do; then the output has to be that of the input."""
        at_work = {each.token for each in state.invocations if each.token}
        promise(len(at_work) <= 1 or self.mishaps.early > 0, "only one is at work")
        lease = dict(state.record).get(LEASE_EXPIRES_AT, 0)
        over, last = [each.event for each in state.executions if each.over], len(self.operations) - 1
        if state.invocations or state.running or state.undelivered or state.done <= last or int(lease) >= NOW:
            return False
        if last not in over:  # what is left to be started again is of older events
            found = self.sources[state.done].read(BUCKET, KEY)
            wanted = None if found is None or found.body == NO_IMAGE.encode() else gray(found.body)
            promise((state.output and state.output.picture) == wanted, "the output is that of the input")
        return not over


def gray(body: bytes) -> Picture:
    """Stands in for the real conversion."""
    if body == NO_IMAGE.encode():
        raise SourceRejected("not an image")
    return Picture(b"gray " + body, "image/test")


def promise(kept: bool, words: str) -> None:
    if not kept:
        msg = f"not kept: {words}"
        raise Violation(msg)


# --- the search ----------------------------------------------------------------------------------------------


@dataclass
class Search:
    """Breadth first, so that what is found is found by a shortest way."""

    world: World
    most: int = sys.maxsize
    hashes: array[int] = field(default_factory=lambda: array("q"))
    parents: array[int] = field(default_factory=lambda: array("l"))
    steps: array[int] = field(default_factory=lambda: array("l"))  # from, to, from, to: those that are no mishaps

    def run(self) -> str:
        """How many states there are. Raises: Violation, with the way to it."""
        waiting, numbers = deque[State](), dict[int, int]()

        def number_of(state: State, parent: int) -> int:
            key = hash(state)
            if key not in numbers:
                numbers[key] = len(numbers)
                self.hashes.append(key)
                self.parents.append(parent)
                waiting.append(state)
            return numbers[key]

        number_of(State(self.world.mishaps), -1)
        quiet, moves = bytearray(), 0
        while waiting:
            number, state = len(quiet), waiting.popleft()
            promise(number < self.most, f"it is done after {self.most} states")
            self.world.doing = None
            try:
                quiet.append(self.world.is_quiet(state))
                for _, mishap, after in self.world.moves(state):
                    moves += 1
                    target = number_of(after, number)
                    if not mishap:
                        self.steps.extend((number, target))
            except Violation as violation:
                violation.add_note(self.way_to(number))
                raise
        report = f"{len(quiet):,} states, {moves:,} moves, {sum(quiet)} quiet, {len(self.path_to(number))} deep"
        self.check_it_gets(quiet)
        return report

    def check_it_gets(self, quiet: bytearray) -> None:
        """From everywhere, if nothing more goes wrong. Going backwards, few rounds are needed."""
        changed = True
        while changed:
            changed = False
            backwards = reversed(self.steps)
            for target, source in zip(backwards, backwards, strict=True):
                if quiet[target] and not quiet[source]:
                    quiet[source] = changed = True
        if 0 in quiet:
            self.world.doing = None
            violation = Violation("not kept: it gets quiet")
            violation.add_note(self.way_to(quiet.index(0)))
            raise violation

    def path_to(self, number: int) -> list[int]:
        path = [number]
        while path[-1]:
            path.append(self.parents[path[-1]])
        return path[-2::-1]

    def way_to(self, number: int) -> str:
        """The moves, and what each of them has changed."""
        lines, state, doing = [], State(self.world.mishaps), self.world.doing
        for count, step in enumerate(self.path_to(number), start=1):
            words, after = next(
                (words, to) for words, _, to in self.world.moves(state) if hash(to) == self.hashes[step]
            )
            changes = [f"{name}={now}" for name, now in seen(after) if dict(seen(state)).get(name) != now]
            changes += [f"no {name}" for name, _ in seen(state) if name not in dict(seen(after))]
            lines.append(f"{count:3}. {words:45} {', '.join(changes)}")
            state = after
        return "\n".join([*lines, f"     then {self.world.words(doing)}" if doing else ""])


def seen(state: State) -> Iterator[tuple[str, object]]:
    for name, value in state.record:
        if name not in {OBJECT_ID, EXPIRES_AT}:
            yield name, f"{value - NOW:+}" if isinstance(value, int) and value > NOW // 2 else str(value)[:40]
    if state.output:
        yield "output", f"{state.output.picture.body.decode()} of {state.output.label.token}"
    for each in state.executions:
        yield each.owner, each.over or each.step.value


WORLDS = [
    World("a", Mishaps(ambiguities=1, delays=1), skews=(0, CLOCK_MARGIN_MS)),
    World("a-b", versioned=True),
    World("ab", Mishaps(ambiguities=1, delays=1)),
    World("ab", Mishaps(failures=1)),
    World("ab", Mishaps(kills=1), skews=(0, CLOCK_MARGIN_MS), slow=True),
    World("ab", Mishaps(losses=1, errors=1)),
    World("ab", Mishaps(doubts=1, delays=1)),
    World("ab", Mishaps(stops=1)),
    World("ab", Mishaps(duplicates=1)),
    World("aba"),
    World("ax", Mishaps(kills=1)),
]
LATE = [World("ab", Mishaps(early=1, kills=1)), World("abc", Mishaps(early=1)), World("aba", Mishaps(early=1))]


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_everything_promised_is_kept(world: World) -> None:
    assert Search(world).run()


@pytest.mark.parametrize("world", LATE, ids=str)
def test_conditional_writes_make_up_for_a_worker_that_outlives_its_lease(world: World) -> None:
    assert Search(world).run()


def test_but_not_where_nobody_waits_for_it_and_the_output_looks_as_before() -> None:
    """That is why the lease is tied to the time limit of the Lambda."""
    with pytest.raises(Violation, match="the output is that of the input"):
        Search(World("a-", Mishaps(early=1, ambiguities=1))).run()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("operations", help="a letter each: '-' deletes, 'x' puts no image, others put one")
    for mishap in Mishaps._fields:
        parser.add_argument(f"--{mishap}", type=int, default=0)
    parser.add_argument("--skews", type=int, nargs="*", default=[0])
    parser.add_argument("--versioned", action="store_true")
    parser.add_argument("--slow", action="store_true")
    given = vars(parser.parse_args())
    mishaps = Mishaps(**{each: given.pop(each) for each in Mishaps._fields})
    world = World(**{**given, "mishaps": mishaps, "skews": tuple(given["skews"])})
    sys.stdout.write(f"{world}: {Search(world).run()}\n")


if __name__ == "__main__":
    main()
