from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from unittest import mock

import boto3
import moto.s3.urls
import pytest
from moto import mock_aws
from moto.s3.models import S3Backend

from objectlock import wiring
from tests.conftest import USERS_OWN
from tests.lambda_instance import begin_anew
from tests.workflow.engines import engine as engine_named
from tests.workflow.kit.endpoint import InvokeEndpoint
from tests.workflow.kit.engines.base import Engine
from tests.workflow.kit.engines.patched_moto import fast_parsing, virtual_time
from tests.workflow.lambda_endpoint import LambdaEndpoint
from tests.workflow.machine import shipped_template
from tests.workflow.stack import REGION, Clients, Clock, Deployment, Stack
from tests.workflow.template import Template


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("tests.workflow.fixtures")


@pytest.fixture(scope="session")
def template() -> Template:
    return shipped_template()


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The engine that runs the cases: each that `--engine` names, one after the other."""
    with engine_named(
        request.param,
        endpoint=request.config.getoption("--sfn-endpoint"),
        users_own=USERS_OWN,
        emulator=lambda: request.getfixturevalue("emulator"),
    ) as engine:
        yield engine


@pytest.fixture(scope="session")
def clients() -> Clients:
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_users_settings(monkeypatch)
        clients = Clients()
    gc.collect()
    gc.freeze()  # what moto and boto3 have loaded by now stays, and is too much to look through time and again
    return clients


def forget_users_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have a profile, or an endpoint that is not moto's."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The engine and the lock share a clock that jumps: a Wait or a Retry takes no time, but the lock sees it pass."""
    clock = Clock()
    monkeypatch.setattr(wiring, "time", clock)
    return clock


@pytest.fixture
def withhold(clock: Clock) -> Iterator[Callable[[], None]]:
    """Tell the engine that a call gets no answer."""
    with virtual_time(clock) as withhold:
        yield withhold


@pytest.fixture(scope="session")
def lambda_server() -> Iterator[InvokeEndpoint]:
    with InvokeEndpoint() as server:
        yield server


@pytest.fixture
def lambdas(
    template: Template,
    clients: Clients,
    lambda_server: InvokeEndpoint,
    withhold: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[LambdaEndpoint]:
    """The functions as Lambda would run them: the template's handlers, in the template's environment."""
    forget_users_settings(monkeypatch)
    for name, value in template.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", lambda_server.url)
    clients.calls.begin_anew()
    lambda_server.answer = endpoint = LambdaEndpoint(template.functions(), clients.calls, withhold)
    yield endpoint
    lambda_server.let_go()


@pytest.fixture(scope="module")
def deployment(template: Template, clients: Clients, lambda_server: InvokeEndpoint) -> Iterator[Deployment]:
    """moto, with the stack in it. Not for the session: the tests elsewhere start a moto of their own."""
    with (
        fast_parsing(),
        mock.patch.object(S3Backend, "_url_module", moto.s3.urls),  # which it else reads from its file for each request
        mock_aws(
            config={
                "stepfunctions": {"execute_state_machine": True},
                "core": {"passthrough": {"urls": [lambda_server.url]}},
            }
        ),
    ):
        yield Deployment(template, clients)


@pytest.fixture
def stack(
    template: Template,
    lambdas: LambdaEndpoint,
    clock: Clock,
    clients: Clients,
    deployment: Deployment,
) -> Iterator[Stack]:
    """A new, empty stack."""
    begin_anew()
    deployment.begin_anew()
    with mock.patch.object(boto3, "client", clients.shared):
        stack = Stack(template, lambdas, clock, clients)
        yield stack
        stack.stop_all()
        stack.assert_all_was_allowed()
    begin_anew()
