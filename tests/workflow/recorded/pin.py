"""What a pin is: a fact about AWS, and a machine that shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.workflow.kit.cases import Case, Failed, Step, Succeeded, has
from tests.workflow.kit.engines.base import Engine
from tests.workflow.kit.history import Run, details
from tests.workflow.kit.machine import Machine


@dataclass(frozen=True)
class Part:
    """An object with these fields in it, and any others."""

    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """An event of a history.

    Attributes:
        says: what stands in these of its details; None where the field must not be there, or a `Part` of it. Input,
            output and parameters are objects here; a cause is text, to the letter.
    """

    type: str
    says: Mapping[str, Any] = field(default_factory=dict)

    def differences(self, about: Mapping[str, Any]) -> list[str]:
        return [
            f"{self.type}: {name} is {got!r}, not {expected!r}"
            for name, expected in self.says.items()
            if not _is(expected, got := _plain(name, about.get(name)))
        ]


def _plain(name: str, value: Any) -> Any:
    return json.loads(value) if name in {"input", "output", "parameters"} and isinstance(value, str) else value


def _is(expected: Any, got: Any) -> bool:
    return has(got, expected.fields) if isinstance(expected, Part) else bool(expected == got)


@dataclass(frozen=True)
class Pin:
    """A fact, and a machine that shows it.

    Attributes:
        promise: the fact.
        because: why our state machine leans on it.
        source: where it is recorded or documented.
        states: the machine, beginning with the first.
        steps: the states that are visited, and what tasks answer.
        history: what AWS writes down. An engine that is not exact is only held to the states, the status and the error.
        pauses: seconds before each retry, where the pin is about them.
        exact_only: why only an exact engine is held to it at all: what the emulator was found to do.
    """

    promise: str
    because: str
    source: str
    states: Mapping[str, Mapping[str, Any]]
    steps: Sequence[Step]
    history: Sequence[Event]
    input: Mapping[str, Any] = field(default_factory=lambda: {"kept": 1})
    pauses: Sequence[float] | None = None
    exact_only: str = ""

    def __str__(self) -> str:
        return self.promise

    @property
    def machine(self) -> Machine:
        return Machine(json.dumps({"StartAt": next(iter(self.states)), "States": self.states}))

    @property
    def case(self) -> Case:
        end = self.history[-1]
        failed = Failed(str(end.says.get("error")), str(end.says.get("cause") or ""))
        ends = Succeeded() if end.type == "ExecutionSucceeded" else failed
        return Case(self.promise, self.input, self.steps, ends)

    def run(self, engine: Engine) -> Run:
        """Run it, or skip the test where the engine cannot."""
        reason = engine.cannot(self.machine, self.case) or (self.exact_only if not engine.exact else "")
        if reason:
            pytest.skip(reason)
        return engine.run(self.machine, self.case)

    def differences(self, run: Run, *, exact: bool) -> list[str]:
        """Say what a run did otherwise; nothing where it is as AWS would have it."""
        ends = self.case.ends
        found = []
        for what, expected, got in (
            ("path", self.case.path, run.path),
            ("status", ends.status, run.status),
            ("error", ends.error, run.error),
            ("pauses", self.pauses and list(self.pauses), run.pauses and list(run.pauses)),
        ):
            unsaid = what in run.unsaid or (what == "pauses" and (expected is None or got is None))
            if expected != got and not unsaid:
                found.append(f"{what}: {got!r}, not {expected!r}")
        if exact:
            found += self._other_events(run)
        return found

    def _other_events(self, run: Run) -> list[str]:
        types = tuple(event.type for event in self.history)
        if run.events != types:
            return [f"events: {run.events!r}, not {types!r}"]
        pairs = zip(self.history, run.history, strict=True)
        return [difference for event, got in pairs for difference in event.differences(details(got))]
