"""What every Task of the state machine sends to its Lambda, and what it gets back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from objectlock.events import ObjectEvent
from objectlock.lock import Applied
from objectlock.protocol import Decision
from objectlock.sequencer import Sequencer


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a state failed, in plain words.

    Attributes:
        error: the name Step Functions caught, for Lambda the exception's class name; `States.Timeout` as `Timeout`.
        cause: the exception's message, without the stack trace that Lambda sends along.
    """

    error: str
    cause: str

    @classmethod
    def parse(cls, caught: Mapping[str, str]) -> Failure:
        """Read what a Catch puts into the state."""
        cause = caught.get("Cause") or "no cause was given"
        with suppress(ValueError, KeyError, TypeError):  # what is not from a Lambda handler is plain text
            cause = json.loads(cause)["errorMessage"]
        # A state must not report a name with that prefix itself (Amazon States Language, "Errors").
        return cls(caught["Error"].removeprefix("States."), cause)


@dataclass(frozen=True, slots=True)
class Task:
    """The input of a Lambda.

    Attributes:
        owner: the execution's ARN.
        state: its S3 event, and what the states so far have added to it.
        caught: what went wrong; only ReleaseLockAfterFailure sends it.
    """

    owner: str
    state: Mapping[str, Any]
    caught: Mapping[str, str] | None = None

    @classmethod
    def parse(cls, payload: Mapping[str, Any]) -> Task:
        return cls(payload["owner"], payload["state"], payload.get("caught"))

    @property
    def event(self) -> ObjectEvent:
        """Raises: InvalidEvent."""
        return ObjectEvent.parse(self.state)

    @property
    def has_to_look_again(self) -> bool:
        """Whether a lost lease or a changed output sent the execution back."""
        return "look_again" in self.state

    @property
    def waiting_since(self) -> int | None:
        since: int | None = self.state.get("lock", {}).get("waiting_since")
        return since

    @property
    def applied(self) -> Applied:
        """Raises: InvalidEvent."""
        found = self.state["applied"]
        sequencer = Sequencer(self.event.object_id, found["sequencer"])
        return Applied(found["source"], found["output_etag"], found["token"], sequencer)

    @property
    def failure(self) -> Failure | None:
        return None if self.caught is None else Failure.parse(self.caught)


def decision_answer(decision: Decision, wait_seconds: int) -> dict[str, Any]:
    """The answer of AcquireLock; a Wait state takes whole seconds, and only from its input."""
    return {**asdict(decision), "work": decision.work.value, "wait_seconds": wait_seconds}


def applied_answer(applied: Applied) -> dict[str, Any]:
    """The answer of a worker, from which `Task.applied` is read."""
    return {**asdict(applied), "sequencer": applied.sequencer.value}
