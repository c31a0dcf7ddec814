"""An execution's history as visits to states: when each was entered and left, and what the time was spent on."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef


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
