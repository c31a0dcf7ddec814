"""Executions of the state machine, read from Step Functions: which object, what came of it, and by which states."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from lockstep.stack import Stack
from objectlock.sequencer import Sequencer

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef, HistoryEventTypeDef

ENDS: Final = frozenset({"ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"})
_PAGE: Final = 100  # how many ListExecutions gives at a time, and
_EVENTS: Final = 1000  # GetExecutionHistory: all of almost every execution


class Outcome(Enum):
    """What came of an event, in one word."""

    WORKING = "working"
    WAITING = "waiting"
    CONVERTED = "converted"
    DELETED = "deleted"
    STALE = "stale"
    SUPERSEDED = "superseded"
    FOLDER = "folder"
    SUCCEEDED = "succeeded"  # in a way that only another version of the machine knows
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
        return self is not Outcome.REJECTED and not self.may_be_started_again

    @property
    def may_be_started_again(self) -> bool:
        """Whether the same event may have another end. What was rejected is done: its record says so."""
        return self in {Outcome.FAILED, Outcome.TIMED_OUT, Outcome.ABORTED}


_SKIPPED: Final = {each.value for each in (Outcome.STALE, Outcome.SUPERSEDED, Outcome.FOLDER)}


@dataclass(frozen=True)
class Execution:
    """One execution as its history tells it.

    Attributes:
        bucket: of the object; empty where the input names none.
        key: the same.
        change: what the S3 event says happened: "created", "deleted", or the detail-type it came with.
        etag: of the object that the event is about; empty where it names none, as on most deletions.
        sequencer: of the event, in the form that compares as a string; empty where the input names none.
        applied_sequencer: of the newest event whose effect it brought into the output; empty if none.
        states: names of the states entered, in order.
        explanation: why it was skipped or failed, for people; empty where there is nothing to explain.
    """

    arn: str
    bucket: str
    key: str
    change: str
    etag: str
    sequencer: str
    applied_sequencer: str
    outcome: Outcome
    states: tuple[str, ...]
    started: datetime
    stopped: datetime | None
    explanation: str

    @property
    def name(self) -> str:
        return name_of(self.arn)

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return ((self.stopped or datetime.now(UTC)) - self.started).total_seconds()

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "bucket": self.bucket,
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
    def read(cls, arn: str, history: Sequence[HistoryEventTypeDef]) -> Execution:
        """Make it from the events of its history, oldest first; there is at least one."""
        first, last = history[0], decisive(history)
        states = tuple(
            each["stateEnteredEventDetails"]["name"] for each in history if "stateEnteredEventDetails" in each
        )
        event = _json(first.get("executionStartedEventDetails", {}).get("input"))
        output = _json(last.get("executionSucceededEventDetails", {}).get("output"))
        outcome, explanation = _outcome(states, last, output)
        return cls(
            arn,
            bucket=_text(_dig(event, "detail", "bucket", "name")),
            key=_text(_dig(event, "detail", "object", "key")),
            change=str(event.get("detail-type", "")).removeprefix("Object ").lower(),
            etag=str(_dig(event, "detail", "object", "etag") or ""),
            sequencer=_comparable(_dig(event, "detail", "object", "sequencer")),
            applied_sequencer=_comparable(_dig(output, "applied", "sequencer")),
            outcome=outcome,
            states=states,
            started=first["timestamp"],
            stopped=last["timestamp"] if outcome.is_final else None,
            explanation=explanation,
        )


def decisive(history: Sequence[HistoryEventTypeDef]) -> HistoryEventTypeDef:
    """The event that ended the execution, or else the latest: emulators go on with a task that was under way."""
    for each in reversed(history):
        if each["type"] in ENDS:
            return each
        if each["type"] == "ExecutionRedriven":  # what ended it before that does not count any more
            break
    return history[-1]


def name_of(arn: str) -> str:
    """An execution's name; what is no ARN of one stays as it is."""
    return arn.rpartition(":")[2] if ":execution:" in arn else arn


def _text(found: object) -> str:
    """Text that has UTF-8, as every key of S3 has; what somebody has typed may have none."""
    return str(found or "").encode("utf-8", "replace").decode()


def _comparable(sequencer: object) -> str:
    """As objectlock.sequencer has it; what is none makes an empty string."""
    try:
        return Sequencer.parse("", str(sequencer)).value
    except ValueError:
        return ""


