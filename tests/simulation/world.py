"""A world of its own: buckets, lock table, executions, Lambdas and the time, and what can be done with them."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any, Final, NamedTuple

from objectlock.conditions import Item
from objectlock.errors import OutputChanged, SourceRejected
from objectlock.ports import Label, Picture, SourceObject
from objectlock.record import EXPIRES_AT, LEASE_EXPIRES_AT, OWNER, WORKER_UNTIL, Outcome
from tests.memory import InMemoryLockStore, InMemoryOutput, InMemorySource, StoredObject
from tests.simulation import promises
from tests.simulation.choices import Chooser
from tests.simulation.lambdas import EXECUTIONS, Call, Heard, Invocation
from tests.simulation.settings import Settings
from tests.simulation.stepper import Ended, Invoke, Position, Sleep, Stepper
from tests.workflow.kit.cases import THROTTLED, Answer, NeverAnswers, Raises, Returns
from tests.workflow.template import Handler

EPOCH_MS: Final = 1_800_000_000_000
TIME: Final = re.compile(r"\b1[78]\d{11}\b")  # epoch ms, in a text
TIMED_OUT: Final = Raises("Sandbox.Timedout", "Task timed out")
KILLED: Final = Raises("Runtime.ExitError", "Runtime exited with error: signal: killed")

Tell = Callable[[int, str, str], None]  # when, who, and what happens


@dataclass(frozen=True)
class System:
    """What is simulated.

    Attributes:
        functions: handlers by name.
        reaper: the name of the one that hears of ended executions.
        reaped: the statuses that it hears of.
        time_limit_ms: after which Lambda ends an invocation.
        machine_limit_ms: after which Step Functions ends an execution.
        flag: where the lock is a flag, the attribute that is 1 while it is set.
    """

    stepper: Stepper
    functions: Mapping[str, Handler]
    reaper: str
    reaped: frozenset[str]
    input_bucket: str
    time_limit_ms: int
    machine_limit_ms: int
    flag: str = ""


@dataclass
class Event:
    """What S3 tells of one change.

    Attributes:
        deliveries: how often an execution was started for it.
    """

    key: str
    sequencer: str
    input: Mapping[str, Any]
    deliveries: int = 0


def asked_for(bucket: str, key: str) -> Mapping[str, Any]:
    """What the operator starts an execution with, to have an object reconciled."""
    detail = {"bucket": {"name": bucket}, "object": {"key": key}, "reason": "by hand"}
    return {"source": "lockstep", "detail-type": "Object Reconcile", "detail": detail}


@dataclass
class Execution:
    """One run of the state machine.

    Attributes:
        event: number of the event that it was started for; None for a reconcile, which has no place among events.
        until: epoch ms when it has slept long enough, or has waited long enough for its Lambda.
        waits_for: number of the invocation whose answer it waits for.
        is_outdone: it has not succeeded, but one with a newer event has since, so that nobody has to see to it.
    """

    name: str
    event: int | None
    key: str
    position: Position
    ends_at: int
    until: int = 0
    waits_for: int | None = None
    status: str = "RUNNING"
    is_outdone: bool = False

    @property
    def is_running(self) -> bool:
        return self.status == "RUNNING"


class Outputs(InMemoryOutput):
    """An output bucket that also does what nobody should ask of it: to write without a condition."""

    def put(self, key: str, made: Picture, label: Label) -> None:
        self.objects[key] = StoredObject(made, label)

    def remove(self, key: str) -> None:
        self.objects.pop(key, None)


class Report(NamedTuple):
    """That an execution has ended other than by succeeding, for the reaper."""

    name: str
    event: int | None
    key: str
    status: str


@dataclass(frozen=True)
class Doubt:
    """A write that S3 has got and not answered: it may take effect until then, or never."""

    call: Call
    invocation: Invocation
    until: int


class World:
    """Everything there is. Nothing happens in it by itself: `moves` says what can, and does it.

    Attributes:
        now: epoch ms, the true time.
        versions: of each object, oldest first; None is a delete marker.
        left: how often each mishap may still happen.
        highest: token of a write to each output that has landed.
        told: what the change feed has of each object, the latest.
        early: objects whose lease has ended, or whose record was lost, before it should have, so that only the second
            line of defence is left.
        damaged: objects of which something has changed that no event tells of; how often they were reconciled since.
        unsure: those of them whose record may say otherwise than the buckets, until what is applied after that is put
            on record; and whether an attempt has begun since.
        behind: objects whose record was lost or replaced, so that its token may be behind that of the output, and one
            of its marks of the order of events behind the other.
        backups: an earlier record of each object.
        seen: how often what has happened: executions and their ends, invocations, calls, mishaps.
        is_watched: whether what is always promised is looked after; else only how it ends.
    """

    def __init__(self, system: System, settings: Settings, chooser: Chooser, tell: Tell | None = None) -> None:
        self.system, self.settings, self.chooser, self.tell = system, settings, chooser, tell
        self.now = EPOCH_MS
        self.locks, self.source, self.output = InMemoryLockStore(), InMemorySource(settings.versioned), Outputs()
        self.versions: dict[str, list[SourceObject | None]] = {key: [] for key, _ in settings.plan}
        self.left = {mishap: most for mishap, most in settings.mishaps.items() if most}
        self.done = 0
        self.serial = 0
        self.events: list[Event] = []
        self.undelivered: list[int] = []
        self.executions: list[Execution] = []
        self.invocations: list[Invocation] = []
        self.doubts: list[Doubt] = []
        self.reports: list[Report] = []
        self.highest: dict[str, int] = {}
        self.told: dict[str, Item] = {}
        self.early: set[str] = set()
        self.unsure: dict[str, bool] = {}
        self.behind: set[str] = set()
        self.damaged: dict[str, int] = {}
        self.backups: dict[str, Item] = {}
        self.steps = 0
        self.seen = Counter[str]()
        self.is_watched = True

    def copy(self, chooser: Chooser) -> World:
        """One that goes its own way."""
        twin = World.__new__(World)
        twin.__dict__.update(self.__dict__)
        twin.chooser = chooser
        twin.locks, twin.output = InMemoryLockStore(), Outputs(self.output.objects.copy())
        twin.locks.items = self.locks.items.copy()
        twin.source = InMemorySource(self.source.versioned, self.source.objects.copy(), self.source._versions)
        twin.versions = {key: versions.copy() for key, versions in self.versions.items()}
        twin.seen = self.seen.copy()
        twin.highest, twin.early, twin.unsure = self.highest.copy(), self.early.copy(), self.unsure.copy()
        twin.told, twin.behind = self.told.copy(), self.behind.copy()
        twin.damaged, twin.backups = self.damaged.copy(), self.backups.copy()
        twin.left, twin.undelivered = self.left.copy(), self.undelivered.copy()
        twin.events = [copy.copy(each) for each in self.events]
        twin.executions = [copy.copy(each) for each in self.executions]
        twin.invocations = [each.copy() for each in self.invocations]
        twin.doubts, twin.reports = self.doubts.copy(), self.reports.copy()
        return twin

    def parked(self) -> World:
        """Itself, to be kept for a while and copied from: with no Lambda in the middle of anything."""
        for each in self.invocations:
            each.park()
        return self

    # --- decisions -------------------------------------------------------------------------------------------

    def mishap(self, *possible: str) -> str:
        """Which of these happens now, if any may and one does: its name, or an empty string."""
        left = [name for name in possible if name in self.left]
        if not left:
            return ""
        likely = self.settings.likely
        chosen = self.chooser.choose([1 - likely, *[likely / len(left)] * len(left)])
        return self.spend(left[chosen - 1]) if chosen else ""

    def spend(self, mishap: str) -> str:
        self.seen[mishap] += 1
        self.left[mishap] -= 1
        if not self.left[mishap]:
            del self.left[mishap]
        return mishap

    # --- executions ------------------------------------------------------------------------------------------

    def deliver(self, number: int) -> None:
        """Start an execution for an event."""
        event = self.events[number]
        event.deliveries += 1
        name = self._free_name(f"{event.key.partition('.')[0]}-{event.sequencer}")
        self.say("EventBridge", f"delivers {event.sequencer} of {event.key}: {name} starts")
        self._start(name, number, event.key, event.input)

    def reconcile(self, key: str) -> None:
        """Start an execution that no event of S3 has asked for."""
        name = self._free_name(f"{key.partition('.')[0]}-reconcile-")
        self.say("operator", f"reconciles {key}: {name} starts")
        self._start(name, None, key, asked_for(self.system.input_bucket, key))

    def _start(self, name: str, event: int | None, key: str, told: Mapping[str, Any]) -> None:
        self.seen["executions"] += 1
        context = {"Execution": {"Id": EXECUTIONS + name, "Name": name, "Input": told}}
        position = self.system.stepper.start(context, told)
        execution = Execution(name, event, key, position, self.now + self.system.machine_limit_ms)
        self.executions.append(execution)
        self.go_on_from(execution)

    def _free_name(self, event: str) -> str:
        """One that nothing in the world knows of. The next free letter: worlds that differ in names alone are one."""
        used = {str(each.get(OWNER, "")).removeprefix(EXECUTIONS) for each in self.locks.items.values()}
        used |= {each.name for each in self.executions} | {each.name for each in self.reports}
        used |= {each.caller for each in (*self.invocations, *(doubt.invocation for doubt in self.doubts))}
        return next(
            name for name in (f"{event}{each}" for each in (*ascii_lowercase, *range(1000))) if name not in used
        )

    def go_on_from(self, execution: Execution) -> None:
        """What the execution wants where it stands now."""
        wants = execution.position.wants
        match wants:
            case Ended():
                execution.status, execution.waits_for = wants.status, None
                self.say(execution.name, " ".join([wants.status, wants.error or _skipped(execution)]).strip())
                self.seen[wants.error or _skipped(execution) or "did its work"] += 1
                promises.ended(self, execution, wants.error)
                self._over(execution, is_settled=wants.error in {None, SourceRejected.__name__})
            case Sleep():
                longest = round(wants.seconds * 1000)
                at_once = wants.jitter and self.settings.jitter and self.chooser.choose([1, 1])
                execution.until, execution.waits_for = self.now + (0 if at_once else longest), None
            case Invoke():
                execution.until = self.now + round(wants.timeout_seconds * 1000)
                self.invoke(execution, wants)

    def hears(self, execution: Execution, answer: Answer) -> None:
        """The execution's Lambda has answered, or so Step Functions thinks."""
        execution.waits_for = None
        execution.position = self.system.stepper.answered(execution.position, answer)
        self.go_on_from(execution)

    def wakes(self, execution: Execution) -> None:
        """It has slept, or has waited for its Lambda in vain."""
        if isinstance(execution.position.wants, Invoke):
            self.say(execution.name, f"{execution.position.state}: no answer in time")
            self.hears(execution, NeverAnswers())
        else:
            execution.position = self.system.stepper.slept(execution.position)
            self.go_on_from(execution)

    def stop(self, execution: Execution, status: str) -> None:
        """Whatever it was at, and although its Lambda goes on."""
        execution.status, execution.waits_for = status, None
        self.seen[status] += 1
        self.say(execution.name, f"{status} in {execution.position.state}")
        self._over(execution)

    def redrive(self, execution: Execution) -> None:
        """It goes on in the state where it ended, under its own name."""
        execution.status, execution.is_outdone = "RUNNING", False
        execution.ends_at = self.now + self.system.machine_limit_ms
        position = execution.position
        self.say(execution.name, f"is redriven, from {position.state}")
        execution.position = self.system.stepper.enter(position.context, position.state, position.data)
        self.go_on_from(execution)

    def start_again(self, execution: Execution) -> None:
        """Its event, with a new execution."""
        self.executions.remove(execution)
        if execution.event is None:
            self.reconcile(execution.key)
        else:
            self.deliver(execution.event)

    def _over(self, execution: Execution, *, is_settled: bool = False) -> None:
        """Those that nobody has to look after any more are forgotten."""
        if is_settled:
            self.executions.remove(execution)
        if execution.status == "SUCCEEDED":
            for each in self.executions:
                each.is_outdone = each.is_outdone or (_is_older(each, execution) and not each.is_running)
        if execution.status in self.system.reaped:
            self.reports.append(Report(execution.name, execution.event, execution.key, execution.status))

    def reap(self, report: Report) -> None:
        """The reaper hears of an execution that has ended."""
        event, bucket = report.event, self.system.input_bucket
        told = json.dumps(asked_for(bucket, report.key) if event is None else self.events[event].input)
        detail = {"executionArn": EXECUTIONS + report.name, "status": report.status, "input": told}
        self.say("EventBridge", f"tells the reaper that {report.name} has ended: {report.status}")
        self.begin(self.system.reaper, {"detail": detail}, report.key, report.name)

    # --- Lambdas ---------------------------------------------------------------------------------------------

    def invoke(self, execution: Execution, wants: Invoke) -> None:
        """Call the function that the execution wants."""
        if self.mishap("throttles"):
            self.say(execution.name, f"{execution.position.state}: throttled")
            self.hears(execution, THROTTLED)
            return
        invocation = self.begin(wants.function, wants.payload, execution.key, execution.name)
        if invocation.answer is None:
            execution.waits_for = invocation.number
        else:  # without a call to AWS
            promises.answered(self, invocation, invocation.answer)
            self.hears(execution, invocation.answer)

    def begin(self, function: str, payload: Any, key: str, caller: str) -> Invocation:
        self.serial += 1
        self.seen["invocations"] += 1
        skews, limit = self.settings.skews, self.system.time_limit_ms
        skew = skews[self.chooser.choose([1] * len(skews))] if len(skews) > 1 else skews[0]
        pace = _PACES[self.chooser.choose([2, 1, 1])] if self.settings.uneven else 1
        handler = self.system.functions[function]
        invocation = Invocation(
            self.serial, function, handler, payload, key, caller, skew, self.now + limit, limit, pace
        )
        invocation.begin(self.now)
        if invocation.answer is None:
            self.invocations.append(invocation)
        return invocation

    def let_hear(self, invocation: Invocation, what: Heard) -> None:
        """Its call has come to this: it goes on, and if it ends, so does its caller's waiting."""
        invocation.hear(what, self.now)
        if invocation.answer is not None:
            promises.answered(self, invocation, invocation.answer)
            self.ends(invocation, invocation.answer)

    def ends(self, invocation: Invocation, answer: Answer) -> None:
        """It is over; who waits for it hears the answer."""
        invocation.end()
        self.invocations.remove(invocation)
        waiting = self.waiting_for(invocation)
        if waiting is not None:
            self.say(waiting.name, f"{waiting.position.state} -> {_in_words(answer)}")
            self.hears(waiting, answer)

    def waiting_for(self, invocation: Invocation) -> Execution | None:
        return next((each for each in self.executions if each.waits_for == invocation.number), None)

    # --- calls to AWS ----------------------------------------------------------------------------------------

    def make(self, call: Call, by: Invocation) -> Heard:
        """Make a call, and say what is heard of it."""
        self.seen["calls"] += 1
        match call.port, call.method:
            case "locks", "apply":
                return "value", self._write_record(call, by)
            case "locks", _:
                return "value", self.locks.items.get(call.arguments[0], {})
            case "source", _:
                return "value", getattr(self.source, call.method)(*call.arguments)
            case "output", _:
                return self._call_output(call, by)
            case _:  # it has slept
                return "value", None

    def _call_output(self, call: Call, by: Invocation) -> Heard:
        key = call.arguments[0]
        before = self.output.objects.get(key)
        try:
            found = getattr(self.output, call.method)(*call.arguments, **call.named)
        except OutputChanged as error:
            return "error", error
        promises.output_written(self, by, before, self.output.objects.get(key))
        return "value", found

    def _write_record(self, call: Call, by: Invocation) -> Outcome:
        (transition,) = call.arguments
        before = self.locks.items.get(transition.object_id, {})
        outcome = self.locks.apply(transition)
        if outcome.accepted:
            promises.record_written(self, by, before, outcome.item)
        return outcome

    # --- time ------------------------------------------------------------------------------------------------

    def passes(self, milliseconds: int) -> None:
        """Time goes by. Lambdas that have reached their time limit are no more."""
        self.now += milliseconds
        self.doubts = [each for each in self.doubts if each.until > self.now]
        for invocation in [each for each in self.invocations if each.ends_at <= self.now]:
            self.say(invocation.caller, f"{invocation.function} has reached its time limit")
            self.ends(invocation, TIMED_OUT)
        for execution in self.executions:
            if execution.is_running and execution.ends_at <= self.now:
                self.stop(execution, "TIMED_OUT")

    def moments(self) -> list[int]:
        """When something will happen by itself."""
        running = [each for each in self.executions if each.is_running]
        found = [min(each.until, each.ends_at) for each in running]
        found += [each.ends_at for each in self.invocations]
        found += [each.wakes_at for each in self.invocations]
        found += [each.until for each in self.doubts]
        return [moment for moment in found if moment > self.now]

    def ends_on_record(self) -> list[int]:
        """When leases and attempts will be over, by any Lambda's clock."""
        ends = [
            item[name]
            for item in self.locks.items.values()
            for name in (LEASE_EXPIRES_AT, WORKER_UNTIL)
            if name in item
        ]
        return [int(end) + 1 - skew for end in ends for skew in self.settings.skews if int(end) + 1 - skew > self.now]

    # --- what there is to see --------------------------------------------------------------------------------

    def say(self, who: str, what: str) -> None:
        if self.tell is not None:
            self.tell(self.now, who, what)

    def record(self, key: str) -> Item:
        return self.locks.items.get(f"{self.system.input_bucket}/{key}", {})

    def input(self, key: str) -> SourceObject | None:
        return self.source.objects.get((self.system.input_bucket, key))

    def damage(self, key: str) -> None:
        """Something has become of an object that no event tells of."""
        self.damaged[key], self.unsure[key] = 0, False

    def expire(self, key: str) -> None:
        """DynamoDB deletes a tombstone, 30 days later."""
        self.replace_record(key, {})
        self.say("DynamoDB", f"deletes the record of {key}: its TTL is over")

    def replace_record(self, key: str, item: Item) -> None:
        """Put another record in its place, or none, whatever it says; tokens begin anew.

        As no time passes here, the next record may be made in the same millisecond: its changes are told as the first.
        """
        object_id = f"{self.system.input_bucket}/{key}"
        self.highest.pop(key, None)
        self.told.pop(key, None)
        if item:
            self.locks.items[object_id] = item
        else:
            self.locks.items.pop(object_id, None)

    def tombstones(self) -> list[str]:
        """Objects whose record may expire: nothing more can come of what was before."""
        busy = {each.key for each in self.executions}
        busy |= {each.key for each in self.invocations} | {self.events[each].key for each in self.undelivered}
        return [key for key in self.versions if EXPIRES_AT in self.record(key) and key not in busy]

    def end(self) -> None:
        """Let go of every Lambda that is left."""
        for each in self.invocations:
            each.end()


_PACES: Final = (1, 0.1, 0.005)


def _is_older(one: Execution, other: Execution) -> bool:
    """Whether it is for an earlier event of the same object. A reconcile is neither earlier nor later than anything."""
    if one.event is None or other.event is None or one.key != other.key:
        return False
    return one.event < other.event


def _skipped(execution: Execution) -> str:
    if execution.position.state != "Skipped":
        return ""
    work: str = execution.position.data["lock"]["work"]
    return work


def _in_words(answer: Answer) -> str:
    match answer:
        case Raises():
            return f"{answer.error}: {answer.message}"
        case Returns({"work": work, "reason": reason}):
            return f"{work}, {reason}"
        case Returns({"source": source, "output_etag": etag, "token": token}):
            return f"applied {source}, output {etag}, token {token}"
        case Returns(payload):
            return str(payload)
        case _:
            return answer.error
