"""The npm package stepfunctions-local (1.3.1, of 2019): a second opinion, from an engine with no code in common.

It knows a part of Amazon States Language, and some of that wrong. So it is given a translation (`translated`), its
history is put right where it says something in other words, and what is left is in two tables: `DEFINITION_LIMITS`
and `CASE_LIMITS`. It has an opinion on the way an execution takes (Next, Choice, Catch by name) and on where results
and errors go (ResultPath). It has none on Retry, on TimeoutSeconds, and on how long a Wait is.

Translated, and worked out here instead:
    lambda:invoke   The function's ARN is the resource, with the state's number for a qualifier: so it says who calls.
    Parameters      It hands over a state's whole input; what the function was called with is worked out from that.
    ResultSelector  The function answers with what would have been selected.
    Wait            Takes no time.
    Retry           Left out, and with it TimeoutSeconds and HeartbeatSeconds.

Put right:
    Names of errors  It takes an exception's name from the header X-Amz-Function-Error, where AWS says `Unhandled`, and
                     not from `errorType` in the body. So the endpoint bends Lambda's wire format, for this engine only:
                     the header says the name. Catch then compares names as it should.
    Caught errors    It writes {"name": ...} where AWS writes {"Error": ..., "Cause": ...}. The cause is lost.
    ResultPath       It forgets a state's own once the state has caught an error. When the state is entered again, the
                     function answers with the result already in its place. Each case has a new machine.
    Fail             It ends the execution SUCCEEDED, with no error and no cause. The last state says better.
    Failures         In its history, error and cause have changed places.

Not noticed: it agrees with a case that has an error caught at once which a Retry would try again; and a Choice by a
field that is not there goes on by the Default, where AWS ends the execution.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ReadTimeoutError

from ..cases import Answer, Case, NeverAnswers, Raises, Refused, Returns
from ..endpoint import InvokeEndpoint
from ..history import Run, details, read
from ..machine import Machine
from ..script import Script
from .base import Deviation, first_reason
from .executions import Executions

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
HOST: Final = "127.0.0.1"
DEADLINE_SECONDS: Final = 20.0
_EXECUTIONS: Final = f"arn:aws:states:local:{ACCOUNT}:execution"

State = Mapping[str, Any]
Event = Mapping[str, Any]

# --- what it cannot ----------------------------------------------------------------------------------------

_INVOKE: Final = "arn:aws:states:::lambda:invoke"
_FUNCTION: Final = re.compile(r"(?:arn:aws:lambda:[a-z0-9-]+:[0-9]+:function:)?([A-Za-z0-9_-]+)")
_PATH: Final = re.compile(r"\$(\.[A-Za-z_][A-Za-z0-9_]*)*")
_TOP_LEVEL_PATH: Final = re.compile(r"\$(\.[A-Za-z_][A-Za-z0-9_]*)?")
_OF_THE_EXECUTION: Final = {"$$.Execution.Id", "$$.Execution.Name", "$$.Execution.Input", "$$.State.Name"}

# The fields of each type of state that it is given, and those that are worked out here or left out.
_GIVEN: Final[Mapping[str, set[str]]] = {
    "Task": {"ResultPath", "Catch", "Next", "End"},
    "Choice": {"Choices", "Default"},
    "Wait": {"Next", "End"},
    "Pass": {"Result", "ResultPath", "Next", "End"},
    "Succeed": set(),
    "Fail": set(),
}
_NOT_GIVEN: Final[Mapping[str, set[str]]] = {
    "Task": {"Resource", "Parameters", "ResultSelector", "Retry", "TimeoutSeconds", "HeartbeatSeconds"},
    "Wait": {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Fail": {"Error", "ErrorPath", "Cause", "CausePath"},
}
_IN_A_RULE: Final = {"Variable", "Next", "Comment", "And", "Or", "Not", "BooleanEquals"} | {
    f"{kind}{comparison}"
    for kind in ("Numeric", "String")
    for comparison in ("Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
}

# What a definition is refused for, and whether a state of it is such a one.
DEFINITION_LIMITS: Final[Mapping[str, Callable[[Machine, State], bool]]] = {
    "Map or Parallel: it has no Map, and a Parallel is not translated": (lambda _, state: state["Type"] not in _GIVEN),
    "InputPath or OutputPath: it merges a result into what InputPath leaves, and not into the state's input": (
        lambda _, state: not {"InputPath", "OutputPath"}.isdisjoint(state)
    ),
    "an unknown field: it refuses or ignores it, and there is no translation of it": (
        lambda _, state: not set(state) <= _known_fields(state)
    ),
    "a task that is no function: it calls functions only, and lambda:invoke by translation": (
        lambda _, state: state["Type"] == "Task" and not _FUNCTION.fullmatch(_function(state))
    ),
    "Parameters beyond FunctionName and Payload: it ignores them all": (
        lambda _, state: (
            state.get("Resource") == _INVOKE
            and not state["Parameters"].keys() <= {"FunctionName", "Payload", "Payload.$"}
        )
    ),
    "a path beyond $.a.b: it ignores Parameters, ResultSelector and ErrorPath; what stands in knows no more": (
        lambda _, state: not all(_PATH.fullmatch(path) for path in _paths(state) - _OF_THE_EXECUTION)
    ),
    "a ResultPath below the top level: it replaces the top-level field whole": (
        lambda _, state: (
            not all(
                _TOP_LEVEL_PATH.fullmatch(each.get("ResultPath") or "$") for each in (state, *state.get("Catch", []))
            )
        )
    ),
    "States.TaskFailed: its Catch knows States.ALL, and else the error's own name": (
        lambda _, state: any("States.TaskFailed" in each["ErrorEquals"] for each in state.get("Catch", []))
    ),
    "a rule beyond And, Or, Not and comparing texts, numbers and booleans: it ignores it, or takes times for texts": (
        lambda _, state: not all(set(rule) <= _IN_A_RULE for rule in _rules(state))
    ),
    "a Choice without a Default: it ends SUCCEEDED where no rule matches": (
        lambda _, state: state["Type"] == "Choice" and "Default" not in state
    ),
    "a Choice by the context: it has no $$, and fails": (
        lambda _, state: any(rule.get("Variable", "").startswith("$$") for rule in _rules(state))
    ),
    "a Choice by a caught error: it does not call its fields Error and Cause": (
        lambda machine, state: any(
            rule.get("Variable", "").startswith(tuple(f"{path}." for path in _caught_at(machine) - {"$", None}))
            for rule in _rules(state)
        )
    ),
    "a Pass with an empty Result: it takes the input for 0, false, null and the empty text": (
        lambda _, state: "Result" in state and state["Result"] in (0, False, None, "")
    ),
}

# What a case is not run for.
CASE_LIMITS: Final = (
    Deviation(
        "no answer within TimeoutSeconds: it waits on",
        lambda _, case: any(isinstance(answer, NeverAnswers) for answer in _answers(case)),
    ),
    Deviation(
        "an error of the Lambda service: its name lacks `Lambda.`, and AWS's SDK calls again before it hears of it",
        lambda _, case: any(isinstance(answer, Refused) for answer in _answers(case)),
    ),
    Deviation(
        "a retry: it never calls a function again that ends with an exception, whatever Retry says",
        lambda _, case: any(len(step.answers) > 1 for step in case.steps),
    ),
)


class Untranslatable(Exception):
    """A definition asks for something that stepfunctions-local cannot do."""


def _known_fields(state: State) -> set[str]:
    return {"Type", "Comment"} | _GIVEN[state["Type"]] | _NOT_GIVEN.get(state["Type"], set())


def _function(state: State) -> str:
    """The name or ARN of the function that a Task calls; empty where it calls none."""
    resource: str = state["Resource"]
    if resource == _INVOKE:
        return str(state.get("Parameters", {}).get("FunctionName", ""))
    return resource if resource.startswith("arn:aws:lambda:") else ""


def _paths(state: State) -> set[str]:
    """What is looked up here and not by the engine."""
    found = {state[field] for field in ("ErrorPath", "CausePath") if field in state}
    return found.union(*(_paths_in(state.get(field)) for field in ("Parameters", "ResultSelector")))


def _paths_in(template: Any) -> Iterator[str]:
    match template:
        case dict():
            for name, value in template.items():
                yield from [str(value)] if name.endswith(".$") else _paths_in(value)
        case list():
            for each in template:
                yield from _paths_in(each)


def _rules(state: State) -> Iterator[Mapping[str, Any]]:
    """The rules of a Choice, and those within them."""
    waiting = list(state.get("Choices", []))
    while waiting:
        rule = waiting.pop()
        yield rule
        waiting += [*rule.get("And", []), *rule.get("Or", []), *([rule["Not"]] if "Not" in rule else [])]


def _caught_at(machine: Machine) -> set[str | None]:
    """Where the definition has caught errors put."""
    return {catcher.get("ResultPath", "$") for state in machine.states.values() for catcher in state.get("Catch", [])}


def _answers(case: Case) -> list[Answer]:
    return [answer for step in case.steps for answer in step.answers]


# --- the translation ---------------------------------------------------------------------------------------


def translated(machine: Machine) -> str:
    """The definition in what stepfunctions-local knows.

    Raises:
        Untranslatable: there is something in it that it cannot do.
    """
    if unknown := set(machine.document) - {"Comment", "Version", "TimeoutSeconds", "StartAt", "States"}:
        msg = f"the definition has {', '.join(sorted(unknown))}, which it does not know"
        raise Untranslatable(msg)
    for name, state in machine.states.items():
        if why := next((why for why, met in DEFINITION_LIMITS.items() if met(machine, state)), None):
            msg = f"{name} has {why}"
            raise Untranslatable(msg)
    states = {name: _translated(number, state) for number, (name, state) in enumerate(machine.states.items())}
    return json.dumps({"StartAt": machine.start, "States": states})


def _translated(number: int, state: State) -> State:
    given = {"Type": state["Type"]} | {field: state[field] for field in _GIVEN[state["Type"]] if field in state}
    match state["Type"]:
        case "Task":
            function = _function(state).rpartition(":")[2]
            return given | {"Resource": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}:{number}"}
        case "Wait":
            return given | {"Seconds": 0}
        case _:
            return given


def _resolved(template: Any, document: Any, context: Any = None) -> Any:
    """What a template with `"name.$": "$.path"` in it makes of a document; `$$` is looked up in the context.

    Raises:
        LookupError: a path leads nowhere, which is an error on AWS too.
    """
    match template:
        case dict():
            return {
                name.removesuffix(".$"): (
                    _found(value, document, context) if name.endswith(".$") else _resolved(value, document, context)
                )
                for name, value in template.items()
            }
        case list():
            return [_resolved(each, document, context) for each in template]
        case _:
            return template


def _found(path: str, document: Any, context: Any = None) -> Any:
    found = context if path.startswith("$$") else document
    for name in path.split(".")[1:]:
        if not isinstance(found, Mapping) or name not in found:
            msg = f"{path} leads nowhere in {document!r}"
            raise LookupError(msg)
        found = found[name]
    return found


def _result(state: State, payload: Any) -> Any:
    """What ResultSelector makes of a function's answer."""
    document = {"Payload": payload} if state["Resource"] == _INVOKE else payload
    return _resolved(state["ResultSelector"], document) if "ResultSelector" in state else document


