"""moto's Step Functions in this process, on virtual time. The histories are AWS's, event for event.

A Wait, a retry's pause and a TimeoutSeconds take no time; how long they would have taken is written down.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self
from unittest import mock

import boto3
from moto import mock_aws
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from ..cases import Answer, Case, NeverAnswers
from ..endpoint import InvokeEndpoint
from ..history import Run, read
from ..machine import Machine
from ..script import Script
from .base import EndlessError
from .patched_moto import DEADLINE_SECONDS, fast_parsing, virtual_time

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
POLL_SECONDS: Final = 0.001


@dataclass
class Times:
    """How long everything in a run would have taken, in seconds, in order.

    Attributes:
        waits: of the Wait states.
        pauses: before the retries.
        timeouts: of the attempts that had no answer.
    """

    waits: list[float] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    def begin(self) -> None:
        self.waits, self.pauses, self.timeouts = [], [], []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def time_out(self, seconds: float) -> None:
        self.timeouts.append(seconds)


class MotoEngine:
    """Runs cases one after the other. A context manager: moto is there while it is open."""

    exact = True

    def __init__(self, *, most_events: int = 25_000) -> None:
        """Run executions of at most that many history events; on AWS it is 25,000."""
        self._most_events = most_events
        self._times = Times()
        self._open = ExitStack()
        self._machines: dict[str, str] = {}
        self._names = (f"case-{number}" for number in itertools.count(1))

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._endpoint = opening.enter_context(InvokeEndpoint())
            moto_config: Any = {
                "stepfunctions": {"execute_state_machine": True},
                "core": {"passthrough": {"urls": [self._endpoint.url]}},
            }
            opening.enter_context(mock.patch.dict("os.environ", _environment(self._endpoint.url), clear=True))
            opening.enter_context(_silence())
            opening.enter_context(mock_aws(config=moto_config))
            opening.enter_context(mock.patch.object(boto3, "client", _one_client_each()))
            opening.enter_context(fast_parsing())
            self._withhold = opening.enter_context(virtual_time(self._times))
            self._states: Any = boto3.client("stepfunctions", region_name=REGION)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def cannot(self, _machine: Machine, _case: Case) -> str | None:
        return None

    def run(self, machine: Machine, case: Case) -> Run:
        self._times.begin()
        name = next(self._names)
        machine_arn = self._created(machine)
        arn = f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
        script = Script(case, lambda: str(_execution(arn).exec_worker.env.next_state_name))

        def answer(function: str, payload: bytes) -> Answer:
            answer = script(function, payload)
            if isinstance(answer, NeverAnswers):
                self._withhold()
            return answer

        self._endpoint.answer = answer
        try:
            self._states.start_execution(stateMachineArn=machine_arn, name=name, input=json.dumps(case.input))
            history = self._ended(arn).to_history_output()["events"]
        finally:
            self._endpoint.let_go()
        run = read({**event, "type": event["type"].value} for event in history)
        times = self._times
        return replace(
            run,
            calls=script.calls,
            given=script.given,
            waits=times.waits,
            pauses=times.pauses,
            timeouts=times.timeouts,
            unasked=script.answers.unasked,
        )

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
            if len(execution.to_history_output()["events"]) > self._most_events:
                self._states.stop_execution(executionArn=arn)
                msg = f"{arn} goes on for more than {self._most_events} events"
                raise EndlessError(msg)
            if time.monotonic() > deadline:
                self._states.stop_execution(executionArn=arn)
                msg = f"{arn} did not end within {DEADLINE_SECONDS:g} s"
                raise TimeoutError(msg)
            time.sleep(POLL_SECONDS)
        return execution


@contextmanager
def _silence() -> Iterator[None]:
    """Moto logs each error that a case asks for, with all it knows of the machine."""
    logger = logging.getLogger("moto.stepfunctions")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)  # and not `propagate`: pytest listens to loggers that do not, too
    try:
        yield
    finally:
        logger.setLevel(level)


def _environment(endpoint_url: str) -> dict[str, str]:
    """The user's own, without the user's AWS and proxies."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | {
        "AWS_ENDPOINT_URL_LAMBDA": endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


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
