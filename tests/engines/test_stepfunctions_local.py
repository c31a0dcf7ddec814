"""What the table of cases does not show of the engine on stepfunctions-local: what it still cannot do.

Whoever upgrades the package and sees one of these fail can take the limit out of the engine's tables.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from tests.workflow.kit.cases import NO_ANSWER, Answer, Case, Raises, Refused, Returns, Step, Succeeded
from tests.workflow.kit.engines.stepfunctions_local import (
    CASE_LIMITS,
    DEFINITION_LIMITS,
    StepFunctionsLocalEngine,
    Untranslatable,
    translated,
)
from tests.workflow.kit.machine import Machine
from tests.workflow.template import ROOT

NODE_MODULES: Final = ROOT / "node_modules"
ARN: Final = "arn:aws:lambda:us-east-1:123456789012:function:f"
INVOKE: Final = "arn:aws:states:::lambda:invoke"
INPUT: Final = {"key": "cat.png", "a": {"b": 1, "c": 2}, "at": "2026-01-01T01:00:00+01:00"}

TASK: Final = {"Type": "Task", "Resource": ARN, "End": True}
INVOKED: Final = {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": ARN}, "End": True}
BROKEN: Final = Raises("Broken", "out of luck")
CATCH_ALL: Final = {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}
CATCHER: Final = {"Only": TASK | {"Catch": [CATCH_ALL]}, "Caught": {"Type": "Succeed"}}

pytestmark = pytest.mark.skipif(
    not NODE_MODULES.joinpath("stepfunctions-local").is_dir(), reason="stepfunctions-local is not installed: npm ci"
)


@pytest.fixture(scope="module")
def engine() -> Iterator[StepFunctionsLocalEngine]:
    with StepFunctionsLocalEngine(NODE_MODULES) as engine:
        yield engine


def definition(states: Mapping[str, Any]) -> str:
    return json.dumps({"StartAt": next(iter(states)), "States": states})


def choice(*rules: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    ways = {"Yes": {"Type": "Succeed"}, "No": {"Type": "Succeed"}}
    return {"Only": {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"} for rule in rules], **fields}, **ways}


# --- the process -------------------------------------------------------------------------------------------


def test_nothing_listens_but_on_loopback(engine: StepFunctionsLocalEngine) -> None:
    assert engine.endpoint.url.startswith("http://127.0.0.1:")
    connections = [
        each for child in psutil.Process().children() if child.name() == "node" for each in child.net_connections()
    ]

    assert {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_a_package_that_is_not_installed_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="npm ci"), StepFunctionsLocalEngine(tmp_path):
        pass


def test_a_package_that_does_not_start_says_what_it_has_written(tmp_path: Path) -> None:
    tmp_path.joinpath("stepfunctions-local").mkdir()

    with pytest.raises(RuntimeError, match="Cannot find module"), StepFunctionsLocalEngine(tmp_path):
        pass


def test_an_execution_without_an_end_is_given_up_and_the_next_one_runs() -> None:
    again = {"ErrorEquals": ["States.ALL"], "Next": "Only"}
    endless = Machine(definition({"Only": {"Type": "Task", "Resource": ARN, "Catch": [again], "Next": "Only"}}))
    once = Machine(definition({"Only": TASK}))
    with StepFunctionsLocalEngine(NODE_MODULES, deadline_seconds=1) as engine:
        with pytest.raises(TimeoutError, match="did not end"):
            engine.run(endless, _case(Returns(1)))

        assert engine.run(once, _case(Returns(1))).output == 1


# --- what is refused ---------------------------------------------------------------------------------------

REFUSED: Final[Mapping[str, Mapping[str, Any]]] = {
    "Map or Parallel": {"Only": {"Type": "Parallel", "Branches": [], "End": True}},
    "InputPath or OutputPath": {"Only": TASK | {"OutputPath": "$.a"}},
    "an unknown field": {"Only": TASK | {"TimeoutSecondsPath": "$.a.b"}},
    "a task that is no function": {"Only": TASK | {"Resource": f"{INVOKE}.waitForTaskToken"}},
    "Parameters beyond FunctionName and Payload": {
        "Only": INVOKED | {"Parameters": {"FunctionName": ARN, "InvocationType": "Event"}}
    },
    "a path beyond $.a.b": {"Only": INVOKED | {"ResultSelector": {"first.$": "$.Payload[0]"}}},
    "a ResultPath below the top level": {"Only": TASK | {"ResultPath": "$.a.b"}},
    "States.TaskFailed": {"Only": TASK | {"Catch": [CATCH_ALL | {"ErrorEquals": ["States.TaskFailed"]}]}},
    "a rule beyond And, Or, Not and comparing texts, numbers and booleans": choice(
        {"Not": {"Variable": "$.a", "IsPresent": True}}, Default="No"
    ),
    "a Choice without a Default": choice({"Variable": "$.key", "StringEquals": "dog.png"}),
    "a Choice by the context": choice({"Variable": "$$.Execution.Name", "StringEquals": "x"}, Default="No"),
    "a Choice by a caught error": {
        "Failing": TASK | {"Catch": [CATCH_ALL]},
        **choice({"Variable": "$.error.Error", "StringEquals": "Broken"}, Default="No"),
    },
    "a Pass with an empty Result": {"Only": {"Type": "Pass", "Result": 0, "End": True}},
}
NOT_RUN: Final[Mapping[str, tuple[Answer, ...]]] = {
    "no answer within TimeoutSeconds": (NO_ANSWER,),
    "an error of the Lambda service": (Refused("ServiceException"),),
    "a retry": (BROKEN, Returns(1)),
}


def test_every_limit_has_an_example() -> None:
    assert list(REFUSED) == [why.partition(":")[0] for why in DEFINITION_LIMITS]
    assert list(NOT_RUN) == [limit.reason.partition(":")[0] for limit in CASE_LIMITS]


@pytest.mark.parametrize("what", REFUSED)
def test_a_definition_that_asks_for_too_much_is_refused(what: str) -> None:
    with pytest.raises(Untranslatable, match=f"^Only has {re.escape(what)}: "):
        translated(Machine(definition(REFUSED[what])))


def test_a_definition_in_another_language_is_refused() -> None:
    machine = Machine(json.dumps({"QueryLanguage": "JSONata", "StartAt": "Only", "States": {"Only": TASK}}))

    assert (StepFunctionsLocalEngine().cannot(machine, _case(Returns(1))) or "").startswith("the definition has Query")


@pytest.mark.parametrize("what", NOT_RUN)
def test_a_case_that_asks_for_too_much_is_not_run(what: str) -> None:
    machine = Machine(definition({"Only": TASK}))

    assert (StepFunctionsLocalEngine().cannot(machine, _case(*NOT_RUN[what])) or "").startswith(f"{what}: ")


def _case(*answers: Answer) -> Case:
    return Case("once", INPUT, [Step("Only", answers)], Succeeded())


# --- what is wrong with the engine -------------------------------------------------------------------------


def run(engine: StepFunctionsLocalEngine, states: Mapping[str, Any], *answers: Answer) -> tuple[str, Any]:
    """How a definition ends as it is: with its output, or the error's name, which is where the cause should be."""
    left = iter(answers)
    engine.endpoint.answer = lambda _function, _payload: next(left)
    run = engine.execute(definition(states), INPUT)
    return run.status, run.cause if run.status == "FAILED" else run.output


