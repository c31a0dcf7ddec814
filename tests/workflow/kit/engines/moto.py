"""moto's Step Functions in this process, on virtual time. The histories are AWS's, event for event.

A Wait, a retry's pause and a TimeoutSeconds take no time; how long they would have taken is written down.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final, Protocol
from unittest import mock

import boto3
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import jitter_strategy_decl, retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from ..cases import Case, NeverAnswers
from ..endpoint import InvokeEndpoint
from ..history import Run, read
from ..machine import Machine
from ..script import Script

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
DEADLINE_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.001

_parse = AmazonStateLanguageParser.parse


class Clock(Protocol):
    """Where virtual time goes."""

    def wait(self, seconds: float) -> None:
        """A Wait state waits."""

    def sleep(self, seconds: float) -> None:
        """A retry pauses, jitter as long as it can be."""


@contextmanager
def virtual_time(clock: Clock) -> Iterator[None]:
    """Let moto's waits and pauses take no time, and pass them to `clock`."""

    def wait_interval(_self: WaitFunction, env: object, wait_seconds: int) -> None:  # noqa: ARG001  # moto's names
        clock.wait(wait_seconds)

    with (
        mock.patch.object(WaitFunction, "_wait_interval", wait_interval),
        mock.patch.object(retrier_decl, "time", SimpleNamespace(sleep=clock.sleep)),
        mock.patch.object(jitter_strategy_decl, "random", SimpleNamespace(uniform=lambda _shortest, longest: longest)),
    ):
        yield


@lru_cache(maxsize=8)
def parse_once(definition: str) -> Any:
    """Reading a definition takes moto longer than running it, and what it makes of it keeps no state of a run."""
    return _parse(definition)


@contextmanager
def fast_parsing() -> Iterator[None]:
    """Let moto read a definition once."""
    with mock.patch.object(AmazonStateLanguageParser, "parse", staticmethod(parse_once)):
        yield


class _Attempts:
    """The attempts that moto waits for, in place of `threading` in the module that does: none takes real time.

    Attributes:
        timeouts: the TimeoutSeconds of those that had no answer.
    """

    def __init__(self) -> None:
        self.timeouts: list[float] = []
        self._under_way: list[Any] = []

    def Event(self) -> Any:  # noqa: N802  # the name that moto calls
        attempts = self
        ended = threading.Event()

        class Attempt:
            withheld = False

            def set(self) -> None:
                ended.set()

            def wait(self, timeout: float) -> bool:
                if not ended.wait(DEADLINE_SECONDS) or self.withheld:
                    attempts.timeouts.append(timeout)
                    return False
                return True

        self._under_way = [attempt := Attempt()]
        return attempt

    def withhold(self) -> None:
        """Let the attempt under way end without an answer."""
        for attempt in self._under_way:
            attempt.withheld = True
            attempt.set()


class MotoEngine:
    """Runs cases one after the other. A context manager: moto is there while it is open.

    Attributes:
        waits: seconds of each Wait state of the last case.
        pauses: seconds before each retry of the last case.
        attempts: where its time-outs are written down.
    """

    exact = True

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.pauses: list[float] = []
        self.attempts = _Attempts()
        self._open = ExitStack()
        self._machines: dict[str, str] = {}
        self._names = (f"case-{number}" for number in itertools.count(1))

    def __enter__(self) -> MotoEngine:
        with ExitStack() as opening:
            self._endpoint = opening.enter_context(InvokeEndpoint())
            environment = {
                "AWS_ENDPOINT_URL_LAMBDA": self._endpoint.url,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
            }
            opening.enter_context(mock.patch.dict("os.environ", environment))
            opening.enter_context(fast_parsing())
            opening.enter_context(virtual_time(self))
            opening.enter_context(mock.patch.object(execute_state, "threading", self.attempts))
            opening.enter_context(
                mock_aws(
                    config={
                        "stepfunctions": {"execute_state_machine": True},
                        "core": {"passthrough": {"urls": [self._endpoint.url]}},
                    }
                )
            )
            opening.enter_context(mock.patch.object(boto3, "client", _one_client_each()))
            self._states: Any = boto3.client("stepfunctions", region_name=REGION)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def cannot(self, _machine: Machine, _case: Case) -> str | None:
        return None

    def run(self, machine: Machine, case: Case) -> Run:
        self.waits.clear()
        self.pauses.clear()
        self.attempts.timeouts.clear()
        name = next(self._names)
        arn = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{self._created(machine).rpartition(':')[2]}:{name}"
        script = Script(case, lambda: str(_execution(arn).exec_worker.env.next_state_name))

        def answer(function: str, payload: bytes) -> Any:
            answer = script(function, payload)
            if isinstance(answer, NeverAnswers):
                self.attempts.withhold()
            return answer

        self._endpoint.answer = answer
        self._states.start_execution(stateMachineArn=self._created(machine), name=name, input=json.dumps(case.input))
        execution = self._ended(arn)
        run = read({**event, "type": event["type"].value} for event in execution.to_history_output()["events"])
        return replace(run, calls=script.calls, given=script.given, pauses=tuple(self.pauses))

    def _created(self, machine: Machine) -> str:
        if machine.text not in self._machines:
            created = self._states.create_state_machine(
                name=f"machine-{len(self._machines)}",
                definition=machine.text,
                roleArn=f"arn:aws:iam::{ACCOUNT}:role/machine",
            )
            self._machines[machine.text] = created["stateMachineArn"]
        return self._machines[machine.text]

    def _ended(self, arn: str) -> Any:
        execution = _execution(arn)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while execution.exec_status == "RUNNING" or execution.exec_status is None:
            if time.monotonic() > deadline:
                self._states.stop_execution(executionArn=arn)
                msg = f"{arn} did not end within {DEADLINE_SECONDS} s"
                raise TimeoutError(msg)
            time.sleep(POLL_SECONDS)
        return execution


def _execution(arn: str) -> Any:
    """An execution as moto has it: asking its API costs more than running it."""
    return stepfunctions_parser_backends[ACCOUNT][REGION].describe_execution(arn)


def _one_client_each() -> Callable[..., Any]:
    """`boto3.client` that makes each client once: moto asks for a new one at each call of a function."""
    session: Any = boto3.Session()
    clients: dict[str, Any] = {}

    def client(service_name: str, **options: Any) -> Any:
        if service_name not in clients:
            clients[service_name] = session.client(service_name, **options)
        return clients[service_name]

    return client
