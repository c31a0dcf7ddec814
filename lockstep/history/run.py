"""One execution in full: its way through the machine, what the time was spent on, and why it went that way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lockstep.executions import Execution, Outcome, name_of
from lockstep.history.plain import Plain, plain
from lockstep.history.visits import Failure, Visit, details, parsed
from lockstep.history.way import Way

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef


@dataclass(frozen=True)
class Run:
    """An execution and its history."""

    execution: Execution
    way: Way
    history: Sequence[HistoryEventTypeDef]

    @classmethod
    def of(cls, arn: str, history: Sequence[HistoryEventTypeDef]) -> Run:
        """Read the events of a history, oldest first; there is at least one."""
        return cls(Execution.read(arn, history), Way.of(history), history)

    @property
    def input(self) -> Any:  # noqa: ANN401  # whatever it was started with
        return parsed(self.history[0].get("executionStartedEventDetails", {}).get("input"))

    @property
    def output(self) -> Any:  # noqa: ANN401
        return parsed(self.way.end.get("executionSucceededEventDetails", {}).get("output"))

    @property
    def plain(self) -> Plain | None:
        """What there is to say about its outcome."""
        return plain(self.execution, self.way.failure)

    @property
    def held_by(self) -> str:
        """Who holds the lock that it waits for, as it was told; empty where it does not wait."""
        if self.execution.outcome is not Outcome.WAITING:
            return ""
        return reason(self.way.visits[-1]).removeprefix("held by ")

    def visits_by_state(self) -> Mapping[str, list[Visit]]:
        """In the order in which the states were first entered."""
        found: dict[str, list[Visit]] = {}
        for visit in self.way.visits:
            found.setdefault(visit.state, []).append(visit)
        return found

    def as_json(self) -> dict[str, Any]:
        """For the page."""
        failure = self.way.failure
        return {
            "execution": row(self.execution),
            "error": failure.error if failure else "",
            "cause": by_name(failure.cause) if failure else "",
            "plain": asdict(self.plain) if self.plain else None,
            "path": [
                {"from": source, "to": target, "kind": kind, "count": count}
                for (source, target, kind), count in self.way.edges.items()
            ],
            "current": None if self.way.is_over or not self.way.visits else self.way.visits[-1].state,
            "states": [
                {"name": name, "type": visits[0].type, "visits": [_visit(each) for each in visits]}
                for name, visits in self.visits_by_state().items()
            ],
            "events": list(self._events()),
            "input": self.input,
            "output": self.output,
        }

    def _events(self) -> Iterator[dict[str, Any]]:
        state = ""
        for event in self.history:
            if "stateEnteredEventDetails" in event:
                state = event["stateEnteredEventDetails"]["name"]
            elif event["type"].startswith("Execution"):
                state = ""
            yield {
                "id": event["id"],
                "at": milliseconds(event["timestamp"]),
                "type": event["type"],
                "state": state,
                "detail": _detail(event),
            }


def reason(visit: Visit) -> str:
    """Why the execution went on from a state as it did, in one sentence; empty where that goes without saying."""
    if visit.has_failed and visit.failures:
        return str(visit.failures[-1])
    seen = visit.output if isinstance(visit.output, Mapping) else visit.input
    lock = seen.get("lock") if isinstance(seen, Mapping) else None
    if visit.type in {"Choice", "Wait", "Succeed"} and isinstance(lock, Mapping):
        return by_name(str(lock.get("reason") or ""))
    return ""


def row(execution: Execution) -> dict[str, Any]:
    """An execution in the page's list."""
    return {
        "name": execution.name,
        "bucket": execution.bucket,
        "key": execution.key,
        "change": execution.change,
        "outcome": execution.outcome.value,
        "started": milliseconds(execution.started),
        "stopped": None if execution.stopped is None else milliseconds(execution.stopped),
        "state": execution.states[-1] if execution.states and not execution.outcome.is_final else None,
        "explanation": by_name(execution.explanation),
        "sequencer": execution.sequencer,
    }


def milliseconds(at: datetime) -> int:
    """Since the epoch, as JavaScript has it."""
    return round(at.timestamp() * 1000)


def by_name(text: str) -> str:
    """ARNs of executions are long, and all but their end is the same."""
    return " ".join(name_of(word) if ":execution:" in word else word for word in text.split(" "))


def _visit(visit: Visit) -> dict[str, Any]:
    failure = visit.failures[-1] if visit.has_failed else None
    return {
        "entered": milliseconds(visit.entered),
        "exited": None if visit.exited is None else milliseconds(visit.exited),
        "spans": [
            {
                "kind": each.spent,
                "from": milliseconds(each.begin),
                "to": None if each.end is None else milliseconds(each.end),
            }
            for each in visit.spans
        ],
        "attempts": visit.attempts,
        "reason": reason(visit) or _retried(visit),
        "input": visit.input,
        "output": visit.output,
        "error": None if failure is None else {"error": failure.error, "cause": by_name(failure.cause)},
    }


def _retried(visit: Visit) -> str:
    return f"tried again after {visit.failures[-1]}" if visit.failures else ""


def _detail(event: HistoryEventTypeDef) -> str:
    """What went wrong, if the event says so."""
    failure = Failure.of(details(event))
    return "" if failure is None else str(failure)
