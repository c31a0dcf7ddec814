"""Executions of the state machine, read from Step Functions: which object, what came of it, and by which states."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Any

from lockstep.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef


class Outcome(Enum):
    """What came of an event, in one word."""

    WORKING = "working"
    WAITING = "waiting"
    CONVERTED = "converted"
    DELETED = "deleted"
    STALE = "stale"
    SUPERSEDED = "superseded"
    FOLDER = "folder"
    REJECTED = "rejected"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    ABORTED = "aborted"

    @property
    def is_final(self) -> bool:
        return self not in {Outcome.WORKING, Outcome.WAITING}

    @property
    def is_good(self) -> bool:
        """Whether nobody has to look at it."""
        return self not in {Outcome.REJECTED, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.ABORTED}


@dataclass(frozen=True)
class Execution:
    """One execution as its history tells it.

    Attributes:
        key: of the object; empty where the input names none.
        change: what the S3 event says happened: "created", "deleted", or the detail-type it came with.
        states: names of the states entered, in order.
        explanation: why it was skipped or failed, for people; empty where there is nothing to explain.
    """

    arn: str
    key: str
    change: str
    outcome: Outcome
    states: tuple[str, ...]
    started: datetime
    stopped: datetime | None
    explanation: str

    @property
    def name(self) -> str:
        return self.arn.rpartition(":")[2]

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return ((self.stopped or datetime.now(UTC)) - self.started).total_seconds()

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "key": self.key,
            "change": self.change,
            "outcome": self.outcome.value,
            "states": list(self.states),
            "started": self.started.isoformat(),
            "seconds": round(self.seconds, 3) if self.stopped else None,
            "explanation": self.explanation,
            "arn": self.arn,
        }

    @classmethod
    def read(cls, arn: str, status: str, history: Iterable[HistoryEventTypeDef]) -> Execution:
        """Make it from the events of its history, oldest first."""
        events = list(history)
        states = tuple(
            each["stateEnteredEventDetails"]["name"] for each in events if "stateEnteredEventDetails" in each
        )
        event = _json(events[0].get("executionStartedEventDetails", {}).get("input"))
        outcome, explanation = _outcome(status, states, events)
        return cls(
            arn,
            key=str(_dig(event, "detail", "object", "key") or ""),
            change=str(event.get("detail-type", "")).removeprefix("Object ").lower(),
            outcome=outcome,
            states=states,
            started=events[0]["timestamp"],
            stopped=None if status == "RUNNING" else events[-1]["timestamp"],
            explanation=explanation,
        )


def _outcome(status: str, states: tuple[str, ...], events: list[HistoryEventTypeDef]) -> tuple[Outcome, str]:
    last = events[-1]
    match status:
        case "SUCCEEDED" if "Skipped" in states:
            lock = _json(last.get("executionSucceededEventDetails", {}).get("output")).get("lock", {})
            return Outcome(lock["work"].lower()), lock["reason"]
        case "SUCCEEDED":
            worker = next((each for each in reversed(states) if each in _WORKERS), None)
            return _WORKERS.get(worker or "", Outcome.FAILED), ""
        case "FAILED":
            failure = last.get("executionFailedEventDetails", {})
            error = failure.get("error", "")
            explanation = f"{error}: {failure.get('cause', '')}"
            return Outcome.REJECTED if error == "SourceRejected" else Outcome.FAILED, explanation
        case "TIMED_OUT":
            return Outcome.TIMED_OUT, "the execution's own time limit"
        case "ABORTED":
            return Outcome.ABORTED, last.get("executionAbortedEventDetails", {}).get("cause", "")
        case _:
            return (Outcome.WAITING if states and states[-1] == "WaitForLock" else Outcome.WORKING), ""


_WORKERS = {"ConvertToGrayscale": Outcome.CONVERTED, "DeleteOutput": Outcome.DELETED}


def _json(text: str | None) -> dict[str, Any]:
    """The JSON object in `text`; an execution may be started by hand with any input."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _dig(found: object, *path: str) -> object:
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


@dataclass
class Follower:
    """Follows the executions that start from now on.

    Attributes:
        only_key: leave out executions for other objects; None follows all.
        executions: by ARN, oldest first, as of the last poll.
    """

    stack: Stack
    only_key: str | None = None
    executions: dict[str, Execution] = field(default_factory=dict)
    _not_ours: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._before = frozenset(arn for arn, _ in islice(recent(self.stack), 100))

    @property
    def interval_seconds(self) -> float:
        """How long to wait between two polls: AWS allows few reads of histories a second."""
        return 0.2 if self.stack.is_local else 1.0

    def poll(self) -> list[Execution]:
        """Look again, and return the executions that have moved on or are new, oldest first."""
        moved = []
        for arn, status in reversed(self._since_start()):
            known = self.executions.get(arn)
            if arn in self._not_ours or (known is not None and known.outcome.is_final):
                continue
            now = Execution.read(arn, status, history(self.stack, arn))
            if self.only_key not in {None, now.key}:
                self._not_ours.add(arn)
                continue
            if known is None or (now.states, now.outcome) != (known.states, known.outcome):
                moved.append(now)
            self.executions[arn] = now
        return moved

    def _since_start(self) -> list[tuple[str, str]]:
        found = []
        for arn, status in recent(self.stack):
            if arn in self._before:
                break
            found.append((arn, status))
        return found


def recent(stack: Stack) -> Iterator[tuple[str, str]]:
    """ARN and status of executions, newest first; reads pages as they are asked for."""
    pages = stack.stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=stack.state_machine_arn)
    for page in pages:
        for each in page["executions"]:
            yield each["executionArn"], each["status"]


def history(stack: Stack, arn: str) -> list[HistoryEventTypeDef]:
    """All events of an execution, oldest first."""
    pages = stack.stepfunctions.get_paginator("get_execution_history").paginate(executionArn=arn)
    return [event for page in pages for event in page["events"]]
