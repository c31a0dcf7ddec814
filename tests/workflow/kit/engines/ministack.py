"""The whole way on the emulator ministack: its Step Functions calls its Lambda, and that runs real functions.

They answer what the case says. So each attempt at a visit gets its own answer, which ministack's mock file cannot give.
An error of Lambda itself, and a function that gives no answer in time, come as function errors of that name: here
`Lambda.TooManyRequestsException` and `States.Timeout` are names that Retry and Catch match, and not the real thing.
"""

from __future__ import annotations

import io
import shlex
import sys
import uuid
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

from ..cases import Answer, Case, Failed, Raises, Returns
from ..endpoint import InvokeEndpoint
from ..history import Run
from ..machine import Machine
from ..script import Script
from .base import Deviation, first_reason
from .executions import ANY_ROLE, DEADLINE_SECONDS, Executions


def _calls_what_the_definition_does_not_name(machine: Machine, _: Case) -> bool:
    return "" in callers_of(machine)


def _ends_with_an_error_that_is_no_functions(_: Machine, case: Case) -> bool:
    last = case.steps[-1].answers[-1:]
    return isinstance(case.ends, Failed) and any(not isinstance(answer, Raises | Returns) for answer in last)


DEVIATIONS: Final = (
    Deviation(
        "there is a function made for each ARN in the definition, but a task has none",
        _calls_what_the_definition_does_not_name,
    ),
    Deviation(
        "Lambda's own errors come from a function here, so their cause is a function's report",
        _ends_with_an_error_that_is_no_functions,
    ),
)


class MinistackEngine:
    """Runs cases one after the other. A context manager: at its end it deletes the functions and the machines.

    The definition is taken as it is, so its functions must be ones of the clients' account and region; with a number of
    12 digits as the access key, ministack takes that for the account. It should run with SFN_WAIT_SCALE=0.

    Args:
        states: boto3's client for `stepfunctions`, at the emulator's address.
        functions: the one for `lambda`.
        python: the interpreter for the functions.
        role_arn: the role of the functions and the machines; nobody assumes it.
        deadline_seconds: what an execution may take.
    """

    exact = False

    def __init__(
        self,
        states: Any,
        functions: Any,
        *,
        python: str = sys.executable,
        role_arn: str = ANY_ROLE,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._functions = functions
        self._python = python
        self._role_arn = role_arn
        self._executions = Executions(states, role_arn=role_arn, deadline_seconds=deadline_seconds)
        self._created: set[str] = set()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._endpoint = self._open.enter_context(InvokeEndpoint())
        self._open.callback(self._delete)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def cannot(self, machine: Machine, case: Case) -> str | None:
        return first_reason(DEVIATIONS, machine, case)

    def run(self, machine: Machine, case: Case) -> Run:
        """Run a case to its end.

        Raises:
            TimeoutError: it does not end.
            ClientError: among others, a function of that name is there already (ResourceConflictException).
        """
        callers = callers_of(machine)
        self._create(callers)
        created = self._executions.created(f"machine-{uuid.uuid5(uuid.NAMESPACE_OID, machine.text)}", machine.text)
        name = f"case-{uuid.uuid4()}"
        arn = f"{created.replace(':stateMachine:', ':execution:')}:{name}"

        states: list[str] = []  # those that can be calling; to ask takes as long as the call, and mostly it is one

        def current_state() -> str:
            return states[0] if len(states) == 1 else self._executions.current_state(arn)

        script = Script(case, current_state)

        def answer(function: str, payload: bytes) -> Answer:
            states[:] = callers[function]
            return _as_a_function(script(function, payload))

        self._endpoint.answer = answer
        run = self._executions.run(created, case.input, name=name)
        return replace(run, calls=script.calls, given=script.given, unasked=script.answers.unasked)

    def _create(self, names: Iterable[str]) -> None:
        new = [name for name in names if name not in self._created]
        for name in new:
            self._functions.create_function(
                FunctionName=name,
                Runtime="provided.al2023",
                Handler="bootstrap",
                Role=self._role_arn,
                Timeout=60,
                Code={"ZipFile": _package(self._python)},
                Environment={"Variables": {"ANSWERS_URL": self._endpoint.url}},
            )
            self._created.add(name)
        for name in new:
            self._functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
            self._functions.publish_version(FunctionName=name)  # 1, which the definition may name

    def _delete(self) -> None:
        self._executions.delete()
        for name in self._created:
            self._functions.delete_function(FunctionName=name)
        self._created.clear()


def callers_of(machine: Machine) -> dict[str, list[str]]:
    """The functions that a machine's tasks call, and the states that call each.

    Tasks that call none, or one that the definition does not name, are there under an empty name.
    """
    callers: defaultdict[str, list[str]] = defaultdict(list)
    for name in machine.of_type("Task"):
        callers[machine.function(name) or ""].append(name)
    return callers


def _as_a_function(answer: Answer) -> Answer:
    """What a function can answer: errors that are not a function's own become ones of that name."""
    if isinstance(answer, Returns | Raises):
        return answer
    return Raises(answer.error, answer.cause)


def _package(python: str) -> bytes:
    """A function's code: `bootstrap`, which the runtime starts, and forward.py."""
    start = f'#!/bin/sh\nexec {shlex.quote(python)} -IS "$LAMBDA_TASK_ROOT/forward.py"\n'
    bootstrap = zipfile.ZipInfo("bootstrap")
    bootstrap.external_attr = 0o755 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr(bootstrap, start)
        package.writestr("forward.py", Path(__file__).with_name("forward.py").read_bytes())
    return buffer.getvalue()
