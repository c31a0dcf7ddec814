from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3
import moto.s3.urls
import pytest
from moto import mock_aws
from moto.s3.models import S3Backend
from moto.stepfunctions.parser.asl.component.common.retry import jitter_strategy_decl, retrier_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

from objectlock import wiring
from tests.workflow.lambda_endpoint import LambdaEndpoint, LambdaServer
from tests.workflow.stack import ACCOUNT, INPUT, MACHINE_ARN, OUTPUT, REGION, TABLE, Clients, Clock, Stack
from tests.workflow.template import Template

_shipped_parse = AmazonStateLanguageParser.parse


@pytest.fixture(scope="session")
def template() -> Template:
    names = {
        "InputBucket": INPUT,
        "OutputBucket": OUTPUT,
        "LockTable": TABLE,
        "StateMachine": MACHINE_ARN,
        "AWS::StackName": "lockstep",
    }
    return Template.read(names, region=REGION, account=ACCOUNT)


@pytest.fixture(scope="session")
def clients() -> Clients:
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_users_settings(monkeypatch)
        return Clients()


def forget_users_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have a profile, or an endpoint that is not moto's."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The engine and the lock share a clock that jumps; jitter is as long as it can be, not random.

    A Wait or a Retry takes no time, but the lock sees it pass. `TimeoutSeconds` is real time.
    """
    clock = Clock()

    def wait_interval(_self: WaitFunction, env: object, wait_seconds: int) -> None:  # noqa: ARG001  # moto's names
        clock.wait(wait_seconds)

    monkeypatch.setattr(WaitFunction, "_wait_interval", wait_interval)
    monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=clock.sleep))
    monkeypatch.setattr(jitter_strategy_decl, "random", SimpleNamespace(uniform=lambda _shortest, longest: longest))
    monkeypatch.setattr(wiring, "time", clock)
    return clock


@cache
def parse_once(definition: str) -> Any:
    """Reading the definition takes moto longer than running it, and what it makes of it keeps no state of a run."""
    return _shipped_parse(definition)


@pytest.fixture(scope="session")
def lambda_server() -> Iterator[LambdaServer]:
    with LambdaServer() as server:
        yield server


@pytest.fixture
def lambdas(
    template: Template, clients: Clients, lambda_server: LambdaServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LambdaEndpoint]:
    """The functions as Lambda would run them: the template's handlers, in the template's environment."""
    forget_users_settings(monkeypatch)
    for name, value in template.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", lambda_server.url)
    clients.calls.begin_anew()
    lambda_server.endpoint = LambdaEndpoint(lambda_server.url, template.functions(), clients.calls)
    yield lambda_server.endpoint
    lambda_server.endpoint.closing.set()


@pytest.fixture
def stack(
    template: Template,
    lambdas: LambdaEndpoint,
    clock: Clock,
    clients: Clients,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Stack]:
    """A new, empty stack."""
    monkeypatch.setattr(AmazonStateLanguageParser, "parse", staticmethod(parse_once))
    monkeypatch.setattr(S3Backend, "_url_module", moto.s3.urls)  # which it else reads from its file for each request
    forget_clients()
    with (
        mock_aws(
            config={
                "stepfunctions": {"execute_state_machine": True},
                "core": {"passthrough": {"urls": [lambdas.url]}},
            }
        ),
        mock.patch.object(boto3, "client", clients.shared),
    ):
        stack = Stack(template, lambdas, clock, clients)
        yield stack
        stack.stop_all()
        stack.assert_all_was_allowed()
    forget_clients()


def forget_clients() -> None:
    """A new Lambda instance: the adapters are made anew, from the environment as it is then."""
    for each in vars(wiring).values():
        if hasattr(each, "cache_clear"):
            each.cache_clear()
