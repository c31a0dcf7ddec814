"""What the table of cases does not show of the engine on stepfunctions-local: what it still cannot do.

Whoever upgrades the package and sees one of these fail can take the limit out of the engine's list, or the translation.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from tests.workflow.cases import CASES
from tests.workflow.kit.cases import (
    NO_ANSWER,
    Answer,
    Case,
    Failed,
    NeverAnswers,
    Raises,
    Refused,
    Returns,
    Step,
    Succeeded,
    task,
)
from tests.workflow.kit.checks import differences
from tests.workflow.kit.engines.stepfunctions_local import StepFunctionsLocalEngine, engine
from tests.workflow.kit.machine import Machine
from tests.workflow.template import ROOT

NODE_MODULES: Final = ROOT / "node_modules"
ARN: Final = "arn:aws:lambda:us-east-1:123456789012:function:f"
INPUT: Final = {"key": "cat.png", "a": {"b": 1, "c": 2}}

pytestmark = pytest.mark.skipif(
    not NODE_MODULES.joinpath("stepfunctions-local").is_dir(), reason="stepfunctions-local is not installed: npm ci"
)


@pytest.fixture(scope="module")
def local() -> Iterator[StepFunctionsLocalEngine]:
    with StepFunctionsLocalEngine(NODE_MODULES) as local:
        yield local


def definition(states: Mapping[str, Any]) -> str:
    return json.dumps({"StartAt": next(iter(states)), "States": states})


def choice(rule: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    ways = {way: {"Type": "Pass", "Result": way, "End": True} for way in ("Yes", *fields.values())}
    return {"Only": {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], **fields}, **ways}


# --- the process -------------------------------------------------------------------------------------------


def test_nothing_listens_but_on_loopback(local: StepFunctionsLocalEngine) -> None:
    assert local.endpoint.url.startswith("http://127.0.0.1:")
    connections = [
        each for child in psutil.Process().children() if child.name() == "node" for each in child.net_connections()
    ]

    assert {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_a_package_that_is_not_installed_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="npm ci"), StepFunctionsLocalEngine(tmp_path):
        pass


# --- what is refused, and what is put right ----------------------------------------------------------------

INVOKE: Final = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Parameters": {"FunctionName": ARN, "Payload.$": "$"},
    "ResultSelector": {"answer.$": "$.Payload"},
    "End": True,
}
ONLY: Final = Machine(definition({"Only": INVOKE}))
BROKEN: Final = Raises("Broken", "out of luck")
CATCH_ALL: Final = {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}


def once(*answers: Answer) -> Case:
    return Case("once", INPUT, [Step("Only", answers)], Succeeded())


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ({"Only": {"Type": "Parallel", "Branches": [], "End": True}}, "Type: .* Parallel"),
        ({"Only": INVOKE | {"OutputPath": "$.a"}}, "OutputPath: "),
        ({"Only": INVOKE | {"Resource": "arn:aws:states:::sqs:sendMessage"}}, "Resource: "),
        ({"Only": INVOKE | {"Parameters": {"FunctionName.$": "$.key"}}}, r"Parameters.FunctionName\.\$: "),
        ({"Only": INVOKE | {"Parameters": {"FunctionName": ARN, "Payload": [{"a.$": "$.a[0]"}]}}}, "Parameters: "),
        ({"Only": INVOKE | {"ResultSelector": {"first.$": "$.Payload[0]"}}}, "ResultSelector: "),
        ({"Only": INVOKE | {"ResultPath": "$.a.b"}}, "ResultPath: "),
        ({"Only": INVOKE | {"ResultPath": None}}, "ResultPath: "),
        ({"Only": INVOKE | {"Catch": [CATCH_ALL | {"ErrorEquals": ["States.TaskFailed"]}]}}, "Catch.ErrorEquals: "),
        ({"Only": INVOKE | {"Catch": [CATCH_ALL | {"ResultPath": "$.a.b"}]}}, "Catch.ResultPath: "),
        (choice({"Variable": "$.key", "IsPresent": True}, Default="No"), "Choices.IsPresent: "),
        (choice({"Variable": "$$.Execution.Name", "StringEquals": "x"}, Default="No"), "Choices.Variable: "),
        (choice({"Variable": "$.error.Error", "StringEquals": "x"}, Default="No"), "Choices.Variable: "),
        (choice({"Variable": "$.key", "StringEquals": "dog.png"}), "Default: "),
        ({"Only": {"Type": "Fail", "ErrorPath": "States.Format('{}', $.a)"}}, "ErrorPath: "),
    ],
)
def test_a_definition_that_asks_for_too_much_is_refused(states: Mapping[str, Any], reason: str) -> None:
    machine, closed = Machine(definition(states)), StepFunctionsLocalEngine()

    with pytest.raises(ValueError, match=rf"^Only\.{reason}"):
        closed.run(machine, once())
    assert (closed.cannot(machine, once()) or "").startswith("Only.")


def test_a_definition_in_another_language_is_refused() -> None:
    jsonata = Machine(json.dumps({**ONLY.document, "QueryLanguage": "JSONata"}))

    assert (StepFunctionsLocalEngine().cannot(jsonata, once()) or "").startswith("QueryLanguage: ")


@pytest.mark.parametrize("answers", [[NO_ANSWER], [Refused("ServiceException")], [BROKEN, Returns(1)]], ids=str)
def test_a_case_that_asks_for_too_much_is_not_run(answers: list[Answer]) -> None:
    assert StepFunctionsLocalEngine().cannot(ONLY, once(*answers))


def test_of_the_shipped_machines_cases_it_runs_just_those_without_a_retry(
    local: StepFunctionsLocalEngine, machine: Machine
) -> None:
    """Or a limit that is too wide would leave nothing to run."""
    answers = {case.name: [step.answers for step in case.steps] for case in CASES}
    at_once = {
        name
        for name, steps in answers.items()
        if all(len(each) < 2 and not isinstance(answer, Refused | NeverAnswers) for each in steps for answer in each)
    }

    assert {case.name for case in CASES if not local.cannot(machine, case)} == at_once
    assert len(at_once) > 25


def test_a_state_that_has_caught_an_error_still_puts_its_result_in_its_place(local: StepFunctionsLocalEngine) -> None:
    machine = Machine(
        definition({"Only": INVOKE | {"ResultPath": "$.result", "Catch": [CATCH_ALL | {"Next": "Only"}]}})
    )
    caught = INPUT | {"error": {"Error": "Broken", "Cause": BROKEN.cause}}
    only = task("Only")
    case = Case("again", INPUT, [only(BROKEN), only(Returns(75), given=caught)], Succeeded({"result": {"answer": 75}}))

    run = local.run(machine, case)

    assert differences(machine, case, run, exact=False) == []
    assert run.output == caught | {"result": {"answer": 75}}


def test_an_error_that_nobody_catches_keeps_its_name_and_cause(local: StepFunctionsLocalEngine) -> None:
    case = Case("broken", INPUT, [Step("Only", (BROKEN,))], Failed("Broken", BROKEN.cause))

    assert differences(ONLY, case, local.run(ONLY, case), exact=False) == []


def test_an_execution_without_an_end_is_given_up_and_the_next_one_runs() -> None:
    endless = Machine(definition({"Only": INVOKE | {"Catch": [CATCH_ALL | {"Next": "Only"}]}}))
    with StepFunctionsLocalEngine(NODE_MODULES, deadline_seconds=1) as local:
        with pytest.raises(TimeoutError, match="did not end"):
            local.run(endless, once(BROKEN))

        assert local.run(ONLY, once(Returns(1))).output == {"answer": 1}


# --- what is wrong with the engine -------------------------------------------------------------------------

CATCH_AGAIN: Final = CATCH_ALL | {"Next": "Only"}
TASK_FAILED: Final = CATCH_AGAIN | {"ErrorEquals": ["States.TaskFailed"]}
RETRY: Final = {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}
CAUGHT: Final = {"First": {"Type": "Task", "Resource": ARN, "Catch": [CATCH_AGAIN], "End": True}}


def only(**fields: Any) -> dict[str, Any]:
    return {"Only": {"Type": "Task", "Resource": ARN, **fields, "End": True}}


def by(variable: str, **comparison: Any) -> dict[str, Any]:
    return choice({"Variable": variable, **comparison}, Default="No")


def run(local: StepFunctionsLocalEngine, states: Mapping[str, Any], *answers: Answer) -> tuple[str, Any]:
    """How a definition ends as it is: with its output, or the error's name, which is where the cause should be.

    Its function answers with what it is given, once there are no other answers left.
    """
    left = list(answers)
    local.endpoint.answer = lambda _, payload: left.pop(0) if left else Returns(json.loads(payload))
    run = local.execute(definition(states), INPUT)
    return run.status, run.cause if run.status == "FAILED" else run.output


STILL_SO: Final[Mapping[str, tuple[Mapping[str, Any], list[Answer], str, Any]]] = {
    "lambda:invoke cannot be called": ({"Only": INVOKE}, [], "FAILED", "Error"),
    "Parameters are ignored": (only(Parameters={"the": "payload"}), [], "SUCCEEDED", INPUT),
    "ResultSelector is ignored": (only(ResultSelector={"b.$": "$.a.b"}), [], "SUCCEEDED", INPUT),
    "ResultPath replaces more": (only(ResultPath="$.a.b"), [Returns(75)], "SUCCEEDED", INPUT | {"a": {"b": 75}}),
    "ResultPath is forgotten": (only(ResultPath="$.b", Catch=[CATCH_AGAIN]), [BROKEN, Returns(75)], "SUCCEEDED", 75),
    "no retry after an exception": (only(Retry=[RETRY]), [BROKEN, Returns(75)], "FAILED", "Broken"),
    "States.TaskFailed is no exception": (only(Catch=[TASK_FAILED]), [BROKEN, Returns(75)], "FAILED", "Broken"),
    "other names for Lambda's errors": (only(), [Refused("InvalidX", 400)], "FAILED", "InvalidX"),
    "a Fail is a success": ({"Only": {"Type": "Fail", "Error": "E"}}, [], "SUCCEEDED", None),
    "a Choice can be the end": (choice({"Variable": "$.key", "StringEquals": "x"}), [], "SUCCEEDED", INPUT),
    "a Choice has no context": (by("$$.Execution.Input.key", StringEquals="cat.png"), [], "FAILED", "Error"),
    "an unknown rule": (by("$.key", IsPresent=True), [], "SUCCEEDED", "No"),
    "a field that is not there": (by("$.no", StringEquals="x"), [], "SUCCEEDED", "No"),
    "an error's name": (CAUGHT | by("$.error.Error", StringEquals="Broken"), [BROKEN], "SUCCEEDED", "No"),
}


@pytest.mark.parametrize("what", STILL_SO)
def test_it_is_still_so(local: StepFunctionsLocalEngine, what: str) -> None:
    states, answers, *ends = STILL_SO[what]

    assert run(local, states, *answers) == tuple(ends)


def test_a_task_still_has_no_timeout(local: StepFunctionsLocalEngine) -> None:
    def late(_function: str, _payload: bytes) -> Answer:
        time.sleep(1.05)  # the shortest TimeoutSeconds is 1
        return Returns(75)

    local.endpoint.answer = late

    assert local.execute(definition(only(TimeoutSeconds=1)), INPUT).output == 75


def test_the_name_of_an_exception_is_still_read_in_the_wrong_place(
    local: StepFunctionsLocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Lambda has it, the name that can be caught is in the body."""
    monkeypatch.setattr(local.endpoint, "function_error", lambda _raised: "Unhandled")

    assert run(local, only(), BROKEN) == ("FAILED", "Unhandled")


def test_a_caught_error_is_still_written_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "START", engine.START.replace("toJSON", "toNothing"))

    with StepFunctionsLocalEngine(NODE_MODULES) as left_alone:
        assert run(left_alone, only(Catch=[CATCH_AGAIN]), BROKEN) == (
            "SUCCEEDED",
            INPUT | {"error": {"name": "Broken"}},
        )
