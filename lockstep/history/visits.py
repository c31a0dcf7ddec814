"""An execution's history as visits to states: when each was entered and left, and what the time was spent on."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, cast

from lockstep.executions import ENDS, decisive
from lockstep.history.graph import END, START, Kind

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

_BEGINS: Final = frozenset({"TaskScheduled", "LambdaFunctionScheduled"})
_GOES_WELL: Final = frozenset({"TaskSucceeded", "LambdaFunctionSucceeded"})
_GOES_WRONG: Final = frozenset(
    {
        *("TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed"),
        *(
            "LambdaFunctionFailed",
            "LambdaFunctionTimedOut",
            "LambdaFunctionScheduleFailed",
            "LambdaFunctionStartFailed",
        ),
    }
)


class Spent(StrEnum):
    """What an execution does at a time."""

    WORKING = "working"  # a function runs
    FAILED = "failed"  # a function ran, and failed
    WAITING = "waiting"  # in a Wait state, or before a retry
    MACHINE = "machine"  # Step Functions itself


@dataclass(frozen=True)
class Span:
    """A stretch of time.

    Attributes:
        end: None while it lasts.
    """

    spent: Spent
    begin: datetime
    end: datetime | None

    def seconds(self, now: datetime) -> float:
        return ((self.end or now) - self.begin).total_seconds()


@dataclass(frozen=True)
class Failure:
    """An error as Step Functions names it, and its cause in plain text."""

    error: str
    cause: str

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Failure | None:
        """Of an event's details; what Lambda sends as JSON becomes its message."""
        if not details.get("error") and not details.get("cause"):
            return None
        cause = str(details.get("cause") or "")
        found = parsed(cause)
        if isinstance(found, Mapping) and isinstance(found.get("errorMessage"), str):
            cause = found["errorMessage"]
        return cls(str(details.get("error") or ""), cause)

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.error, self.cause)))


@dataclass
class Visit:
    """From entering a state to leaving it.

    Attributes:
        spans: one after the other, without gaps.
        attempts: how often a function was called.
        failures: of attempts, in order.
        output: None while it lasts, and where it did not come to one.
    """

    state: str
    type: str
    entered: datetime
    input: Any
    exited: datetime | None = None
    output: Any = None
    attempts: int = 0
    spans: list[Span] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    has_failed: bool = False

    def seconds(self, spent: Spent, now: datetime) -> float:
        """How long it has spent on one thing."""
        return sum(each.seconds(now) for each in self.spans if each.spent is spent)


@dataclass(frozen=True)
class Way:
    """The way an execution has gone.

    Attributes:
        visits: in order.
        edges: from, to and how, and how often.
        end: the event that ended the execution, or the latest.
    """

    visits: Sequence[Visit]
    edges: Mapping[tuple[str, str, Kind], int]
    end: HistoryEventTypeDef

    @property
    def failure(self) -> Failure | None:
        """Why the execution ended; None where it did not, or ended well."""
        return Failure.of(details(self.end)) if self.end["type"] in ENDS else None

    @property
    def is_over(self) -> bool:
        return self.end["type"] in ENDS

    @classmethod
    def of(cls, history: Sequence[HistoryEventTypeDef]) -> Way:
        """Read the events of a history, oldest first; there is at least one."""
        end = decisive(history)
        walk = _Walk(history[0]["timestamp"])
        for event in history[: history.index(end) + 1]:
            walk.take(event)
        walk.stop()
        return cls(walk.visits, walk.edges, end)


class _Walk:
    def __init__(self, began: datetime) -> None:
        self.visits: list[Visit] = []
        self.edges: Counter[tuple[str, str, Kind]] = Counter()
        self._spent = Spent.MACHINE
        self._since = began

    def take(self, event: HistoryEventTypeDef) -> None:
        type_, at = event["type"], event["timestamp"]
        if type_.endswith("StateEntered"):
            self._enter(event)
        elif type_ in ENDS:
            self._end(type_, at)
        elif self.visits:
            visit = self.visits[-1]
            if type_ in _BEGINS:
                visit.attempts += 1
                visit.has_failed = False
                self._now(Spent.WORKING, at)
            elif type_ in _GOES_WELL:
                self._now(Spent.MACHINE, at)
            elif type_ in _GOES_WRONG:
                self._fail(visit, event)
            elif type_.endswith("StateExited"):
                self._exit(visit, event)

    def stop(self) -> None:
        """There are no more events: what is going on still does."""
        if self.visits and self.visits[-1].exited is None:
            self.visits[-1].spans.append(Span(self._spent, self._since, None))

    def _enter(self, event: HistoryEventTypeDef) -> None:
        found, at = event["stateEnteredEventDetails"], event["timestamp"]
        before = self.visits[-1] if self.visits else None
        if before is not None and before.exited is None:  # a redrive goes on in another state than it ended in
            self._close(before, at)
        kind = Kind.CATCH if before is not None and before.has_failed else Kind.NEXT
        self.edges[(before.state if before else START, found["name"], kind)] += 1
        type_ = event["type"].removesuffix("StateEntered")
        self.visits.append(Visit(found["name"], type_, at, parsed(found.get("input"))))
        self._spent, self._since = (Spent.WAITING if type_ == "Wait" else Spent.MACHINE), at

    def _fail(self, visit: Visit, event: HistoryEventTypeDef) -> None:
        visit.has_failed = True
        visit.failures.append(Failure.of(details(event)) or Failure(event["type"], ""))
        self._spent = Spent.FAILED
        self._now(Spent.WAITING, event["timestamp"])

    def _exit(self, visit: Visit, event: HistoryEventTypeDef) -> None:
        if visit.has_failed and self._spent is Spent.WAITING:  # not before a retry: the error was caught
            self._spent = Spent.MACHINE
        self._close(visit, event["timestamp"])
        visit.output = parsed(event.get("stateExitedEventDetails", {}).get("output"))

    def _end(self, type_: str, at: datetime) -> None:
        if not self.visits:
            return
        last = self.visits[-1]
        if last.exited is None:
            if last.has_failed and self._spent is Spent.WAITING:
                self._spent = Spent.MACHINE
            self._close(last, at)
        if type_ == "ExecutionSucceeded" or last.type == "Fail":
            self.edges[(last.state, END, Kind.NEXT)] += 1

    def _close(self, visit: Visit, at: datetime) -> None:
        self._now(Spent.MACHINE, at)
        visit.exited = at

    def _now(self, spent: Spent, at: datetime) -> None:
        """What was going on ends, something else begins."""
        if at > self._since or self._spent in {Spent.WORKING, Spent.FAILED}:
            self.visits[-1].spans.append(Span(self._spent, self._since, at))
        self._spent, self._since = spent, at


def parsed(text: str | None) -> Any:  # noqa: ANN401  # whatever JSON holds
    """JSON as an object; what is none, or none that browsers read, stays text."""
    try:
        return json.loads(text or "null", parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return text


def _refuse(constant: str) -> None:
    msg = f"{constant} is not JSON"
    raise ValueError(msg)


def _finite(number: str) -> float:
    if math.isinf(found := float(number)):
        _refuse(number)
    return found


def details(event: HistoryEventTypeDef) -> Mapping[str, Any]:
    """What an event says beside its type and time."""
    found: Mapping[str, Any] = cast("Mapping[str, Any]", event)
    return next((value for name, value in found.items() if name.endswith("EventDetails")), {})