def _request(state: State, given: Any, context: Any) -> Any:
    """What Parameters makes of a state's input."""
    if "Parameters" not in state:
        return given
    request = _resolved(state["Parameters"], given, context)
    return request.get("Payload", {}) if state["Resource"] == _INVOKE else request


def _placed(result: Any, path: str | None, whole: Mapping[str, Any]) -> Any:
    """What ResultPath makes of a result and a state's input."""
    if path is None:
        return whole
    return result if path == "$" else {**whole, path.removeprefix("$."): result}


# --- the functions -----------------------------------------------------------------------------------------


class _Endpoint(InvokeEndpoint):
    def function_error(self, raised: Raises) -> str:
        return raised.error


class _Functions:
    """Answers calls as a case says, in the place of what the engine does not do with the answers."""

    def __init__(self, machine: Machine, case: Case) -> None:
        self.case = case
        self._states = list(machine.states.items())
        self._calling = ""
        self._caught: set[str] = set()
        self.script = Script(case, lambda: self._calling)

    def __call__(self, qualifier: str, payload: bytes) -> Answer:
        self._calling, state = self._states[int(qualifier)]
        answer = self.script(_function(state).rpartition(":")[2], payload)
        if not isinstance(answer, Returns):
            self._caught.add(self._calling)
            return answer
        result = _result(state, answer.payload)
        if self._calling in self._caught:
            result = _placed(result, state.get("ResultPath", "$"), json.loads(payload))
        return Returns(result)


