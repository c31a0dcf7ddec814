"""An execution that has ended, read off its history (Step Functions API, "GetExecutionHistory")."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Final

from .cases import Case, NeverAnswers, Returns
from .machine import END, Edge, Machine

# How a task's attempt ends, both for `lambda:invoke` and for a function's ARN as the resource.
_SUCCEEDS: Final = {"TaskSucceeded", "LambdaFunctionSucceeded"}
_FAILS: Final = {
    f"{kind}{how}"
    for kind in ("Task", "LambdaFunction")
    for how in ("Failed", "TimedOut", "StartFailed", "SubmitFailed", "ScheduleFailed")
}
_ENDS: Final = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}


@dataclass
class Visit:
    """One visit of a state.

    Attributes:
        attempts: the error of each attempt, in order; None for one that went well.
    """

    state: str
    attempts: list[str | None] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """What an engine has made of a case.

    Attributes:
        events: the types of the history's events, in order.
        calls: how often each function was called; None where the engine does not call functions.
        given: what each task was called with, in order: state and payload; None likewise.
        pauses: seconds before each retry; None where the engine does not say.
    """

    status: str
    error: str | None
    cause: str | None
    output: Any
    visits: Sequence[Visit]
    events: Sequence[str] = ()
    calls: Mapping[str, int] | None = None
    given: Sequence[tuple[str, Any]] | None = None
    pauses: Sequence[float] | None = None

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(visit.state for visit in self.visits)


def read(history: Iterable[Mapping[str, Any]]) -> Run:
    """Read the events of an execution that has ended, oldest first.

    Raises:
        ValueError: there is no event in it that ends the execution.
    """
    visits: list[Visit] = []
    types: list[str] = []
    end: Mapping[str, Any] | None = None
    for event in history:
        type_ = str(event["type"])
        types.append(type_)
        if type_.endswith("StateEntered"):
            visits.append(Visit(event["stateEnteredEventDetails"]["name"]))
        elif type_ in _FAILS:
            visits[-1].attempts.append(_details(event, type_).get("error", ""))
        elif type_ in _SUCCEEDS:
            visits[-1].attempts.append(None)
        elif type_ in _ENDS:
            end = event
    if end is None:
        msg = f"the execution has not ended; last of its history: {types[-3:]}"
        raise ValueError(msg)
    about = _details(end, str(end["type"]))
    output = about.get("output")
    return Run(
        status=_ENDS[str(end["type"])],
        error=about.get("error"),
        cause=about.get("cause"),
        output=None if output is None else json.loads(output),
        visits=visits,
        events=types,
    )


def _details(event: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    """An event's details: their name is the event's type with a small first letter."""
    found: Mapping[str, Any] = event.get(f"{type_[0].lower()}{type_[1:]}EventDetails") or {}
    return found


def expected_events(machine: Machine, case: Case) -> list[str]:
    """The history that AWS would write for a case: the exact sequence of event types."""
    events = ["ExecutionStarted"]
    for step in case.steps:
        type_ = machine.states[step.state]["Type"]
        events.append(f"{type_}StateEntered")
        for answer in step.answers:
            ending = "Succeeded" if isinstance(answer, Returns) else "Failed"
            if isinstance(answer, NeverAnswers):
                ending = "TimedOut"
            events += ["TaskScheduled", "TaskStarted", f"Task{ending}"]
        if type_ != "Fail":
            events.append(f"{type_}StateExited")
    return [*events, f"Execution{case.ends.status.title()}"]


def taken(machine: Machine, run: Run) -> Counter[Edge]:
    """The edges that a run has taken, and how often."""
    found: Counter[Edge] = Counter([Edge("", "StartAt", run.path[0])])
    for visit, following in zip_longest(run.visits, run.visits[1:]):
        found.update(_taken_at(machine, visit, following.state if following else END))
    return found


def _taken_at(machine: Machine, visit: Visit, follows: str) -> Iterator[Edge]:
    name = visit.state
    if machine.states[name]["Type"] == "Choice":
        yield machine.choice(name, follows)
        return
    gave_up = visit.attempts[-1] if visit.attempts else None
    for error in visit.attempts[:-1]:
        if error and (met := machine.retrier(name, error)):
            yield Edge(name, f"Retry[{met[0]}] {met[1]}", name)
    if gave_up is None:
        yield from (edge for edge in machine.onwards(name) if edge.target == follows)
        return
    if met := machine.retrier(name, gave_up):
        yield Edge(name, f"Retry[{met[0]}] given up", name)
    if met := machine.catcher(name, gave_up):
        yield Edge(name, f"Catch[{met[0]}] {met[1]}", follows)
