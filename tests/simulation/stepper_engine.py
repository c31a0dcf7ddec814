"""The stepper as an engine of the kit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from tests.simulation.stepper import Ended, NotKnownError, Sleep, Stepper
from tests.workflow.kit.cases import Case, NeverAnswers
from tests.workflow.kit.engines.base import EndlessError
from tests.workflow.kit.engines.moto import REGION
from tests.workflow.kit.history import Run, read
from tests.workflow.kit.machine import Machine
from tests.workflow.kit.script import Answers

MOST_EVENTS: Final = 25_000
CONTEXT: Final = {"Execution": {"Id": "arn:aws:states:us-east-1:123456789012:execution:machine:one"}}
OBJECTS: Final = {"input", "output", "parameters"}


class History:
    """Writes a history as AWS would: numbered, with JSON as text."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._entered = 0

    def tell(self, type_: str, about: Mapping[str, Any]) -> None:
        number = len(self.events) + 1
        if type_.endswith("StateEntered"):
            self._entered = number
        texts = {name: json.dumps(about[name]) for name in OBJECTS & about.keys()}
        if about.get("cause"):
            texts["cause"] = about["cause"].replace("#?", f"#{self._entered}")
        if type_ == "TaskScheduled":
            texts["region"] = REGION
        self.events.append({"id": number, "type": type_, "EventDetails": {**about, **texts}})
        if number > MOST_EVENTS:
            msg = f"an execution goes on for more than {MOST_EVENTS} events"
            raise EndlessError(msg)


class StepperEngine:
    """Runs cases on a stepper; time is only added up."""

    exact = True

    def cannot(self, machine: Machine, _case: Case) -> str | None:
        try:
            Stepper(machine)
        except NotKnownError as error:
            return str(error)
        return None

    def run(self, machine: Machine, case: Case) -> Run:
        history, answers = History(), Answers(case)
        stepper = Stepper(machine, history.tell)
        calls: Counter[str] = Counter()
        given: list[tuple[str, Any]] = []
        waits: list[float] = []
        pauses: list[float] = []
        timeouts: list[float] = []
        position = stepper.start({"Execution": {**CONTEXT["Execution"], "Input": case.input}}, case.input)
        while not isinstance(wants := position.wants, Ended):
            if isinstance(wants, Sleep):
                (pauses if wants.is_retry else waits).append(wants.seconds)
                position = stepper.slept(position)
                continue
            calls[wants.function] += 1
            given.append((position.state, wants.payload))
            answer = answers.next(position.state)
            if isinstance(answer, NeverAnswers):
                timeouts.append(wants.timeout_seconds)
            position = stepper.answered(position, answer)
        run = read(history.events)
        assert (wants.status, wants.error, wants.output) == (run.status, run.error, run.output)
        assert (wants.cause or "").split("#")[0] == (run.cause or "").split("#")[0]
        return replace(
            run,
            calls=calls,
            given=given,
            waits=waits,
            pauses=pauses,
            timeouts=timeouts,
            unasked=answers.unasked,
        )