# --- the history -------------------------------------------------------------------------------------------

_LOST: Final = "(stepfunctions-local has lost the cause)"


def _put_right(machine: Machine, history: Iterable[Event]) -> list[Event]:
    """A history with what AWS would have said, where that is known."""
    caught_at = _caught_at(machine)
    events: list[Event] = []
    for event in history:
        about = dict(details(event))
        for field in {"input", "output"} & about.keys():
            about[field] = json.dumps(_with_errors_named(json.loads(about[field]), caught_at))
        if event["type"].endswith("Failed"):
            about["error"], about["cause"] = about.get("cause", ""), about.get("error", "")
        field = next((field for field in event if field.endswith("EventDetails")), "")
        events.append({**event, field: about} if field else event)
    if events[-1]["type"] == "ExecutionSucceeded" and events[-2]["type"] == "FailStateEntered":
        last = details(events[-2])
        events[-1] = {
            **{field: events[-1][field] for field in ("id", "previousEventId", "timestamp")},
            "type": "ExecutionFailed",
            "executionFailedEventDetails": _reported(machine.states[last["name"]], json.loads(last["input"])),
        }
    return events


def _reported(state: State, given: Any) -> dict[str, str]:
    """Error and cause of a Fail state."""
    fields = {"error": "Error", "cause": "Cause"}
    said = {name: state[field] for name, field in fields.items() if field in state}
    paths = {name: state[f"{field}Path"] for name, field in fields.items() if f"{field}Path" in state}
    return said | {name: _found(path, given) for name, path in paths.items()}


