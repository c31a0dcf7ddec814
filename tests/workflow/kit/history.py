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
        history: its events, oldest first, in the shape that boto3 gives them.
        calls: how often each function was called; None where the engine does not call functions.
        given: what each task was called with, in order: state and payload; None likewise.
        waits: seconds of each Wait state; None where the engine does not say.
        pauses: seconds before each retry; None likewise.
        timeouts: seconds that attempts without an answer were given; None likewise.
        unasked: answers of the case that no attempt has asked for, by state; None where the engine does not say.
        unsaid: `status`, `error` or `cause` where the engine's own is not to be asked for.
    """

    status: str
    error: str | None
    cause: str | None
    output: Any
    visits: Sequence[Visit]
    history: Sequence[Mapping[str, Any]] = ()
    calls: Mapping[str, int] | None = None
    given: Sequence[tuple[str, Any]] | None = None
    waits: Sequence[float] | None = None
    pauses: Sequence[float] | None = None
    timeouts: Sequence[float] | None = None
    unasked: Mapping[str, int] | None = None
    unsaid: frozenset[str] = frozenset()

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(visit.state for visit in self.visits)

    @property
    def events(self) -> tuple[str, ...]:
        """The types of the history's events."""
        return tuple(str(event["type"]) for event in self.history)


def read(history: Iterable[Mapping[str, Any]]) -> Run:
    """Read the events of an execution that has ended, oldest first.

    Raises:
        ValueError: there is no event in it that ends the execution.
    """
    visits: list[Visit] = []
    events = tuple(history)
    end: Mapping[str, Any] | None = None
    for event in events:
        type_ = str(event["type"])
        if type_.endswith("StateEntered"):
            visits.append(Visit(details(event)["name"]))
        elif type_ in _FAILS:
            visits[-1].attempts.append(details(event).get("error", ""))
        elif type_ in _SUCCEEDS:
            visits[-1].attempts.append(None)
        elif type_ in _ENDS:
            end = event
    if end is None:
        msg = f"the execution has not ended; last of its history: {[event['type'] for event in events[-3:]]}"
        raise ValueError(msg)
    about = details(end)
    output = about.get("output")
    return Run(
        status=_ENDS[str(end["type"])],
        error=about.get("error"),
        cause=about.get("cause"),
        output=None if output is None else json.loads(output),
        visits=visits,
        history=events,
    )


def details(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an event says beside its type; none says it in more than one field."""
    return next((about for field, about in event.items() if field.endswith("EventDetails")), {})


def expected_events(machine: Machine, case: Case) -> list[str]:
    """The history that AWS would write for a case: the exact sequence of event types."""
    events = ["ExecutionStarted"]
    for step in case.steps:
        type_ = machine.states[step.state]["Type"]
        kind = "LambdaFunction" if machine.is_by_arn(step.state) else "Task"
        events.append(f"{type_}StateEntered")
        for answer in step.answers:
            ending = "Succeeded" if isinstance(answer, Returns) else "Failed"
            if isinstance(answer, NeverAnswers):
                ending = "TimedOut"
            events += [f"{kind}Scheduled", f"{kind}Started", f"{kind}{ending}"]
        is_last_of_all = step is case.steps[-1] and bool(step.answers) and not isinstance(step.answers[-1], Returns)
        if type_ != "Fail" and not is_last_of_all:
            events.append(f"{type_}StateExited")
    return [*events, f"Execution{case.ends.status.title()}"]


def taken(machine: Machine, run: Run) -> Counter[Edge]:
    """The edges that a run has taken, and how often.

    Only what is certain, and what the definition has: an execution that is stopped, or that ends on an error which
    is not its last attempt's, leaves its last state by no edge.
    """
    visits = [visit for visit in run.visits if visit.state in machine.states]  # nothing from within a Map or Parallel
    found = [Edge("", "StartAt", visits[0].state)] if visits else []
    for visit, following in zip_longest(visits, visits[1:]):
        found += _taken_at(machine, run, visit, following.state if following else END)
    known = set(machine.edges)
    return Counter(edge for edge in found if edge in known)


def _taken_at(machine: Machine, run: Run, visit: Visit, follows: str) -> Iterator[Edge]:
    name = visit.state
    for error in visit.attempts[:-1]:
        if error is not None and (met := machine.retrier(name, error)):
            yield Edge(name, f"Retry[{met[0]}] {met[1]}", name)
    last = visit.attempts[-1] if visit.attempts else None
    if last is not None:
        if follows != END or (run.status != "ABORTED" and (run.error or "") == last):
            yield from _gave_up(machine, name, last, follows)
    elif visit.attempts or machine.states[name]["Type"] != "Task":  # a Task without an attempt failed before it began
        for edge in machine.onwards(name):
            status = "FAILED" if edge.field == "Fail" else "SUCCEEDED"
            if edge.target == follows and (follows != END or run.status == status):
                yield edge


def _gave_up(machine: Machine, name: str, error: str, follows: str) -> Iterator[Edge]:
    if met := machine.retrier(name, error):
        yield Edge(name, f"Retry[{met[0]}] given up", name)
    if met := machine.catcher(name, error):
        yield Edge(name, f"Catch[{met[0]}] {met[1]}", follows)
