"""What `make test-engines` does not show of the engines on ministack: what they leave out, and leave behind.

A deviation that is none any more makes a test fail here: then it can go, and its cases be run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.workflow.cases import CASES
from tests.workflow.engines import EMULATOR, Emulator
from tests.workflow.engines import engine as engine_named
from tests.workflow.kit.cases import Case, Failed, Refused, Step
from tests.workflow.kit.checks import differences
from tests.workflow.kit.engines.api import StateByStateEngine
from tests.workflow.kit.engines.ministack import MinistackEngine, callers_of
from tests.workflow.kit.machine import Machine

ANY_CASE: Final = CASES[0]


@pytest.mark.parametrize("name", ["endpoint", "test-state"])
def test_what_is_not_run_would_still_come_out_otherwise(emulator: Emulator, machine: Machine, name: str) -> None:
    with engine_named(name, endpoint=EMULATOR, users_own={}, emulator=lambda: emulator) as engine:
        left_out = [case for case in CASES if engine.cannot(machine, case)]
        agree = [case for case in left_out if not differences(machine, case, engine.run(machine, case), exact=False)]

    assert left_out
    assert [str(case) for case in agree] == []


@pytest.mark.parametrize("name", ["endpoint", "test-state"])
def test_a_case_runs_at_any_address_with_the_users_own_credentials(
    emulator: Emulator, machine: Machine, name: str
) -> None:
    users_own = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-1"}

    with engine_named(name, endpoint=emulator.url, users_own=users_own, emulator=lambda: emulator) as engine:
        run = engine.run(machine, ANY_CASE)

    assert differences(machine, ANY_CASE, run, exact=False) == []


# --- the functions -----------------------------------------------------------------------------------------


@pytest.fixture
def functions(emulator: Emulator) -> Iterator[MinistackEngine]:
    with MinistackEngine(emulator.client("stepfunctions"), emulator.client("lambda")) as engine:
        yield engine


def test_a_machine_that_is_another_is_noticed(functions: MinistackEngine, machine: Machine) -> None:
    another = Machine(machine.text.replace("WriteInDoubt", "SomethingElse"))
    (case,) = (case for case in CASES if case.name == "a state that is entered again tries as often again")

    found = differences(another, case, functions.run(another, case), exact=False)

    assert found[0].endswith("ConvertToGrayscale > ReleaseLockAfterFailure > Failed")


def test_of_the_functions_nothing_is_left(emulator: Emulator, machine: Machine) -> None:
    there = emulator.client("lambda")
    (name, *_) = callers_of(machine)
    with MinistackEngine(emulator.client("stepfunctions"), there) as engine:
        engine.run(machine, ANY_CASE)
        assert there.get_function(FunctionName=name)

    with pytest.raises(there.exceptions.ResourceNotFoundException):
        there.get_function(FunctionName=name)
    machines = emulator.client("stepfunctions").list_state_machines()["stateMachines"]
    assert [each["name"] for each in machines if each["name"].startswith("machine-")] == []


def test_a_task_without_a_functions_arn_cannot_be_answered_for(functions: MinistackEngine, machine: Machine) -> None:
    queue = Machine(machine.text.replace(":::lambda:invoke", ":::sqs:sendMessage"))

    assert "ARN" in (functions.cannot(queue, ANY_CASE) or "")
    assert functions.cannot(machine, ANY_CASE) is None


def test_an_error_that_is_no_functions_still_has_another_cause(functions: MinistackEngine) -> None:
    only = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:only", "End": True}
    machine = Machine(json.dumps({"StartAt": "Only", "States": {"Only": only}}))
    refused = Refused("ServiceException")
    case = Case("ends so", {}, [Step("Only", (refused,))], Failed(refused.error, refused.cause))

    (found,) = differences(machine, case, functions.run(machine, case), exact=False)

    assert found.startswith("cause: ")
    assert functions.cannot(machine, case)


# --- TestState ---------------------------------------------------------------------------------------------


class RetryBeforeCatch:
    """The emulator's TestState with what it lacks: while there are attempts left, it does not look at Catch."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def test_state(self, *, definition: str, **asked: Any) -> Any:
        machine = Machine(definition)
        error = asked.get("mock", {}).get("errorOutput", {}).get("error")
        retrier = machine.retrier(asked["stateName"], error) if error else None
        if retrier:
            state: Any = machine.states[asked["stateName"]]
            if asked["stateConfiguration"]["retrierRetryCount"] < state["Retry"][retrier[0]].get("MaxAttempts", 3):
                del state["Catch"]
        return self._client.test_state(definition=json.dumps(machine.document), **asked)


def test_with_retry_before_catch_every_case_goes_as_it_says(emulator: Emulator, machine: Machine) -> None:
    engine = StateByStateEngine(RetryBeforeCatch(emulator.client("stepfunctions")))

    for case in CASES:
        assert differences(machine, case, engine.run(machine, case), exact=False) == [], case