RETURNS: Final = Returns({"size": 75, "more": True})
STILL_SO: Final[Mapping[str, tuple[Mapping[str, Any], Answer, tuple[str, Any]]]] = {
    "a Map cannot be run": (
        {"Only": {"Type": "Map", "Iterator": {"StartAt": "In", "States": {"In": {"Type": "Succeed"}}}, "End": True}},
        RETURNS,
        ("FAILED", "Error"),
    ),
    "lambda:invoke cannot be called": ({"Only": INVOKED}, RETURNS, ("FAILED", "Error")),
    "ResultSelector is ignored": (
        {"Only": TASK | {"ResultSelector": {"size.$": "$.size"}}},
        RETURNS,
        ("SUCCEEDED", RETURNS.payload),
    ),
    "a result is merged into what InputPath leaves": (
        {"Only": TASK | {"InputPath": "$.a", "ResultPath": "$.result"}},
        Returns(75),
        ("SUCCEEDED", {"b": 1, "c": 2, "result": 75}),
    ),
    "a ResultPath below the top level takes its neighbours away": (
        {"Only": TASK | {"ResultPath": "$.a.b"}},
        Returns(75),
        ("SUCCEEDED", INPUT | {"a": {"b": 75}}),
    ),
    "a retry is not made after an exception": (
        {"Only": TASK | {"Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]}},
        BROKEN,
        ("FAILED", "Broken"),
    ),
    "States.TaskFailed catches nothing": (
        {"Only": TASK | {"Catch": [CATCH_ALL | {"ErrorEquals": ["States.TaskFailed"]}]}, "Caught": {"Type": "Succeed"}},
        BROKEN,
        ("FAILED", "Broken"),
    ),
    "an error of the service has another name": (
        {"Only": TASK},
        Refused("InvalidRequestContentException", 400),
        ("FAILED", "InvalidRequestContentException"),
    ),
    "a caught error is called otherwise and has no cause": (
        CATCHER,
        BROKEN,
        ("SUCCEEDED", INPUT | {"error": {"name": "Broken"}}),
    ),
    "a Fail is a success": ({"Only": {"Type": "Fail", "Error": "E"}}, RETURNS, ("SUCCEEDED", None)),
    "a Pass cannot have 0 for a result": (
        {"Only": {"Type": "Pass", "Result": 0, "End": True}},
        RETURNS,
        ("SUCCEEDED", INPUT),
    ),
    "a Choice cannot go by the context": (
        choice({"Variable": "$$.Execution.Input.key", "StringEquals": "cat.png"}, Default="No"),
        RETURNS,
        ("FAILED", "Error"),
    ),
    "a Choice can end an execution": (
        {"Only": choice({"Variable": "$.key", "StringEquals": "dog.png"})["Only"], "Yes": {"Type": "Succeed"}},
        RETURNS,
        ("SUCCEEDED", INPUT),
    ),
}


@pytest.mark.parametrize("what", STILL_SO)
def test_it_is_still_so(engine: StepFunctionsLocalEngine, what: str) -> None:
    states, answer, ends = STILL_SO[what]

    assert run(engine, states, answer) == ends


def test_a_state_that_has_caught_an_error_still_forgets_its_result_path(engine: StepFunctionsLocalEngine) -> None:
    again = {"Only": TASK | {"ResultPath": "$.result", "Catch": [CATCH_ALL | {"Next": "Only"}]}}

    assert run(engine, again, BROKEN, Returns(75)) == ("SUCCEEDED", 75)


def test_the_name_of_an_exception_is_still_read_in_the_wrong_place(
    engine: StepFunctionsLocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Lambda has it, the name that can be caught is in the body."""
    monkeypatch.setattr(engine.endpoint, "function_error", lambda _raised: "Unhandled")

    assert run(engine, {"Only": TASK}, BROKEN) == ("FAILED", "Unhandled")


def test_a_task_still_has_no_timeout(engine: StepFunctionsLocalEngine) -> None:
    def late(_function: str, _payload: bytes) -> Answer:
        time.sleep(1.05)  # the shortest TimeoutSeconds is 1
        return Returns(75)

    engine.endpoint.answer = late

    assert engine.execute(definition({"Only": TASK | {"TimeoutSeconds": 1}}), INPUT).output == 75


def test_parameters_are_still_ignored(engine: StepFunctionsLocalEngine) -> None:
    payloads: list[bytes] = []

    def noting(_function: str, payload: bytes) -> Answer:
        payloads.append(payload)
        return RETURNS

    engine.endpoint.answer = noting
    engine.execute(definition({"Only": TASK | {"Parameters": {"the": "payload"}}}), INPUT)

    assert [json.loads(payload) for payload in payloads] == [INPUT]


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"Variable": "$.key", "IsPresent": True}, id="an unknown rule"),
        pytest.param({"Variable": "$.at", "TimestampEquals": "2026-01-01T00:00:00Z"}, id="the same time elsewhere"),
        pytest.param({"Variable": "$.no", "StringEquals": "x"}, id="a field that is not there"),
    ],
)
def test_a_choice_still_goes_by_the_default(engine: StepFunctionsLocalEngine, rule: Mapping[str, Any]) -> None:
    assert engine.execute(definition(choice(rule, Default="No")), INPUT).path == ("Only", "No")
