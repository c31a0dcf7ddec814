"""The parts of the machines, of their histories, and what functions answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.workflow.kit.cases import Matches, Raises, Returns, Step, task
from tests.workflow.kit.engines.moto import ACCOUNT, REGION
from tests.workflow.recorded.pin import Event, Pin

# --- the parts of a machine --------------------------------------------------------------------------------

WORK: Final = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:work"
PASS: Final = {"Type": "Pass", "End": True}
SUCCEED: Final = {"Type": "Succeed"}


def invoke(payload: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A Task like ours. Its function gets the state's input if nothing else is said."""
    given = {"Payload.$": "$"} if payload is None else {"Payload": payload}
    onwards = {} if "Next" in fields else {"End": True}
    resource = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}
    return {**resource, "Parameters": {"FunctionName": WORK, **given}, **fields, **onwards}


def catch(*errors: str, then: str = "Caught", **fields: Any) -> dict[str, Any]:
    return {"ErrorEquals": errors, "Next": then, **fields}


def retry(*errors: str, **fields: Any) -> dict[str, Any]:
    return {"ErrorEquals": errors, **fields}


# --- the parts of a history --------------------------------------------------------------------------------

TASK: Final = {"resource": "invoke", "resourceType": "lambda"}
STARTED: Final = Event("TaskStarted", TASK)


def entered(type_: str, name: str | None = None) -> Event:
    return Event(f"{type_}StateEntered", {"name": name} if name else {})


def exited(type_: str, output: Any = None) -> Event:
    return Event(f"{type_}StateExited", {} if output is None else {"output": output})


def scheduled(*, timeout: int | None = None, **fields: Any) -> Event:
    """A state without TimeoutSeconds has none in its history either."""
    return Event("TaskScheduled", {**TASK, "region": REGION, "timeoutInSeconds": timeout, **fields})


def failed(error: str, cause: Any) -> Event:
    return Event("TaskFailed", {**TASK, "error": error, "cause": cause})


def timed_out() -> Event:
    return Event("TaskTimedOut", {**TASK, "error": "States.Timeout", "cause": None})


def execution_failed(error: str, cause: Any) -> Event:
    return Event("ExecutionFailed", {"error": error, "cause": cause})


def execution_succeeded(output: Any = None) -> Event:
    return Event("ExecutionSucceeded", {} if output is None else {"output": output})


START: Final = Event("ExecutionStarted")
ATTEMPT: Final = (scheduled(), STARTED)
ENTERED: Final = (START, entered("Task"))


def caught(output: Any, name: str = "Caught") -> tuple[Event, ...]:
    """The Task is left with an output that the Pass state after it does not change."""
    return exited("Task", output), entered("Pass", name), exited("Pass"), execution_succeeded(output)


# --- what functions answer ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reports(Raises):
    """An exception, reported in full as by Lambda's runtime for Python."""

    request_id: str = "request 1"

    @property
    def cause(self) -> str:
        report = {
            "errorMessage": self.message,
            "errorType": self.error,
            "requestId": self.request_id,
            "stackTrace": ['  File "app.py"'],
        }
        return json.dumps(report, separators=(",", ":"))

    @property
    def output(self) -> dict[str, str]:
        """What a Catch makes of it."""
        return {"Error": self.error, "Cause": self.cause}


CUSTOM: Final = Reports("CustomException", "")
PLAIN: Final = Reports("Exception", "Some text.")
TIMEOUT: Final = {"Error": "States.Timeout", "Cause": ""}

work = task("Work")
CAUGHT: Final = Step("Caught")


def service_error(code: str, status: int, message: str) -> Matches:
    """The cause of an error of Lambda itself is plain text."""
    service = rf"Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: \S+; Proxy: null"
    return Matches(rf"{re.escape(message)} \({service}\)")


# --- where it is recorded, or documented -------------------------------------------------------------------

LAMBDA_TASK: Final = "error_handling/test_task_service_lambda.py"
SCENARIOS: Final = "scenarios/test_base_scenarios.py"
GUIDE: Final = 'AWS Step Functions Developer Guide, "Handling errors in Step Functions workflows"'
SPEC: Final = "Amazon States Language specification (states-language.net)"


# --- a path that leads nowhere, on the way out of a Task ---------------------------------------------------

NOWHERE: Final = invoke(OutputPath="$.no.such.path", Catch=[catch("States.Runtime")])
NOWHERE_SOURCE: Final = f"{SCENARIOS} test_catch_states_runtime, 2023-11-23 (of a function's ARN)"
SUCCEEDED: Final = (*ENTERED, *ATTEMPT, Event("TaskSucceeded"))


def nowhere(states: Mapping[str, Any], cause: Any, source: str, promise: str) -> Pin:
    return Pin(
        promise,
        "no catcher of ours may count on seeing a path that leads nowhere: it would be the end without a release",
        source,
        states,
        [work(Returns({}))],
        [*SUCCEEDED, execution_failed("States.Runtime", cause)],
        exact_only="ministack makes null of a path that leads nowhere",
    )
