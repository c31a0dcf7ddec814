"""The engine: its process, the functions that it calls, and a run."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

import boto3
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from ...cases import Answer, Case, Raises, Returns
from ...endpoint import InvokeEndpoint
from ...history import Run
from ...machine import Machine
from ...script import Script
from ..base import first_reason
from ..executions import Executions
from . import limits, translation

REGION: Final = "us-east-1"
HOST: Final = "127.0.0.1"
DEADLINE_SECONDS: Final = 20.0

# It ends with the process that has started it: then the pipe is closed. And a caught error is written as on AWS; it
# would be {"name": ...}.
START: Final = """
process.stdin.on("end", () => process.exit()).resume();
Error.prototype.toJSON = function () { return {Error: this.name, Cause: this.message}; };
require(process.argv[1]).start(JSON.parse(process.argv[2]));
"""
# The SDK for JavaScript wants credentials, and must not see what the user has set for AWS.
_VARIABLES: Final = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE": "1",
}


class StepFunctionsLocalEngine:
    """Runs cases one after the other. A context manager: the engine's process runs while it is open.

    Attributes:
        endpoint: where the engine calls functions.
    """

    exact = False

    def __init__(
        self, node_modules: Path = Path("node_modules"), *, deadline_seconds: float = DEADLINE_SECONDS
    ) -> None:
        """Run executions for at most `deadline_seconds`, by the package in `node_modules`."""
        self._package = node_modules / "stepfunctions-local"
        self._deadline_seconds = deadline_seconds
        self._names = (f"case-{number}" for number in itertools.count(1))

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self.endpoint = opening.enter_context(_Endpoint())
            self._client = opening.enter_context(_server(self._package, self.endpoint.url))
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def cannot(self, machine: Machine, case: Case) -> str | None:
        return next(limits.untranslatable(machine), None) or first_reason(limits.CASES, machine, case)

    def run(self, machine: Machine, case: Case) -> Run:
        """Run a case to its end.

        Raises:
            ValueError: the engine cannot do what is in the definition.
            LookupError: a path leads nowhere.
            TimeoutError: it does not end.
        """
        for reason in limits.untranslatable(machine):
            raise ValueError(reason)
        self.endpoint.answer = functions = _Functions(machine, translation.answers(machine, case))
        script = functions.script
        raw = self.execute(translation.definition(machine), case.input)
        given = [(state, translation.request(machine.states[state], whole, case)) for state, whole in script.given]
        return replace(translation.put_right(machine, raw.history), calls=script.calls, given=given)

    def execute(self, definition: str, given: Mapping[str, Any]) -> Run:
        """Run a definition as it is: what comes of it, with all that is wrong with it.

        Raises:
            TimeoutError: it does not end.
        """
        name = next(self._names)  # of a new machine: it changes the one that it runs
        executions = Executions(self._client, deadline_seconds=self._deadline_seconds)
        try:
            return executions.run(executions.created(name, definition), given, name=name)
        except (TimeoutError, ReadTimeoutError) as error:
            self._open.close()  # its StopExecution stops nothing
            self.__enter__()
            msg = f"{name} did not end: {error}"
            raise TimeoutError(msg) from error


class _Endpoint(InvokeEndpoint):
    def function_error(self, raised: Raises) -> str:
        """The engine takes an exception's name from here, where AWS says `Unhandled`, and not from the body."""
        return raised.error


class _Functions:
    """Answers calls as a case says.

    The engine forgets a state's ResultPath once the state has caught an error. From then on the results come already
    in their place.
    """

    def __init__(self, machine: Machine, case: Case) -> None:
        self._states = list(machine.states.items())
        self._calling = ""
        self._caught: set[str] = set()
        self.script = Script(case, lambda: self._calling)

    def __call__(self, arn: str, payload: bytes) -> Answer:
        self._calling, state = self._states[int(arn.rpartition(":")[2])]
        answer = self.script(state["Parameters"]["FunctionName"], payload)
        if not isinstance(answer, Returns):
            self._caught.add(self._calling)
        elif self._calling in self._caught and (path := state.get("ResultPath", "$")) != "$":
            return Returns({**json.loads(payload), path.removeprefix("$."): answer.payload})
        return answer


@contextmanager
def _server(package: Path, lambda_endpoint: str) -> Iterator[Any]:
    """The engine's process, and a client for it. What it complains of, it says on stderr.

    Raises:
        FileNotFoundError: there is no node, or the package is not installed.
        BotoCoreError: it does not answer.
    """
    node = shutil.which("node")
    if node is None or not package.is_dir():
        msg = f"no {package if node else 'node'}: stepfunctions-local needs Node.js, and `npm ci` beside package.json"
        raise FileNotFoundError(msg)
    with socket.create_server((HOST, 0)) as listening:  # bound already, so that it listens nowhere else
        port = {"fd": listening.fileno()}  # goes to Node's server.listen as it is
        config = {"port": port, "region": REGION, "lambdaEndpoint": lambda_endpoint, "lambdaRegion": REGION}
        process = subprocess.Popen(
            [node, "-e", START, str(package.resolve()), json.dumps(config)],
            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | _VARIABLES,
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno()],
        )
        url = f"http://{HOST}:{listening.getsockname()[1]}"
    try:
        once: Any = {"total_max_attempts": 1}
        patience = Config(connect_timeout=DEADLINE_SECONDS, read_timeout=DEADLINE_SECONDS, retries=once, proxies={})
        session: Any = boto3.Session("test", "test", region_name=REGION)
        client = session.client("stepfunctions", endpoint_url=url, config=patience)
        client.list_state_machines()
        yield client
    finally:
        process.kill()  # it has nothing to tidy up
        process.communicate()
