"""The stepper is held to the cases of the shipped machine, to moto, and to what AWS was recorded to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from tests.simulation.stepper_engine import OBJECTS, StepperEngine
from tests.workflow.cases import CASES
from tests.workflow.kit.cases import Case
from tests.workflow.kit.checks import differences, mistakes
from tests.workflow.kit.engines.base import Engine
from tests.workflow.kit.engines.moto import MotoEngine
from tests.workflow.kit.history import Run, details
from tests.workflow.machine import shipped_machine
from tests.workflow.recorded.deviations import DEVIATIONS
from tests.workflow.recorded.documented import DOCUMENTED
from tests.workflow.recorded.other_states import OTHER_STATES
from tests.workflow.recorded.pin import Pin
from tests.workflow.recorded.tasks import TASKS, TOO_LARGE

MACHINE: Final = shipped_machine()
ENGINE: Final[Engine] = StepperEngine()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_execution_goes_as_its_case_says(case: Case) -> None:
    assert mistakes(MACHINE, case) == []
    assert differences(MACHINE, case, ENGINE.run(MACHINE, case), exact=True) == []


# --- moto --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoEngine]:
    with MotoEngine() as engine:
        yield engine


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_says_what_moto_says(moto: MotoEngine, case: Case) -> None:
    """To the last field of each event, but for numbers of requests and executions."""
    stepped, emulated = _plain(ENGINE.run(MACHINE, case)), _plain(moto.run(MACHINE, case))

    assert stepped == emulated


def _plain(run: Run) -> dict[str, Any]:
    events = [_plain_event(event) for event in run.history]
    ends = [run.status, run.error, run.cause, run.output]
    times = [run.waits, run.pauses, run.timeouts]
    counts = [dict(run.calls or {}), run.given, run.unasked, run.path]
    text = json.dumps({"events": events, "ends": ends, "times": times, "counts": counts})
    text = re.sub(r"Request ID: [\w-]+", "Request ID", text)
    found: dict[str, Any] = json.loads(re.sub(r":execution:[\w-]+:[\w-]+", ":execution", text))
    return found


def _plain_event(event: Mapping[str, Any]) -> dict[str, Any]:
    about = {name: value for name, value in details(event).items() if value is not None}
    objects: dict[str, Any] = {name: json.loads(about[name]) for name in OBJECTS & about.keys()}
    unsaid = {"inputDetails", "outputDetails", "roleArn"}
    return {"type": event["type"], **{name: about[name] for name in about if name not in unsaid}, **objects}


# --- AWS ---------------------------------------------------------------------------------------------------

PINS: Final = [*TASKS, *OTHER_STATES, *DOCUMENTED, *[pin for pin, _ in DEVIATIONS]]

OUTPUT_PATH: Final = "Work: OutputPath is not known here"
REFUSED: Final = {
    "a caught error is not put through the state's own ResultPath, nor its OutputPath $": OUTPUT_PATH,
    "a caught error is not put through the state's own ResultPath, nor its OutputPath $.Payload": OUTPUT_PATH,
    "a caught error is not put through the state's own ResultPath, nor its OutputPath $.no.such.path": OUTPUT_PATH,
    "a path that leads nowhere ends the execution, even where States.Runtime is to be caught": OUTPUT_PATH,
    "States.ALL does not match States.Runtime either": OUTPUT_PATH,
    "the cause of a path that leads nowhere says when the state was entered, and which part is missing": OUTPUT_PATH,
    "MaxAttempts 3 is four attempts, each with its own RetryCount, and then Catch has the last of the errors": (
        "Work: the path $$.State.RetryCount is not known here"
    ),
    "the retrier that names the error counts, not the ones before it, and `State.ALL` is a name like any other": (
        "Map: a Map is not known here"
    ),
}
OTHERWISE: Final = {
    str(TOO_LARGE): "no answer is too large here: its size would have to be measured each time",
    "the envelope has the answer's HTTP headers": "like moto, without them: a ResultSelector for them is refused",
}


def known(pin: Pin) -> Any:
    reason = OTHERWISE.get(str(pin), "")
    marks = [pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)] if reason else []
    return pytest.param(pin, marks=marks, id=str(pin))


def test_it_refuses_the_machines_that_ours_is_not_like() -> None:
    assert {str(pin): why for pin in PINS if (why := ENGINE.cannot(pin.machine, pin.case))} == REFUSED


@pytest.mark.parametrize("pin", [known(pin) for pin in PINS if str(pin) not in REFUSED])
def test_it_is_as_aws_was_recorded_or_documents(pin: Pin) -> None:
    assert pin.differences(ENGINE.run(pin.machine, pin.case), exact=True) == [], pin.source
