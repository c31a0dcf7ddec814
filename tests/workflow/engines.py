"""How each engine of `--engine` is opened here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest import mock
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from lockstep import emulator as process
from lockstep import paths
from tests.workflow.cases import CASES
from tests.workflow.kit.engines.api import (
    MINISTACK_MOCK_FILE,
    MINISTACK_TEST_STATE,
    STEP_FUNCTIONS_LOCAL,
    MockFileEngine,
    StateByStateEngine,
)
from tests.workflow.kit.engines.base import Engine
from tests.workflow.kit.engines.ministack import MinistackEngine
from tests.workflow.kit.engines.moto import MotoEngine
from tests.workflow.kit.engines.stepfunctions_local import StepFunctionsLocalEngine
from tests.workflow.kit.mockfile import MockFile
from tests.workflow.stack import ACCOUNT, REGION
from tests.workflow.template import ROOT

EMULATOR: Final = "emulator"  # as --sfn-endpoint: one that is started for the tests
MOCK_FILE: Final = MockFile("lockstep", CASES)

# On loopback there is no host `sync-127.0.0.1`, which TestState has on AWS.
_ON_LOOPBACK: Final = Config(inject_host_prefix=False)
_ON_AWS: Final = Config(retries={"mode": "adaptive", "max_attempts": 10})


@dataclass(frozen=True)
class Emulator:
    """A running ministack. It takes the access key for the account, so that the definition's ARNs are its own."""

    url: str

    def client(self, service: str) -> Any:
        session: Any = boto3.Session(ACCOUNT, "test", region_name=REGION)
        return session.client(service, endpoint_url=self.url, config=_ON_LOOPBACK)


@contextmanager
def running_emulator() -> Iterator[Emulator]:
    """Run ministack with the mock file of all cases, and without waiting."""
    directory = paths.LOCAL / f"workflow-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "mocks.json"
    file.write_text(MOCK_FILE.text, encoding="utf-8")
    variables = {"SFN_WAIT_SCALE": "0", "SFN_MOCK_CONFIG": str(file), "LAMBDA_ACCOUNT_CONCURRENCY": "4"}
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ))
        process.leave_aws()
        running = stack.enter_context(process.running(directory, variables=variables))
        yield Emulator(running.endpoint_url)


def engine(
    name: str, *, endpoint: str | None, users_own: Mapping[str, str], emulator: Callable[[], Emulator]
) -> AbstractContextManager[Engine]:
    """Make an engine, to be opened.

    Args:
        name: one of those that `--engine` takes.
        endpoint: what `--sfn-endpoint` says.
        users_own: the user's AWS_ variables, for an endpoint that is on AWS.
        emulator: starts one, or gives the one that runs.
    """
    if name in {"endpoint", "test-state"} and endpoint and endpoint != EMULATOR:
        return _elsewhere(name, endpoint, users_own)
    match name:
        case "moto":
            return MotoEngine()
        case "stepfunctions-local":
            return StepFunctionsLocalEngine(ROOT / "node_modules")
        case "ministack":
            return MinistackEngine(emulator().client("stepfunctions"), emulator().client("lambda"))
        case "endpoint":
            return MockFileEngine(emulator().client("stepfunctions"), MOCK_FILE, deviations=MINISTACK_MOCK_FILE)
        case _:
            return StateByStateEngine(emulator().client("stepfunctions"), deviations=MINISTACK_TEST_STATE)


def _elsewhere(name: str, endpoint: str, users_own: Mapping[str, str]) -> MockFileEngine | StateByStateEngine:
    """A mock file is a matter of AWS Step Functions Local, TestState one of AWS."""
    if name == "endpoint":
        local: Any = boto3.Session("test", "test", region_name=REGION)
        client = local.client("stepfunctions", endpoint_url=endpoint, config=_ON_LOOPBACK)
        return MockFileEngine(client, MOCK_FILE, deviations=STEP_FUNCTIONS_LOCAL)
    config = _ON_LOOPBACK if urlsplit(endpoint).hostname in {"127.0.0.1", "localhost", "::1"} else _ON_AWS
    with mock.patch.dict(os.environ, users_own):
        users: Any = boto3.Session()
        return StateByStateEngine(users.client("stepfunctions", endpoint_url=endpoint, config=config))
