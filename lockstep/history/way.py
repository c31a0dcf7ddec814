"""From the events of a history to visits, and to the edges between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from lockstep.executions import ENDS, decisive
from lockstep.history.graph import END, START, Kind
from lockstep.history.visits import Failure, Span, Spent, Visit, details, parsed

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
        self._is_redriven = False

    def take(self, event: HistoryEventTypeDef) -> None:
        type_, at = event["type"], event["timestamp"]
        if type_.endswith("StateEntered"):
            self._enter(event)
        elif type_ in ENDS:
            self._end(type_, at)
        elif type_ == "ExecutionRedriven":
            self._is_redriven, self._since = True, at
        elif self.visits:
            visit = self.visits[-1]
            if type_ in _BEGINS:
                visit = self._resumed(visit, at)
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
        if before is not None and before.exited is None:  # its exit is missing
            self._close(before, at)
        kind = Kind.CATCH if before is not None and before.has_failed else Kind.NEXT
        if not self._is_redriven:  # which goes on where the execution ended: not by an edge
            self.edges[(before.state if before else START, found["name"], kind)] += 1
        self._is_redriven = False
        type_ = event["type"].removesuffix("StateEntered")
        self.visits.append(Visit(found["name"], type_, at, parsed(found.get("input"))))
        self._spent, self._since = (Spent.WAITING if type_ == "Wait" else Spent.MACHINE), at

    def _resumed(self, visit: Visit, at: datetime) -> Visit:
        """The visit that a function is called for: a redrive may call it without entering its state anew."""
        if visit.exited is None:
            return visit
        self._is_redriven = False
        self.visits.append(Visit(visit.state, visit.type, at, visit.input))
        self._spent, self._since = Spent.MACHINE, at
        return self.visits[-1]

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
            if type_ == "ExecutionFailed" and last.has_failed and self._spent is Spent.WAITING:
                self._spent = Spent.MACHINE  # there was no retry to wait for
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