def _with_errors_named(document: Any, caught_at: set[str | None]) -> Any:
    def named(value: Any) -> Any:
        is_error = isinstance(value, dict) and value.keys() == {"name"}
        return {"Error": value["name"], "Cause": _LOST} if is_error else value

    if "$" in caught_at:
        document = named(document)
    if isinstance(document, dict):
        return {name: named(value) if f"$.{name}" in caught_at else value for name, value in document.items()}
    return document


# --- the engine --------------------------------------------------------------------------------------------

# It ends with the process that has started it: then the pipe is closed.
_START: Final = """
process.stdin.on("end", () => process.exit()).resume();
require(process.argv[1]).start(JSON.parse(process.argv[2]));
"""


class _Server:
    """The engine's process. It is given a socket that is bound already, so it listens nowhere else."""

    def __init__(self, package: Path, lambda_endpoint: str) -> None:
        self._package = package
        self._lambda_endpoint = lambda_endpoint

    def start(self) -> Any:
        """Start it, and make a client for it.

        Raises:
            FileNotFoundError: there is no node, or the package is not installed.
            RuntimeError: it does not answer.
        """
        node = shutil.which("node")
        if node is None or not self._package.is_dir():
            what = self._package if node else "node"
            msg = f"no {what}: stepfunctions-local needs Node.js, and `npm ci` in the folder of package.json"
            raise FileNotFoundError(msg)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the process runs
        with socket.create_server((HOST, 0)) as listening:
            config = {
                "port": {"fd": listening.fileno()},  # goes to Node's server.listen as it is
                "region": REGION,
                "lambdaEndpoint": self._lambda_endpoint,
                "lambdaRegion": REGION,
            }
            self._process = subprocess.Popen(
                [node, "-e", _START, str(self._package.resolve()), json.dumps(config)],
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                pass_fds=[listening.fileno()],
            )
            url = f"http://{HOST}:{listening.getsockname()[1]}"
        client = _client(url)
        try:
            client.list_state_machines()
        except BotoCoreError as error:
            msg = f"stepfunctions-local does not answer: {error}\n{self.stop()}"
            raise RuntimeError(msg) from error
        return client

    def stop(self) -> str:
        """End it, and say what it has written."""
        self._process.kill()  # it has nothing to tidy up
        self._process.communicate()
        with self._output as output:
            output.seek(0)
            return output.read().decode(errors="replace")