def _outcome(states: tuple[str, ...], last: HistoryEventTypeDef, output: Mapping[str, Any]) -> tuple[Outcome, str]:
    """Told by one event alone: the execution's status may be ahead of its history, or behind it."""
    match last["type"]:
        case "ExecutionSucceeded":
            return _success(output)
        case "ExecutionFailed":
            failure = last.get("executionFailedEventDetails", {})
            error = failure.get("error", "")
            explanation = f"{error}: {failure.get('cause', '')}"
            return Outcome.REJECTED if error == "SourceRejected" else Outcome.FAILED, explanation
        case "ExecutionTimedOut":
            return Outcome.TIMED_OUT, "the execution's own time limit"
        case "ExecutionAborted":
            return Outcome.ABORTED, last.get("executionAbortedEventDetails", {}).get("cause", "")
        case _:
            return (Outcome.WAITING if states and states[-1] == "WaitForLock" else Outcome.WORKING), ""


def _success(output: Mapping[str, Any]) -> tuple[Outcome, str]:
    """What was applied, or why nothing was."""
    if "released" in output:
        is_removed = _dig(output, "applied", "output_etag") is None
        return (Outcome.DELETED if is_removed else Outcome.CONVERTED), ""
    work = str(_dig(output, "lock", "work")).lower()
    if work not in _SKIPPED:
        return Outcome.SUCCEEDED, ""
    return Outcome(work), str(_dig(output, "lock", "reason"))


def _json(text: str | None) -> dict[str, Any]:
    """The JSON object in `text`; an execution may be started by hand with any input."""
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _dig(found: object, *path: str) -> object:
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


@dataclass
class Follower:
    """Follows executions, those that start from now on.

    Attributes:
        wants: which executions to follow; all unless told otherwise.
        with_running: also those that run already.
        executions: by ARN, oldest first, as of the last poll.
    """

    stack: Stack
    wants: Callable[[Execution], bool] = lambda _: True
    with_running: bool = False
    executions: dict[str, Execution] = field(default_factory=dict)

    def __post_init__(self) -> None:
        latest = list(islice(listed(self.stack), _PAGE))
        self._seen = {each["executionArn"] for each in latest}
        running = [each["executionArn"] for each in latest if each.get("stopDate") is None]
        self._followed = running[::-1] if self.with_running else []

    @property
    def interval_seconds(self) -> float:
        """How long to wait between two polls: AWS allows few reads of histories a second."""
        return 0.2 if self.stack.is_local else 1.0

    def poll(self) -> list[Execution]:
        """Look again, and return the executions that have moved on or are new, oldest first."""
        self._followed += reversed(self._new())
        moved = []
        for arn in self._followed.copy():
            events = history(self.stack, arn)
            if not events:  # listed, but not to be read yet
                continue
            now, known = Execution.read(arn, events), self.executions.get(arn)
            wanted = self.wants(now)
            if now.outcome.is_final or not wanted:
                self._followed.remove(arn)
            if not wanted:
                continue
            if known is None or (now.states, now.outcome) != (known.states, known.outcome):
                moved.append(now)
            self.executions[arn] = now
        return moved

    def _new(self) -> list[str]:
        """ARNs not seen before, newest first. A page of known ones ends the search: the list may lag a little."""
        new = until_known(listed(self.stack), lambda each: each["executionArn"] not in self._seen, _PAGE)
        found = [each["executionArn"] for each in new]
        self._seen.update(found)
        return found


def listed(stack: Stack, page: int = _PAGE) -> Iterator[ExecutionListItemTypeDef]:
    """Executions as Step Functions lists them, newest first; reads pages as they are asked for."""
    pages = stack.stepfunctions.get_paginator("list_executions").paginate(
        stateMachineArn=stack.state_machine_arn, PaginationConfig={"PageSize": page}
    )
    for each in pages:
        yield from each["executions"]


def until_known(
    items: Iterable[ExecutionListItemTypeDef], is_new: Callable[[ExecutionListItemTypeDef], bool], known: int
) -> Iterator[ExecutionListItemTypeDef]:
    """Those that are new, until so many in a row are known: the list may lag a little, so the first proves nothing."""
    known_in_a_row = 0
    for each in items:
        if is_new(each):
            known_in_a_row = 0
            yield each
        elif (known_in_a_row := known_in_a_row + 1) == known:
            return


def history(stack: Stack, arn: str) -> list[HistoryEventTypeDef]:
    """All events of an execution, oldest first."""
    pages = stack.stepfunctions.get_paginator("get_execution_history").paginate(
        executionArn=arn, PaginationConfig={"PageSize": _EVENTS}
    )
    return [event for page in pages for event in page["events"]]