def _environment() -> dict[str, str]:
    """The SDK for JavaScript wants credentials, and nothing of what the user has set for AWS."""
    usual = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return usual | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE": "1",
    }


def _client(url: str) -> Any:
    config = Config(
        connect_timeout=DEADLINE_SECONDS, read_timeout=DEADLINE_SECONDS, retries={"total_max_attempts": 1}, proxies={}
    )
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION).client(
        "stepfunctions", endpoint_url=url, config=config
    )


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
        self._open = ExitStack()
        self._started = 0

    def __enter__(self) -> StepFunctionsLocalEngine:
        with ExitStack() as opening:
            self.endpoint = opening.enter_context(_Endpoint())
            self._server = _Server(self._package, self.endpoint.url)
            self._client = self._server.start()
            opening.callback(self._server.stop)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def cannot(self, machine: Machine, case: Case) -> str | None:
        try:
            translated(machine)
        except Untranslatable as error:
            return str(error)
        return first_reason(CASE_LIMITS, machine, case)

    def run(self, machine: Machine, case: Case) -> Run:
        for step in case.steps:
            for answer in step.answers:
                if isinstance(answer, Returns):
                    _result(machine.states[step.state], answer.payload)  # raises here rather than in the endpoint
        self.endpoint.answer = functions = _Functions(machine, case)
        raw = self.execute(translated(machine), case.input)
        run = read(_put_right(machine, raw.history))
        lost = raw.status == "FAILED" or run.cause == _LOST
        return replace(
            run,
            calls=functions.script.calls,
            given=self._given(machine, functions),
            unsaid=frozenset({"cause"} if lost else ()),
        )

    def _given(self, machine: Machine, functions: _Functions) -> list[tuple[str, Any]]:
        """What the last case's functions would have been called with."""
        name = f"case-{self._started}"
        execution = {"Id": f"{_EXECUTIONS}:{name}:{name}", "Name": name, "Input": functions.case.input}
        return [
            (state, _request(machine.states[state], _with_errors_named(given, _caught_at(machine)), context))
            for state, given in functions.script.given
            for context in [{"Execution": execution, "State": {"Name": state}}]
        ]

    def execute(self, definition: str, given: Mapping[str, Any]) -> Run:
        """Run a definition as it is: what comes of it, with all that is wrong with it.

        Raises:
            TimeoutError: it does not end.
        """
        self._started += 1
        name = f"case-{self._started}"
        executions = Executions(self._client, deadline_seconds=self._deadline_seconds)
        try:
            return executions.run(executions.created(name, definition), given, name=name)
        except (TimeoutError, ReadTimeoutError) as error:
            self._server.stop()  # its StopExecution stops nothing
            self._client = self._server.start()
            msg = f"{name} did not end: {error}"
            raise TimeoutError(msg) from error
